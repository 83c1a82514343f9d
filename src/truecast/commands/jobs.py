"""`truecast jobs …`: what runs by itself and when; run now, switch, look back."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

import orjson
import typer

from truecast.commands.progress import prepared
from truecast.commands.text import aligned
from truecast.kit.clock import iso
from truecast.kit.errors import EXIT_FAILURE
from truecast.kit.limits import PAGE_ITEMS_MAX
from truecast.kit.settings import Settings
from truecast.services import JobInfo, JobRun
from truecast.wiring import Role, build

app = typer.Typer(add_completion=False)

Name = Annotated[str, typer.Argument(help="A job as `truecast jobs list` names it.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def jobs() -> None:
    """Look after the jobs."""


@app.command("list")
def list_jobs(*, as_json: Json = False) -> None:
    """Every job: when it is due, whether it is switched on, how its last run went."""
    found = asyncio.run(_list())
    if as_json:
        typer.echo(orjson.dumps([_plain(one) for one in found]))
        return
    rows = [("job", "on", "due next", "last run", "outcome", "schedule")]
    for one in found:
        last, due = one.last_run, one.next_due_at
        ran, outcome = ("never", "") if last is None else (iso(last.started_at)[:19], last.outcome or "runs")
        rows.append((one.name, "yes" if one.enabled else "no", iso(due) if due else "", ran, outcome, one.schedule))
    typer.echo("\n".join(aligned(rows, right=())))


@app.command()
def run(name: Name, *, as_json: Json = False) -> None:
    """Run a job at once, switched on or not. On SQLite no other process may run the jobs meanwhile."""
    done = asyncio.run(_run(name))
    typer.echo(orjson.dumps(_run_plain(done)) if as_json else _told(done))
    if done.outcome == "failed":
        raise typer.Exit(EXIT_FAILURE)


@app.command()
def enable(name: Name) -> None:
    """Let the schedule run a job."""
    asyncio.run(_switch(name, on=True))
    typer.echo(f"{name} is switched on")


@app.command()
def disable(name: Name) -> None:
    """Keep the schedule from running a job; it survives a restart."""
    asyncio.run(_switch(name, on=False))
    typer.echo(f"{name} is switched off")


@app.command()
def history(
    name: Name,
    *,
    limit: Annotated[int, typer.Option(min=1, max=PAGE_ITEMS_MAX, help="So many, the latest.")] = 20,
    as_json: Json = False,
) -> None:
    """The runs of a job, latest first."""
    found = asyncio.run(_history(name, limit))
    if as_json:
        typer.echo(orjson.dumps([_run_plain(one) for one in found]))
        return
    rows = [("run", "due", "started", "ended", "outcome", "what it did")]
    rows += [
        (
            str(one.id),
            iso(one.due_at)[:19],
            iso(one.started_at)[:19],
            "" if one.ended_at is None else iso(one.ended_at)[:19],
            one.outcome or "runs",
            _did(one),
        )
        for one in found
    ]
    typer.echo("\n".join(aligned(rows, right=())) if found else f"{name} has not run yet")


async def _list() -> Sequence[JobInfo]:
    async with prepared(build(Settings(), Role.JOBS)) as services:
        return await services.jobs.jobs()


async def _run(name: str) -> JobRun:
    async with prepared(build(Settings(), Role.WORK)) as services:
        return await services.jobs.run_now(name)


async def _switch(name: str, *, on: bool) -> None:
    async with prepared(build(Settings(), Role.JOBS)) as services:
        await services.jobs.switch(name, on=on)


async def _history(name: str, limit: int) -> Sequence[JobRun]:
    async with prepared(build(Settings(), Role.JOBS)) as services:
        return await services.jobs.runs(name, limit=limit)


def _told(one: JobRun) -> str:
    return f"{one.job} {one.outcome or 'runs'}: {_did(one) or 'nothing to do'}"


def _did(one: JobRun) -> str:
    counts = ", ".join(f"{count} {what}" for what, count in one.counts.items() if count)
    return "; ".join(filter(None, (counts, one.error)))


def _plain(one: JobInfo) -> dict[str, Any]:
    return {
        "job": one.name,
        "description": one.description,
        "schedule": one.schedule,
        "enabled": one.enabled,
        "next_due_at": None if one.next_due_at is None else iso(one.next_due_at),
        "last_run": None if one.last_run is None else _run_plain(one.last_run),
    }


def _run_plain(one: JobRun) -> dict[str, Any]:
    return {
        "id": one.id,
        "job": one.job,
        "due_at": iso(one.due_at),
        "started_at": iso(one.started_at),
        "ended_at": None if one.ended_at is None else iso(one.ended_at),
        "outcome": one.outcome,
        "counts": dict(one.counts),
        "error": one.error,
    }

"""The rows of `jobs` and `job_runs`: written by the scheduler, read by the API."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from truecast.jobs import tables
from truecast.jobs.job import Done, Job, JobRun, Result
from truecast.kit.clock import from_us, to_us
from truecast.kit.db import Database, upsert
from truecast.kit.limits import IDEMPOTENCY_KEPT_S, JOB_RUNS_KEPT_MAX

_ERROR_CHARS_MAX = 2_000
_PRUNE_EVERY = 101  # runs of all jobs together; a prime, so that every job's turn comes
ABANDONED = "the process ended during the run"


async def register(db: Database, listed: Sequence[Job]) -> None:
    """Make the jobs known, and keep their switches. Several processes may do so at once."""
    rows = [
        {"name": job.name, "description": job.description, "schedule": str(job.schedule), "enabled": job.on_at_first}
        for job in listed
    ]
    if rows:
        async with db.write() as conn:
            await conn.execute(upsert(conn, tables.jobs, ["name"], ["description", "schedule"]), rows)


async def close_left_open(db: Database, names: Iterable[str], now: datetime) -> None:
    """End the runs that a dead process left open; for who is alone in running these jobs."""
    runs = tables.job_runs
    left_open = update(runs).where(runs.c.ended_at.is_(None), runs.c.job.in_(list(names)))
    async with db.write() as conn:
        await conn.execute(left_open.values(ended_at=to_us(now), outcome="failed", error=ABANDONED))


async def switch(db: Database, name: str, on: bool) -> None:
    """Switch a job on or off."""
    async with db.write() as conn:
        await conn.execute(update(tables.jobs).where(tables.jobs.c.name == name).values(enabled=on))


async def begin(
    db: Database, names: Sequence[str], due: datetime, now: datetime, *, forced: bool = False, mark: str | None = None
) -> dict[str, int]:
    """A row for a run of each job that is switched on (`forced`: of each), all in one transaction; the id of each.

    Under a mark a run begins once in an installation; see `marked`.
    """
    table, runs = tables.jobs, tables.job_runs
    async with db.write() as conn:
        on = set(await conn.scalars(select(table.c.name).where(table.c.enabled, table.c.name.in_(names))))
        facts = {"due_at": to_us(due), "started_at": to_us(now), "counts": "{}", "mark": mark}
        rows = [{"job": name} | facts for name in names if forced or name in on]
        if not rows:
            return {}
        added = insert(runs).returning(runs.c.job, runs.c.id)
        begun = {job: int(run_id) for job, run_id in await conn.execute(added, rows)}
        for job, run_id in begun.items():
            if run_id % _PRUNE_EVERY == 0:
                await _prune(conn, job, now)
        return begun


async def marked(db: Database, name: str, mark: str, now: datetime) -> JobRun | None:
    """The run that began under that mark, ended if its process died; for who is alone in running the job."""
    runs = tables.job_runs
    mine = (runs.c.job == name, runs.c.mark == mark)
    async with db.write() as conn:
        left_open = update(runs).where(*mine, runs.c.ended_at.is_(None))
        await conn.execute(left_open.values(ended_at=to_us(now), outcome="failed", error=ABANDONED))
        row = (await conn.execute(select(runs).where(*mine))).one_or_none()
    return None if row is None else _run(row)


async def _prune(conn: AsyncConnection, job: str, now: datetime) -> None:
    """Forget the oldest runs of a job that runs every minute: JOB_RUNS_KEPT_MAX stay, and those asked for once."""
    runs = tables.job_runs
    oldest = select(runs.c.id).where(runs.c.job == job).order_by(runs.c.id.desc()).offset(JOB_RUNS_KEPT_MAX).limit(1)
    if (last := await conn.scalar(oldest)) is not None:
        unmarked = or_(runs.c.mark.is_(None), runs.c.started_at < to_us(now) - int(IDEMPOTENCY_KEPT_S * 1e6))
        await conn.execute(delete(runs).where(runs.c.job == job, runs.c.id <= last, unmarked))


async def end(db: Database, run_id: int, *, started: datetime, ended: datetime, outcome: Result, done: Done) -> None:
    """The run's result, and when it really began: jobs due at the same moment wait for each other."""
    values = {
        "started_at": to_us(started),
        "ended_at": to_us(ended),
        "outcome": outcome,
        "counts": orjson.dumps(dict(done.counts)).decode(),
        "error": None if done.error is None else done.error[:_ERROR_CHARS_MAX],
    }
    async with db.write() as conn:
        await conn.execute(update(tables.job_runs).where(tables.job_runs.c.id == run_id).values(values))


async def list_runs(db: Database, name: str, *, before: int | None, limit: int) -> list[JobRun]:
    """Runs of a job, latest first; those with an id below `before`."""
    runs = tables.job_runs
    query = select(runs).where(runs.c.job == name).order_by(runs.c.id.desc()).limit(limit)
    async with db.read() as conn:
        return [_run(row) for row in await conn.execute(query if before is None else query.where(runs.c.id < before))]


async def last_runs(conn: AsyncConnection) -> dict[str, JobRun]:
    """The latest run of every job that ran."""
    runs = tables.job_runs
    last = select(func.max(runs.c.id)).group_by(runs.c.job)
    return {row.job: _run(row) for row in await conn.execute(select(runs).where(runs.c.id.in_(last)))}


async def switches(conn: AsyncConnection) -> dict[str, bool]:
    """Every known job and whether it is switched on."""
    rows = await conn.execute(select(tables.jobs.c.name, tables.jobs.c.enabled))
    return {name: bool(on) for name, on in rows}


def _run(row: Any) -> JobRun:
    return JobRun(
        id=row.id,
        job=row.job,
        due_at=from_us(row.due_at),
        started_at=from_us(row.started_at),
        ended_at=None if row.ended_at is None else from_us(row.ended_at),
        outcome=row.outcome,
        counts=orjson.loads(row.counts),
        error=row.error,
    )

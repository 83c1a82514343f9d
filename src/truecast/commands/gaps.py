"""`truecast gaps [SYMBOL]`: which bars are missing, why, and what was done about it."""

import asyncio
from typing import Annotated

import orjson
import typer

from truecast.commands.progress import prepared
from truecast.commands.text import aligned
from truecast.kit.clock import iso
from truecast.kit.settings import Settings
from truecast.market.gaps import Gap
from truecast.market.keeper import Round, standing_of
from truecast.wiring import build

app = typer.Typer(add_completion=False)

_SHOWN = 40


@app.command()
def gaps(
    symbol: Annotated[str, typer.Argument(help="Of one symbol; of all when left out.")] = "",
    *,
    every: Annotated[bool, typer.Option("--all", help="Show those that are filled, too.")] = False,
    find: Annotated[bool, typer.Option("--find", help="Look at every stored bar first.")] = False,
    fill: Annotated[bool, typer.Option("--fill", help="Ask the sources for what is due first.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List missing bars, newest first; find and fill them."""
    found, done = asyncio.run(_gaps(Settings(), symbol or None, find=find, fill=fill))
    shown = [gap for gap in reversed(found) if every or gap.state != "filled"]
    if as_json:
        typer.echo(orjson.dumps({"round": done, "gaps": [_plain(gap) for gap in shown]}))
        return
    if find or fill:
        typer.echo(f"{done.found} gaps found, {done.tried} asked for, {done.rows:,} bars came, {done.left:,} did not")
    rows: list[tuple[str, ...]] = [
        ("symbol", "interval", "source", "from", "to", "missing", "cause", "state", "attempts", "reason")
    ]
    rows += [_line(gap) for gap in shown[:_SHOWN]]
    typer.echo("\n".join(aligned(rows, right=(5, 8))) if shown else "No bars are missing.")
    if len(shown) > _SHOWN:
        typer.echo(f"… and {len(shown) - _SHOWN} older ones; --json shows all")
    standing = standing_of(found)
    counts = [f"{n} {state} ({standing.bars[state]:,} bars)" for state, n in sorted(standing.gaps.items())]
    if counts:
        typer.echo("; ".join(counts))


async def _gaps(settings: Settings, symbol: str | None, *, find: bool, fill: bool) -> tuple[list[Gap], Round]:
    async with prepared(build(settings)) as services:
        canonical = None if symbol is None else (await services.store.universe()).get(symbol).symbol
        opened = await services.keeper.find(canonical, whole=True) if find else 0
        done = await services.keeper.fill(canonical) if fill else Round()
        found = await services.store.gaps(canonical)
    return found, Round(opened, done.tried, done.rows, done.left, done.errors)


def _line(gap: Gap) -> tuple[str, ...]:
    return (
        gap.symbol,
        gap.interval.value,
        gap.source,
        iso(gap.first),
        iso(gap.last),
        f"{gap.missing:,}",
        gap.cause,
        gap.state if gap.filled_by is None else f"{gap.state} by {gap.filled_by}",
        str(gap.attempts),
        gap.reason or "",
    )


def _plain(gap: Gap) -> dict[str, object]:
    names = ("id", "symbol", "source", "missing", "cause", "attempts", "empties", "state", "reason", "filled_by")
    times = ("first", "last", "opened_at", "tried_at", "retry_at", "closed_at")
    moments = {name: None if (at := getattr(gap, name)) is None else iso(at) for name in times}
    return {"interval": gap.interval.value, **{name: getattr(gap, name) for name in names}, **moments}

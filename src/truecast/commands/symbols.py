"""`truecast symbols …`: what can be forecast, and what is followed: list, add, remove."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Annotated, Any

import orjson
import typer
from typer.core import TyperGroup

from truecast.commands.progress import prepared
from truecast.commands.text import aligned
from truecast.domain.instrument import Instrument
from truecast.kit.settings import Settings
from truecast.market.followed import Added
from truecast.market.history import available
from truecast.services import Services
from truecast.wiring import build

LIST = "list"


class _Listing(TyperGroup):
    """`truecast symbols apple` is `truecast symbols list apple`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put in the word that was left out."""
        helps = "--help" in args
        known = bool(args) and args[0] in self.commands
        return list(super().parse_args(ctx, args if known or helps else [LIST, *args]))


app = typer.Typer(add_completion=False, cls=_Listing)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def symbols() -> None:
    """List what can be forecast; follow symbols, or no longer."""


@app.command(LIST)
def list_symbols(
    query: Annotated[str, typer.Argument(help="Part of a symbol, name or alias; all when left out.")] = "",
    *,
    as_json: Json = False,
) -> None:
    """List what can be forecast, and what of it is followed."""
    found = asyncio.run(_listed(Settings(), query))
    if as_json:
        typer.echo(orjson.dumps([_plain(*one) for one in found]))
        return
    rows = [("symbol", "name", "class", "intervals", "followed")]
    rows += [
        (i.symbol, i.name, i.asset_class.value, " ".join(intervals), "" if followed else "no")
        for i, intervals, followed in found
    ]
    typer.echo("\n".join(aligned(rows, right=())))


@app.command()
def add(
    symbol: Annotated[str, typer.Argument(help="Such as DOT-USDT, KO, EUR-SEK.")], *, as_json: Json = False
) -> None:
    """Follow a symbol: ask the live sources for it, load its past, keep it up to date from now on."""
    added, rows = asyncio.run(_add(Settings(), symbol))
    if as_json:
        facts = {"symbol": added.instrument.symbol, "is_new": added.is_new, "bars": rows}
        typer.echo(orjson.dumps(facts | {"sources": added.sources, "intervals": [i.value for i in added.intervals]}))
        return
    name, sources = added.instrument.symbol, ", ".join(added.sources)
    if not added.is_new:
        typer.echo(f"{name} is followed already, from {sources}")
        return
    typer.echo(f"{name} ({added.instrument.name}) is followed from {sources}; {rows:,} bars of its past are loaded")


@app.command()
def remove(symbol: Annotated[str, typer.Argument(help="In any accepted spelling.")], *, as_json: Json = False) -> None:
    """Ask for a symbol no longer. Its bars, forecasts and record stay and can be read."""
    name, was_followed, bars = asyncio.run(_remove(Settings(), symbol))
    if as_json:
        typer.echo(orjson.dumps({"symbol": name, "was_followed": was_followed, "bars": bars}))
        return
    typer.echo(f"{name} is no longer asked for; its {bars:,} bars stay. To go on: truecast symbols add {name}")


@contextlib.asynccontextmanager
async def _services(settings: Settings) -> AsyncIterator[Services]:
    async with prepared(build(settings)) as services:
        yield services


async def _listed(settings: Settings, query: str) -> list[tuple[Instrument, list[str], bool]]:
    async with _services(settings) as services:
        universe, kept = await services.store.universe(), await services.store.series()
        removed = services.followed.removed
    return [
        (
            instrument,
            [i.value for i in available([s for s in kept if s.symbol == instrument.symbol and s.bars])],
            instrument.symbol not in removed,
        )
        for instrument in universe.search(query)
    ]


async def _add(settings: Settings, symbol: str) -> tuple[Added, int]:
    async with _services(settings) as services:
        added = await services.followed.add(symbol)
        return added, await services.followed.load(added) if added.is_new else 0


async def _remove(settings: Settings, symbol: str) -> tuple[str, bool, int]:
    async with _services(settings) as services:
        name = (await services.store.universe()).get(symbol).symbol
        was_followed = await services.followed.remove(name)
        return name, was_followed, sum(series.bars for series in await services.store.series(name))


def _plain(instrument: Instrument, intervals: list[str], followed: bool) -> dict[str, object]:
    return {
        "symbol": instrument.symbol,
        "name": instrument.name,
        "asset_class": instrument.asset_class.value,
        "currency": instrument.currency,
        "intervals": intervals,
        "followed": followed,
    }

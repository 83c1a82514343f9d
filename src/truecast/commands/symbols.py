"""`truecast symbols [QUERY]`: what can be forecast."""

import asyncio
from typing import Annotated

import orjson
import typer

from truecast.commands.progress import prepared
from truecast.commands.text import aligned
from truecast.domain.instrument import Instrument
from truecast.kit.settings import Settings
from truecast.market.history import available
from truecast.wiring import build

app = typer.Typer(add_completion=False)


@app.command()
def symbols(
    query: Annotated[str, typer.Argument(help="Part of a symbol, name or alias; all when left out.")] = "",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List what can be forecast."""
    found = asyncio.run(_symbols(Settings(), query))
    if as_json:
        typer.echo(orjson.dumps([_plain(instrument, intervals) for instrument, intervals in found]))
        return
    rows = [("symbol", "name", "class", "intervals")]
    rows += [(i.symbol, i.name, i.asset_class.value, " ".join(intervals)) for i, intervals in found]
    typer.echo("\n".join(aligned(rows, right=())))


async def _symbols(settings: Settings, query: str) -> list[tuple[Instrument, list[str]]]:
    async with prepared(build(settings)) as services:
        universe, kept = await services.store.universe(), await services.store.series()
    return [
        (instrument, [i.value for i in available([s for s in kept if s.symbol == instrument.symbol and s.bars])])
        for instrument in universe.search(query)
    ]


def _plain(instrument: Instrument, intervals: list[str]) -> dict[str, object]:
    return {
        "symbol": instrument.symbol,
        "name": instrument.name,
        "asset_class": instrument.asset_class.value,
        "currency": instrument.currency,
        "intervals": intervals,
    }

"""What can be asked about: search, and one instrument in full."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query

from truecast.api.deps import ServicesDep, resource
from truecast.api.errors import CursorInvalid, documented
from truecast.api.page import Page, decode_offset, encode_cursor
from truecast.api.params import PAGE_ITEMS_DEFAULT, CursorQuery, LimitQuery, SymbolPath
from truecast.api.shapes import Output
from truecast.domain.instrument import AmbiguousSymbol, AssetClass, Instrument, UnknownSymbol
from truecast.domain.interval import Interval
from truecast.domain.quote import Delay
from truecast.market.calendar import calendar
from truecast.market.history import available
from truecast.market.registry import SeriesInfo
from truecast.models.catalog import GROWERS, Catalogue

router = resource("symbols")


class Symbol(Output):
    """An instrument, in short."""

    symbol: str
    name: str
    asset_class: AssetClass
    currency: str
    tick: float
    calendar: str
    signed: bool
    intervals: list[Interval]


class SymbolSource(Output):
    """One stored series of an instrument."""

    source: str
    interval: Interval
    calendar: str
    delay: Delay
    derived: str | None
    origin: str
    first: datetime | None
    last: datetime | None
    bars: int


class SymbolDetail(Symbol):
    """An instrument in full."""

    aliases: list[str]
    session_open: bool
    sources: list[SymbolSource]
    models: list[str]
    default_interval: Interval | None


class SymbolPage(Page[Symbol]):
    """One page of instruments, best match first."""


@router.get("/symbols", response_model=SymbolPage, responses=documented(CursorInvalid))
async def search_symbols(
    services: ServicesDep,
    query: Annotated[str, Query(max_length=64, description="Part of a symbol, name or alias.")] = "",
    asset_class: Annotated[AssetClass | None, Query()] = None,
    cursor: CursorQuery = None,
    limit: LimitQuery = PAGE_ITEMS_DEFAULT,
) -> SymbolPage:
    """Search instruments by any spelling; without a query, list all."""
    universe = await services.store.universe()
    found = universe.search(query, asset_class)
    start = decode_offset("symbols", cursor)
    kept = await services.store.series()
    page = [Symbol(**_short(i, [s for s in kept if s.symbol == i.symbol])) for i in found[start : start + limit]]
    more = start + limit < len(found)
    return SymbolPage(items=page, next=encode_cursor("symbols", start + limit) if more else None)


@router.get("/symbols/{symbol:path}", response_model=SymbolDetail, responses=documented(UnknownSymbol, AmbiguousSymbol))
async def get_symbol(services: ServicesDep, symbol: SymbolPath) -> SymbolDetail:
    """One instrument: names, calendar, session now, stored series with their sources, models that serve it."""
    instrument = (await services.store.universe()).get(symbol)
    kept = await services.store.series(instrument.symbol)
    short = _short(instrument, kept)
    return SymbolDetail(
        **short,
        aliases=list(instrument.aliases),
        session_open=calendar(instrument.calendar).is_open(services.clock.now()),
        sources=[
            SymbolSource(
                source=s.source,
                interval=s.interval,
                calendar=s.calendar,
                delay=s.delay,
                derived=s.derived,
                origin=s.origin,
                first=s.first,
                last=s.last,
                bars=s.bars,
            )
            for s in kept
        ],
        models=_serving(services.models.catalogue(), instrument.asset_class),
        default_interval=default_interval([s.interval for s in kept if s.bars]),
    )


def _serving(catalogue: Catalogue, asset_class: AssetClass) -> list[str]:
    """Names of models that can serve some interval of the class."""
    scoped = {name: {scope[0] for scope in catalogue.scoped.get(name, ())} for name in GROWERS}
    return [name for name in catalogue.serving if name not in GROWERS or asset_class in scoped[name]]


def _short(instrument: Instrument, kept: Sequence[SeriesInfo]) -> dict[str, Any]:
    return {
        "symbol": instrument.symbol,
        "name": instrument.name,
        "asset_class": instrument.asset_class,
        "currency": instrument.currency,
        "tick": float(instrument.tick),
        "calendar": instrument.calendar,
        "signed": instrument.signed,
        "intervals": available([s for s in kept if s.bars]),
    }


def default_interval(intervals: Sequence[Interval]) -> Interval | None:
    """What users look at first: days where they are stored, else the finest stored: those have a record."""
    if Interval.D1 in intervals:
        return Interval.D1
    return min(intervals, key=lambda i: i.seconds, default=None)

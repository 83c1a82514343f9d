"""What can be asked about: search, and one instrument in full."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import ConfigDict, Field

from truecast.api.deps import ServicesDep, resource
from truecast.api.errors import CursorInvalid, documented
from truecast.api.page import Page, decode_offset, encode_cursor
from truecast.api.params import PAGE_ITEMS_DEFAULT, CursorQuery, LimitQuery, SymbolPath
from truecast.api.shapes import Input, Output
from truecast.domain.instrument import AmbiguousSymbol, AssetClass, Instrument, UnknownSymbol
from truecast.domain.interval import Interval
from truecast.domain.quote import Delay
from truecast.market.calendar import calendar
from truecast.market.followed import NotAtAnySource, TooManyFollowed
from truecast.market.history import available
from truecast.market.registry import SeriesInfo
from truecast.models.catalog import GROWERS, Catalogue
from truecast.services import Services

ADDED_NOTE = "Its past is being loaded; forecasts follow with the next round."
REMOVED_NOTE = "It is no longer asked for. What is stored stays and can be read; add it again to go on."

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
    followed: bool = Field(description="Whether sources are asked for it; what was removed can still be read.")


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


class SymbolIn(Input):
    """A symbol to follow. Pairs in the form BASE-QUOTE; any spelling that a source's list or rule knows."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"symbol": "DOT-USDT"}, {"symbol": "KO"}]})

    symbol: str = Field(min_length=1, max_length=64)


class SymbolAdded(Output):
    """A symbol that is followed now. `is_new` is false where it was before: asking again changes nothing.

    `sources` have it, in the order in which they are asked; `loading` says that its past is on its way.
    """

    symbol: Symbol
    is_new: bool
    sources: list[str]
    intervals: list[Interval]
    loading: bool
    note: str


class SymbolRemoved(Output):
    """A symbol that is no longer asked for. Its `bars` stay and can be read."""

    symbol: str
    was_followed: bool
    series: int
    bars: int
    note: str


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
    await services.followed.refresh()
    shown = found[start : start + limit]
    page = [Symbol(**_short(services, i, [s for s in kept if s.symbol == i.symbol])) for i in shown]
    more = start + limit < len(found)
    return SymbolPage(items=page, next=encode_cursor("symbols", start + limit) if more else None)


@router.post(
    "/symbols",
    response_model=SymbolAdded,
    status_code=201,
    responses={
        200: {"model": SymbolAdded, "description": "It was followed already."},
        **documented(NotAtAnySource, AmbiguousSymbol, TooManyFollowed),
    },
)
async def add_symbol(services: ServicesDep, wanted: SymbolIn, response: Response) -> SymbolAdded:
    """Follow a symbol from now on: its past is loaded, its news are taken, and it is forecast.

    The live sources in use are asked in their order, by their own list or rule; where none has it, the error gives one
    reason per source. Asking again for what is followed already answers 200 and changes nothing.
    """
    added = await services.followed.add(wanted.symbol)
    response.status_code = 201 if added.is_new else 200
    if added.is_new:
        services.followed.load_soon(added)
    kept = await services.store.series(added.instrument.symbol)
    return SymbolAdded(
        symbol=Symbol(**_short(services, added.instrument, kept)),
        is_new=added.is_new,
        sources=list(added.sources),
        intervals=list(added.intervals),
        loading=services.followed.is_loading(added.instrument.symbol),
        note=ADDED_NOTE if added.is_new else "It was followed already.",
    )


@router.delete(
    "/symbols/{symbol:path}", response_model=SymbolRemoved, responses=documented(UnknownSymbol, AmbiguousSymbol)
)
async def remove_symbol(services: ServicesDep, symbol: SymbolPath) -> SymbolRemoved:
    """Ask for a symbol no longer. Its bars, forecasts and record stay and can be read; nothing is deleted."""
    instrument = (await services.store.universe()).get(symbol)
    was_followed = await services.followed.remove(instrument.symbol)
    kept = [series for series in await services.store.series(instrument.symbol) if series.bars]
    return SymbolRemoved(
        symbol=instrument.symbol,
        was_followed=was_followed,
        series=len(kept),
        bars=sum(series.bars for series in kept),
        note=REMOVED_NOTE,
    )


@router.get("/symbols/{symbol:path}", response_model=SymbolDetail, responses=documented(UnknownSymbol, AmbiguousSymbol))
async def get_symbol(services: ServicesDep, symbol: SymbolPath) -> SymbolDetail:
    """One instrument: names, calendar, session now, stored series with their sources, models that serve it."""
    instrument = (await services.store.universe()).get(symbol)
    kept = await services.store.series(instrument.symbol)
    short = _short(services, instrument, kept)
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


def _short(services: Services, instrument: Instrument, kept: Sequence[SeriesInfo]) -> dict[str, Any]:
    return {
        "symbol": instrument.symbol,
        "name": instrument.name,
        "asset_class": instrument.asset_class,
        "currency": instrument.currency,
        "tick": float(instrument.tick),
        "calendar": instrument.calendar,
        "signed": instrument.signed,
        "intervals": available([s for s in kept if s.bars]),
        "followed": services.followed.is_followed(instrument.symbol),
    }


def default_interval(intervals: Sequence[Interval]) -> Interval | None:
    """What users look at first: days where they are stored, else the finest stored: those have a record."""
    if Interval.D1 in intervals:
        return Interval.D1
    return min(intervals, key=lambda i: i.seconds, default=None)

"""The market's own bookkeeping: where bars are missing."""

from truecast.api.candles import GapSpan
from truecast.api.deps import ServicesDep, resource
from truecast.api.errors import CursorInvalid, documented
from truecast.api.page import Page, decode_offset, encode_cursor
from truecast.api.params import PAGE_ITEMS_DEFAULT, CursorQuery, LimitQuery, SymbolQuery
from truecast.domain.instrument import AmbiguousSymbol, UnknownSymbol
from truecast.domain.interval import Interval

router = resource("prices")


class SeriesGap(GapSpan):
    """Bars of one series that should exist and do not."""

    symbol: str
    interval: Interval
    source: str
    missing: int
    attempts: int


class SeriesGaps(Page[SeriesGap]):
    """One page of gaps, newest first."""


@router.get(
    "/market/gaps", response_model=SeriesGaps, responses=documented(UnknownSymbol, AmbiguousSymbol, CursorInvalid)
)
async def list_gaps(
    services: ServicesDep,
    symbol: SymbolQuery = None,
    cursor: CursorQuery = None,
    limit: LimitQuery = PAGE_ITEMS_DEFAULT,
) -> SeriesGaps:
    """Stretches of bars that should exist and did not come, and what became of them."""
    canonical = None if symbol is None else (await services.store.universe()).get(symbol).symbol
    found = (await services.store.gaps(canonical))[::-1]
    start = decode_offset("gaps", cursor)
    items = [
        SeriesGap(
            from_=gap.first,
            to=gap.last,
            cause=gap.cause,
            state=gap.state,
            symbol=gap.symbol,
            interval=gap.interval,
            source=gap.source,
            missing=gap.missing,
            attempts=gap.attempts,
        )
        for gap in found[start : start + limit]
    ]
    more = start + limit < len(found)
    return SeriesGaps(items=items, next=encode_cursor("gaps", start + limit) if more else None)

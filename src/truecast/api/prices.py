"""Prices: the latest, and candles with their sources block by block."""

from typing import Annotated

from fastapi import Header, Query, Response

from truecast.api.candles import Adjust, Candles, candles_response
from truecast.api.deps import ServicesDep, resource
from truecast.api.errors import documented
from truecast.api.params import SymbolPath, SymbolsRequired, split_symbols
from truecast.api.shapes import IntervalIn, Output, Provenance, TimeIn
from truecast.domain.instrument import AmbiguousSymbol, UnknownSymbol
from truecast.domain.interval import Interval
from truecast.kit.clock import from_us
from truecast.kit.errors import TruecastError
from truecast.kit.limits import CANDLES_MAX
from truecast.market.gaps import Gap
from truecast.market.history import AsOfInFuture, IntervalNotAvailable, Slice
from truecast.market.quotes import LatestPrice, NoPrice

CANDLES_DEFAULT = 500

router = resource("prices")


class Price(Output):
    """The latest price. `change` is against the close of the session before; null where there is none."""

    symbol: str
    price: float
    bid: float | None
    ask: float | None
    change: float | None
    change_pct: float | None
    provenance: Provenance


class PriceError(Output):
    """Why one of the asked symbols has no price."""

    symbol: str
    code: str
    detail: str


class Prices(Output):
    """Latest prices; a symbol that has none is in `errors`, never silently missing."""

    items: list[Price]
    errors: list[PriceError]


@router.get("/prices", response_model=Prices, responses=documented(UnknownSymbol, AmbiguousSymbol, NoPrice))
async def latest_prices(services: ServicesDep, symbols: SymbolsRequired) -> Prices:
    """The latest price of each symbol, from its finest fresh series. An error when none of them has one."""
    universe = await services.store.universe()
    items: list[Price] = []
    failed: list[tuple[str, TruecastError]] = []
    for text in split_symbols(symbols):
        try:
            items.append(_price(await services.quotes.latest(universe.get(text))))
        except TruecastError as error:
            failed.append((text, error))
    if not items:
        raise failed[0][1]
    return Prices(
        items=items, errors=[PriceError(symbol=text, code=error.code, detail=error.detail) for text, error in failed]
    )


def _price(latest: LatestPrice) -> Price:
    quote = latest.quote
    return Price(
        symbol=quote.symbol,
        price=quote.price,
        bid=quote.bid,
        ask=quote.ask,
        change=latest.change,
        change_pct=latest.change_pct,
        provenance=Provenance(
            source=quote.source,
            as_of=quote.as_of,
            received_at=quote.received_at,
            age_s=latest.age_s,
            stale=latest.stale,
            delay=quote.delay,
            derived=latest.derived,
            origin=latest.origin,
        ),
    )


@router.get(
    "/prices/{symbol:path}/candles",
    response_model=Candles,
    responses=documented(UnknownSymbol, AmbiguousSymbol, IntervalNotAvailable, AsOfInFuture),
)
async def get_candles(
    services: ServicesDep,
    symbol: SymbolPath,
    *,
    interval: Annotated[IntervalIn, Query(description="Bar length.")] = Interval.D1,
    start: Annotated[TimeIn | None, Query(description="First bar start, included.")] = None,
    end: Annotated[TimeIn | None, Query(description="Bars that start before this.")] = None,
    limit: Annotated[int, Query(ge=1, le=CANDLES_MAX, description="The last so many.")] = CANDLES_DEFAULT,
    as_of: Annotated[TimeIn | None, Query(description="Only what was known then.")] = None,
    adjust: Annotated[Adjust, Query(description="For splits, or for splits and dividends.")] = "raw",
    if_none_match: Annotated[str | None, Header(max_length=1024)] = None,
) -> Response:
    """Bars, oldest first, with the source of every part and the gaps between them."""
    instrument = (await services.store.universe()).get(symbol)
    slice_ = await services.history.bars(
        instrument, interval, start=start, end=end, limit=limit, as_of=as_of, adjust=adjust, partial=True
    )
    kept = await services.store.series(instrument.symbol)
    gaps = await services.store.gaps(instrument.symbol, slice_.resampled_from or interval)
    now = as_of or services.clock.now()
    return candles_response(
        slice_,
        kept,
        [gap for gap in gaps if _concerns(gap, slice_)],
        now=now,
        asked_tag=if_none_match,
        closed=end is not None and end <= now,
    )


def _concerns(gap: Gap, slice_: Slice) -> bool:
    """Whether bars are missing within, or right after, what is shown."""
    return len(slice_.bars) > 0 and gap.last >= from_us(slice_.bars.start[0])

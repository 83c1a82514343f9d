"""Prices: the latest, and candles with their sources block by block."""

import asyncio
from datetime import datetime
from typing import Annotated

from fastapi import Header, Query, Response

from truecast.api.candles import Adjust, Candles, candles_response
from truecast.api.deps import ServicesDep, resource
from truecast.api.errors import documented
from truecast.api.params import SymbolPath, SymbolsRequired, split_symbols
from truecast.api.shapes import IntervalIn, Output, Provenance, TimeIn
from truecast.domain.instrument import AmbiguousSymbol, Instrument, UnknownSymbol
from truecast.domain.interval import Interval
from truecast.domain.quote import Quote
from truecast.kit.clock import from_us
from truecast.kit.errors import TruecastError
from truecast.kit.limits import CANDLES_MAX, PRICE_AGE_S_MAX
from truecast.market.chain import NoLiveSource
from truecast.market.consensus import consensus
from truecast.market.gaps import Gap
from truecast.market.history import AsOfInFuture, IntervalNotAvailable, Slice
from truecast.market.quotes import LatestPrice, NoPrice
from truecast.services import Services

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


class ConsensusSource(Output):
    """What one source says."""

    source: str
    price: float
    as_of: datetime
    outlier: bool


class SilentSource(Output):
    """A source that said nothing, and why."""

    source: str
    code: str
    reason: str


class ConsensusShape(Output):
    """`median` of all; an outlier is never averaged away but shown; two that differ are a disagreement."""

    symbol: str
    median: float
    mad: float
    spread_bp: float
    disagreement: bool
    sources: list[ConsensusSource]
    silent: list[SilentSource]


class PriceTooOld(TruecastError):
    """There is one, but older than asked for, and no source was to be asked."""

    code = "price_too_old"
    status = 409
    title = "Price too old"
    template = "The price of {symbol} kept here is {age_s} s old, asked for was at most {max_age_s} s"


@router.get(
    "/prices",
    response_model=Prices,
    responses=documented(UnknownSymbol, AmbiguousSymbol, NoPrice, PriceTooOld, NoLiveSource),
)
async def latest_prices(
    services: ServicesDep,
    symbols: SymbolsRequired,
    *,
    max_age_s: Annotated[
        float | None,
        Query(ge=0, le=PRICE_AGE_S_MAX, description="A price kept here may be this old; beyond, sources are asked."),
    ] = None,
    cached_only: Annotated[bool, Query(description="Ask no source, whatever the age.")] = False,
) -> Prices:
    """The latest price of each symbol: the one kept here, or with `max_age_s` one that is not older than that.

    Sources are asked in the order of the failover chain; every price names the one it is from. An error when no
    symbol has a price: `no_live_source` gives one reason per source.
    """
    universe = await services.store.universe()

    async def one(text: str) -> Price | TruecastError:
        try:
            return await _latest(services, universe.get(text), max_age_s, cached_only=cached_only)
        except TruecastError as error:
            return error

    asked = split_symbols(symbols)
    found = await asyncio.gather(*map(one, asked))  # at once, so that a source is asked for many in one request
    failed = [(text, error) for text, error in zip(asked, found, strict=True) if isinstance(error, TruecastError)]
    items = [price for price in found if isinstance(price, Price)]
    if not items:
        raise failed[0][1]
    return Prices(
        items=items, errors=[PriceError(symbol=text, code=error.code, detail=error.detail) for text, error in failed]
    )


async def _latest(services: Services, instrument: Instrument, max_age_s: float | None, *, cached_only: bool) -> Price:
    try:
        kept: LatestPrice | NoPrice = await services.quotes.latest(instrument)
    except NoPrice as error:
        kept = error
    held = None if isinstance(kept, NoPrice) else _price(kept)
    live = services.chain.latest(instrument.symbol)
    if live is not None and (held is None or live.as_of > held.provenance.as_of):
        held = _live_price(services, live, held)
    if held is not None and (max_age_s is None or held.provenance.age_s <= max_age_s):
        return held
    if max_age_s is None or cached_only:
        if held is None:
            raise kept if isinstance(kept, NoPrice) else NoPrice(symbol=instrument.symbol)
        assert max_age_s is not None
        raise PriceTooOld(symbol=instrument.symbol, age_s=round(held.provenance.age_s, 1), max_age_s=max_age_s)
    quote, _ = await services.chain.quote(instrument, near=None if held is None else held.price)
    return _live_price(services, quote, held)


def _live_price(services: Services, quote: Quote, held: Price | None) -> Price:
    """A price just asked for. The change is against the same close as that of the price kept here."""
    before = None if held is None or held.change is None else held.price - held.change
    change = None if before is None else quote.price - before
    return Price(
        symbol=quote.symbol,
        price=quote.price,
        bid=quote.bid,
        ask=quote.ask,
        change=change,
        change_pct=100 * change / before if change is not None and before and before > 0 else None,
        provenance=Provenance(
            source=quote.source,
            as_of=quote.as_of,
            received_at=quote.received_at,
            age_s=max((services.clock.now() - quote.as_of).total_seconds(), 0.0),
            stale=False,
            delay=quote.delay,
            derived=None,
            origin=f"{services.providers[quote.source].info.name}, live",
        ),
    )


@router.get(
    "/prices/{symbol:path}/consensus",
    response_model=ConsensusShape,
    responses=documented(UnknownSymbol, AmbiguousSymbol, NoLiveSource),
)
async def get_consensus(services: ServicesDep, symbol: SymbolPath) -> ConsensusShape:
    """What every live source says of one price at the moment: the median, who is far from it, and who disagrees."""
    instrument = (await services.store.universe()).get(symbol)
    quotes, tried = await services.chain.quotes(instrument)
    found = consensus({key: quote.price for key, quote in quotes.items()})
    reasons = [SilentSource(source=one.source, code=one.code, reason=one.reason) for one in tried]
    if found is None:
        summary = "; ".join(f"{one.source}: {one.reason}" for one in tried) or "no configured source has it"
        raise NoLiveSource(
            symbol=instrument.symbol, summary=summary, reasons=[reason.model_dump() for reason in reasons]
        )
    return ConsensusShape(
        symbol=instrument.symbol,
        median=found.median,
        mad=found.mad,
        spread_bp=found.spread_bp,
        disagreement=found.disagreement,
        sources=[
            ConsensusSource(source=key, price=quote.price, as_of=quote.as_of, outlier=key in found.outliers)
            for key, quote in quotes.items()
        ],
        silent=reasons,
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

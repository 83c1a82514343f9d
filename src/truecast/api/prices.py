"""Prices: the latest, and candles with their sources block by block."""

import asyncio
from datetime import datetime
from typing import Annotated

from fastapi import Query, Request, Response

from truecast.api.candles import Adjust, Candles, candles_ready
from truecast.api.deps import ServicesDep, resource
from truecast.api.errors import documented
from truecast.api.params import SYMBOLS_MAX, IfNoneMatch, SymbolPath, SymbolsQuery, split_symbols
from truecast.api.ready import age_hole, answer, ready_of
from truecast.api.shapes import IntervalIn, Output, Provenance, TimeIn
from truecast.domain.instrument import AmbiguousSymbol, AssetClass, Instrument, Universe, UnknownSymbol
from truecast.domain.interval import Interval
from truecast.forecasts.snapshot import snapshot
from truecast.kit.clock import from_us, to_us
from truecast.kit.errors import Contradiction, TruecastError
from truecast.kit.limits import CANDLES_MAX, PRICE_AGE_S_MAX, PRICES_MAX
from truecast.market.chain import NoLiveSource
from truecast.market.consensus import consensus
from truecast.market.gaps import Gap, gaps_known
from truecast.market.history import AsOfInFuture, IntervalNotAvailable, Slice
from truecast.market.quotes import LatestPrice, NoPrice, as_item
from truecast.services import Services

CANDLES_DEFAULT = 500

router = resource("prices")


class Price(Output):
    """The latest price. `change` is against the close of the session before; null where there is none.

    `bid` and `ask` are of the price's source, at `quoted_at`; null where they are not known.
    """

    symbol: str
    price: float
    bid: float | None
    ask: float | None
    quoted_at: datetime | None
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
    responses=documented(UnknownSymbol, AmbiguousSymbol, NoPrice, PriceTooOld, NoLiveSource, Contradiction),
)
async def latest_prices(
    services: ServicesDep,
    symbols: SymbolsQuery = None,
    *,
    asset_class: Annotated[AssetClass | None, Query(description="All of a class, instead of `symbols`.")] = None,
    max_age_s: Annotated[
        float | None,
        Query(ge=0, le=PRICE_AGE_S_MAX, description="A price kept here may be this old; beyond, sources are asked."),
    ] = None,
    cached_only: Annotated[bool, Query(description="Ask no source, whatever the age.")] = False,
    request: Request,
) -> Response:
    """The latest price of each symbol: the one kept here, or with `max_age_s` one that is not older than that.

    Kept here are what live feeds and questions to sources have told, and the newest bars. Sources are asked in the
    order of the failover chain; every price names the one it is from. `bid` and `ask` are null where nobody said them.
    An error when no symbol has a price: `no_live_source` gives one reason per source.
    """
    now = services.clock.now()
    asked = _asked(await services.store.universe(), symbols, asset_class)
    wanted = [one for _, one in asked if isinstance(one, Instrument)]
    kept = dict(zip(wanted, await services.quotes.latest_of(wanted), strict=True))

    async def one(found: Instrument | TruecastError) -> LatestPrice | TruecastError:
        if isinstance(found, TruecastError):
            return found
        try:
            return await _latest(services, found, kept[found], max_age_s, cached_only=cached_only)
        except TruecastError as error:
            return error

    # At once, so that a source is asked for many in one request.
    answers = await asyncio.gather(*(one(found) for _, found in asked))
    failed = [(text, got) for (text, _), got in zip(asked, answers, strict=True) if isinstance(got, TruecastError)]
    found = [got for got in answers if isinstance(got, LatestPrice)]
    if not found and failed:
        raise failed[0][1]
    errors = [{"symbol": text, "code": error.code, "detail": error.detail} for text, error in failed]
    steady = all(isinstance(error, NoPrice | UnknownSymbol) for _, error in failed)  # others pass by themselves
    ready = ready_of(
        {"items": [as_item(got, age_hole(got.quote.as_of)) for got in found], "errors": errors},
        tags=[f"{of}:{one.symbol}" for one in wanted for of in ("quotes", "series")],
        now=now,
        until_us=min(_until_us(got, max_age_s) for got in found) if steady else 0,
    )
    return answer(request, ready, services.clock.now())


def _until_us(latest: LatestPrice, max_age_s: float | None) -> int:
    """How long the price stays what is answered without news: also while it is not older than it may be."""
    if max_age_s is None:
        return latest.until_us
    return min(latest.until_us, to_us(latest.quote.as_of) + int(max_age_s * 1_000_000) + 1)


def _asked(
    universe: Universe, symbols: str | None, asset_class: AssetClass | None
) -> list[tuple[str, Instrument | TruecastError]]:
    """What is asked for, as it was spelled, and the instrument or why there is none."""
    if (symbols is None) == (asset_class is None):
        raise Contradiction(reason="name either symbols or an asset_class")
    if symbols is None:
        listed = [one for one in universe.instruments if one.asset_class is asset_class]
        if len(listed) > PRICES_MAX:
            raise Contradiction(reason=f"{asset_class} has {len(listed)} symbols; name up to {SYMBOLS_MAX}")
        return [(one.symbol, one) for one in listed]

    def look_up(text: str) -> Instrument | TruecastError:
        try:
            return universe.get(text)
        except TruecastError as error:
            return error

    return [(text, look_up(text)) for text in split_symbols(symbols)]


async def _latest(
    services: Services,
    instrument: Instrument,
    kept: LatestPrice | NoPrice,
    max_age_s: float | None,
    *,
    cached_only: bool,
) -> LatestPrice:
    """The price kept here when it is young enough; else one that a source is asked for, which is kept, too."""
    held = kept if isinstance(kept, LatestPrice) else None
    if held is not None and (max_age_s is None or held.age_s <= max_age_s):
        return held
    if max_age_s is None or cached_only:
        if held is None:
            raise NoPrice(symbol=instrument.symbol)
        assert max_age_s is not None
        raise PriceTooOld(symbol=instrument.symbol, age_s=round(held.age_s, 1), max_age_s=max_age_s)
    quote, _ = await services.chain.quote(instrument, near=None if held is None else held.quote.price)
    services.board.take(quote)
    return await services.quotes.of_quote(instrument, quote)


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
    if_none_match: IfNoneMatch = None,
    request: Request,
) -> Response:
    """Bars, oldest first, with the source of every part and the gaps between them."""
    async with snapshot(services.store) as store:
        instrument = await store.instrument(symbol)
        slice_ = await services.history.over(store).bars(
            instrument, interval, start=start, end=end, limit=limit, as_of=as_of, adjust=adjust, partial=True
        )
        kept = await store.series(instrument.symbol)
        gaps = await store.gaps(instrument.symbol, slice_.resampled_from or interval)
    now = as_of or services.clock.now()
    ready = candles_ready(
        slice_,
        kept,
        [gap for gap in (gaps if as_of is None else gaps_known(gaps, as_of)) if _concerns(gap, slice_)],
        now=now,
        then=as_of is not None,
        end=end,
    )
    return answer(request, ready, services.clock.now(), if_none_match)


def _concerns(gap: Gap, slice_: Slice) -> bool:
    """Whether bars are missing within, or right after, what is shown."""
    return len(slice_.bars) > 0 and gap.last >= from_us(slice_.bars.start[0])

"""What prices did: statistics of one symbol, volatility of several, and how they moved together."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from fastapi import Query
from pydantic import Field

from truecast.api.candles import Adjust
from truecast.api.deps import ServicesDep, resource
from truecast.api.errors import documented
from truecast.api.params import SymbolPath, SymbolsRequired, split_symbols
from truecast.api.prices import PriceError
from truecast.api.provenance import provenance_of, series_behind
from truecast.api.shapes import IntervalIn, Output, Provenance, TimeIn
from truecast.domain.instrument import AmbiguousSymbol, Instrument, UnknownSymbol
from truecast.domain.interval import Interval
from truecast.kit.clock import from_us
from truecast.kit.errors import Contradiction, TruecastError
from truecast.kit.limits import CORRELATION_SYMBOLS_MAX
from truecast.market.calendar import calendar
from truecast.market.history import AsOfInFuture, IntervalNotAvailable, Slice
from truecast.market.measures import Measured, Measures, NothingInPeriod, Pair
from truecast.market.registry import SeriesInfo
from truecast.market.statistics import PERIOD_PATTERN, UnknownPeriod, Volatility, parse_period
from truecast.services import Services

METHOD = "sqrt(mean(r^2)) of {moves} between consecutive bars; annualised by sqrt(bars_per_year)"

router = resource("prices")

_PERIOD = Query(
    description="How far back: hours, days, weeks or years.",
    examples=["24h", "7d", "30d", "1y"],
    json_schema_extra={"pattern": PERIOD_PATTERN},
)
PeriodQuery = Annotated[str, _PERIOD]
IntervalQuery = Annotated[
    IntervalIn | None, Query(description="Bar length; without it the one that suits the period and is there.")
]
AsOfQuery = Annotated[TimeIn | None, Query(description="As known at this moment; now when left out.")]


class Extreme(Output):
    """A price and the bar it was in."""

    price: float
    at: datetime


class VolatilityShape(Output):
    """Realised volatility: fractions of the price (0.2 is 20 %), or for a series that may be negative its own units.

    Null where no two bars follow each other. `method` says how it was computed and annualised.
    """

    per_bar: float | None
    annualised: float | None
    bars_per_year: int | None = Field(description="Bars of the calendar in the 365 days up to the last one.")
    returns: int = Field(description="How many returns it is computed from.")
    unit: Literal["fraction", "price"]
    method: str


class DrawdownShape(Output):
    """The deepest fall of a close below an earlier one, as a fraction of that."""

    depth: float
    peak_at: datetime
    trough_at: datetime


class StatisticsShape(Output):
    """A stretch of prices. `begin_price` is the last close before it; `missing` bars are not filled in.

    `drawdown` is null where nothing fell; `volume` where the source has none.
    """

    symbol: str
    period: str
    interval: Interval
    adjust: Adjust
    first_at: datetime
    last_at: datetime
    n: int
    missing: int
    begin_price: float
    last_price: float
    change: float
    change_pct: float | None
    high: Extreme
    low: Extreme
    volatility: VolatilityShape
    drawdown: DrawdownShape | None
    volume: float | None
    provenance: Provenance


class SymbolVolatility(Output):
    """The volatility of one symbol, of prices adjusted for splits and dividends."""

    symbol: str
    interval: Interval
    first_at: datetime
    last_at: datetime
    n: int
    volatility: VolatilityShape
    provenance: Provenance


class Volatilities(Output):
    """Volatilities in the order asked; a symbol that has none is in `errors`, never silently missing."""

    window: str
    items: list[SymbolVolatility]
    errors: list[PriceError]


class PairCorrelation(Output):
    """Two symbols over the `n` returns between the bars that both have; `reason` says why nothing can be said.

    `ends_apart_s`: the most that two bars of the same day (week, month) ended apart; 0 where they ended together.
    `lower` and `upper` are the 95 % interval of `pearson` by Fisher's z, for returns that do not depend on each other.
    """

    a: str
    b: str
    n: int | None
    pearson: float | None
    lower: float | None
    upper: float | None
    spearman: float | None
    first_at: datetime | None
    last_at: datetime | None
    ends_apart_s: float | None
    reason: str | None


class CorrelationSeries(Output):
    """What was read of one symbol."""

    symbol: str
    bars: int
    provenance: Provenance


class Correlations(Output):
    """Every pair of the symbols asked."""

    window: str
    interval: Interval
    as_of: datetime
    pairs: list[PairCorrelation]
    series: list[CorrelationSeries]


@router.get(
    "/prices/{symbol:path}/statistics",
    response_model=StatisticsShape,
    responses=documented(
        UnknownSymbol, AmbiguousSymbol, IntervalNotAvailable, NothingInPeriod, UnknownPeriod, AsOfInFuture
    ),
)
async def get_statistics(
    services: ServicesDep,
    symbol: SymbolPath,
    *,
    period: PeriodQuery = "24h",
    interval: IntervalQuery = None,
    as_of: AsOfQuery = None,
) -> StatisticsShape:
    """Return, extremes, realised volatility, drawdown and volume of the period up to now or `as_of`.

    Prices are adjusted for splits. A period without a bar is an error that says when the last one ended.
    """
    instrument = (await services.store.universe()).get(symbol)
    found = await _measures(services).statistics(instrument, parse_period(period), interval=interval, as_of=as_of)
    said, slice_ = found.statistics, found.slice_
    kept = await services.store.series(instrument.symbol)
    return StatisticsShape(
        symbol=instrument.symbol,
        period=parse_period(period).text,
        interval=slice_.bars.interval,
        adjust=slice_.adjust,
        first_at=said.first_at,
        last_at=said.last_at,
        n=said.n,
        missing=said.missing,
        begin_price=said.begin_price,
        last_price=said.last_price,
        change=said.change,
        change_pct=said.change_pct,
        high=Extreme(price=said.high, at=said.high_at),
        low=Extreme(price=said.low, at=said.low_at),
        volatility=_volatility(said.volatility, instrument),
        drawdown=None
        if said.drawdown is None
        else DrawdownShape(depth=said.drawdown.depth, peak_at=said.drawdown.peak_at, trough_at=said.drawdown.trough_at),
        volume=said.volume,
        provenance=_provenance(slice_, kept),
    )


@router.get(
    "/prices/volatility",
    response_model=Volatilities,
    responses=documented(
        UnknownSymbol, AmbiguousSymbol, IntervalNotAvailable, NothingInPeriod, UnknownPeriod, AsOfInFuture
    ),
)
async def get_volatility(
    services: ServicesDep,
    symbols: SymbolsRequired,
    *,
    window: PeriodQuery = "30d",
    interval: IntervalQuery = None,
    as_of: AsOfQuery = None,
) -> Volatilities:
    """Realised volatility of each symbol over the window up to now or `as_of`, with how it was annualised."""
    universe, period = await services.store.universe(), parse_period(window)
    items: list[SymbolVolatility] = []
    failed: list[tuple[str, TruecastError]] = []
    for text in split_symbols(symbols):
        try:
            instrument = universe.get(text)
            found = await _measures(services).volatility(instrument, period, interval=interval, as_of=as_of)
            kept = await services.store.series(instrument.symbol)
            items.append(_symbol_volatility(instrument, *found, kept))
        except (UnknownSymbol, AmbiguousSymbol, IntervalNotAvailable, NothingInPeriod) as error:
            failed.append((text, error))
    if not items:
        raise failed[0][1]
    errors = [PriceError(symbol=text, code=error.code, detail=error.detail) for text, error in failed]
    return Volatilities(window=period.text, items=items, errors=errors)


@router.get(
    "/prices/correlation",
    response_model=Correlations,
    responses=documented(UnknownSymbol, AmbiguousSymbol, UnknownPeriod, AsOfInFuture, Contradiction),
)
async def get_correlation(
    services: ServicesDep,
    symbols: SymbolsRequired,
    *,
    window: PeriodQuery = "30d",
    interval: IntervalQuery = None,
    as_of: AsOfQuery = None,
) -> Correlations:
    """How every pair of the symbols moved together over the window: Pearson and Spearman of their returns.

    Returns are taken between the bars that both have and no others, of prices adjusted for splits and dividends: within
    a day bars with the same end, else of the same UTC day, week or month. A pair with fewer than 20 returns gets none,
    and the reason.
    """
    universe, period = await services.store.universe(), parse_period(window)
    instruments = list(dict.fromkeys(universe.get(text) for text in split_symbols(symbols)))
    if not 2 <= len(instruments) <= CORRELATION_SYMBOLS_MAX:
        raise Contradiction(reason=f"name 2 to {CORRELATION_SYMBOLS_MAX} different symbols, got {len(instruments)}")
    chosen = interval or period.interval
    pairs, read = await _measures(services).correlation(instruments, period, interval=chosen, as_of=as_of)
    series = []
    for symbol, slice_ in read.items():
        if len(slice_.bars):
            kept = await services.store.series(symbol)
            series.append(CorrelationSeries(symbol=symbol, bars=len(slice_.bars), provenance=_provenance(slice_, kept)))
    return Correlations(
        window=period.text,
        interval=chosen,
        as_of=as_of or services.clock.now(),
        pairs=[_pair(pair) for pair in pairs],
        series=series,
    )


def _measures(services: Services) -> Measures:
    return Measures(services.store, services.history, services.clock)


def _symbol_volatility(
    instrument: Instrument, volatility: Volatility, found: Measured, kept: Sequence[SeriesInfo]
) -> SymbolVolatility:
    said = found.statistics
    return SymbolVolatility(
        symbol=instrument.symbol,
        interval=found.slice_.bars.interval,
        first_at=said.first_at,
        last_at=said.last_at,
        n=said.n,
        volatility=_volatility(volatility, instrument),
        provenance=_provenance(found.slice_, kept),
    )


def _volatility(found: Volatility, instrument: Instrument) -> VolatilityShape:
    return VolatilityShape(
        per_bar=found.per_bar,
        annualised=found.annualised,
        bars_per_year=found.bars_per_year,
        returns=found.returns,
        unit="price" if instrument.signed else "fraction",
        method=METHOD.format(moves="differences" if instrument.signed else "log returns"),
    )


def _pair(pair: Pair) -> PairCorrelation:
    found = pair.found
    return PairCorrelation(
        a=pair.a,
        b=pair.b,
        n=found and found.n,
        pearson=found and found.pearson,
        lower=found and found.lower,
        upper=found and found.upper,
        spearman=found and found.spearman,
        first_at=found and found.first_at,
        last_at=found and found.last_at,
        ends_apart_s=found and found.ends_apart_s,
        reason=pair.reason,
    )


def _provenance(slice_: Slice, kept: Sequence[SeriesInfo]) -> Provenance:
    """Of the last bar that was read."""
    bars = slice_.bars
    series = series_behind(kept, bars.symbol, bars.interval, bars.source_of(-1))
    assert series is not None, "every bar belongs to a series, and series are never deleted"
    ended = from_us(calendar(slice_.calendar).ends(bars.start[-1:], bars.interval)[0])
    return provenance_of(
        series, interval=bars.interval, last_start=from_us(bars.start[-1]), as_of=ended, now=slice_.as_of
    )

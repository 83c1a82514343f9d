"""From what is asked to what is measured: the portfolio's series as known at a moment, and its class's benchmark."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal, cast

import numpy as np

from truecast.domain.instrument import AssetClass, Instrument, Universe
from truecast.domain.interval import Interval
from truecast.forecasts.basis import adjustment_for
from truecast.kit.compute import Compute
from truecast.kit.errors import Contradiction, MalformedRequest
from truecast.kit.limits import RISK_BARS_MAX, RISK_POSITIONS_MAX
from truecast.market.calendar import calendar
from truecast.market.history import History, Slice
from truecast.market.store import BarStore
from truecast.risk import basket
from truecast.risk.basket import Ways
from truecast.risk.currency import OWN, ExchangeRateMissing, Leg, converted, is_money, legs
from truecast.risk.report import Asked, Report, report
from truecast.risk.sample import Prices, Sample, SampleTooSmall, sample_of

# The first of them that is stored at the interval. Currency pairs have a basket, see basket.py.
BENCHMARKS: Mapping[AssetClass, tuple[str, ...]] = MappingProxyType(
    {
        AssetClass.EQUITY: ("SPY", "^GSPC"),
        AssetClass.ETF: ("SPY", "^GSPC"),
        AssetClass.INDEX: ("SPY", "^GSPC"),
        AssetClass.CRYPTO: ("BTC-USDT", "BTC-USD"),
    }
)


# A series of macro figures has no market that it is a part of.
NoBenchmark = Literal["not_asked", "none_for_class", "not_stored", "no_exchange_rate"]


# A benchmark and how it comes into the base currency, or that currency and the ways of the basket's.
_Against = tuple[Instrument, tuple[Leg, ...] | None] | tuple[str, Ways] | None


@dataclass(frozen=True, slots=True)
class Position:
    """A share of the portfolio's value; below 0: sold short."""

    symbol: str
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Of which portfolio, at which bars, how far back, and what."""

    positions: tuple[Position, ...]
    interval: Interval
    period: timedelta
    as_of: datetime | None
    benchmark: str | None  # None: that of the class
    benchmarked: bool
    asked: Asked
    currency: str | None = None  # None: that of most of the portfolio, where there are several; OWN: of each


@dataclass(frozen=True, slots=True)
class Held:
    """A position as it was measured: its weight after bringing the sum of their amounts to 1."""

    instrument: Instrument
    weight: float
    slice: Slice
    legs: tuple[Leg, ...] | None = ()  # how its prices were brought into the common currency; None: they were not


@dataclass(frozen=True, slots=True)
class Measured:
    """The answer, and what it stands on."""

    held: tuple[Held, ...]
    report: Report
    as_of: datetime
    notes: tuple[str, ...]
    currency: str | None  # None: each return is in the unit of its own
    no_benchmark: NoBenchmark | None  # why there is none, where there is none


async def measure(question: Question, store: BarStore, history: History, compute: Compute) -> Measured:
    """What is asked, as known at its moment.

    Raises UnknownSymbol, AmbiguousSymbol, IntervalNotAvailable, AsOfInFuture, ExchangeRateMissing, SampleTooSmall,
    ReturnsUndefined, PortfolioLost.
    """
    universe = await store.universe()
    instruments, weights = _weighed(universe, question.positions)
    stored = await _stored(store, question.interval)
    notes: list[str] = []
    base = _base(question, instruments, weights)
    benchmark, missing = _benchmark(question, universe, stored, instruments, weights, notes)
    ways = [_way(universe, stored, question, one, base) for one in instruments]
    other_way: tuple[Leg, ...] | None = None
    if benchmark is not None:
        try:
            other_way = _way(universe, stored, question, benchmark, base)
        except ExchangeRateMissing as error:
            if question.benchmark is not None:
                raise
            notes.append(f"No benchmark: {error.detail}.")
            benchmark, missing = None, "no_exchange_rate"
    majors: Ways = basket.ways_of(universe, stored, base) if missing == "basket" else {}
    pairs = [leg.pair for way in (*ways, other_way, *majors.values()) for leg in way or ()]
    wanted = list(dict.fromkeys((*instruments, *([benchmark] if benchmark else []), *pairs)))
    reading = (
        history.bars(one, question.interval, limit=RISK_BARS_MAX, as_of=question.as_of, adjust=adjustment_for(one))
        for one in wanted
    )
    slices = dict(zip([one.symbol for one in wanted], await asyncio.gather(*reading), strict=True))
    against: _Against = None if benchmark is None else (benchmark, other_way)
    if missing == "basket":
        majors = {code: way for code, way in majors.items() if all(len(slices[leg.pair.symbol].bars) for leg in way)}
        missing = None if base is not None and len(majors) >= basket.CURRENCIES_MIN else "not_stored"
        if base is not None and missing is None:
            notes.append(basket.told(majors, base, {symbol: one.bars.source_of(-1) for symbol, one in slices.items()}))
            against = base, majors
        else:
            notes.append("No benchmark: too few pairs of major currencies are stored.")
    found = await compute.run(_computed, question, slices, instruments, weights, ways, against)
    notes += _of_units(instruments, base)
    parts = [slices[one.symbol] for one in instruments]
    held = tuple(Held(*one) for one in zip(instruments, weights, parts, ways, strict=True))
    return Measured(held, found, parts[0].as_of, tuple(notes), base, missing)


def _base(question: Question, instruments: Sequence[Instrument], weights: Sequence[float]) -> str | None:
    """The currency that is asked for, else the one of most of the portfolio; None: each in its own."""
    if question.currency == OWN:
        return None
    if question.currency is not None:
        return question.currency
    amounts: defaultdict[str, float] = defaultdict(float)
    for one, weight in zip(instruments, weights, strict=True):
        if is_money(one.currency):
            amounts[one.currency] += abs(weight)
    return max(amounts, key=lambda code: amounts[code], default=None)


def _way(
    universe: Universe, stored: Collection[str], question: Question, one: Instrument, base: str | None
) -> tuple[Leg, ...] | None:
    """How its prices come into the base currency; None where they stay as they are. Raises ExchangeRateMissing."""
    if base is None or not is_money(one.currency):
        return None
    found = legs(universe, stored, one.currency, base)
    if found is None:
        pair, interval = f"{one.currency}-{base}", question.interval.value
        raise ExchangeRateMissing(symbol=one.symbol, currency=one.currency, base=base, interval=interval, pair=pair)
    return found


def _of_units(instruments: Sequence[Instrument], base: str | None) -> Iterator[str]:
    """What is to be known of the units that were not brought together."""
    units = sorted({one.currency for one in instruments})
    if base is None and len(units) > 1:
        yield f"Each return is in its own unit ({', '.join(units)}): exchange rates are not part of it."
    elif base is not None and (other := [unit for unit in units if not is_money(unit)]):
        yield f"What is measured in {', '.join(other)} is no money: its returns are taken as they are."


async def _stored(store: BarStore, interval: Interval) -> frozenset[str]:
    """What has bars at the interval, or finer ones of which they are made."""
    listed = await store.series()
    return frozenset(one.symbol for one in listed if one.bars and one.interval.seconds <= interval.seconds)


def _computed(  # noqa: PLR0917 what was read, and how it goes together
    question: Question,
    slices: Mapping[str, Slice],
    instruments: Sequence[Instrument],
    weights: Sequence[float],
    ways: Sequence[tuple[Leg, ...] | None],
    against: _Against,
) -> Report:
    """On the threads: everything but reading."""
    prices = [_in_base(slices, one, way) for one, way in zip(instruments, ways, strict=True)]
    for part in prices:
        if len(part.close) < 2:
            raise SampleTooSmall(what=f"Risk of {part.symbol}", need=1, have=max(len(part.close) - 1, 0))
    sample = sample_of(prices, weights)
    since = int(sample.end[-1]) - round(question.period.total_seconds() * 1_000_000)
    benchmark: tuple[str, Sample] | None = None
    if against is not None:
        other, way = against
        if isinstance(other, str):
            majors = cast("Ways", way)
            wanted = {leg.pair.symbol for each in majors.values() for leg in each}
            benchmark = basket.sample_in(other, majors, {symbol: _prices(slices[symbol]) for symbol in wanted})
        else:
            benchmark = other.symbol, sample_of([_in_base(slices, other, cast("tuple[Leg, ...] | None", way))], [1.0])
    return report(sample, replace(question.asked, since_us=since), benchmark)


def _in_base(slices: Mapping[str, Slice], one: Instrument, way: tuple[Leg, ...] | None) -> Prices:
    prices = _prices(slices[one.symbol])
    return converted(prices, [(_prices(slices[leg.pair.symbol]), leg.inverse) for leg in way]) if way else prices


def _weighed(universe: Universe, positions: Sequence[Position]) -> tuple[list[Instrument], list[float]]:
    """The instruments, and weights whose amounts add up to 1."""
    if not 1 <= len(positions) <= RISK_POSITIONS_MAX:
        raise MalformedRequest(reason=f"give 1 to {RISK_POSITIONS_MAX} positions, not {len(positions)}")
    instruments = [universe.get(position.symbol) for position in positions]
    by_symbol: defaultdict[str, int] = defaultdict(int)
    for one in instruments:
        by_symbol[one.symbol] += 1
    if twice := sorted(symbol for symbol, n in by_symbol.items() if n > 1):
        raise Contradiction(reason=f"{', '.join(twice)} is held twice: give each symbol once")
    weights = np.array([position.weight for position in positions], np.float64)
    with np.errstate(over="ignore"):
        gross = float(np.abs(weights).sum())
    if not np.isfinite(weights).all() or not 0 < gross < np.inf or (weights == 0).any():
        raise Contradiction(reason="weights are numbers other than 0")
    return instruments, (weights / gross).tolist()


def _benchmark(  # noqa: PLR0917 what it is chosen by
    question: Question,
    universe: Universe,
    stored: Collection[str],
    instruments: Sequence[Instrument],
    weights: Sequence[float],
    notes: list[str],
) -> tuple[Instrument | None, NoBenchmark | Literal["basket"] | None]:
    """The one that is named, else the first of the class with most weight that is stored; or why there is none.

    `basket`: it is none of one symbol.
    """
    if not question.benchmarked:
        return None, "not_asked"
    if question.benchmark is not None:
        return universe.get(question.benchmark), None
    amounts: defaultdict[AssetClass, float] = defaultdict(float)
    for one, weight in zip(instruments, weights, strict=True):
        amounts[one.asset_class] += abs(weight)
    asset_class = max(amounts, key=lambda one: amounts[one])
    if asset_class is AssetClass.FX and question.currency != OWN:
        return None, "basket"
    listed = BENCHMARKS.get(asset_class, ())
    known = {one.symbol: one for one in universe.instruments}
    for symbol in listed:
        if symbol in known and symbol in stored:
            return known[symbol], None
    why = f"none of {', '.join(listed)} is stored" if listed else f"there is none for {asset_class.value}; name one"
    notes.append(f"No benchmark: {why}.")
    return None, "not_stored" if listed else "none_for_class"


def _prices(slice_: Slice) -> Prices:
    bars = slice_.bars
    known = np.isfinite(bars.close)
    ends = calendar(slice_.calendar).ends(bars.start, bars.interval)
    return Prices(bars.symbol, bars.start[known], ends[known], bars.close[known])

"""From what is asked to what is measured: the portfolio's series as known at a moment, and its class's benchmark."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType

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
from truecast.risk.report import Asked, Report, report
from truecast.risk.sample import Prices, Sample, SampleTooSmall, sample_of

# The first of them that is stored at the interval; a currency pair has no market to be measured against.
BENCHMARKS: Mapping[AssetClass, tuple[str, ...]] = MappingProxyType(
    {
        AssetClass.EQUITY: ("SPY", "^GSPC"),
        AssetClass.ETF: ("SPY", "^GSPC"),
        AssetClass.INDEX: ("SPY", "^GSPC"),
        AssetClass.CRYPTO: ("BTC-USDT", "BTC-USD"),
    }
)


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


@dataclass(frozen=True, slots=True)
class Held:
    """A position as it was measured: its weight after bringing the sum of their amounts to 1."""

    instrument: Instrument
    weight: float
    slice: Slice


@dataclass(frozen=True, slots=True)
class Measured:
    """The answer, and what it stands on."""

    held: tuple[Held, ...]
    report: Report
    as_of: datetime
    notes: tuple[str, ...]


async def measure(question: Question, store: BarStore, history: History, compute: Compute) -> Measured:
    """Raises UnknownSymbol, AmbiguousSymbol, IntervalNotAvailable, AsOfInFuture, SampleTooSmall, ReturnsUndefined."""
    universe = await store.universe()
    instruments, weights = _weighed(universe, question.positions)
    notes: list[str] = []
    benchmark = await _benchmark(question, universe, store, instruments, weights, notes)
    wanted = list(dict.fromkeys((*instruments, *([benchmark] if benchmark else []))))
    reading = (
        history.bars(one, question.interval, limit=RISK_BARS_MAX, as_of=question.as_of, adjust=adjustment_for(one))
        for one in wanted
    )
    slices = dict(zip([one.symbol for one in wanted], await asyncio.gather(*reading), strict=True))
    parts = [slices[one.symbol] for one in instruments]
    against = None if benchmark is None else (benchmark.symbol, slices[benchmark.symbol])
    found = await compute.run(_computed, question, parts, weights, against)
    currencies = sorted({one.currency for one in instruments})
    if len(currencies) > 1:
        notes.append(
            f"Each return is in its own currency ({', '.join(currencies)}): exchange rates are not part of it."
        )
    held = tuple(Held(*one) for one in zip(instruments, weights, parts, strict=True))
    return Measured(held, found, parts[0].as_of, tuple(notes))


def _computed(
    question: Question, parts: Sequence[Slice], weights: Sequence[float], against: tuple[str, Slice] | None
) -> Report:
    """On the threads: everything but reading."""
    prices = [_prices(part) for part in parts]
    for part in prices:
        if len(part.close) < 2:
            raise SampleTooSmall(what=f"Risk of {part.symbol}", need=1, have=max(len(part.close) - 1, 0))
    sample = sample_of(prices, weights)
    since = int(sample.end[-1]) - round(question.period.total_seconds() * 1_000_000)
    benchmark: tuple[str, Sample] | None = None
    if against is not None:
        other = _prices(against[1])
        benchmark = against[0], sample_of([other], [1.0])
    return report(sample, replace(question.asked, since_us=since), benchmark)


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


async def _benchmark(  # noqa: PLR0917 what it is chosen by
    question: Question,
    universe: Universe,
    store: BarStore,
    instruments: Sequence[Instrument],
    weights: Sequence[float],
    notes: list[str],
) -> Instrument | None:
    """The one that is named, else the first of the class with most weight that is stored; None and a note: none."""
    if not question.benchmarked:
        return None
    if question.benchmark is not None:
        return universe.get(question.benchmark)
    amounts: defaultdict[AssetClass, float] = defaultdict(float)
    for one, weight in zip(instruments, weights, strict=True):
        amounts[one.asset_class] += abs(weight)
    asset_class = max(amounts, key=lambda one: amounts[one])
    listed = BENCHMARKS.get(asset_class, ())
    known = {one.symbol: one for one in universe.instruments}
    for symbol in listed:
        if symbol in known and any(
            s.bars and s.interval.seconds <= question.interval.seconds for s in await store.series(symbol)
        ):
            return known[symbol]
    why = f"none of {', '.join(listed)} is stored" if listed else f"there is none for {asset_class.value}; name one"
    notes.append(f"No benchmark: {why}.")
    return None


def _prices(slice_: Slice) -> Prices:
    bars = slice_.bars
    known = np.isfinite(bars.close)
    ends = calendar(slice_.calendar).ends(bars.start, bars.interval)
    return Prices(bars.symbol, bars.start[known], ends[known], bars.close[known])

"""What a stretch of prices did: return, extremes, realised volatility, drawdown; and how two moved together. Pure.

    volatility per bar = sqrt(mean of r^2)      r: log returns between bars that follow each other by the calendar
    a year             = per bar * sqrt(N)      N: bars the calendar has in the 365 days up to the end

The mean is not subtracted: over a short stretch it is mostly noise (Andersen et al. 2003). Of a series that may be zero
or negative (a yield, an oil price in April 2020) r is the difference, in the units of the series. A return across a
hole in the data is no return of one bar and is left out.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from truecast.domain.bar import Bars, BoolArray, FloatArray, IntArray
from truecast.domain.interval import Interval
from truecast.kit.clock import from_us
from truecast.kit.errors import MalformedRequest
from truecast.market.calendar import Calendar
from truecast.market.periods import DAY
from truecast.market.sessions import BeyondCalendar

COMMON_POINTS_MIN = 20  # fewer returns in common say nothing of a correlation
_PERIOD = re.compile(r"([1-9]\d{0,3})(h|d|w|y)")
PERIOD_PATTERN = (  # the same with its limit, for the document of the API
    r"^([1-9]\d{0,3}[hd]|([1-9]\d{0,2}|1[0-4]\d\d|15[0-5]\d|156[0-4])w|([1-9]|[12]\d|30)y)$"
)
_UNIT_S = {"h": 3_600, "d": 86_400, "w": 604_800, "y": 31_536_000}
_PERIOD_S_MAX = 30 * _UNIT_S["y"]
_Z_95 = 1.959963984540054


class UnknownPeriod(MalformedRequest):
    """No length of time."""

    code = "malformed_period"
    title = "Unknown period"
    template = "{period!r} is no period; say hours, days, weeks or years up to 30y: 24h, 7d, 30d, 1y"


@dataclass(frozen=True, slots=True)
class Period:
    """A length of time back from the moment that is asked about."""

    text: str
    seconds: int

    @property
    def interval(self) -> Interval:
        """The bars that show it best: enough to say something, not so fine that they show how trades are rounded."""
        if self.seconds <= 6 * _UNIT_S["h"]:
            return Interval.M1
        return Interval.H1 if self.seconds <= _UNIT_S["w"] else Interval.D1


def parse_period(text: str) -> Period:
    """`24h`, `7d`, `2w`, `1y`. Raises UnknownPeriod."""
    found = _PERIOD.fullmatch(text.strip().lower())
    seconds = int(found[1]) * _UNIT_S[found[2]] if found else 0
    if not 0 < seconds <= _PERIOD_S_MAX:
        raise UnknownPeriod(period=text[:32])
    return Period(text.strip().lower(), seconds)


@dataclass(frozen=True, slots=True)
class Volatility:
    """Realised volatility. `per_bar` and `annualised` are fractions (0.2 is 20 %), of a signed series in its units.

    `returns` are those it is computed from; None where there are none.
    """

    per_bar: float | None
    annualised: float | None
    bars_per_year: int | None
    returns: int


@dataclass(frozen=True, slots=True)
class Drawdown:
    """The deepest fall from a high to a later low, as a fraction of the high; when each was."""

    depth: float
    peak_at: datetime
    trough_at: datetime


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of `n` bars after `begin_price`, which is the last close before them (the first open where there is none)."""

    n: int
    missing: int  # bars that the calendar has in the stretch and the series has not
    first_at: datetime  # when the first bar began
    last_at: datetime  # when the last one ended
    begin_price: float
    last_price: float
    change: float
    change_pct: float | None  # of a price at or below zero a percentage says nothing
    high: float
    high_at: datetime
    low: float
    low_at: datetime
    volatility: Volatility
    drawdown: Drawdown | None
    volume: float | None


@dataclass(frozen=True, slots=True)
class Together:
    """How two series moved together over `n` returns between the ends they have in common, with a 95 % interval."""

    n: int
    pearson: float
    lower: float
    upper: float
    spearman: float
    first_at: datetime
    last_at: datetime
    ends_apart_s: float  # the most that the ends of two bars that were compared lie apart


def describe(bars: Bars, since_us: int, along: Calendar, *, signed: bool) -> Statistics | None:
    """Of the bars that ended after `since_us`; the one before gives the price it began at. None where there is none."""
    ends = along.ends(bars.start, bars.interval)
    inside = ends > since_us
    if not inside.any():
        return None
    first = int(np.argmax(inside))
    part, part_ends = bars[inside], ends[inside]
    begin = float(bars.close[first - 1]) if first else float(part.open[0])
    last = float(part.close[-1])
    high, low = int(np.argmax(part.high)), int(np.argmin(part.low))
    volume = part.volume[~np.isnan(part.volume)]
    return Statistics(
        n=len(part),
        missing=_missing(part, along),
        first_at=from_us(part.start[0]),
        last_at=from_us(part_ends[-1]),
        begin_price=begin,
        last_price=last,
        change=last - begin,
        change_pct=100 * (last / begin - 1) if begin > 0 else None,
        high=float(part.high[high]),
        high_at=from_us(part.start[high]),
        low=float(part.low[low]),
        low_at=from_us(part.start[low]),
        volatility=realised(bars[max(first - 1, 0) :], along, signed=signed),
        drawdown=_drawdown(begin, part, part_ends, from_us(ends[first - 1] if first else part.start[0])),
        volume=float(volume.sum()) if len(volume) else None,
    )


def realised(bars: Bars, along: Calendar, *, signed: bool) -> Volatility:
    """The volatility of these bars; the first one is only what the second is compared with."""
    moves = _moves(bars.close, signed=signed)[_follows(bars.start, bars.interval, along)]
    moves = moves[np.isfinite(moves)]
    per_year = bars_per_year(bars, along) if len(bars) else None
    if not len(moves):
        return Volatility(None, None, per_year, 0)
    per_bar = float(np.sqrt(np.mean(moves**2)))
    return Volatility(per_bar, None if per_year is None else per_bar * float(np.sqrt(per_year)), per_year, len(moves))


def bars_per_year(bars: Bars, along: Calendar) -> int | None:
    """How many bars the calendar has in the 365 days up to the last one; None where it does not reach so far."""
    last_us = int(bars.start[-1])
    try:
        return len(along.expected(last_us - 365 * DAY + 1, last_us, bars.interval))
    except BeyondCalendar:
        return None


def labels(ends: IntArray, interval: Interval) -> IntArray:
    """What bars of markets with other hours have in common: the UTC day, week, month, … in which they ended.

    A close at 21:00 and a fixing at 14:15 are of the same day; a bar that ends at midnight is of the day before. A bar
    within a day meets others by its end itself. (T,)
    """
    if interval.is_intraday:
        return ends
    last = ends - 1
    match interval:
        case Interval.D1:
            return np.asarray(last // DAY)
        case Interval.W1:
            return np.asarray((last // DAY + 3) // 7)  # 1970 began on a Thursday, weeks begin on Monday
        case Interval.Y1:
            return last.astype("datetime64[us]").astype("datetime64[Y]").astype(np.int64)
        case _:
            months = last.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)
            return np.asarray(months // 3) if interval is Interval.Q1 else months


def together(
    a: tuple[IntArray, FloatArray],
    b: tuple[IntArray, FloatArray],
    *,
    signed: tuple[bool, bool],
    interval: Interval = Interval.H1,
) -> Together | str:
    """Two series, each as ends (ascending) and closes; or why they cannot be compared. Bars meet by their `labels`."""
    keys = labels(a[0], interval), labels(b[0], interval)
    common, in_a, in_b = np.intersect1d(*keys, return_indices=True)
    n = max(len(common) - 1, 0)
    if n < COMMON_POINTS_MIN:
        return f"{n} returns between common bar ends, {COMMON_POINTS_MIN} are needed"
    x, y = _moves(a[1][in_a], signed=signed[0]), _moves(b[1][in_b], signed=signed[1])
    good = np.isfinite(x) & np.isfinite(y)
    x, y, n = x[good], y[good], int(good.sum())
    if n < COMMON_POINTS_MIN:
        return f"{n} usable returns between common bar ends, {COMMON_POINTS_MIN} are needed"
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return "one of the two did not move"
    pearson, spearman = _pearson(x, y), _pearson(_ranks(x), _ranks(y))
    lower, upper = _fisher(pearson, n)
    ends = np.stack([a[0][in_a], b[0][in_b]])
    later = ends.max(axis=0)  # before, one of the two was not known
    apart_s = float(np.ptp(ends, axis=0).max()) / 1e6
    return Together(n, pearson, lower, upper, spearman, from_us(later[0]), from_us(later[-1]), apart_s)


def _fisher(r: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a correlation by Fisher's z; returns that depend on each other make it too narrow."""
    z, half = np.arctanh(np.clip(r, -1 + 1e-15, 1 - 1e-15)), _Z_95 / np.sqrt(n - 3)
    return float(np.tanh(z - half)), float(np.tanh(z + half))


def _pearson(x: FloatArray, y: FloatArray) -> float:
    x, y = x - x.mean(), y - y.mean()
    return float(np.clip((x @ y) / np.sqrt((x @ x) * (y @ y)), -1.0, 1.0))


def _ranks(values: FloatArray) -> FloatArray:
    """From 1; equal values share the mean of their ranks."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse], np.float64)


def _moves(close: FloatArray, *, signed: bool) -> FloatArray:
    if signed:
        return np.diff(close)
    with np.errstate(divide="ignore", invalid="ignore"):  # a price at or below zero has no logarithm: left out
        return np.diff(np.log(close))


def _follows(start: IntArray, interval: Interval, along: Calendar) -> BoolArray:
    """For each bar after the first, whether it is the calendar's next one."""
    if len(start) < 2:
        return np.zeros(0, np.bool_)
    try:
        expected = along.expected(int(start[0]), int(start[-1]), interval)
    except BeyondCalendar:
        return np.ones(len(start) - 1, np.bool_)
    at = np.searchsorted(expected, start)
    known = (at < len(expected)) & (expected[np.minimum(at, max(len(expected) - 1, 0))] == start)
    # Bars that the calendar does not have (a holiday that traded) are as good as any.
    return np.where(known[1:] & known[:-1], np.diff(at) == 1, np.diff(at) <= 1)


def _missing(bars: Bars, along: Calendar) -> int:
    try:
        expected = along.expected(int(bars.start[0]), int(bars.start[-1]), bars.interval)
    except BeyondCalendar:
        return 0
    return int((~np.isin(expected, bars.start, assume_unique=True)).sum())


def _drawdown(begin: float, bars: Bars, ends: IntArray, begin_at: datetime) -> Drawdown | None:
    """Of closes. None where nothing fell, or where a price is not above zero and a share says nothing."""
    closes = np.concatenate(([begin], bars.close))
    if closes.min() <= 0:
        return None
    depth = 1 - closes / np.maximum.accumulate(closes)
    trough = int(np.argmax(depth))
    if depth[trough] <= 0:
        return None
    peak = int(np.argmax(closes[: trough + 1]))
    moments: Sequence[datetime] = (begin_at, *(from_us(us) for us in ends))
    return Drawdown(float(depth[trough]), moments[peak], moments[trough])

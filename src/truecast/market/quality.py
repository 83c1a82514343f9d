"""Whether a bar can be true, seen from the bars around it. Pure; what cannot is kept out, and nothing is repaired.

A bar is judged by what is there when it arrives. One that stands alone at the end of what is known may be an error or
the first of a new time: it is held until the next bar, or another source, says which. So a crash, a halving of the
price and a split that is known pass; what jumps by a hundred and comes back does not.

Reasons, and those of bars that are held, which begin with `unconfirmed_`:

- `unit_error`: a hundred, a thousand … times the level around it, or a part of it: pence for pounds
- `split_wrong`: off by exactly the ratio of a split of those days, on a day it does not belong to
- `split_missing`: the ratio of a split that nobody told of; held three bars long, for its factor may follow
- `spike`: far off, and back within three bars; or unlike every other source, and back
- `stuck`: the same bar again and again while it is traded

The levels are compared as logarithms of closes on which known splits are applied. A jump is a step larger than a limit
by interval and 15 robust deviations of the steps before; jumps are summed up, so that a return is known as one.
"""

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from truecast.domain.bar import Bars, BoolArray, FloatArray, IntArray
from truecast.domain.corporate import Factor
from truecast.domain.interval import Interval

Reason = Literal["", "unit_error", "split_wrong", "split_missing", "spike", "stuck"]
HELD = "unconfirmed_"

_LN10 = math.log(10)
_DEVIATIONS = 15.0
_STEP_INTRADAY, _STEP_DAY, _STEP_LONG = 0.35, 0.95, 1.1  # of log price: the largest real ones of large caps stay below
_STEP_MOST = 2.5
_UNIT_DIGITS_MIN = 2  # ten times is a reverse split as often as an error
_UNIT_TOLERANCE = 0.15
_SPLIT_STEP_MIN, _SPLIT_TOLERANCE, _SPLIT_BARS = 0.12, 0.03, 15
_SPLITS = (2.0, 3.0, 4.0, 5.0, 7.0, 8.0, 10.0, 15.0, 20.0, 25.0, 30.0, 50.0)
_SPIKE_BARS = 3
_CONFIRMED_BARS, _CONFIRMED_SPLIT_BARS = 2, 4  # of a new level, its first one among them
_KNOWN_BARS_MIN = 10
_AFTER_HOLE_BARS = 60  # so far apart two bars say nothing about each other
_STUCK_BARS, _STUCK_FLAT_BARS, _STUCK_UNKNOWN_BARS = 4, 12, 6  # traded; traded at one price; of unknown volume
_APART_MIN, _APART_DEVIATIONS = 0.05, 8.0  # from other sources
_WICK = math.log(20)


@dataclass(frozen=True, slots=True)
class Around:
    """What a batch is judged by. All of it is trusted."""

    before: Bars  # the bars before the batch, oldest first
    after: Bars | None = None  # those behind it, where it fills a hole
    factors: Sequence[Factor] = ()
    others: Mapping[str, tuple[IntArray, FloatArray]] = field(default_factory=dict)  # starts and closes, by source
    splits: bool = False  # shares: they may be split


@dataclass(frozen=True, slots=True)
class Judged:
    """By row of the batch: "" for a bar, or the reason against it; `held` ones wait for the next bar."""

    reason: tuple[str, ...]
    held: BoolArray

    @property
    def clean(self) -> bool:
        """Nothing was found."""
        return not any(self.reason)


def suspicious(bars: Bars, before: Bars, factors: Sequence[Factor] = ()) -> bool:
    """Whether it is worth a closer look: cheap, and never False where `judge` would find something."""
    closes = np.concatenate((before.close, bars.close))
    if bars.interval.seconds > Interval.W1.seconds or (closes <= 0).any():
        return False  # prices that may be negative have no level to compare by ratio
    level = np.log(closes)
    if factors:
        level += _applied(np.concatenate((before.start, bars.start)), factors)
    steps = np.abs(np.diff(level))
    limit = min(_SPLIT_STEP_MIN, max(_APART_MIN, 6 * _deviation(steps)))
    if bool((steps > limit).any()) or bool((bars.high > bars.low * math.exp(_WICK)).any()):
        return True
    return bool(_stuck(bars, before).any())


def judge(bars: Bars, around: Around) -> Judged:
    """`bars` by start, at most one per start. The answer has one entry for each."""
    case = _case(bars, around)
    if case is not None:
        segments = _segments(case)
        if len(segments) > 1:
            _judge_levels(case, segments)
        _judge_by_others(case)
        _judge_wicks(bars, case.reason)
        stuck = _stuck(bars, around.before) & (case.reason == "")
        case.reason[stuck] = "stuck"
        return Judged(tuple(case.reason.tolist()), case.held)
    return Judged(("",) * len(bars), np.zeros(len(bars), np.bool_))


@dataclass(frozen=True, slots=True)
class _Case:
    """The batch among the bars around it, in one row; `own` is where the batch is. `reason` and `held` are written."""

    level: FloatArray
    start: IntArray
    volume: FloatArray
    trusted: BoolArray
    own: slice
    bars: Bars
    around: Around
    deviation: float
    limit: float  # a larger step is a jump
    reason: np.ndarray[Any, np.dtype[np.str_]]
    held: BoolArray


def _case(bars: Bars, around: Around) -> _Case | None:
    """None where nothing can be told: prices that may be negative have no level to compare by ratio."""
    parts = [around.before, bars, around.after if around.after is not None else bars[:0]]
    closes, start, volume = (np.concatenate([getattr(p, name) for p in parts]) for name in ("close", "start", "volume"))
    if not len(bars) or (closes <= 0).any():
        return None
    own = slice(len(parts[0]), len(parts[0]) + len(bars))
    trusted = np.ones(len(start), np.bool_)
    trusted[own] = False
    level = np.log(closes) + _applied(start, around.factors)
    deviation = _deviation(np.abs(np.diff(level)))
    return _Case(
        level=level,
        start=start,
        volume=volume,
        trusted=trusted,
        own=own,
        bars=bars,
        around=around,
        deviation=deviation,
        limit=min(max(_least_step(bars.interval), _DEVIATIONS * deviation), _STEP_MOST),
        reason=np.full(len(bars), "", "U32"),
        held=np.zeros(len(bars), np.bool_),
    )


@dataclass(slots=True)
class _Segment:
    """Neighbours on one level. `offset` is how far that is from where it began."""

    first: int
    last: int
    offset: float
    kind: Reason  # of the jump that leads here


def _judge_levels(case: _Case, segments: Sequence[_Segment]) -> None:
    good = _good_offsets(case, segments)
    for number, one in enumerate(segments):
        verdict, waits = _verdict(segments, number, good, case.trusted)
        first, last = max(one.first, case.own.start) - case.own.start, min(one.last + 1, case.own.stop) - case.own.start
        if verdict and first < last:
            case.reason[first:last] = HELD + verdict if waits else verdict
            case.held[first:last] = waits


def _segments(case: _Case) -> list[_Segment]:
    """Cut where the level jumps; a jump back to a level seen before is back on that level."""
    level, start = case.level, case.start
    found = [_Segment(0, len(level) - 1, 0.0, "")]
    ratios = _split_steps(start, case.around.factors)
    for t in np.flatnonzero(np.abs(np.diff(level)) > min(case.limit, _SPLIT_STEP_MIN)).tolist():
        hole = (start[t + 1] - start[t]) > _AFTER_HOLE_BARS * case.bars.interval.seconds * 1_000_000
        kind, exact = _kind(case, float(level[t + 1] - level[t]), t + 1, ratios)
        if not kind or hole:
            continue
        found[-1].last = t
        offset = _snapped(found[-1].offset + exact, [one.offset for one in found], case.limit)
        found.append(_Segment(t + 1, len(level) - 1, offset, kind))
    return found


def _kind(case: _Case, step: float, at: int, ratios: Sequence[tuple[int, float]]) -> tuple[Reason, float]:
    """What a step looks like, and how large it would be if it were exactly that. "" for a move."""
    size, deviation = abs(step), case.deviation
    tolerance = max(_SPLIT_TOLERANCE, 2 * deviation)
    for where, ratio in ratios:
        if abs(where - at) <= _SPLIT_BARS and abs(size - ratio) <= tolerance and size > 2 * tolerance:
            return "split_wrong", math.copysign(ratio, step)
    if size <= case.limit:
        return "", 0.0
    digits = round(size / _LN10)
    near = abs(size - digits * _LN10) <= min(max(_UNIT_TOLERANCE, 8 * deviation), 0.5)
    if digits >= _UNIT_DIGITS_MIN and near:
        return "unit_error", math.copysign(digits * _LN10, step)
    if len(case.level) <= _KNOWN_BARS_MIN:
        return "", 0.0  # too little is known of how it moves
    if case.around.splits and any(abs(size - math.log(split)) <= max(0.06, 3 * deviation) for split in _SPLITS):
        return "split_missing", step
    return "spike", step


def _snapped(offset: float, seen: Sequence[float], limit: float) -> float:
    nearest = min(seen, key=lambda one: abs(one - offset))
    return nearest if abs(nearest - offset) <= min(limit / 2, 0.5) else offset


def _good_offsets(case: _Case, segments: Sequence[_Segment]) -> set[float]:
    """The levels that are believed: those of trusted bars; without any, by trading, or the newest of two splits."""
    by_trust = {one.offset for one in segments if case.trusted[one.first : one.last + 1].any()}
    if by_trust:
        return by_trust
    if all(one.kind in ("", "split_wrong") for one in segments):
        return {segments[-1].offset}  # what came before a split was computed from what came after it
    traded: dict[float, float] = {}
    for one in segments:
        here = case.volume[one.first : one.last + 1]
        worth = float((~(here == 0)).sum()) + 1e-3 * len(here)  # a price nobody paid is no evidence
        traded[one.offset] = traded.get(one.offset, 0.0) + worth
    return {max(traded, key=lambda offset: traded[offset])}


def _verdict(segments: Sequence[_Segment], number: int, good: set[float], trusted: BoolArray) -> tuple[Reason, bool]:
    """Why the segment is not believed, and whether it may be yet. A level that lasts is believed from then on."""
    one = segments[number]
    if one.offset in good or trusted[one.first : one.last + 1].any():
        return "", False
    kinds: list[Reason] = [one.kind] if one.kind else []
    if number + 1 < len(segments):
        kinds.append(segments[number + 1].kind)
    kind: Reason = next((k for k in ("unit_error", "split_wrong") if k in kinds), kinds[0])
    length, at_end = one.last - one.first + 1, number == len(segments) - 1
    if kind in ("unit_error", "split_wrong"):
        return kind, at_end
    if at_end:
        enough = _CONFIRMED_SPLIT_BARS if kind == "split_missing" else _CONFIRMED_BARS
        if length >= enough:
            good.add(one.offset)
            return "", False
        return kind, True
    returns = segments[number + 1].offset in good
    if length <= _SPIKE_BARS and returns:
        return "spike", False
    good.add(one.offset)
    return "", False


def _judge_by_others(case: _Case) -> None:
    """Another source that has the same two bars: when it moved alike the bar is true, when it did not the bar waits."""
    level, bars = case.level, case.bars
    least = max(_APART_MIN * (1.0 if bars.interval.is_intraday else 2.0), _APART_DEVIATIONS * case.deviation)
    large = np.abs(np.diff(level, prepend=level[0])) > least
    if not case.around.others or len(level) <= _KNOWN_BARS_MIN:
        return
    for i in np.flatnonzero(large[case.own] | (case.reason != "")).tolist():
        t = case.own.start + i
        base = _base(t, case)
        moves = [] if base is None else _moves(int(case.start[base]), int(case.start[t]), case.around)
        if base is None or not moves:
            continue
        apart = abs(float(level[t] - level[base]) - float(np.median(moves)))
        if apart <= least:
            case.reason[i], case.held[i] = "", False
        elif not case.reason[i]:
            next_few = level[t + 1 : t + 1 + _SPIKE_BARS]
            if (np.abs(next_few - level[base]) < apart / 3).any():
                case.reason[i] = "spike"
            elif t == len(level) - 1:
                case.reason[i], case.held[i] = HELD + "spike", True


def _base(t: int, case: _Case) -> int | None:
    """The last believed bar before."""
    for u in range(t - 1, max(t - 30, -1), -1):
        if u < case.own.start or not case.reason[u - case.own.start]:
            return u
    return None


def _moves(base_us: int, at_us: int, around: Around) -> list[float]:
    """How far the other sources moved meanwhile."""
    found = []
    splits = _applied(np.array([base_us, at_us]), around.factors)
    for starts, closes in around.others.values():
        i, j = (int(np.searchsorted(starts, us)) for us in (base_us, at_us))
        if j < len(starts) and starts[i] == base_us and starts[j] == at_us and closes[i] > 0 and closes[j] > 0:
            found.append(math.log(closes[j] / closes[i]) + float(splits[1] - splits[0]))
    return found


def _judge_wicks(bars: Bars, reason: np.ndarray[Any, np.dtype[np.str_]]) -> None:
    """A high or a low that is out by a factor of a unit while open and close are not."""
    if (bars.low <= 0).any():
        return
    body_high, body_low = np.maximum(bars.open, bars.close), np.minimum(bars.open, bars.close)
    body = np.log(body_high / body_low)
    wick = np.maximum(np.log(bars.high / body_high), np.log(body_low / bars.low))
    digits = np.round(wick / _LN10)
    like = (digits >= _UNIT_DIGITS_MIN) & (np.abs(wick - digits * _LN10) <= _UNIT_TOLERANCE)
    inside = np.round(body / _LN10)  # the open in pounds, the close in pence
    mixed = (inside >= _UNIT_DIGITS_MIN) & (np.abs(body - inside * _LN10) <= _UNIT_TOLERANCE)
    reason[(like | mixed) & (reason == "")] = "unit_error"


def _stuck(bars: Bars, before: Bars) -> BoolArray:
    """Bars that repeat the one before so often that nobody can have traded them, from the last of so many on."""
    if bars.interval.seconds > Interval.D1.seconds:
        return np.zeros(len(bars), np.bool_)
    parts = [before, bars]
    columns = [np.concatenate([getattr(part, name) for part in parts]) for name in ("open", "high", "low", "close")]
    volume = np.concatenate([part.volume for part in parts])
    same = np.ones(max(len(volume) - 1, 0), np.bool_)
    for column in columns:
        same &= column[1:] == column[:-1]
    known = ~np.isnan(volume[1:])
    same &= np.where(known, (volume[1:] == volume[:-1]) & (volume[1:] > 0), np.isnan(volume[:-1]))
    flat = (columns[1] == columns[2])[1:]
    if not same.any():
        return np.zeros(len(bars), np.bool_)
    length = _run_lengths(same)  # repetitions up to here
    alive = np.cumsum(~same)  # steps before that changed something
    found = (length >= _STUCK_BARS - 1) & ~flat & known
    found |= (length >= _STUCK_UNKNOWN_BARS - 1) & ~flat
    found |= (length >= _STUCK_FLAT_BARS - 1) & flat & known
    found &= alive >= np.maximum(length, _KNOWN_BARS_MIN)  # a price that hardly ever moves is not stuck
    stuck: BoolArray = np.concatenate(([False], found))[len(parts[0]) :]
    return stuck


def _run_lengths(same: BoolArray) -> IntArray:
    """How many True end here."""
    count = np.cumsum(same)
    reset = np.maximum.accumulate(np.where(same, 0, count))
    lengths: IntArray = count - reset
    return lengths


def _applied(start: IntArray, factors: Sequence[Factor]) -> FloatArray:
    """What is added to the logarithm of a raw close for the splits that came after it."""
    total = np.zeros(len(start))
    for factor in factors:
        if factor.split_factor != 1.0:
            total += np.where(start < _after(factor.date), math.log(factor.split_factor), 0.0)
    return total


def _split_steps(start: IntArray, factors: Sequence[Factor]) -> list[tuple[int, float]]:
    """Where in the row of bars each split is, and how large a step it explains."""
    near_us = 2 * _SPLIT_BARS * 86_400_000_000
    return [
        (int(np.searchsorted(start, _after(factor.date))), abs(math.log(factor.split_factor)))
        for factor in factors
        if abs(math.log(factor.split_factor)) >= _SPLIT_STEP_MIN
        and start[0] - near_us <= _after(factor.date) <= start[-1] + near_us
    ]


def _after(date: dt.date) -> int:
    """The first microsecond that trades ex."""
    return int((date - dt.date(1970, 1, 1)).days + 1) * 86_400_000_000


def _deviation(sizes: FloatArray) -> float:
    """Robust, of steps around zero; 0 where there are too few."""
    return float(np.median(sizes)) * 1.4826 if len(sizes) >= _KNOWN_BARS_MIN else 0.0


def _least_step(interval: Interval) -> float:
    if interval.is_intraday:
        return _STEP_INTRADAY
    return _STEP_DAY if interval is Interval.D1 else _STEP_LONG

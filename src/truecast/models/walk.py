"""Random walks with a scale and a calibrated shape: what `naive`, `ewma_walk` and `vol_walk` have in common.

    x[t]          = log price, or the price itself for series that may be zero or negative
    z[t, h]       = (x[t + h] - x[t]) / (s[t, h] sqrt(h))                     past outcomes, in units of the expected
    x[T + h] at p = x[T] + h drift + s[T, h] sqrt(h) Q_h(p)                   Q_h and drift: models/calibrate.py

Flat histories: every spread gets FLOOR times the price per square root of a step added, in the form of PRIOR. To a
market that moves this is nothing; one that never moved gets an interval of a ten-millionth of its price, not none.
The scale has the same floor, and z a limit. A log series that meets a price <= 0 turns to differences.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.domain.forecast import Coverage, Skill
from truecast.domain.horizon import HorizonOutOfRange
from truecast.domain.interval import Interval
from truecast.domain.quantiles import STANDARD_LEVELS, Quantiles
from truecast.features.activity import Activity, activity_of
from truecast.features.frame import Frame
from truecast.features.returns import level, uses_differences
from truecast.kit.limits import HORIZON_STEPS_MAX
from truecast.models import losses, skill
from truecast.models.base import Model, Prediction, require_bars
from truecast.models.calibrate import PRIOR, Panel, anchors_for, at_horizons, shapes
from truecast.models.kept import SCALES, Scaled
from truecast.models.size import has_ranges, levels, sizes
from truecast.models.track import tracked

FLOOR = 1e-7  # of the price, per square root of a step
OUTCOME_MOST = 12.0  # scales: no sample tells more about what lies beyond
LOG_MOVE_MOST = 30.0  # a price is forecast to move by a factor of at most 1e13, so that it stays a number
RECORD_ORIGINS_MAX = 500  # coverage and skill are measured over the last so many one-step origins
RECORD_RENEWED = 10
_CELLS = 262_144  # series x bars whose scales are computed side by side
_SHAPED = 128  # series whose outcomes are, because these then fit the processor's cache


class Walk(Protocol):
    """A random walk: how its scale follows from the moves, and how much of the past shapes it."""

    @property
    def min_bars(self) -> int:
        """The shortest history."""

    @property
    def window(self) -> int:
        """Bars whose outcomes shape the distribution."""

    @property
    def burn(self) -> int:
        """Bars at the start whose scale is not yet worth dividing by."""

    @property
    def scaled(self) -> bool:
        """Whether the scale follows the market; if not, it is a constant, and moves stay in their own units."""

    @property
    def clocked(self) -> bool:
        """Whether intraday bars count by the activity of their time of day."""

    @property
    def ranged(self) -> bool:
        """Whether bars with highs and lows count by these (models/size.py), and not by their moves alone."""

    @property
    def tracking(self) -> float:
        """The step of the tracker of the tails (models/track.py); 0: none."""

    def parts(self, moved: FloatArray, state: object = None) -> tuple[FloatArray, object]:
        """The C components of the scale of one step, known at each bar, from absolute moves: (S, T) -> (C, S, T).

        And the state after the last bar: with it, `moved` are the bars that follow, and so are the components.
        """

    def mix(self, horizon: int) -> FloatArray:
        """Weights of the components at a horizon. (C,)"""

    def unit(self, x: FloatArray, at: IntArray) -> FloatArray:
        """The standard deviation of z to be expected before any outcome is known: (S, T) -> (S, len(at))."""


class Location(Protocol):
    """What is expected to come, of one series, as known at each of its bars (models/location)."""

    @property
    def shaping(self) -> bool:
        """Whether the shape is that of what is left of past moves; if not, that of whole moves is set around it."""

    @property
    def judged_from(self) -> int:
        """The first bar whose forecasts may be judged: before it, the location had seen what came."""

    def mu(self, origins: IntArray, horizons: IntArray) -> FloatArray:
        """Expected moves in the units of x. (O, H)"""

    def carried(self, frame: Frame, x: FloatArray) -> "Location":
        """The same for the frame that has more bars, without starting over."""


@dataclass(frozen=True, slots=True)
class FittedWalk:
    """One series' walk: everything a prediction needs."""

    walk: Walk
    reference: Walk  # the calibrated random walk that skill is measured against
    frame: Frame
    x: FloatArray  # (T,)
    parts: FloatArray  # (C, T)
    activity: Activity | None
    differences: bool
    location: Location | None = None
    state: object = None  # of the scale's recursion, after the last bar

    def update(self, new: Frame) -> "FittedWalk":
        """The same as fitting on everything so far and `new`; the recursions go on from where they are."""
        frame = self.frame.followed_by(new)
        if not self.differences and bool((new.close <= 0).any()):
            again = fit_walk(self.walk, self.reference, frame)
            return replace(again, location=self.location and self.location.carried(frame, again.x))
        x = np.concatenate([self.x, new.close if self.differences else np.log(new.close)])
        activity = activity_of(frame, x) if self.walk.clocked else None
        clocks = (activity,) if activity else ()
        moved = _moved(self.walk, [frame], x[None], clocks, differences=self.differences)
        more, state = self.walk.parts(moved[:, len(self.x) :], self.state)
        parts = np.concatenate([self.parts, more[:, 0]], axis=1)
        location = self.location and self.location.carried(frame, x)
        return FittedWalk(self.walk, self.reference, frame, x, parts, activity, self.differences, location, state)

    def predict(self, steps: int) -> Prediction:
        """Quantiles of the next `steps` closes, with the record of the same method one step ahead."""
        if not 1 <= steps <= HORIZON_STEPS_MAX:
            raise HorizonOutOfRange(horizon=steps, most=HORIZON_STEPS_MAX)
        values = self.quantiles(np.array([len(self.x) - 1]), np.arange(1, steps + 1))
        coverage, judged = self.record()
        return Prediction(Quantiles(values[0]), coverage, judged, mase_scale(self.frame.close))

    def record(self) -> tuple[tuple[Coverage, ...], Skill]:
        """Coverage and skill of one-step forecasts at the last origins, each from its own past.

        The scale is that of the origin; the shape is renewed at every RECORD_RENEWED-th origin only, which takes a
        tenth of the time and makes no visible difference.
        """
        first = max(self.walk.min_bars - 1, len(self.x) - 1 - RECORD_ORIGINS_MAX)
        first = max(first, self.location.judged_from if self.location else 0)
        origins = np.arange(first, len(self.x) - 1)
        if len(origins) == 0:
            return (), Skill("none", None, None, 0)
        one = np.array([1])
        outcome, q = self.frame.close[origins + 1], self.quantiles(origins, one, RECORD_RENEWED)[:, 0]
        coverage = tuple(
            Coverage(level, float(losses.inside(outcome, q, level).mean()), len(origins)) for level in STANDARD_LEVELS
        )
        least = FLOOR * (float(np.abs(self.frame.close).max()) or 1.0)  # what is smaller is the floor, not a forecast
        loss = np.maximum(losses.crps(outcome, q), least)
        if self.walk == self.reference and self.location is None:
            return coverage, skill.judge(loss, loss)
        reference = fit_walk(self.reference, self.reference, self.frame)
        q_reference = reference.quantiles(origins, one, RECORD_RENEWED)[:, 0]
        return coverage, skill.judge(loss, np.maximum(losses.crps(outcome, q_reference), least))

    def quantiles(self, origins: IntArray, horizons: IntArray, renewed: int = 1) -> FloatArray:
        """Price quantiles as they could be known at each origin, which sees nothing later than itself. (O, H, K)

        With `renewed` > 1 only every so many origins get a shape of their own; the others use the last one before.
        """
        clocks = (self.activity,) if self.activity else ()
        panel = _panel_of(
            self.walk,
            self.x[None],
            self.parts[:, None],
            clocks,
            differences=self.differences,
            slow=_slow(self.frame),
            location=self.location,
        )
        moves = _moves(self.walk, panel, clocks, origins, horizons, renewed=renewed, differences=self.differences)
        if self.location:
            moves += self.location.mu(origins, horizons)[..., None]
        return _prices(self.frame.close[origins], moves[0], differences=self.differences)


class WalkModel(Walk, Model, Protocol):
    """A walk that is a model by itself: a recipe inherits how it fits and predicts, and says how its scale follows."""

    @property
    def reference(self) -> Walk:
        """The calibrated random walk that skill is measured against."""

    def fit(self, frame: Frame) -> FittedWalk:
        """Learn from the frame."""
        require_bars(self, frame)
        return fit_walk(self, self.reference, frame)

    def fit_many(self, frames: Sequence[Frame]) -> list[FittedWalk]:
        """Learn from each frame."""
        return [self.fit(frame) for frame in frames]

    def predict_many(self, frames: Sequence[Frame], steps: int) -> FloatArray:
        """Quantiles of all frames at once. (S, steps, K)"""
        for frame in frames:
            require_bars(self, frame)
        return predict_panel(self, frames, steps)

    def walk(self, frame: Frame, origins: IntArray, horizons: IntArray) -> FloatArray:
        """What was predictable at each origin. (O, H, K)"""
        return self.fit(frame).quantiles(origins, horizons)


def fit_walk(walk: Walk, reference: Walk, frame: Frame) -> FittedWalk:
    """Learn from a frame."""
    x = level(frame)
    activity = activity_of(frame, x) if walk.clocked else None
    clocks, differences = (activity,) if activity else (), uses_differences(frame)
    parts, state = walk.parts(_moved(walk, [frame], x[None], clocks, differences=differences))
    return FittedWalk(walk, reference, frame, x, parts[:, 0], activity, differences, state=state)


def predict_panel(walk: Walk, frames: Sequence[Frame], steps: int) -> FloatArray:
    """The quantiles of `fit(frame).predict(steps)` of each frame, without the records; equal lengths go together.

    (S, steps, K). The fast way to forecast ten thousand series. What is said of a series is the same to the last bit
    whatever stands beside it: a forecast that was sealed in a round of many comes out when it is asked for alone.
    """
    groups = defaultdict(list)
    values = np.empty((len(frames), steps, len(PRIOR)))
    for i, kept in enumerate(SCALES.get(walk, frames)):
        if kept is not None and kept.quantiles is not None and len(kept.quantiles) >= steps:
            values[i] = kept.quantiles[:steps]
        else:
            frame = frames[i]
            groups[len(frame.close), uses_differences(frame), frame.interval].append(i)
    for (n_bars, differences, _), members in groups.items():
        most = max(1, _CELLS // n_bars)
        for first in range(0, len(members), most):
            rows = members[first : first + most]
            values[rows] = _panel(walk, [frames[i] for i in rows], steps, differences=differences)
    return values


def scale_at_end(walk: Walk, frame: Frame) -> Scaled:
    """What the scale of a forecast is made of at the frame's last bar: as it was forecast a moment ago, or anew."""
    (kept,) = SCALES.get(walk, [frame])
    if kept is not None:
        return kept
    parts, clocks = _scales(walk, [frame], level(frame)[None], differences=uses_differences(frame))
    return Scaled(parts[:, 0, -1].copy(), clocks[0] if clocks else None)


def _scales(
    walk: Walk, frames: Sequence[Frame], x: FloatArray, *, differences: bool
) -> tuple[FloatArray, list[Activity]]:
    """Components (C, S, T), and the business time of each frame where it counts."""
    clocks: list[Activity] = []
    if walk.clocked and frames[0].interval.is_intraday:
        found = (activity_of(frame, one) for frame, one in zip(frames, x, strict=True))
        clocks = [activity for activity in found if activity]
    return walk.parts(_moved(walk, frames, x, clocks, differences=differences))[0], clocks


def _panel(walk: Walk, frames: Sequence[Frame], steps: int, *, differences: bool) -> FloatArray:
    """Quantiles of frames of one length and interval. (S, steps, K)"""
    close = np.stack([frame.close for frame in frames])
    x = close if differences else np.log(close)
    parts, clocks = _scales(walk, frames, x, differences=differences)
    whole = _panel_of(walk, x, parts, clocks, differences=differences, slow=_slow(frames[0]))
    origins, horizons = np.array([x.shape[1] - 1]), np.arange(1, steps + 1)
    values = np.empty((len(frames), steps, len(PRIOR)))
    for first in range(0, len(frames), _SHAPED):
        rows = slice(first, first + _SHAPED)
        moves = _moves(walk, whole.of(rows), clocks[rows], origins, horizons, differences=differences)
        values[rows] = _prices(close[rows, -1], moves[:, 0], differences=differences)
    last = np.ascontiguousarray(parts[:, :, -1].T)
    said = values.copy()  # of what is given away nobody knows what becomes of it
    found = [Scaled(last[i], clocks[i] if clocks else None, said[i]) for i in range(len(frames))]
    SCALES.keep(walk, frames, found)
    return values


def _panel_of(
    walk: Walk,
    x: FloatArray,
    parts: FloatArray,
    clocks: Sequence[Activity],
    *,
    differences: bool,
    slow: bool,
    location: Location | None = None,
) -> Panel:
    """What outcomes are computed from."""
    parts, most = (np.maximum(parts, floor_of(x, differences)), OUTCOME_MOST) if walk.scaled else (parts, np.inf)
    time = np.stack([clock.time for clock in clocks]) if clocks else None
    expected = _expected(location, x.shape[1])
    panel = Panel(x, parts, walk.mix, walk.burn, most, time, expected, slow)
    return replace(panel, tracker=_tracker(walk, panel)) if walk.tracking else panel


def _moves(
    walk: Walk,
    panel: Panel,
    clocks: Sequence[Activity],
    origins: IntArray,
    horizons: IntArray,
    *,
    differences: bool,
    renewed: int = 1,
) -> FloatArray:
    """Quantiles of the moves after each origin, in the units of x; shapes of every `renewed`-th origin. (S, O, H, K)"""
    steps, shaped = anchors_for(int(horizons.max()))[-1], origins[::renewed]
    ahead = _ahead(clocks, origins, steps)
    unit = walk.unit(panel.x, shaped)
    learned = shapes(panel, unit, ahead[:, ::renewed], shaped, window=walk.window, horizon_most=int(horizons.max()))
    of = np.arange(len(origins)) // renewed
    known = np.stack([part[:, origins] for part in panel.parts], axis=-1)  # (S, O, C)
    scale = known @ np.stack([walk.mix(int(h)) for h in horizons], axis=-1)  # (S, O, H)
    root = np.sqrt(ahead[..., horizons - 1])
    moves = at_horizons(learned.shape, horizons)
    moves = moves if renewed == 1 else moves[:, of]
    moves += (floor_of(panel.x, differences)[:, origins, None] / scale)[..., None] * PRIOR
    moves *= (scale * root)[..., None]
    if learned.drift.any():
        moves += (learned.drift[:, of, None] * horizons)[..., None]
    return moves


def _slow(frame: Frame) -> bool:
    return frame.interval.seconds > Interval.W1.seconds


def _tracker(walk: Walk, panel: Panel) -> FloatArray:
    """What the tails' scale is multiplied by at each bar. (S, T)"""
    moved = np.abs(np.diff(panel.x, prepend=panel.x[:, :1]))
    if panel.time is not None:
        moved[:, 1:] /= np.sqrt(np.diff(panel.time))
    return tracked(moved, panel.scale(1, slice(None)), walk.tracking)


def _expected(location: Location | None, n_bars: int) -> Callable[[int], FloatArray] | None:
    """What outcomes are measured from, at each bar of the one series: (1, T); None: from its price."""
    if location is None or not location.shaping:
        return None
    bars = np.arange(n_bars)
    return lambda horizon: location.mu(bars, np.array([horizon])).T


def _moved(
    walk: Walk, frames: Sequence[Frame], x: FloatArray, clocks: Sequence[Activity], *, differences: bool
) -> FloatArray:
    """How large each bar was, per root of business time; 0 for the first bar. (S, T)"""
    factor = np.stack([clock.factor for clock in clocks]) if clocks else None
    if walk.ranged and any(has_ranges(frame) for frame in frames):
        return sizes(x, *levels(frames, differences=differences), factor)
    moved = np.empty_like(x)
    moved[..., 0] = 0.0
    np.subtract(x[..., 1:], x[..., :-1], out=moved[..., 1:])
    np.abs(moved, out=moved)
    return moved if factor is None else np.divide(moved, factor, out=moved)


def _ahead(clocks: Sequence[Activity], origins: IntArray, steps: int) -> FloatArray:
    """Business time from the origins to every step ahead; without clocks, the number of bars. (S or 1, O, steps)"""
    if clocks:
        return np.stack([clock.ahead(origins, steps) for clock in clocks])
    return np.broadcast_to(np.arange(1.0, steps + 1), (1, len(origins), steps))


def floor_of(x: FloatArray, differences: bool) -> FloatArray:
    """FLOOR of the largest price so far, in the units of x; FLOOR itself for a series that was always 0. (S, T)"""
    if not differences:
        return np.broadcast_to(FLOOR, x.shape)
    largest = np.maximum.accumulate(np.abs(x), axis=-1)
    return FLOOR * np.where(largest > 0, largest, 1.0)


def _prices(last: FloatArray, moves: FloatArray, *, differences: bool) -> FloatArray:
    """Moves (O, H, K) from the last prices (O,) made prices, in place; ascending whatever rounding did."""
    if differences:
        moves += last[:, None, None]
    else:
        if max(-moves[..., 0].min(), moves[..., -1].max()) > LOG_MOVE_MOST:
            np.clip(moves, -LOG_MOVE_MOST, LOG_MOVE_MOST, out=moves)
        np.exp(moves, out=moves)
        moves *= last[:, None, None]
    return np.maximum.accumulate(moves, axis=-1, out=moves)


def mase_scale(close: FloatArray) -> float:
    """Mean absolute one-step change, at least SCALE_FLOOR of the largest price (1 where the price was always 0)."""
    floor = losses.SCALE_FLOOR * float(np.abs(close).max(initial=0.0)) or 1.0
    return max(float(np.abs(np.diff(close)).mean()) if len(close) > 1 else 0.0, floor)

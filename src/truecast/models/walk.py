"""Random walks with a scale and a calibrated shape: what `naive` and `ewma_walk` have in common.

    x[t]          = log price, or the price itself for series that may be zero or negative
    z[t, h]       = (x[t + h] - x[t]) / (scale[t] sqrt(h))               past outcomes, in units of what was expected
    x[T + h] at p = x[T] + scale[T] sqrt(h) Q_h(p)                       Q_h: see models/calibrate.py

Flat histories: every spread gets FLOOR times the price per square root of a step added, in the form of PRIOR. To a
market that moves this is nothing; one that never moved gets an interval of a ten-millionth of its price, not none.
The scale has the same floor, so that z stays finite.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.domain.forecast import Coverage, Skill
from truecast.domain.horizon import HorizonOutOfRange
from truecast.domain.quantiles import STANDARD_LEVELS, Quantiles
from truecast.features.frame import Frame
from truecast.kit.limits import HORIZON_STEPS_MAX
from truecast.models import losses, skill
from truecast.models.base import Prediction
from truecast.models.calibrate import PRIOR, at_horizons, shapes

FLOOR = 1e-7  # of the price, per square root of a step
RECORD_ORIGINS_MAX = 500  # coverage and skill are measured over the last so many one-step origins


class Walk(Protocol):
    """A random walk: how its scale follows from the moves, and how much of the past shapes it."""

    @property
    def min_bars(self) -> int:
        """The shortest history."""

    @property
    def window(self) -> int:
        """Outcomes per horizon that shape the distribution."""

    @property
    def burn(self) -> int:
        """Bars at the start whose scale is not yet worth dividing by."""

    def scale(self, x: FloatArray) -> FloatArray:
        """The scale of one step, known at each bar: (S, T) -> (S, T), not floored."""

    def unit(self, x: FloatArray) -> FloatArray:
        """The standard deviation to be expected of z, known at each bar: (S, T) -> (S, T)."""


@dataclass(frozen=True, slots=True)
class FittedWalk:
    """One series' walk: everything a prediction needs."""

    walk: Walk
    reference: Walk  # the calibrated random walk that skill is measured against
    frame: Frame
    x: FloatArray  # (T,)
    scale: FloatArray  # (T,) floored
    differences: bool

    def update(self, new: Frame) -> "FittedWalk":
        """The same as fitting on everything so far and `new`."""
        return fit_walk(self.walk, self.reference, self.frame.followed_by(new))

    def predict(self, steps: int) -> Prediction:
        """Quantiles of the next `steps` closes, with the record of the same method one step ahead."""
        if not 1 <= steps <= HORIZON_STEPS_MAX:
            raise HorizonOutOfRange(horizon=steps, most=HORIZON_STEPS_MAX)
        values = self.quantiles(np.array([len(self.x) - 1]), np.arange(1, steps + 1))
        coverage, judged = self.record()
        return Prediction(Quantiles(values[0]), coverage, judged, mase_scale(self.frame.close))

    def record(self) -> tuple[tuple[Coverage, ...], Skill]:
        """Coverage and skill of one-step forecasts at the last origins, each from its own past."""
        first = max(self.walk.min_bars - 1, len(self.x) - 1 - RECORD_ORIGINS_MAX)
        origins = np.arange(first, len(self.x) - 1)
        if len(origins) == 0:
            return (), Skill("none", None, None, 0)
        outcome, one = self.frame.close[origins + 1], np.array([1])
        q = self.quantiles(origins, one)[:, 0]
        coverage = tuple(
            Coverage(level, float(losses.inside(outcome, q, level).mean()), len(origins)) for level in STANDARD_LEVELS
        )
        reference = fit_walk(self.reference, self.reference, self.frame)
        q_reference = reference.quantiles(origins, one)[:, 0]
        return coverage, skill.judge(losses.crps(outcome, q), losses.crps(outcome, q_reference))

    def quantiles(self, origins: IntArray, horizons: IntArray) -> FloatArray:
        """Price quantiles as they could be known at each origin, which sees nothing later than itself. (O, H, K)"""
        x, walk = self.x[None], self.walk
        shape = shapes(
            x,
            self.scale[None],
            walk.unit(x),
            origins,
            window=walk.window,
            burn=walk.burn,
            horizon_most=int(horizons.max()),
        )[0]
        spread = np.sqrt(horizons)[:, None]
        moves = self.scale[origins, None, None] * spread * at_horizons(shape, horizons)
        moves += floor_of(self.x[None], self.differences)[0][origins, None, None] * spread * PRIOR
        return prices(self.frame.close[origins], moves, differences=self.differences)


def fit_walk(walk: Walk, reference: Walk, frame: Frame) -> FittedWalk:
    """Learn from a frame."""
    differences = frame.signed or bool((frame.close <= 0).any())
    x = frame.close if differences else np.log(frame.close)
    scale = np.maximum(walk.scale(x[None]), floor_of(x[None], differences))[0]
    return FittedWalk(walk, reference, frame, x, scale, differences)


def floor_of(x: FloatArray, differences: bool) -> FloatArray:
    """FLOOR of the largest price so far, in the units of x; FLOOR itself for a series that was always 0. (S, T)"""
    if not differences:
        return np.full_like(x, FLOOR)
    largest = np.maximum.accumulate(np.abs(x), axis=-1)
    return FLOOR * np.where(largest > 0, largest, 1.0)


def prices(last: FloatArray, moves: FloatArray, *, differences: bool) -> FloatArray:
    """Moves (O, H, K) from the last prices (O,) in price units, ascending whatever rounding did."""
    anchor = last[:, None, None]
    values = anchor + moves if differences else anchor * np.exp(moves)
    return np.maximum.accumulate(values, axis=-1)


def mase_scale(close: FloatArray) -> float:
    """Mean absolute one-step change, at least SCALE_FLOOR of the largest price (1 where the price was always 0)."""
    floor = losses.SCALE_FLOOR * float(np.abs(close).max(initial=0.0)) or 1.0
    return max(float(np.abs(np.diff(close)).mean()) if len(close) > 1 else 0.0, floor)

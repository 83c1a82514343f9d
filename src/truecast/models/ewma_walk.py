"""Driftless random walk with EWMA volatility and empirical shocks: the floor every model must beat.

    s[t, h] = (1 - w(h)) v12[t] + w(h) v600[t]            v: EWMA of |move|, half-life 12 and 600 bars
    w(h)    = 0.10 + 0.06 log h, at most 0.5              far ahead, volatility returns to its long-run level
    x[T + h] at p = x[T] + h drift + s[T, h] sqrt(h) Q_h(p)

Intraday, moves and horizons are in business time (features/activity.py): a bar counts by what its time of day brings.
Q_h are the quantiles of past outcomes in units of s sqrt(h), so fat tails, drift and the failure of sqrt(h) come from
the data. RiskMetrics (1996) for the EWMA; absolute instead of squared moves because one shock then says less about
the days after it (Taylor 1986), and a slow part in place of the constant of GARCH. Half-lives and weights were chosen
on validation data (research/LOG.md) and are the same for every market.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.models.calibrate import PRIOR_MEAN_ABS
from truecast.models.naive import Naive
from truecast.models.scale.recursion import means_on
from truecast.models.walk import WalkModel

_BARS = 64  # of many series worked on at once: what lies side by side stays in the processor's cache


@dataclass(frozen=True, slots=True)
class EwmaWalk(WalkModel):
    """The recipe."""

    name: str = "ewma_walk"
    version: str = "6"
    description: str = "Random walk with EWMA volatility and calibrated empirical shocks"
    feature_set: str = "walk/1"
    min_bars: int = 30
    window: int = 1000
    burn: int = 15
    scaled: bool = True
    clocked: bool = True
    ranged: bool = True
    tracking: float = 0.0
    half_life: float = 12.0
    half_life_slow: float = 600.0
    slow_one: float = 0.10  # weight of the slow part one step ahead
    slow_rise: float = 0.06  # and what it gains when the horizon grows e-fold
    slow_most: float = 0.5
    reference: Naive = field(default_factory=Naive)

    def parts(self, moved: FloatArray, state: object = None) -> tuple[FloatArray, object]:
        """Mean absolute moves by half-life. (C, S, T)"""
        return _went_on(moved, (self.half_life, self.half_life_slow), state if isinstance(state, _State) else None)

    def mix(self, horizon: int) -> FloatArray:
        """w(h) on the slow part."""
        slow = min(self.slow_one + self.slow_rise * math.log(horizon), self.slow_most)
        return np.array([1 - slow, slow])

    def unit(self, x: FloatArray, at: IntArray) -> FloatArray:
        """Outcomes are in units of the mean absolute move."""
        return np.full((len(x), len(at)), 1 / PRIOR_MEAN_ABS)


@dataclass(frozen=True, slots=True)
class _State:
    bars: int
    sums: FloatArray  # (C, S) after the last of them


def ewma(values: FloatArray, half_life: FloatArray) -> FloatArray:
    """Exponentially weighted means of values[:, 1 … t], weights summing to 1 from the first bar on. (S, T) -> (C, S, T)

    values[:, 0] belongs to no move and must be 0; the mean there is 0.
    """
    return _went_on(values, tuple(half_life.tolist()), None)[0]


def _went_on(values: FloatArray, half_lives: tuple[float, ...], state: _State | None) -> tuple[FloatArray, _State]:
    """The means of more bars, and the state after them."""
    n_series, n_bars = values.shape
    state = state or _State(0, np.zeros((len(half_lives), n_series)))
    means = np.empty((len(half_lives), n_series, n_bars))
    rows = n_bars if n_series == 1 else _BARS
    for first in range(0, n_bars, rows):
        some = values[:, first : first + rows].T
        both, sums = np.empty((len(some), *state.sums.shape)), state.sums
        both[:] = some[:, None]
        both, sums = means_on(both, half_lives, state.bars, sums)
        means[:, :, first : first + rows] = both.transpose(1, 2, 0)
        state = _State(state.bars + len(some), sums)
    return means, state

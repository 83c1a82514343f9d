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
from truecast.models.walk import WalkModel

_BLOCK = 32  # bars filtered by one matrix product


@dataclass(frozen=True, slots=True)
class EwmaWalk(WalkModel):
    """The recipe."""

    name: str = "ewma_walk"
    version: str = "4"
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
        half_lives = np.array([self.half_life, self.half_life_slow])
        means = _went_on(moved, half_lives, state) if isinstance(state, _State) else ewma(moved, half_lives)
        before = state.bars if isinstance(state, _State) else 0
        return means, _State(before + moved.shape[1], means[..., -1])

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
    means: FloatArray  # (C, S) after the last of them


def _went_on(moved: FloatArray, half_life: FloatArray, state: _State) -> FloatArray:
    """The recursion of `ewma` from where it is."""
    decay = 2.0 ** (-1.0 / half_life)[:, None]
    more = np.empty((len(decay), *moved.shape))
    mean = state.means
    for t in range(moved.shape[1]):
        bar = state.bars + t
        mass_before, mass = 1 - decay ** max(bar - 1, 1), 1 - decay ** max(bar, 1)
        mean = (decay * mass_before * mean + (1 - decay) * moved[:, t]) / mass
        more[..., t] = mean
    return more


def ewma(values: FloatArray, half_life: FloatArray) -> FloatArray:
    """Exponentially weighted means of values[:, 1 … t], weights summing to 1 from the first bar on. (S, T) -> (C, S, T)

    values[:, 0] belongs to no move and must be 0; the mean there is 0.
    """
    decay = 2.0 ** (-1.0 / half_life)[:, None]  # (C, 1)
    n_series, n_bars = values.shape
    lag = np.arange(_BLOCK) - np.arange(_BLOCK)[:, None]
    kernel = np.where(lag >= 0, decay[..., None] ** np.maximum(lag, 0), 0.0) * (1 - decay[..., None])  # (C, from, to)
    fade = decay ** np.arange(1, _BLOCK + 1)
    mass = 1 - decay ** np.maximum(np.arange(n_bars), 1)
    mean, carry = np.empty((len(decay), n_series, n_bars)), np.zeros((len(decay), n_series))
    for first in range(0, n_bars, _BLOCK):
        block = values[:, first : first + _BLOCK]
        size = block.shape[1]
        for c in range(len(decay)):
            total = block @ kernel[c, :size, :size]
            total += carry[c, :, None] * fade[c, :size]
            carry[c] = total[:, -1]
            np.divide(total, mass[c, first : first + size], out=mean[c, :, first : first + size])
    return mean

"""Driftless random walk with EWMA volatility and empirical shocks: the floor every model must beat.

    s2[t] = sum over half-lives of weight x EWMA of squared moves up to t
    x[T + h] at p = x[T] + s[T] sqrt(h) Q_h(p)

Q_h are the quantiles of past outcomes in units of s sqrt(h), so fat tails, drift and the failure of sqrt(h) come from
the data. RiskMetrics (1996) for the EWMA; its slow part keeps the scale from collapsing in calm.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.features.frame import Frame
from truecast.models.base import require_bars
from truecast.models.naive import Naive
from truecast.models.walk import FittedWalk, fit_walk

_BLOCK = 64  # bars filtered by one matrix product


@dataclass(frozen=True, slots=True)
class EwmaWalk:
    """The recipe."""

    name: str = "ewma_walk"
    version: str = "1"
    description: str = "Random walk with EWMA volatility and calibrated empirical shocks"
    feature_set: str = "walk/1"
    min_bars: int = 30
    window: int = 1000
    burn: int = 15
    half_lives: tuple[float, ...] = (8.0, 25.0, 100.0)
    weights: tuple[float, ...] = (0.3, 0.4, 0.3)

    def fit(self, frame: Frame) -> FittedWalk:
        """Learn from the frame."""
        require_bars(self, frame)
        return fit_walk(self, Naive(), frame)

    def fit_many(self, frames: Sequence[Frame]) -> list[FittedWalk]:
        """Each on its own."""
        return [self.fit(frame) for frame in frames]

    def walk(self, frame: Frame, origins: IntArray, horizons: IntArray) -> FloatArray:
        """What was predictable at each origin. (O, H, K)"""
        return self.fit(frame).quantiles(origins, horizons)

    def scale(self, x: FloatArray) -> FloatArray:
        """Root of the blended EWMA variances. (S, T)"""
        squared = np.diff(x, axis=-1, prepend=x[:, :1]) ** 2
        parts = zip(self.weights, self.half_lives, strict=True)
        return np.sqrt(sum((w * ewma(squared, half_life) for w, half_life in parts), np.zeros_like(x)))

    def unit(self, x: FloatArray) -> FloatArray:
        """Outcomes are already in units of the scale."""
        return np.ones_like(x)


def ewma(values: FloatArray, half_life: float) -> FloatArray:
    """Exponentially weighted mean of values[:, 1..t], weights summing to 1 from the first bar on. (S, T)

    The first value of a series has no move before it and does not count; its own mean is 0.
    """
    decay = 2.0 ** (-1.0 / half_life)
    n_series, n_bars = values.shape
    lag = np.arange(_BLOCK)[:, None] - np.arange(_BLOCK)
    kernel = np.where(lag >= 0, decay ** np.maximum(lag, 0), 0.0) * (1 - decay)
    fade = decay ** np.arange(1, _BLOCK + 1)
    total, carry = np.empty_like(values), np.zeros((n_series, 1))
    for first in range(0, n_bars, _BLOCK):
        block = values[:, first : first + _BLOCK]
        size = block.shape[1]
        total[:, first : first + size] = block @ kernel[:size, :size].T + carry * fade[:size]
        carry = total[:, first + size - 1 : first + size]
    mass = 1 - decay ** np.maximum(np.arange(n_bars), 1)
    return np.asarray(total / mass)

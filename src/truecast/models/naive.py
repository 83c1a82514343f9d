"""The calibrated random walk: the last price, and the quantiles of past moves over as many steps. Skill starts here.

    x[T + h] at p = x[T] + the p-quantile of the last 500 moves over h steps

No volatility model: the spread is that of the last 500 bars, so it answers slowly to calm and storm. Horizons between
anchors and those beyond the history follow the rules of models/calibrate.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.features.frame import Frame
from truecast.models.base import require_bars
from truecast.models.walk import FittedWalk, fit_walk


@dataclass(frozen=True, slots=True)
class Naive:
    """The recipe."""

    name: str = "naive"
    version: str = "1"
    description: str = "Calibrated random walk: the last price and the spread of past moves"
    feature_set: str = "walk/1"
    min_bars: int = 30
    window: int = 500
    burn: int = 0

    def fit(self, frame: Frame) -> FittedWalk:
        """Learn from the frame."""
        require_bars(self, frame)
        return fit_walk(self, self, frame)

    def fit_many(self, frames: Sequence[Frame]) -> list[FittedWalk]:
        """Each on its own."""
        return [self.fit(frame) for frame in frames]

    def walk(self, frame: Frame, origins: IntArray, horizons: IntArray) -> FloatArray:
        """What was predictable at each origin. (O, H, K)"""
        return self.fit(frame).quantiles(origins, horizons)

    def scale(self, x: FloatArray) -> FloatArray:
        """None: moves are kept in their own units."""
        return np.ones_like(x)

    def unit(self, x: FloatArray) -> FloatArray:
        """Root mean square of the last `window` moves."""
        total = np.cumsum(np.diff(x, axis=-1, prepend=x[:, :1]) ** 2, axis=-1)
        count = np.arange(x.shape[-1], dtype=np.float64)
        total[:, self.window :] -= total[:, : -self.window].copy()
        return np.sqrt(np.maximum(total, 0.0) / np.clip(count, 1, self.window))

"""The calibrated random walk: the last price, and the quantiles of past moves over as many steps. Skill starts here.

    x[T + h] at p = x[T] + the p-quantile of the moves over h steps known in the last 500 bars

No volatility model: the spread is that of the last 500 bars, so it answers slowly to calm and storm. Where moves are
few, lean or drift, the rules of models/calibrate.py hold.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.features.frame import Frame
from truecast.models.base import require_bars
from truecast.models.walk import FittedWalk, fit_walk, predict_panel


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
    scaled: bool = False
    clocked: bool = False
    ranged: bool = False

    def fit(self, frame: Frame) -> FittedWalk:
        """Learn from the frame."""
        require_bars(self, frame)
        return fit_walk(self, self, frame)

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

    def parts(self, moved: FloatArray) -> FloatArray:
        """One: moves are kept in their own units."""
        return np.ones((1, *moved.shape))

    def extended(self, parts: FloatArray, moved: FloatArray) -> FloatArray:  # noqa: ARG002 the contract's names
        """Still one."""
        return np.ones((1, len(moved)))

    def mix(self, horizon: int) -> FloatArray:  # noqa: ARG002 the same at all
        """One."""
        return np.ones(1)

    def unit(self, x: FloatArray, at: IntArray) -> FloatArray:
        """Root mean square of the last `window` moves."""
        squared = np.diff(x, axis=-1, prepend=x[:, :1]) ** 2
        total = np.concatenate([np.zeros((len(x), 1)), np.cumsum(squared, axis=-1)], axis=-1)
        spent = np.maximum(at + 1 - self.window, 0)
        return np.asarray(np.sqrt(np.maximum(total[:, at + 1] - total[:, spent], 0.0) / np.clip(at, 1, self.window)))

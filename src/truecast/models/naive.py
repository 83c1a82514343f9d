"""The calibrated random walk: the last price, and the quantiles of past moves over as many steps. Skill starts here.

    x[T + h] at p = x[T] + the p-quantile of the moves over h steps known in the last 500 bars

No volatility model: the spread is that of the last 500 bars, so it answers slowly to calm and storm. Where moves are
few, lean or drift, the rules of models/calibrate.py hold.
"""

from dataclasses import dataclass

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.models.walk import WalkModel


@dataclass(frozen=True, slots=True)
class Naive(WalkModel):
    """The recipe."""

    name: str = "naive"
    version: str = "4"
    description: str = "Calibrated random walk: the last price and the spread of past moves"
    feature_set: str = "walk/1"
    min_bars: int = 30
    window: int = 500
    burn: int = 0
    scaled: bool = False
    clocked: bool = False
    ranged: bool = False
    tracking: float = 0.0

    @property
    def reference(self) -> "Naive":
        """Itself."""
        return self

    def parts(self, moved: FloatArray, state: object = None) -> tuple[FloatArray, object]:
        """One: moves are kept in their own units."""
        return np.ones((1, *moved.shape)), state

    def mix(self, horizon: int) -> FloatArray:  # noqa: ARG002 the same at all
        """One."""
        return np.ones(1)

    def unit(self, x: FloatArray, at: IntArray) -> FloatArray:
        """Root mean square of the last `window` moves."""
        squared = np.diff(x, axis=-1, prepend=x[:, :1]) ** 2
        total = np.concatenate([np.zeros((len(x), 1)), np.cumsum(squared, axis=-1)], axis=-1)
        spent = np.maximum(at + 1 - self.window, 0)
        return np.asarray(np.sqrt(np.maximum(total[:, at + 1] - total[:, spent], 0.0) / np.clip(at, 1, self.window)))

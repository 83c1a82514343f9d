"""Random walk with drift: the average of past moves goes on, as far as it is proven.

    mu[t, h] = h m t2 / (1 + t2)             m: mean of the last WINDOW moves, t2: its squared t-statistic

Moves are those of path.py, so that no single one makes a trend.
"""

from dataclasses import dataclass

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.features.frame import Frame
from truecast.kit.limits import HORIZON_STEPS_MAX
from truecast.models.location.path import Path, path_of

WINDOW = 500
_TINY = np.finfo(np.float64).tiny


@dataclass(frozen=True, slots=True)
class Drift:
    """The recipe."""

    name: str = "drift"
    version: str = "1"
    description: str = "Random walk with drift: the average of past moves goes on, as far as it is proven"
    feature_set: str = "walk/1"
    min_bars: int = 30
    horizon_max: int = HORIZON_STEPS_MAX

    def fit(self, frame: Frame, x: FloatArray) -> "FittedDrift":  # noqa: ARG002 the contract's names
        """Learn from the level."""
        path = path_of(x)
        return FittedDrift(path, drift_of(path.y))


@dataclass(frozen=True, slots=True)
class FittedDrift:
    """Of one series."""

    path: Path
    drift: FloatArray  # (T,) per step
    shaping: bool = True
    judged_from: int = 0

    def mu(self, origins: IntArray, horizons: IntArray) -> FloatArray:
        """Expected moves. (O, H)"""
        return self.path.bounded(self.drift[origins, None] * horizons, origins, horizons)

    def carried(self, frame: Frame, x: FloatArray) -> "FittedDrift":
        """Two running sums over the frame."""
        return Drift().fit(frame, x)


def drift_of(y: FloatArray) -> FloatArray:
    """The proven drift per step at each bar of a path. (T,)"""
    move = np.diff(y, prepend=y[:1])
    bars = np.arange(len(y))
    n = np.clip(bars, 1, WINDOW)
    mean = (y - y[np.maximum(bars - WINDOW, 0)]) / n
    total = np.cumsum(move**2)
    squared = (total - np.where(bars > WINDOW, total[np.maximum(bars - WINDOW, 0)], 0.0)) / n
    noise = np.maximum(squared - mean**2, 0.0) / n
    return np.asarray(mean * mean**2 / np.maximum(mean**2 + noise, _TINY))

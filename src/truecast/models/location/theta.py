"""The optimised theta method: smoothing, and a part of the long trend.

    expected y[t + h] = l[t] + (1 - 1/theta) ((1-a)^t A[t] + (1 - (1-a)^(t+1)) / a B[t] + (h - 1) B[t])

l: simple smoothing with gain a, A and B: intercept and slope of the line through all bars so far. Assimakopoulos and
Nikolopoulos (2000); Fiorucci et al. (2016). The gain and theta by statsforecast, on the schedule of schedule.py; the
line is drawn anew at every bar.
"""

from dataclasses import asdict, dataclass

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.domain.interval import Interval
from truecast.features.frame import Frame
from truecast.kit.limits import HORIZON_STEPS_MAX
from truecast.models.heavy import library
from truecast.models.location.estimates import Remembered, require_library
from truecast.models.location.schedule import Scheduled, rounded, scheduled
from truecast.models.location.space import Space


@dataclass(frozen=True, slots=True)
class Theta:
    """The recipe."""

    name: str = "theta"
    version: str = "1"
    description: str = "Optimised theta method: smoothing, and a part of the long trend"
    feature_set: str = "walk/1"
    min_bars: int = 30
    horizon_max: int = HORIZON_STEPS_MAX

    def fit(self, frame: Frame, x: FloatArray) -> Scheduled:
        """Learn from the level; raises ModelUnavailable without statsforecast."""
        require_library(self.name)
        return scheduled(ESTIMATE, frame, x)


@dataclass(frozen=True, slots=True, eq=False)
class ThetaLines:
    """With its parameters. `trend` is 1 - 1/theta."""

    gain: float
    trend: float
    first: float

    def read(self, y: FloatArray, known: FloatArray | None) -> FloatArray:
        """Level, intercept and slope. (T, 3)"""
        one = np.ones((1, 1))
        smooth = Space(one, one[0], np.array([self.gain]), np.array([self.first]))
        level = smooth.filtered(y, None if known is None else known[:, :1])
        return np.column_stack([level, *lines(y)])

    def ahead(self, memory: FloatArray, y: FloatArray, bars: IntArray, horizons: IntArray) -> FloatArray:
        """Expected moves. (O, H)"""
        level, intercept, slope = memory.T
        left = (1 - self.gain) ** bars
        once = left * intercept + (1 - left * (1 - self.gain)) / self.gain * slope
        more = slope[:, None] * (horizons - 1)
        return np.asarray((level - y)[:, None] + self.trend * (once[:, None] + more))


def lines(y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Intercept at bar 0 (the first is 1) and slope of the least-squares line through the first t bars. ((T,), (T,))"""
    n = np.arange(1.0, len(y) + 1)
    mean, moment = np.cumsum(y) / n, np.cumsum(n * y)
    slope = (moment - n * (n + 1) / 2 * mean) / np.maximum(n * (n * n - 1) / 12, 0.5)
    return mean - slope * (n + 1) / 2, slope


def estimated(y: FloatArray, interval: Interval) -> ThetaLines | None:  # noqa: ARG001 the same for all
    """Gain and theta of least squares; None when there is no optimum."""
    theta = library("statsforecast.theta", "theta")
    free = float("nan")
    try:
        found = theta.thetamodel(y, 1, "OTM", initial_smoothed=free, alpha=free, theta=free, nmse=3)["par"]
    except (ValueError, ArithmeticError):
        return None
    gain, trend, first = rounded([found["alpha"], 1 - 1 / found["theta"], found["initial_smoothed"]]).tolist()
    return ThetaLines(gain, trend, first) if np.isfinite([gain, trend, first]).all() and gain > 0 else None


ESTIMATE = Remembered("theta", Theta().version, estimated, asdict, lambda said: ThetaLines(**said))

"""Exponential smoothing: a level, a damped trend where it pays, and seasons in monthly and quarterly statistics.

    ANN, AAdN, ANA, AAdA of Hyndman et al. (2002) on the path of logs, so that what is added here multiplies there

Parameters by statsforecast (maximum likelihood, chosen by AICc), on the schedule of schedule.py; recursions are ours.
"""

from dataclasses import dataclass

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.domain.interval import Interval
from truecast.features.frame import Frame
from truecast.kit.limits import HORIZON_STEPS_MAX
from truecast.models.heavy import library
from truecast.models.location.estimates import Remembered, require_library
from truecast.models.location.schedule import Scheduled, rounded, scheduled
from truecast.models.location.space import Space, read_space

SEASONS = {Interval.MO1: 12, Interval.Q1: 4}
_YEARS_MIN = 4  # of seasons before they are looked for


@dataclass(frozen=True, slots=True)
class Ets:
    """The recipe."""

    name: str = "ets"
    version: str = "1"
    description: str = "Exponential smoothing with damped trend and seasons, chosen by AICc"
    feature_set: str = "walk/1"
    min_bars: int = 30
    horizon_max: int = HORIZON_STEPS_MAX

    def fit(self, frame: Frame, x: FloatArray) -> Scheduled:
        """Learn from the level; raises ModelUnavailable without statsforecast."""
        require_library(self.name)
        return scheduled(ESTIMATE, frame, x)


@dataclass(frozen=True, slots=True, eq=False)
class Smoothing:
    """With its parameters."""

    space: Space

    def read(self, y: FloatArray, known: FloatArray | None) -> FloatArray:
        """States. (T, C)"""
        return self.space.filtered(y, known)

    def ahead(self, memory: FloatArray, y: FloatArray, bars: IntArray, horizons: IntArray) -> FloatArray:  # noqa: ARG002
        """Expected moves. (O, H)"""
        return self.space.ahead(memory, horizons) - y[:, None]


def estimated(y: FloatArray, interval: Interval) -> Smoothing | None:
    """The best of the candidates by AICc; None when none could be fitted."""
    period = SEASONS.get(interval, 1)
    kinds = [("ANN", 1), ("AAN", 1)]
    if period > 1 and len(y) >= _YEARS_MIN * period:
        kinds += [("ANA", period), ("AAA", period)]
    found = [fit for fit in (_fitted(y, kind, m) for kind, m in kinds) if fit is not None]
    if not found:
        return None
    return Smoothing(min(found, key=lambda one: one[0])[1])


def _fitted(y: FloatArray, kind: str, period: int) -> tuple[float, Space] | None:
    ets = library("statsforecast.ets", "ets")
    trend, seasonal = kind[1] == "A", kind[2] == "A"
    try:
        fit = ets.ets_f(y, period, model=kind, damped=True if trend else None)
    except (ValueError, ArithmeticError, IndexError, KeyError):  # too short, or no optimum: not a candidate
        return None
    alpha, beta, gamma, phi = (float(v) if np.isfinite(v) else 0.0 for v in rounded(fit["par"][:4]))
    first = rounded(np.asarray(fit["states"])[0])
    score = float(fit["aicc"])
    if not (np.isfinite(score) and np.isfinite(first).all()):
        return None
    return score, space_of(alpha, beta if trend else None, gamma if seasonal else None, phi, first)


def space_of(alpha: float, beta: float | None, gamma: float | None, phi: float, first: FloatArray) -> Space:
    """States are the level, the trend, and the seasons, latest first."""
    size = len(first)
    transition, reading, gain = np.zeros((size, size)), np.zeros(size), np.zeros(size)
    transition[0, 0] = reading[0] = 1.0
    gain[0] = alpha
    season = 1
    if beta is not None:
        transition[:2, 1] = reading[1] = phi
        gain[1] = beta
        season = 2
    if gamma is not None:
        reading[-1] = 1.0
        transition[season, -1] = 1.0
        transition[np.arange(season + 1, size), np.arange(season, size - 1)] = 1.0
        gain[season] = gamma
    return Space(transition, reading, gain, first)


ESTIMATE = Remembered(
    "ets", Ets().version, estimated, lambda found: found.space.plain(), lambda said: Smoothing(read_space(said))
)

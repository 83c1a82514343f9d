"""ARIMA(p, 1, q) with up to two lags: short memory of moves, where there is any.

    u[t] = sum phi[i] u[t-i] + sum theta[j] e[t-j] + e[t]        u: move of the path less its mean c

Orders (0,0) … (2,0) by AICc. A mean is one from PROOF standard errors on, as in the walks (models/calibrate.py): AICc
is content with one and a half, and then a price index rises at the rate of its last two years for ever. Coefficients
by statsforecast (conditional sum of squares), on the schedule of schedule.py; recursions are ours.
"""

import math
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

ORDERS = ((1, 0), (0, 1), (2, 0), (1, 1))
PROOF = 4.0
_STABLE = 0.98  # the largest root: beyond it, what was long ago would count for ever


@dataclass(frozen=True, slots=True)
class Arima:
    """The recipe."""

    name: str = "arima"
    version: str = "2"
    description: str = "ARIMA on moves, orders chosen by AICc"
    feature_set: str = "walk/1"
    min_bars: int = 30
    horizon_max: int = HORIZON_STEPS_MAX

    def fit(self, frame: Frame, x: FloatArray) -> Scheduled:
        """Learn from the level; raises ModelUnavailable without statsforecast."""
        require_library(self.name)
        return scheduled(ESTIMATE, frame, x)


@dataclass(frozen=True, slots=True, eq=False)
class Moves:
    """With its coefficients. Of `space`, whose y are moves less their mean."""

    space: Space
    mean: float

    def read(self, y: FloatArray, known: FloatArray | None) -> FloatArray:
        """States. (T, C)"""
        move = np.diff(y, prepend=y[:1]) - self.mean
        move[0] = 0.0
        return self.space.filtered(move, known)

    def ahead(self, memory: FloatArray, y: FloatArray, bars: IntArray, horizons: IntArray) -> FloatArray:  # noqa: ARG002
        """Expected moves. (O, H)"""
        every = np.arange(1, int(horizons.max()) + 1)
        moved = np.cumsum(self.space.ahead(memory, every) + self.mean, axis=1)
        return np.asarray(moved[:, horizons - 1])


def estimated(y: FloatArray, interval: Interval) -> Moves:  # noqa: ARG001 the same for all
    """The best of the candidates by AICc."""
    move = np.diff(y)
    n, mean = len(move), float(move.mean())
    with_mean = mean * mean * n > PROOF**2 * float(move.var())
    mean = float(rounded(mean)) if with_mean else 0.0
    best, chosen = _aicc(n, float(((move - mean) ** 2).mean()), 1 + with_mean), space_of((), ())
    for p, q in ORDERS:
        found = _fitted(move - mean, p, q)
        if found is None:
            continue
        phi, theta, variance = found
        score = _aicc(n, variance, 1 + with_mean + p + q)
        if score < best:
            best, chosen = score, space_of(phi, theta)
    return Moves(chosen, mean)


def _fitted(move: FloatArray, p: int, q: int) -> tuple[tuple[float, ...], tuple[float, ...], float] | None:
    arima = library("statsforecast.arima", "arima")
    try:
        fit = arima.arima(move, (p, 0, q), method="CSS", include_mean=False)
    except (ValueError, ArithmeticError, IndexError):
        return None
    phi = tuple(rounded([fit["coef"][f"ar{i + 1}"] for i in range(p)]).tolist())
    theta = tuple(rounded([fit["coef"][f"ma{j + 1}"] for j in range(q)]).tolist())
    variance = float(fit["sigma2"])
    if not np.isfinite([*phi, *theta, variance]).all() or max(_root(phi), _root([-v for v in theta])) > _STABLE:
        return None
    return phi, theta, variance


def _root(coefficients: tuple[float, ...] | list[float]) -> float:
    """The largest root of z^p - c1 z^(p-1) - …, in absolute value."""
    return float(np.abs(np.roots([1.0, *(-c for c in coefficients)])).max(initial=0.0))


def _aicc(n: int, variance: float, parameters: int) -> float:
    k = parameters
    return n * math.log(max(variance, 1e-300)) + 2 * k + 2 * k * (k + 1) / max(n - k - 1, 1)


def space_of(phi: tuple[float, ...], theta: tuple[float, ...]) -> Space:
    """States are the last p moves and the last q innovations, latest first; one of each at least."""
    p, q = max(len(phi), 1), max(len(theta), 1)
    reading = np.zeros(p + q)
    reading[: len(phi)], reading[p : p + len(theta)] = phi, theta
    transition, gain = np.zeros((p + q, p + q)), np.zeros(p + q)
    transition[0] = reading
    gain[0] = gain[p] = 1.0
    for i in (*range(1, p), *range(p + 1, p + q)):
        transition[i, i - 1] = 1.0
    return Space(transition, reading, gain, np.zeros(p + q))


ESTIMATE = Remembered(
    "arima",
    Arima().version,
    estimated,
    lambda found: {**found.space.plain(), "mean": found.mean},
    lambda said: Moves(read_space(said), float(said["mean"])),
)

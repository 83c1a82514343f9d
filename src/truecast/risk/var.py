"""Value at risk and expected shortfall over h bars, as shares of the value, losses positive. Three methods.

    historical   of all overlapping h-bar losses: the quantile at the level, and the mean of those at or beyond it
    filtered     the same of simulated losses: past shocks z[t] = r[t] / s[t] put on today's volatility, which then
                 moves with them (filtered historical simulation, Barone-Adesi, Giannopoulos and Vosper 1999)
    parametric   Student's t fitted to log returns by maximum likelihood; over h bars its location times h and its scale
                 times the root of h (McNeil, Frey and Embrechts, Quantitative Risk Management, 2.2 and 6.2)

s is EWMA with RiskMetrics' decay .94. A sample supports a level where enough of it lies beyond: TAIL_MIN losses by the
first two methods, one by the third, which extrapolates; and over h bars one loss beyond it that overlaps no other.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np

from truecast.domain.bar import FloatArray
from truecast.models.student import student_t_tail
from truecast.risk.bootstrap import Generator
from truecast.risk.sample import SampleTooSmall

DECAY = 0.94
TAIL_MIN = 5
RETURNS_MIN = 50  # to fit a distribution, or to filter
PATHS = 5_000
_NU = (2.05, 200.0)
_WARM = 20


class Method(StrEnum):
    """How losses are imagined."""

    HISTORICAL = "historical"
    FILTERED = "filtered"
    PARAMETRIC = "parametric"


@dataclass(frozen=True, slots=True)
class Tail:
    """What is lost at least with probability 1 - level, and on average then. `beyond`: losses of the sample there."""

    value_at_risk: float
    expected_shortfall: float
    beyond: int


@dataclass(frozen=True, slots=True)
class StudentT:
    """Location, scale and degrees of freedom of log returns over one bar."""

    location: float
    scale: float
    dof: float


def returns_needed(method: Method, level: float, horizon: int) -> int:
    """So many returns that the sample supports the level."""
    beyond = 1 if method is Method.PARAMETRIC else TAIL_MIN
    tail = 1 - level
    # 1 - .99 is a little more than .01: without the slack one return too many would be asked for.
    need = max(math.ceil(beyond / tail - 1e-6) + horizon - 1, math.ceil(horizon / tail - 1e-6))
    return max(need, RETURNS_MIN if method is not Method.HISTORICAL else 0)


def require_returns(method: Method, level: float, horizon: int, have: int) -> None:
    """Raise SampleTooSmall unless the sample supports it."""
    need = returns_needed(method, level, horizon)
    if have < need:
        ahead = "" if horizon == 1 else f" over {horizon} bars"
        raise SampleTooSmall(what=f"A {method} value at risk at {100 * level:g} %{ahead}", need=need, have=have)


def historical(logs: FloatArray, level: float, horizon: int) -> Tail:
    """From the losses that there were."""
    return tail_of(losses_over(logs, horizon), level)


def filtered(logs: FloatArray, level: float, horizon: int, generator: Generator) -> Tail:
    """From past shocks at today's volatility."""
    return tail_of(filtered_losses(logs, horizon, generator), level)


def parametric(fit: StudentT, level: float, horizon: int, logs: FloatArray) -> Tail:
    """From the fitted distribution; the shortfall of the log return is turned into a share at the end."""
    q = student_t_quantile(level, fit.dof)
    beyond = shortfall_of(q, level, fit.dof)
    location, scale = horizon * fit.location, math.sqrt(horizon) * fit.scale
    worst, mean = -math.expm1(location - scale * q), -math.expm1(location - scale * beyond)
    return Tail(worst, mean, int((losses_over(logs, horizon) >= worst).sum()))


def losses_over(logs: FloatArray, horizon: int) -> FloatArray:
    """Losses over every h bars in a row, as shares. (..., T - h + 1)"""
    if horizon == 1:
        return np.asarray(-np.expm1(logs))
    total = np.cumsum(logs, axis=-1)
    total = np.concatenate([np.zeros((*total.shape[:-1], 1)), total], axis=-1)
    return np.asarray(-np.expm1(total[..., horizon:] - total[..., :-horizon]))


def tail_of(losses: FloatArray, level: float) -> Tail:
    """Quantile with linear interpolation, and the mean at and beyond it."""
    worst = float(np.quantile(losses, level))
    beyond = losses[losses >= worst]
    return Tail(worst, float(beyond.mean()), len(beyond))


def filtered_losses(logs: FloatArray, horizon: int, generator: Generator) -> FloatArray:
    """Losses over h bars from today on: one for each past shock, or PATHS simulated ones of several shocks. (N,)"""
    variance, after = ewma(logs)
    shocks = np.divide(logs, np.sqrt(variance), out=np.zeros_like(logs), where=variance > 0)
    if horizon == 1:
        return np.asarray(-np.expm1(math.sqrt(after) * shocks))
    now, total = np.full(PATHS, after), np.zeros(PATHS)
    for drawn in shocks[generator.integers(0, len(shocks), (horizon, PATHS))]:
        moved = np.sqrt(now) * drawn
        total += moved
        now = DECAY * now + (1 - DECAY) * moved**2
    return np.asarray(-np.expm1(total))


def ewma(logs: FloatArray) -> tuple[FloatArray, float]:
    """The variance before each return (T,), and that after the last; it begins with the mean square of the first."""
    squared = (logs**2).tolist()
    now, path = float(np.mean(squared[:_WARM])), []
    for value in squared:
        path.append(now)
        now = DECAY * now + (1 - DECAY) * value
    return np.array(path), now


def fit_student_t(x: FloatArray) -> StudentT | None:
    """By maximum likelihood: over the degrees of freedom by golden section, within by EM. None where nothing varies."""
    location, scale = float(np.median(x)), float(x.std())
    if not scale > 0:
        return None
    low, high = math.log(_NU[0]), math.log(_NU[1])
    golden = (math.sqrt(5) - 1) / 2
    points = [high - golden * (high - low), low + golden * (high - low)]
    found = []
    for point in points:
        said, location, scale = _profile(x, math.exp(point), location, scale, 20)
        found.append(said)
    for _ in range(18):
        if found[0] > found[1]:
            high, points[1], found[1] = points[1], points[0], found[0]
            points[0] = high - golden * (high - low)
            found[0], location, scale = _profile(x, math.exp(points[0]), location, scale, 4)
        else:
            low, points[0], found[0] = points[0], points[1], found[1]
            points[1] = low + golden * (high - low)
            found[1], location, scale = _profile(x, math.exp(points[1]), location, scale, 4)
    dof = math.exp((low + high) / 2)
    _, location, scale = _profile(x, dof, location, scale, 20)
    return StudentT(location, scale, dof)


def shortfall_of(q: float, level: float, dof: float) -> float:
    """The mean of a standard t beyond its quantile q at the level."""
    return math.exp(_log_density(q, dof)) / (1 - level) * (dof + q * q) / (dof - 1)


@lru_cache(maxsize=256)
def student_t_quantile(level: float, dof: float) -> float:
    """Of the upper half, by bisection on the tail."""
    low, high = 0.0, 1.0
    while student_t_tail(high, dof) > 1 - level:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if student_t_tail(middle, dof) > 1 - level else (low, middle)
    return (low + high) / 2


def _profile(x: FloatArray, dof: float, location: float, scale: float, rounds: int) -> tuple[float, float, float]:
    """Log likelihood, location and scale after some rounds of EM (Liu and Rubin 1995)."""
    squared = ((x - location) / scale) ** 2
    for _ in range(rounds):
        weight = (dof + 1) / (dof + squared)
        location = float(weight @ x / weight.sum())
        off = (x - location) ** 2
        scale = math.sqrt(float(weight @ off) / len(x))
        squared = off / scale**2
    constant = math.lgamma((dof + 1) / 2) - math.lgamma(dof / 2) - 0.5 * math.log(dof * math.pi) - math.log(scale)
    return len(x) * constant - (dof + 1) / 2 * float(np.log1p(squared / dof).sum()), location, scale


def _log_density(t: float, dof: float) -> float:
    constant = math.lgamma((dof + 1) / 2) - math.lgamma(dof / 2) - 0.5 * math.log(dof * math.pi)
    return constant - (dof + 1) / 2 * math.log1p(t * t / dof)

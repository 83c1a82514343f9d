"""Is it better than the calibrated random walk, or only lucky? Diebold-Mariano with HAC errors."""

import math

import numpy as np
import numpy.typing as npt

from truecast.domain.forecast import Skill
from truecast.models.student import student_t_tail

ORIGINS_MIN = 50  # fewer resolved origins prove nothing, whatever the numbers say
ALPHA = 0.05  # two-sided


def diebold_mariano(loss: npt.ArrayLike, loss_reference: npt.ArrayLike, horizon: int = 1) -> tuple[float, float]:
    """(statistic, two-sided p-value) of equal mean loss; negative: the first is better. NaN p when it cannot be told.

    Diebold and Mariano (1995); long-run variance by Newey and West (1987) with Bartlett weights up to
    max(2 (horizon - 1), floor(4 (n/100)^(2/9))) lags, small-sample factor and Student t by Harvey, Leybourne and
    Newbold (1997).
    """
    d = np.asarray(loss, np.float64) - np.asarray(loss_reference, np.float64)
    n = len(d)
    if n < 2:
        return math.nan, math.nan
    lags = min(max(2 * (horizon - 1), math.floor(4 * (n / 100) ** (2 / 9))), n - 1)
    variance = long_run_variance(d, lags)
    correction = (n + 1 - 2 * horizon + horizon * (horizon - 1) / n) / n
    if not variance > 0 or correction <= 0:
        return math.nan, math.nan
    statistic = float(d.mean() / math.sqrt(variance / n) * math.sqrt(correction))
    return statistic, 2 * student_t_tail(abs(statistic), n - 1)


def standard_error(values: npt.ArrayLike, horizon: int = 1) -> float:
    """Of the mean of values whose forecasts overlap over `horizon` steps; at least the independent one."""
    values = np.asarray(values, np.float64)
    n = len(values)
    lags = min(horizon - 1, n - 1)
    return math.sqrt(max(long_run_variance(values, lags), float(values.var())) / n)


def long_run_variance(d: npt.ArrayLike, lags: int) -> float:
    """Newey-West estimate with Bartlett weights 1 - l/(lags + 1); never negative."""
    d = np.asarray(d, np.float64)
    centred = d - d.mean()
    n = len(centred)
    total = float(centred @ centred)
    for lag in range(1, lags + 1):
        total += 2 * (1 - lag / (lags + 1)) * float(centred[lag:] @ centred[:-lag])
    return total / n


def judge(loss: npt.ArrayLike, loss_reference: npt.ArrayLike, horizon: int = 1) -> Skill:
    """The verdict against the reference. `none` unless the difference is significant and the origins are enough."""
    loss, loss_reference = np.asarray(loss, np.float64), np.asarray(loss_reference, np.float64)
    n = len(loss)
    total = float(loss_reference.sum())
    ratio = float(loss.sum()) / total if total > 0 else None
    statistic, p_value = diebold_mariano(loss, loss_reference, horizon)
    if math.isnan(p_value):
        return Skill("none", ratio, None, n)
    if n < ORIGINS_MIN or p_value >= ALPHA:
        return Skill("none", ratio, p_value, n)
    return Skill("positive" if statistic < 0 else "negative", ratio, p_value, n)

"""Metrics, as functions of arrays. Shapes: outcomes `y` (...,), quantiles `q` (..., K) at probabilities `p` (K,).

Nothing here averages over origins: the caller does, so that standard errors stay possible.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from truecast.domain.bar import BoolArray, FloatArray
from truecast.domain.quantiles import GRID, INNER

SCALE_FLOOR = 1e-7  # of the largest price: what an error is measured in where the market never moved
_P = np.array(GRID)


def pinball(y: npt.ArrayLike, q: npt.ArrayLike, p: npt.ArrayLike = _P) -> FloatArray:
    """max(p (y - q), (p - 1)(y - q)) for each quantile, in the units of y. (..., K). Koenker and Bassett (1978)."""
    error = np.asarray(y, np.float64)[..., None] - np.asarray(q, np.float64)
    return np.maximum(np.asarray(p) * error, (np.asarray(p) - 1) * error)


def crps(y: npt.ArrayLike, q: npt.ArrayLike) -> FloatArray:
    """Continuous ranked probability score as 2 x the mean pinball loss over the 19 inner levels of GRID. (...,)

    `q` is (..., len(GRID)). Gneiting and Raftery (2007), eq. 22 in its quantile form.
    """
    return np.asarray(2 * pinball(y, np.asarray(q)[..., INNER], _P[INNER]).mean(axis=-1))


def inside(y: npt.ArrayLike, q: npt.ArrayLike, level: float) -> BoolArray:
    """Whether the outcome lies in the central interval at `level`, bounds included. `q` is (..., len(GRID)). (...,)"""
    y = np.asarray(y, np.float64)
    lower, upper = interval(q, level)
    return (lower <= y) & (y <= upper)


def interval(q: npt.ArrayLike, level: float) -> tuple[FloatArray, FloatArray]:
    """Bounds of the central interval at `level`, linear between the levels of GRID. ((...,), (...,))"""
    return quantile_at(q, (1 - level) / 2), quantile_at(q, (1 + level) / 2)


def quantile_at(q: npt.ArrayLike, p: float) -> FloatArray:
    """The quantile at probability p, linear between the levels of GRID. (...,)"""
    q = np.asarray(q, np.float64)
    right = int(np.clip(np.searchsorted(_P, p - 1e-12), 1, len(_P) - 1))
    w = (p - _P[right - 1]) / (_P[right] - _P[right - 1])
    return np.asarray(q[..., right - 1] + w * (q[..., right] - q[..., right - 1]))


def winkler(y: npt.ArrayLike, q: npt.ArrayLike, level: float) -> FloatArray:
    """Width of the central interval plus 2/(1 - level) x the distance of a miss. (...,). Winkler (1972)."""
    y = np.asarray(y, np.float64)
    lower, upper = interval(q, level)
    miss = np.maximum(lower - y, 0) + np.maximum(y - upper, 0)
    return np.asarray(upper - lower + 2 / (1 - level) * miss)


def pit(y: npt.ArrayLike, q: npt.ArrayLike) -> FloatArray:
    """Probability integral transform: where in the predicted distribution the outcome fell, in [0, 1]. (...,)

    Linear between the levels of GRID. Outside the outermost quantiles it is half of the probability left there;
    an outcome that equals several quantiles (flat market) gets the middle of their probabilities.
    """
    y, q = np.asarray(y, np.float64), np.asarray(q, np.float64)
    flat_y, flat_q = y.reshape(-1), q.reshape(-1, q.shape[-1])
    below = (flat_q < flat_y[:, None]).sum(axis=1)
    reached = (flat_q <= flat_y[:, None]).sum(axis=1)
    padded = np.concatenate([[_P[0] / 2], _P, [(1 + _P[-1]) / 2]])
    tied = reached > below
    left, right = np.clip(below - 1, 0, None), np.clip(below, None, len(_P) - 1)
    rows = np.arange(len(flat_y))
    gap = flat_q[rows, right] - flat_q[rows, left]
    w = np.divide(flat_y - flat_q[rows, left], gap, out=np.zeros(len(flat_y)), where=gap > 0)
    between = _P[left] + w * (_P[right] - _P[left])
    outside = (below == 0) | (below == len(_P))
    u = np.where(tied, (padded[below + 1] + padded[reached]) / 2, np.where(outside, padded[_outer(below)], between))
    return u.reshape(y.shape)


def _outer(below: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    return np.where(below == 0, 0, len(_P) + 1)


def qlike(variance_predicted: npt.ArrayLike, squared: npt.ArrayLike) -> FloatArray:
    """(log s2 + r2 / s2) / 2: the Gaussian log loss without its constant. (...,). Patton (2011).

    The predicted variance must be positive: models floor it (models/walk.py), so a day without change is finite.
    """
    s2 = np.asarray(variance_predicted, np.float64)
    return np.asarray((np.log(s2) + np.asarray(squared) / s2) / 2)


def mase(error: npt.ArrayLike, scale: float) -> FloatArray:
    """Absolute error over the history's mean absolute one-step change. (...,). Hyndman and Koehler (2006)."""
    return np.asarray(np.abs(error) / scale)


def direction(median: npt.ArrayLike, outcome: npt.ArrayLike, anchor: npt.ArrayLike) -> tuple[int, int]:
    """(hits, n): how often the median moved from the anchor to the outcome's side; unmoved ones do not count."""
    said, came = np.sign(np.subtract(median, anchor)), np.sign(np.subtract(outcome, anchor))
    counts = (said != 0) & (came != 0)
    return int((said == came)[counts].sum()), int(counts.sum())


def wilson(hits: int, n: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """Wilson (1927) interval of a share, 95 % by default; (0, 1) when nothing was counted."""
    if n == 0:
        return 0.0, 1.0
    share, z2n = hits / n, z * z / n
    centre = (share + z2n / 2) / (1 + z2n)
    half = z / (1 + z2n) * math.sqrt(share * (1 - share) / n + z2n / (4 * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def worst_rolling(hits: Sequence[bool] | BoolArray, window: int) -> float:
    """The lowest share of hits in any `window` consecutive origins; NaN when there are fewer."""
    if len(hits) < window:
        return math.nan
    total = np.concatenate([[0], np.cumsum(np.asarray(hits, np.float64))])
    return float((total[window:] - total[:-window]).min() / window)

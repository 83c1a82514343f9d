"""Calibrated shapes: the distribution of standardised outcomes per horizon, from the outcomes themselves.

For the horizon h an outcome is z = move over h steps / (scale at its origin x sqrt(h)). The quantiles of the last
`window` outcomes that are known at a moment are the shape then, read at (n + 1) p, which covers exactly what it
claims when outcomes are exchangeable (Vovk, Gammerman and Shafer 2005, split conformal prediction).

Two rules say what happens where the sample is too small:

- Tail rule. Beyond the `EDGE`-th outcome from either end, the outermost supported quantile is stretched by the ratio
  that `PRIOR` (a Student t with 5 degrees of freedom, scaled to variance 1) has there.
- Pooling rule. The shape of a horizon is averaged with the shape of the next shorter horizon (the shortest: with
  PRIOR), with the weight n_eff / (n_eff + POOL), where n_eff = n / h counts outcomes that do not overlap. So a short
  history, or a horizon the history hardly contains, is a widened version of what is known better.
"""

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from truecast.domain.bar import FloatArray, IntArray
from truecast.domain.quantiles import GRID
from truecast.kit.limits import HORIZON_STEPS_MAX

ANCHORS = (1, 2, 3, 5, 7, 10, 15, 24, 36, 52, 76, 110, HORIZON_STEPS_MAX)  # horizons with a shape of their own
EDGE = 2.0
POOL = 15.0
P = np.array(GRID)
# Student t, 5 degrees of freedom, over its standard deviation sqrt(5/3), at GRID (scipy.stats.t.ppf, checked in tests).
_PRIOR_LOWER = np.array([
    3.69741373, 3.12328452, 2.60646357, 1.99116413, 1.56084976, 1.14321487, 0.89525353, 0.71227555, 0.56288921,
    0.43333234, 0.31621262, 0.20695741, 0.10238245,
])  # fmt: skip
PRIOR = np.concatenate([-_PRIOR_LOWER, [0.0], _PRIOR_LOWER[::-1]])  # (K,)


def anchors_for(horizon_most: int) -> tuple[int, ...]:
    """The anchors needed to interpolate every horizon up to `horizon_most`."""
    return ANCHORS[: int(np.searchsorted(ANCHORS, horizon_most)) + 1]


def outcomes(x: FloatArray, scale: FloatArray, horizon: int, burn: int) -> FloatArray:
    """z of every origin at least `burn` bars in, under the bar at which it became known; +inf elsewhere. (S, T)"""
    z = np.full(x.shape, np.inf)
    first = horizon + burn
    if first < x.shape[-1]:
        move = x[:, first:] - x[:, burn:-horizon]
        z[:, first:] = move / (scale[:, burn:-horizon] * np.sqrt(horizon))
    return z


def windows(z: FloatArray, at: IntArray, window: int, horizon: int) -> FloatArray:
    """The last `window` outcomes known at each bar of `at`, sorted, absent ones (+inf) last. (S, len(at), n)

    Outcomes of a long horizon overlap and say nearly the same, so that every (h // 4)-th is enough.
    """
    padded = np.concatenate([np.full((len(z), window - 1), np.inf), z], axis=1)
    views = sliding_window_view(padded, window, axis=1)[:, at]
    return np.sort(views[..., :: -max(1, horizon // 4)], axis=-1)


def sample_quantiles(ordered: FloatArray, n: npt.NDArray[np.intp]) -> FloatArray:
    """Quantiles at GRID of the first n of each sorted row by the (n + 1) p rule, tails by the tail rule. (..., K)

    Rows with fewer than 2 EDGE outcomes give NaN: the caller pools them away.
    """
    size = n[..., None]
    enough = size >= 2 * EDGE
    edge = EDGE / np.maximum(size + 1.0, 2 * EDGE + 1)
    p = np.clip(P, edge, 1 - edge)
    position = np.where(enough, p * (size + 1) - 1, 0.0)
    left = position.astype(np.intp)
    low = np.take_along_axis(ordered, left, axis=-1)
    high = np.take_along_axis(ordered, np.minimum(left + 1, np.maximum(size - 1, 0)), axis=-1)
    weight = position - left
    with np.errstate(invalid="ignore"):
        q = low + weight * (high - low)
    stretch = np.ones_like(p)
    tail = p != P
    stretch[tail] = (np.broadcast_to(PRIOR, p.shape)[tail]) / np.interp(p[tail], P, PRIOR)
    centre = q[..., [len(P) // 2]]
    return np.where(enough, centre + (q - centre) * stretch, np.nan)


def shapes(
    x: FloatArray, scale: FloatArray, unit: FloatArray, at: IntArray, *, window: int, burn: int, horizon_most: int
) -> FloatArray:
    """The pooled shape of every anchor up to `horizon_most`, as known at each bar of `at`. (S, len(at), A, K)

    `unit` (S, T) is the standard deviation of z that PRIOR is to have at each bar.
    """
    shape: FloatArray = unit[:, at, None] * PRIOR
    found = []
    for horizon in anchors_for(horizon_most):
        ordered = windows(outcomes(x, scale, horizon, burn), at, window, horizon)
        n = np.isfinite(ordered).sum(axis=-1)
        own = sample_quantiles(ordered, n)
        n_eff = np.where(n >= 2 * EDGE, n * max(1, horizon // 4) / horizon, 0.0)
        weight = (n_eff / (n_eff + POOL))[..., None]
        shape = np.where(weight > 0, weight * np.nan_to_num(own) + (1 - weight) * shape, shape)
        found.append(shape)
    return np.stack(found, axis=2)


def at_horizons(shape: FloatArray, horizons: IntArray) -> FloatArray:
    """Shapes of the anchors (..., A, K) at any horizons, linear in log h between anchors. (..., len(horizons), K)"""
    anchors = np.array(ANCHORS[: shape.shape[-2]])
    right = np.clip(np.searchsorted(anchors, horizons), 1, max(len(anchors) - 1, 1))
    if len(anchors) == 1:
        return np.repeat(shape, len(horizons), axis=-2)
    span = np.log(anchors[right] / anchors[right - 1])
    weight = (np.log(horizons / anchors[right - 1]) / span)[:, None]
    low, high = shape[..., right - 1, :], shape[..., right, :]
    return np.asarray(low + weight * (high - low))

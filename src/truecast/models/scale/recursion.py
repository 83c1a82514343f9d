"""First-order recursions over whole panels without a loop over bars."""

import numpy as np

from truecast.domain.bar import FloatArray

_GONE = 1e-18  # a weight that no longer changes a float64 sum


def filtered(u: FloatArray, decay: FloatArray) -> FloatArray:
    """y[t] = u[t] + decay y[t - 1], y[-1] = 0, along the last axis. u (..., T), decay (...,) in [0, 1). (..., T)

    By doubling: after step k every y holds the last 2^k terms, so T bars take log2(T) passes (Hillis and Steele 1986).
    Only elementwise operations: a row's answer is the same to the last bit whatever rows stand beside it.
    """
    y = np.array(u, np.float64)
    weight, lag = decay[..., None], 1
    while lag < y.shape[-1] and float(weight.max(initial=0.0)) > _GONE:
        y[..., lag:] += weight * y[..., :-lag]
        weight, lag = weight * weight, 2 * lag
    return y

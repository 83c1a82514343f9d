"""First-order recursions over whole panels without a loop over bars."""

import numpy as np

from truecast.domain.bar import FloatArray
from truecast.models.ewma_walk import ewma

_GONE = 1e-18  # a weight that no longer changes a float64 sum
_BLOCK = 16
_ROWS_MANY = 16  # from here on a product of matrices is faster than doubling


def filtered(u: FloatArray, decay: FloatArray, every: int = 1) -> FloatArray:
    """y[t] = u[t] + decay y[t - every], nothing before the first bar. u (..., T), decay (...,) in [0, 1). (..., T)

    By doubling: after step k every y holds the last 2^k terms, so T bars take log2(T) passes (Hillis and Steele 1986).
    Only elementwise operations: a row's answer is the same to the last bit whatever rows stand beside it, and a bar's
    whatever bars come after it.
    """
    y = np.array(u, np.float64)
    weight, lag = decay[..., None], every
    while lag < y.shape[-1] and float(weight.max(initial=0.0)) > _GONE:
        y[..., lag:] += weight * y[..., :-lag]
        weight, lag = weight * weight, 2 * lag
    return y


def averaged(values: FloatArray, half_life: float) -> FloatArray:
    """Exponentially weighted means of values[..., 1 … t], weights summing to 1 from the first bar on. (..., T)

    values[..., 0] belongs to no move and must be 0; the mean there is 0. The same as models/ewma_walk.py::ewma.
    """
    rows = values.reshape(-1, values.shape[-1])
    if len(rows) >= _ROWS_MANY:
        return np.asarray(ewma(rows, np.array([half_life]))[0].reshape(values.shape), np.float64)
    decay = 2.0 ** (-1.0 / half_life)
    means = filtered(values, np.array(decay))
    means *= (1 - decay) / _mass(decay, values.shape[-1])
    return means


def run_on(values: FloatArray, half_lives: tuple[float, ...], before: FloatArray) -> tuple[FloatArray, FloatArray]:
    """y[t] = values[t] + decay y[t - 1], in place, going on from `before` (F, S), y at the bar before. (n, F, S)

    One half-life for each of F; also y at the last bar (F, S). Within blocks of _BLOCK bars first, all blocks at once,
    then from block to block: few passes, elementwise, the same for a series whatever stands beside it.
    """
    n, (f, s) = len(values), before.shape
    decay = 2.0 ** (-1.0 / np.array(half_lives))[:, None]  # (F, 1)
    y = values
    if n % _BLOCK:
        y = np.zeros((n + -n % _BLOCK, f, s))
        y[:n] = values
    blocks = y.reshape(-1, _BLOCK, f, s)
    for j in range(1, _BLOCK):
        blocks[:, j] += decay * blocks[:, j - 1]
    fade = decay ** np.arange(1.0, _BLOCK + 1)[:, None, None]
    carry = before
    for i in range(len(blocks)):
        blocks[i] += fade * carry
        carry = blocks[i, -1]
    if y is not values:
        values[:] = y[:n]
    return values, values[-1].copy()


def _mass(decay: float, n_bars: int) -> FloatArray:
    return np.asarray(1 - decay ** np.maximum(np.arange(n_bars), 1))

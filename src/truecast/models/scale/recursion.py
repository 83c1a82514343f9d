"""First-order recursions over whole panels, by loops that give a series the same bits whatever stands beside it."""

from functools import lru_cache

import numpy as np

from truecast.domain.bar import FloatArray

_GONE = 1e-18  # a weight that no longer changes a float64 sum
_FEW = 24  # recursions side by side: with fewer, a loop over numbers is faster than one over short arrays


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
    rows = values.reshape(-1, values.shape[-1]).T[:, None].copy()
    means, _ = means_on(rows, (half_life,), 0, np.zeros((1, rows.shape[-1])))
    return np.ascontiguousarray(means[:, 0].T).reshape(values.shape)


def means_on(
    values: FloatArray, half_lives: tuple[float, ...], bars: int, before: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Exponentially weighted means, in place; weights sum to 1 from the first bar on. ((n, F, S), (F, S) the sums)

    Going on from the sums `before` after so many `bars`, of which the first ever has no value.
    """
    sums, after = run_on(values, half_lives, before)
    sums *= _weights(half_lives, bars, len(values))[..., None]
    return sums, after


def run_on(values: FloatArray, half_lives: tuple[float, ...], before: FloatArray) -> tuple[FloatArray, FloatArray]:
    """y[t] = values[t] + decay y[t - 1], in place, going on from `before` (F, S), y at the bar before. (n, F, S)

    One half-life for each of F; also y at the last bar (F, S). Two operations a bar, whether on numbers or on arrays:
    the same to the last bit for a series whatever stands beside it, and wherever the bars are cut.
    """
    decay = 2.0 ** (-1.0 / np.array(half_lives))
    if before.size <= _FEW:
        for f, keep in enumerate(decay.tolist()):
            for s, begun in enumerate(before[f].tolist()):
                y, path = begun, []
                for value in values[:, f, s].tolist():
                    y = value + keep * y
                    path.append(y)
                values[:, f, s] = path
        return values, values[-1].copy()
    keeps, kept, y = np.repeat(decay[:, None], before.shape[1], axis=1), np.empty(before.shape), before
    for row in values:
        np.multiply(keeps, y, out=kept)
        y = np.add(row, kept, out=row)
    return values, y.copy()


def _weights(half_lives: tuple[float, ...], bars: int, n: int) -> FloatArray:
    """What sums over the bars so far are multiplied by to be means. (n, F)"""
    return _weights_to(half_lives, 1 << (bars + n).bit_length())[bars : bars + n]


@lru_cache(maxsize=64)
def _weights_to(half_lives: tuple[float, ...], bars: int) -> FloatArray:
    decay = 2.0 ** (-1.0 / np.array(half_lives))
    return np.asarray((1 - decay) / (1 - decay ** np.maximum(np.arange(bars), 1)[:, None]))

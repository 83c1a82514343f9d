"""Windows over the last axis of (S, T) arrays: sums, extremes, moments and exponential recursions.

Every value is computed from the bars of its own window alone, in the same order wherever the window lies, so that a
column does not depend on how long the history before it is: the last row of a tail equals the last row of the whole,
bit by bit. Running totals (cumsum) would not have that, and would leave the dust of old prices in flat markets.

A window of n is put together from windows of 1, 2, 4, … bars: log n passes instead of n.
"""

from collections.abc import Callable

import numpy as np

from truecast.domain.bar import FloatArray

WEIGHT_LEAST = 1e-11  # of an exponential mean: what lies further back is left out


def lagged(values: FloatArray, lag: int) -> FloatArray:
    """The values `lag` bars earlier; NaN where there are none. (S, T)"""
    earlier = np.full_like(values, np.nan)
    earlier[:, lag:] = values[:, : max(values.shape[1] - lag, 0)]
    return earlier


def window_sum(values: FloatArray, window: int) -> FloatArray:
    """Sum over the last `window` bars; NaN before there are so many, or where one is missing. (S, T)"""
    return _combined(values, window, np.add)


def window_mean(values: FloatArray, window: int) -> FloatArray:
    """Mean over the last `window` bars. (S, T)"""
    mean = window_sum(values, window)
    mean *= 1.0 / window
    return mean


def window_rms(values: FloatArray, window: int) -> FloatArray:
    """Root mean square over the last `window` bars. (S, T)"""
    mean = window_mean(values * values, window)
    return np.sqrt(mean, out=mean)


def window_variance(values: FloatArray, window: int, ddof: int) -> FloatArray:
    """Variance over the last `window` bars, `window - ddof` in the denominator; exactly 0 where nothing moved. (S, T)

    Halves are merged as in Chan, Golub and LeVeque (1979): no difference of large squares.
    """
    size, mean, spread = 1, values, np.zeros_like(values)  # of the blocks that end at each bar
    done: tuple[int, FloatArray, FloatArray] | None = None  # merged so far, newest bars first
    left = window
    while True:
        if left & 1:
            done = (size, mean, spread) if done is None else _merged(done, (size, mean, spread))
        left >>= 1
        if not left:
            break
        _, mean, spread = _merged((size, mean, spread), (size, mean, spread))
        size *= 2
    assert done is not None
    variance = done[2] / (window - ddof)
    variance[:, : window - 1] = np.nan
    return variance


def recursive(driven: FloatArray, keep: float) -> FloatArray:
    """y[t] = keep y[t-1] + driven[t] with y = 0 before the first bar, 0 < keep < 1. (S, T)

    Doubling the reach each pass: after L bars a weight below WEIGHT_LEAST is left out, so that a value depends on its
    last `reach(keep)` bars only.
    """
    y, product = driven.copy(), np.empty_like(driven)
    lag, weight, count = 1, keep, driven.shape[1]
    while lag < count and weight >= WEIGHT_LEAST:
        moved = np.multiply(y[:, : count - lag], weight, out=product[:, : count - lag])
        y[:, lag:] += moved
        lag, weight = 2 * lag, weight * weight
    return y


def reach(keep: float) -> int:
    """How many bars a value of `recursive` depends on."""
    lag, weight = 1, keep
    while weight >= WEIGHT_LEAST:
        lag, weight = 2 * lag, weight * weight
    return lag


def smoothed(values: FloatArray, periods: int, gain: float, first: int = 0, last: int | None = None) -> FloatArray:
    """y[t] = y[t-1] + gain (values[t] - y[t-1]), begun with the mean of the first `periods` values. (S, T)

    `first` is the bar from which on there are values. NaN before the beginning, as in TA-Lib. With `last`, only that
    many last bars, the same bit by bit, without computing the others where they have no influence. (S, last)
    """
    begin, keep, count = first + periods - 1, 1.0 - gain, values.shape[1]
    if last == 1 and begin < count:
        return _folded(_driven(values, begin, periods, gain, reach(keep)), keep)
    if last is not None and count >= begin + reach(keep) + last:
        return recursive(values[:, count - reach(keep) - last + 1 :] * gain, keep)[:, -last:]
    y = np.full_like(values, np.nan)
    if begin < count:
        y[:, begin:] = recursive(_driven(values, begin, periods, gain, count - begin), keep)
    return y if last is None else y[:, -last:]


def _driven(values: FloatArray, begin: int, periods: int, gain: float, size: int) -> FloatArray:
    """What moves an exponential mean in the last `size` bars: nothing, its first value, then the values. (S, size)"""
    count = values.shape[1]
    if count - begin > size:
        return values[:, count - size :] * gain
    driven = np.zeros((len(values), size))
    np.multiply(values[:, begin:], gain, out=driven[:, size - (count - begin) :])
    driven[:, size - (count - begin)] = values[:, begin - periods + 1 : begin + 1].mean(axis=1)
    return driven


def _folded(driven: FloatArray, keep: float) -> FloatArray:
    """The last value of `recursive` over 2^n bars, in the same order of additions. (S, 1)"""
    weight = keep
    while driven.shape[1] > 1:
        driven = driven[:, 1::2] + driven[:, ::2] * weight
        weight *= weight
    return driven


def _combined(values: FloatArray, window: int, combine: Callable[..., FloatArray]) -> FloatArray:
    block, size = values, 1
    done: FloatArray | None = None
    covered, left = 0, window
    while True:
        if left & 1:
            done = block.copy() if done is None else _joined(done, block, covered, combine)
            covered += size
        left >>= 1
        if not left:
            break
        block = _joined(block.copy(), block, size, combine)
        size *= 2
    assert done is not None
    done[:, : window - 1] = np.nan
    return done


def _joined(into: FloatArray, block: FloatArray, lag: int, combine: Callable[..., FloatArray]) -> FloatArray:
    """What `into` covers, and the block that lies `lag` bars before. Changes `into`."""
    later = into[:, lag:]
    combine(later, block[:, : max(block.shape[1] - lag, 0)], out=later)
    return into


def _merged(
    newer: tuple[int, FloatArray, FloatArray], older: tuple[int, FloatArray, FloatArray]
) -> tuple[int, FloatArray, FloatArray]:
    """Count, mean and sum of squared deviations of a block and of the one before it."""
    (n, mean, spread), (m, mean_older, spread_older) = newer, older
    rest = max(mean.shape[1] - n, 0)  # bars that have a block before theirs
    gap = mean_older[:, :rest] - mean[:, n:]
    merged, wider = mean.copy(), spread.copy()
    wider[:, n:] += spread_older[:, :rest] + gap * gap * (n * m / (n + m))
    merged[:, n:] += gap * (m / (n + m))
    return n + m, merged, wider

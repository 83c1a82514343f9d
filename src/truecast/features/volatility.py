"""Realised volatility over several windows, from closes and, where there are any, from ranges."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from truecast.domain.bar import FloatArray
from truecast.features.frame import Frame
from truecast.features.returns import returns, uses_differences


def realised(frame: Frame, window: int) -> FloatArray:
    """Root mean square one-bar return over the last `window` bars; NaN before there are so many. (T,)"""
    return np.sqrt(_rolling_mean(returns(frame, 1) ** 2, window))


def parkinson(frame: Frame, window: int) -> FloatArray:
    """Root mean of (log high/low)^2 / (4 log 2) over the last `window` bars; NaN where logs cannot be taken. (T,)

    Parkinson (1980): about five times as efficient as closes where high and low are observed.
    """
    if uses_differences(frame) or bool((frame.low <= 0).any()):
        return np.full(len(frame), np.nan)
    return np.sqrt(_rolling_mean(np.log(frame.high / frame.low) ** 2 / (4 * np.log(2)), window))


def _rolling_mean(values: FloatArray, window: int) -> FloatArray:
    mean = np.full(len(values), np.nan)
    if len(values) >= window:
        mean[window - 1 :] = sliding_window_view(values, window).mean(axis=1)
    return mean

"""Returns over several lags: log returns, or differences for series that may be zero or negative."""

import numpy as np

from truecast.domain.bar import FloatArray
from truecast.features.frame import Frame


def uses_differences(frame: Frame) -> bool:
    """Whether logarithms are out of the question: declared so, or a price is not positive."""
    return frame.signed or bool((frame.close <= 0).any())


def level(frame: Frame) -> FloatArray:
    """What returns are differences of: the log price, or the price itself. (T,)"""
    return frame.close if uses_differences(frame) else np.log(frame.close)


def returns(frame: Frame, lag: int) -> FloatArray:
    """Change of `level` over `lag` bars; NaN where there are not so many. (T,)"""
    x = level(frame)
    moved = np.full(len(x), np.nan)
    moved[lag:] = x[lag:] - x[:-lag]
    return moved

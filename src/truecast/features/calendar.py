"""When a bar ended: hour, weekday and month, in UTC."""

import numpy as np

from truecast.domain.bar import FloatArray
from truecast.features.frame import Frame

_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US


def hour(frame: Frame) -> FloatArray:
    """Hour of the day at which the bar ended, 0 <= hour < 24, with its fraction. (T,)"""
    return np.asarray(frame.end % _DAY_US / _HOUR_US)


def weekday(frame: Frame) -> FloatArray:
    """0 is Monday: of the last moment inside the bar, so that a day's bar has its own weekday. (T,)"""
    return np.asarray(((frame.end - 1) // _DAY_US + 3) % 7, np.float64)


def month(frame: Frame) -> FloatArray:
    """1 is January: of the last moment inside the bar. (T,)"""
    return np.asarray((frame.end - 1).astype("datetime64[us]").astype("datetime64[M]").astype(np.int64) % 12 + 1.0)

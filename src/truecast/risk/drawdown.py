"""How far below its highest value a portfolio has been: deepest, and now."""

from dataclasses import dataclass

import numpy as np

from truecast.domain.bar import FloatArray


@dataclass(frozen=True, slots=True)
class Drawdown:
    """`depth`: share lost since the peak, 0 or more. Rows of bars; `recovered`: when the peak was reached again."""

    depth: float
    peak: int
    trough: int
    recovered: int | None


def depths(logs: FloatArray) -> FloatArray:
    """The share lost since the highest value so far, at every bar, the one before the first return too. (..., T + 1)"""
    value = np.concatenate([np.zeros((*logs.shape[:-1], 1)), np.cumsum(logs, axis=-1)], axis=-1)
    return np.asarray(np.abs(np.expm1(value - np.maximum.accumulate(value, axis=-1))))  # 0, not -0, at a peak


def depth_max(logs: FloatArray) -> FloatArray:
    """The maximum drawdown of each of many: (B, T) -> (B,), with one logarithm less a bar than `depths`."""
    value = np.cumsum(logs, axis=-1)
    highest = np.maximum.accumulate(value, axis=-1)
    np.maximum(highest, 0.0, out=highest)  # the value before the first return counts too
    value -= highest
    return np.asarray(np.abs(np.expm1(np.minimum(value.min(axis=-1), 0.0))))


def deepest(logs: FloatArray) -> Drawdown:
    """The maximum drawdown, and when."""
    depth = depths(logs)
    trough = int(depth.argmax())
    back = np.flatnonzero(depth[trough:] <= 0)
    recovered = trough + int(back[0]) if len(back) and depth[trough] > 0 else None
    return Drawdown(float(depth[trough]), _peak_before(depth, trough), trough, recovered)


def present(logs: FloatArray) -> Drawdown:
    """Where it stands at the last bar."""
    depth = depths(logs)
    last = len(depth) - 1
    peak = _peak_before(depth, last)
    trough = peak + int(depth[peak:].argmax())
    return Drawdown(float(depth[last]), peak, trough, None if depth[last] > 0 else last)


def _peak_before(depth: FloatArray, row: int) -> int:
    """The last bar at or before this one that was a highest value."""
    return int(np.flatnonzero(depth[: row + 1] <= 0)[-1])

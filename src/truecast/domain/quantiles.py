"""Predictive distributions as dense quantile grids, one row per step ahead."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from truecast.domain.bar import FloatArray
from truecast.kit.errors import MalformedRequest
from truecast.kit.limits import LEVEL_MAX, LEVEL_MIN, LEVELS_MAX

# 19 inner levels (the ones CRPS is computed on) and four pairs of tails.
GRID: tuple[float, ...] = (
    0.0025, 0.005, 0.01, 0.025,
    0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95,
    0.975, 0.99, 0.995, 0.9975,
)  # fmt: skip
INNER = slice(4, 23)  # of GRID: 0.05 … 0.95
STANDARD_LEVELS: tuple[float, ...] = (0.5, 0.8, 0.9, 0.95)


class LevelOutOfRange(MalformedRequest):
    """Not a confidence level that a sample can support."""

    code = "level_out_of_range"
    title = "Confidence level out of range"
    template = "A confidence level must lie between {least} and {most}, got {level!r}"


@dataclass(frozen=True, slots=True)
class Quantiles:
    """`values[h, k]` is the quantile at probability `GRID[k]`, h+1 steps ahead, in price units. Never crosses."""

    values: FloatArray  # (H, len(GRID))

    def __post_init__(self) -> None:
        assert self.values.ndim == 2 and self.values.shape[1] == len(GRID), self.values.shape
        assert np.isfinite(self.values).all(), "a quantile is not finite"
        assert (np.diff(self.values, axis=1) >= 0).all(), "quantiles cross"

    def at(self, p: float) -> FloatArray:
        """The quantile at probability `p` in [GRID[0], GRID[-1]] for every step, linear between grid levels. (H,)"""
        assert GRID[0] <= p <= GRID[-1], p
        right = int(np.clip(np.searchsorted(GRID, p), 1, len(GRID) - 1))
        p0, p1 = GRID[right - 1], GRID[right]
        w = (p - p0) / (p1 - p0)
        low, high = self.values[:, right - 1], self.values[:, right]
        return low + w * (high - low)

    def median(self) -> FloatArray:
        """The point forecast. (H,)"""
        return self.at(0.5)

    def interval(self, level: float) -> tuple[FloatArray, FloatArray]:
        """Lower and upper bound of the central interval at confidence `level`. ((H,), (H,))"""
        check_level(level)
        return self.at((1 - level) / 2), self.at((1 + level) / 2)


def check_level(level: float) -> float:
    """The level itself, or LevelOutOfRange."""
    if isinstance(level, bool) or not isinstance(level, int | float) or not LEVEL_MIN <= level <= LEVEL_MAX:
        raise LevelOutOfRange(level=level, least=LEVEL_MIN, most=LEVEL_MAX)
    return float(level)


def check_levels(levels: Sequence[float]) -> tuple[float, ...]:
    """Distinct levels, ascending; raises LevelOutOfRange, or MalformedRequest when there are none or too many."""
    if not 1 <= len(levels) <= LEVELS_MAX:
        raise MalformedRequest(reason=f"give 1 to {LEVELS_MAX} confidence levels, got {len(levels)}")
    return tuple(sorted({check_level(level) for level in levels}))

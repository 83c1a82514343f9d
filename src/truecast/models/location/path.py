"""The path that statistical locations read: moves without what cannot be a market's, and their usual size.

    size[t] = mean |move| up to t            y[t] = sum of moves, each cut at CUT size[t - 1]

A split that nobody announced, a price in another unit, oil at -36.98: one such move would bend a trend for years. The
first FREE moves are taken as they are. What is expected is bounded in the same unit.
"""

from dataclasses import dataclass

import numpy as np

from truecast.domain.bar import FloatArray, IntArray

CUT = 10.0
FREE = 10
_REACH_ONCE, _REACH_STEP = 4.0, 2.0  # sizes: a forecast may go that far at once, and so much farther with each step


@dataclass(frozen=True, slots=True)
class Path:
    """Of one series."""

    y: FloatArray  # (T,)
    size: FloatArray  # (T,)

    def bounded(self, mu: FloatArray, origins: IntArray, horizons: IntArray) -> FloatArray:
        """Expected moves (O, H) within reach."""
        most = self.size[origins, None] * (_REACH_ONCE + _REACH_STEP * horizons)
        return np.asarray(np.clip(np.nan_to_num(mu), -most, most))


def path_of(x: FloatArray) -> Path:
    """The path of a level. Bar t depends on bars 0 … t only."""
    move = np.diff(x, prepend=x[:1])
    size = np.cumsum(np.abs(move)) / np.maximum(np.arange(len(x)), 1)
    most = CUT * np.concatenate([[0.0], size[:-1]])
    most[: FREE + 1] = np.inf
    return Path(np.cumsum(np.clip(move, -most, most)), size)

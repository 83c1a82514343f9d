"""A rhythm: what every P-th bar has in common. Daily series have one of five bars a week, or of seven.

    g[j]     = (FEW + sum_i d^(i-1) q[j - iP]) / (FEW + sum_i d^(i-1))     q: |move| over its usual size, at most MOST
    rho[t,h] = mean of g^2 over the next h bars / mean of g^2 over the next P bars

A factor looks at bars a whole period back and further, so those of the next P bars are known at every bar, and no
calendar is needed. Whether there is such a rhythm at all is not decided here: models/scale/blend.py weighs it against
having none. Why: where a source writes a bar for every day of the week, or a market rests on one of them, the day says
more about the next move than the last weeks do (research/LOG.md).
"""

from dataclasses import dataclass

import numpy as np

from truecast.domain.bar import FloatArray
from truecast.models.scale.recursion import summed_every

FEW = 6.0  # periods before a place in the period is believed as much as the average
MOST = 5.0  # usual sizes: one shock says little about its day of the week
LEAST = 0.2  # of a factor: a place where nothing ever moved may move again


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Of S series over T bars."""

    period: int
    total: FloatArray  # (S, T + P + 1) sums of g^2 of the bars before each

    def ahead(self, horizon: int) -> FloatArray:
        """rho: expected variance per bar over the next `horizon` bars, in units of the average bar's. (S, T)"""
        bars = self.total.shape[1] - self.period - 1
        start = self.total[:, 1 : bars + 1]
        whole = self.total[:, 1 + self.period : bars + 1 + self.period] - start
        cycles, rest = divmod(horizon, self.period)
        part = self.total[:, 1 + rest : bars + 1 + rest] - start
        return np.asarray((cycles + part / whole) * (self.period / horizon))


def rhythm_of(moved: FloatArray, usual: FloatArray, period: int, half_life: float) -> Rhythm:
    """The rhythm with `period` in absolute moves (S, T), of which usual[t - 1] says what to expect of bar t.

    `half_life` counts periods. The first bar has no move, and a bar before the first move tells nothing.
    """
    n_series, n_bars = moved.shape
    both = np.zeros((2, n_series, n_bars + period))  # sizes, and whether there was one
    expected = usual[:, :-1]
    np.greater(expected, 0, out=both[1, :, 1:n_bars], casting="unsafe")
    sizes = both[0, :, 1:n_bars]
    np.divide(moved[:, 1:], expected, out=sizes, where=expected > 0)
    np.minimum(sizes, MOST, out=sizes)
    total, count = summed_every(both, half_life, period)[..., :-period]
    total += FEW
    count += FEW
    squared = np.ones((n_series, n_bars + period))
    squared[:, period:] = np.maximum(total / count, LEAST) ** 2
    sums = np.zeros((n_series, n_bars + period + 1))
    np.cumsum(squared, axis=1, out=sums[:, 1:])
    return Rhythm(period, sums)

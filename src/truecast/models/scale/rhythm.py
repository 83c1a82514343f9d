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
from truecast.models.scale.recursion import run_on

FEW = 6.0  # periods before a place in the period is believed as much as the average
MOST = 5.0  # usual sizes: one shock says little about its day of the week
LEAST = 0.2  # of a factor: a place where nothing ever moved may move again
AHEAD = (1, 2, 4)  # h of rho; all shorter than any period


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Of S series, after some bars."""

    period: int
    half_life: float  # periods
    sums: FloatArray  # (P, 2, S) of the last P bars: of q, and of how many there were
    coming: FloatArray  # (P, S) g^2 of the next P bars


def begun(period: int, half_life: float, n_series: int) -> Rhythm:
    """Before the first bar."""
    return Rhythm(period, half_life, np.zeros((period, 2, n_series)), np.ones((period, n_series)))


def read_on(rhythm: Rhythm, moved: FloatArray, usual: FloatArray) -> tuple[Rhythm, FloatArray]:
    """After n more bars of absolute moves (n, S), of which `usual` (n, S) said what to expect; rho. (AHEAD, n, S)

    The first bar has no move, and a bar before the first move tells nothing.
    """
    period, n = rhythm.period, len(moved)
    periods = -(-n // period)
    both = np.zeros((periods * period, 2, moved.shape[1]))
    told = usual > 0
    np.divide(moved, usual, out=both[:n, 0], where=told)
    np.minimum(both[:n, 0], MOST, out=both[:n, 0])
    both[:n, 1] = told
    shaped = both.reshape(periods, 1, -1)
    run_on(shaped, (rhythm.half_life,), rhythm.sums.reshape(1, -1))
    total = both[:n] + FEW
    squared = np.concatenate([rhythm.coming, np.maximum(total[:, 0] / total[:, 1], LEAST) ** 2])
    sums = np.concatenate([rhythm.sums, both[:n]])[-period:]
    ahead = squared[1 : n + 1].copy()  # of the next h bars
    rho = np.empty((len(AHEAD), *moved.shape))
    for horizon in range(1, period + 1):
        if horizon > 1:
            ahead += squared[horizon : n + horizon]
        if horizon in AHEAD:
            np.divide(ahead, horizon / period, out=rho[AHEAD.index(horizon)])
    rho /= ahead
    return Rhythm(period, rhythm.half_life, sums, squared[n:]), rho

"""A tracker: a factor on the scale that grows with every miss of its 90 % interval and shrinks with every hit.

    b[t] = b[t-1] exp(step (miss[t] - .1)),  miss[t] = |r[t]| > 1.56 b[t-1] s[t-1],  1/2 <= b <= 2

The adaptive CAViaR of Engle and Manganelli (2004), the same step as adaptive conformal inference (Gibbs and Candes
2021) on the logarithm of the width. Misses then come more evenly than by chance: the worst stretch of coverage gets
better than that of a forecast which is right about every day (.861 in 1,500 days). Applied to every quantile it would
cost .3 % of CRPS and more; models/calibrate.py applies it to the tails of one step only, where it costs .1 %
(research/LOG.md).
"""

import numpy as np

from truecast.domain.bar import FloatArray

MISS = 0.1
WIDTH = 1.5608  # of the 90 % interval, in deviations: models/calibrate.py::PRIOR at 5 %
LEAST, MOST = 0.5, 2.0
_FEW = 16  # series


def tracked(moved: FloatArray, deviation: FloatArray, step: float) -> FloatArray:
    """b at each bar, from absolute moves and the deviation (S, T) that each bar expected of the next. (S, T)"""
    factor = np.ones_like(moved)
    bound = WIDTH * deviation
    up, down = np.exp(step * (1 - MISS)), np.exp(-step * MISS)
    if len(moved) <= _FEW:  # the same numbers, faster: a loop over numbers instead of one over short arrays
        for row, came_all, said_all in zip(factor, moved[:, 1:].tolist(), bound[:, :-1].tolist(), strict=True):
            row[1:] = _path(came_all, said_all, float(up), float(down))
        return factor
    came, said, path = np.ascontiguousarray(moved.T), np.ascontiguousarray(bound.T), np.ones(moved.shape[::-1])
    state = path[0]
    for t in range(1, len(path)):
        turned = np.where(came[t] > state * said[t - 1], up, down)
        turned *= state
        state = np.minimum(np.maximum(turned, LEAST, out=turned), MOST, out=path[t])
    return np.ascontiguousarray(path.T)


def _path(came_all: list[float], said_all: list[float], up: float, down: float) -> list[float]:
    b, path = 1.0, []
    for came, said in zip(came_all, said_all, strict=True):
        b = b * (up if came > b * said else down)
        b = LEAST if b < LEAST else min(b, MOST)
        path.append(b)
    return path

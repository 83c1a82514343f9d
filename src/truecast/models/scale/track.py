"""A tracker: a factor on the scale that grows with every miss of its 90 % interval and shrinks with every hit.

    b[t] = b[t-1] exp(step (miss[t] - .1)),  miss[t] = |r[t]| > 1.56 b[t-1] s[t-1],  1/2 <= b <= 2

The adaptive CAViaR of Engle and Manganelli (2004), the same step as adaptive conformal inference (Gibbs and Candes
2021) on the logarithm of the width. Misses then come more evenly than by chance: the worst stretch of coverage gets
better than that of a forecast which is right about every day (.861 in 1,500 days), and everything else gets a little
worse (research/LOG.md). So it is there for who promises coverage over every stretch, and off by default.
"""

import numpy as np

from truecast.domain.bar import FloatArray

MISS = 0.1
WIDTH = 1.5608  # of the 90 % interval, in deviations: models/calibrate.py::PRIOR at 5 %
LEAST, MOST = 0.5, 2.0


def tracked(moved: FloatArray, deviation: FloatArray, step: float) -> FloatArray:
    """b at each bar, from absolute moves and the deviation (S, T) that each bar expected of the next. (S, T)"""
    factor = np.ones_like(moved)
    bound = WIDTH * deviation
    up, down = np.exp(step * (1 - MISS)), np.exp(-step * MISS)
    if len(moved) == 1:  # a loop over numbers is ten times faster than one over arrays of one
        b, path = 1.0, [1.0]
        for came, said in zip(moved[0, 1:].tolist(), bound[0, :-1].tolist(), strict=True):
            b = min(max(b * (up if came > b * said else down), LEAST), MOST)
            path.append(b)
        return np.array([path])
    state = factor[:, 0]
    for t in range(1, moved.shape[1]):
        missed = moved[:, t] > state * bound[:, t - 1]
        state = np.clip(state * np.where(missed, up, down), LEAST, MOST)
        factor[:, t] = state
    return factor

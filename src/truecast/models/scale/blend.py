"""The blend: six views of the next bars' variance, weighted by how well each did of late (QLIKE), at every bar anew.

    views       = two levels x three rhythms (none, 5 bars, 7 bars; models/scale/rhythm.py)
    level 1     = (.9 EWMA12(u) + .1 EWMA600(|r|))^2 / E|z|^2        u: |r| over the rhythm's factor
    level 2     = .9 EWMA25(u^2) + .1 EWMA600(r^2)                   r cut at 6 times its usual size
    far ahead   the slow share w(h) = .10 + .06 log h grows, as in models/ewma_walk.py: volatility returns to its mean
    weight      ~ exp(-RATE sum_i d^i (log v + r^2 / v)[t - i])      d: half-life 15 bars

Exponential weights (Vovk 1990; Cesa-Bianchi and Lugosi 2006) on the loss that ranks variance forecasts rightly even
when r^2 is a noisy proxy (Patton 2011). They forget, because rhythms come and go. A GARCH(1,1) refitted by maximum
likelihood was a view as well and added nothing (research/LOG.md), so that this needs no fit at all.

Floors: a day without change is data (its loss is log v); no variance is less than LEAST_SHARE of the slow mean square,
which halves every 600 bars of standstill; a series that never moved has 0, and models/walk.py adds its own floor.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from truecast.domain.bar import FloatArray
from truecast.models.calibrate import PRIOR_MEAN_ABS
from truecast.models.scale.recursion import averaged, summed
from truecast.models.scale.rhythm import Rhythm, rhythm_of

RHYTHMS = ((5, 20.0), (7, 8.0))  # (period in bars, half-life in periods)
USUAL, FAST_ABSOLUTE, FAST_SQUARE, SLOW = 100.0, 12.0, 25.0, 600.0  # half-lives
CUT = 6.0  # usual sizes
RATE, MEMORY = 1.0, 15.0
LOSS_MOST = 20.0  # of r^2 / v: one outlier does not dethrone a view
LEAST_SHARE = 0.1  # of the slow mean square: a day of rest that was none must not count a hundredfold
SLOW_ONE, SLOW_RISE, SLOW_MOST = 0.10, 0.06, 0.5


@dataclass(frozen=True, slots=True)
class Blended:
    """Of S series over T bars, each number from the bar and those before it only."""

    absolute: FloatArray  # (rhythms, S, T) fast mean absolute move
    square: FloatArray  # (rhythms, S, T) fast mean square
    slow: FloatArray  # (S, T) mean absolute move
    slow_square: FloatArray  # (S, T)
    rhythms: tuple[Rhythm | None, ...]
    weights: FloatArray  # (2 x rhythms, S, T)

    def variance(self, horizon: int) -> FloatArray:
        """Expected variance per bar of the next `horizon` bars. (S, T)"""
        total = LEAST_SHARE * self.slow_square
        mean = np.zeros_like(total)
        for weight, view in zip(self.weights, _views(self, horizon), strict=True):
            mean += weight * view
        return np.asarray(np.maximum(mean, total, out=mean))


def blended(moved: FloatArray) -> Blended:
    """Everything from the absolute moves (S, T), of which the first is 0."""
    usual = averaged(moved, USUAL)
    cut = _cut(moved, usual)
    rhythms: tuple[Rhythm | None, ...] = (None, *(rhythm_of(moved, usual, *one) for one in RHYTHMS))
    absolute, square = np.empty((2, len(rhythms), *moved.shape))
    for i, rhythm in enumerate(rhythms):
        factor = 1.0 if rhythm is None else _factor(rhythm)
        np.divide(moved, factor, out=absolute[i])
        np.divide(cut, factor, out=square[i])
    absolute, square = averaged(absolute, FAST_ABSOLUTE), averaged(np.square(square, out=square), FAST_SQUARE)
    slow, slow_square = averaged(np.stack([moved, cut**2]), SLOW)
    parts = Blended(absolute, square, slow, slow_square, rhythms, np.empty((0, *moved.shape)))
    weights = _weights(np.stack(list(_views(parts, 1))), moved)
    return replace(parts, weights=weights)


def slow_share(horizon: int) -> float:
    """w(h)."""
    return min(SLOW_ONE + SLOW_RISE * math.log(horizon), SLOW_MOST)


def _views(parts: Blended, horizon: int) -> Iterator[FloatArray]:
    w = slow_share(horizon)
    slow, slow_square = (w / PRIOR_MEAN_ABS) * parts.slow, w * parts.slow_square
    for absolute, square, rhythm in zip(parts.absolute, parts.square, parts.rhythms, strict=True):
        first, second = ((1 - w) / PRIOR_MEAN_ABS) * absolute, (1 - w) * square
        first += slow
        first *= first
        second += slow_square
        if rhythm is not None:
            rho = rhythm.ahead(horizon)
            first *= rho
            second *= rho
        yield first
        yield second


def _weights(views: FloatArray, moved: FloatArray) -> FloatArray:
    """Of the views (V, S, T) of the next bar, from how they did on the bars so far. (V, S, T)"""
    said = views[..., :-1]
    v = np.where((said > 0).all(axis=0), said, 1.0)  # nothing has moved yet: all say 0, and none is better
    loss = np.zeros_like(views)
    np.divide(moved[:, 1:] ** 2, v, out=loss[..., 1:])
    np.minimum(loss, LOSS_MOST, out=loss)
    loss[..., 1:] += np.log(v, out=v)
    loss -= loss.mean(axis=0)
    lost = summed(loss, MEMORY)
    lost -= lost.min(axis=0)
    lost *= -RATE
    weight = np.exp(lost, out=lost)
    weight /= weight.sum(axis=0)
    return weight


def _factor(rhythm: Rhythm) -> FloatArray:
    """What was expected of each bar's absolute move one bar before. (S, T)"""
    factor = np.ones((rhythm.total.shape[0], rhythm.total.shape[1] - rhythm.period - 1))
    factor[:, 1:] = np.sqrt(rhythm.ahead(1)[:, :-1])
    return factor


def _cut(moved: FloatArray, usual: FloatArray) -> FloatArray:
    cut = moved.copy()
    before = usual[:, :-1]
    cut[:, 1:] = np.minimum(moved[:, 1:], np.where(before > 0, CUT * before, np.inf))
    return cut

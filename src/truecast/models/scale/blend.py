"""The blend: four views of the next bar's variance, weighted by how well each did of late (QLIKE), at every bar anew.

    views       = two levels x (no rhythm, that of 7 bars; models/scale/rhythm.py)
    level 1     = (.9 EWMA12(u) + .1 EWMA600(|r|))^2 / E|z|^2        u: |r| over the rhythm's factor
    level 2     = .9 EWMA25(u^2) + .1 EWMA600(r^2)                   r cut at 6 times its usual size
    weight      ~ exp(-RATE sum_i d^i (log v + r^2 / v)[t - i])      d: half-life 15 bars
    farther     = ((1 - w) fast + w slow) sqrt(rho)                  roots of the weighted fast and slow variances
    w(h)        = .10 + .06 log h, as in models/ewma_walk.py: volatility returns to its mean

Exponential weights (Vovk 1990; Cesa-Bianchi and Lugosi 2006) on the loss that ranks variance forecasts rightly even
when r^2 is a noisy proxy (Patton 2011). They forget, because rhythms come and go. A GARCH(1,1) refitted by maximum
likelihood was a view as well and added nothing (research/LOG.md), so that this needs no fit at all. A rhythm counts
over 1, 2 and 4 bars; from 8 on nearly every stretch holds as many of each bar as any other.

Floors: a day without change is data (its loss is log v); no variance is less than LEAST_SHARE of the slow mean square,
which halves every 600 bars of standstill; a series that never moved has 0, and models/walk.py adds its own floor.

Computed in stretches of bars with the series side by side, elementwise: what is said of a series is the same to the
last bit whatever stands beside it, and a new bar goes on from the state after the last one.
"""

import math
from dataclasses import dataclass

import numpy as np

from truecast.domain.bar import FloatArray
from truecast.models.calibrate import PRIOR_MEAN_ABS
from truecast.models.scale.recursion import means_on, run_on
from truecast.models.scale.rhythm import Rhythm, begun, read_on

RHYTHMS = ((7, 8.0),)  # (period in bars, half-life in periods)
USUAL, FAST_ABSOLUTE, FAST_SQUARE, SLOW = 100.0, 12.0, 25.0, 600.0  # half-lives
CUT = 6.0  # usual sizes
RATE, MEMORY = 1.0, 15.0
LOSS_MOST = 20.0  # of r^2 / v: one outlier does not dethrone a view
LEAST_SHARE = 0.1  # of the slow mean square: a day of rest that was none must not count a hundredfold
SLOW_ONE, SLOW_RISE, SLOW_MOST = 0.10, 0.06, 0.5
NEAR = (1, 2, 4)  # horizons with a component of their own
FAR = 8  # from here on a horizon is a mixture of fast and slow
COMPONENTS = len(NEAR) + 2  # and the fast and the slow one

_NOTHING = 1e-200
_WAYS = len(RHYTHMS) + 1
_HALF_LIVES = (*[FAST_ABSOLUTE] * _WAYS, *[FAST_SQUARE] * _WAYS, SLOW, SLOW)
_MEMORIES = (MEMORY,) * 2 * _WAYS
_ROWS, _BARS, _CELLS = 512, 32, 16_384  # worked on at once: at most so many rows, at least so many bars, rows x bars


@dataclass(frozen=True, slots=True)
class State:
    """After the last bar of S series: all that the next one needs."""

    bars: int
    usual: FloatArray  # (1, S) sums
    usual_mean: FloatArray  # (S,)
    sums: FloatArray  # (8, S) of _HALF_LIVES
    lost: FloatArray  # (V, S)
    said: FloatArray  # (V, S) the views of the next bar
    factors: FloatArray  # (rhythms, S) of the next bar
    rhythms: tuple[Rhythm, ...]


@dataclass(frozen=True, slots=True)
class Blended:
    """Of S series over T bars, each number from the bar and those before it only."""

    parts: FloatArray  # (COMPONENTS, S, T) deviations per root of a bar: over NEAR bars, fast, slow
    states: tuple[State, ...]  # of _ROWS series each
    told: tuple[tuple[FloatArray, ...], ...]  # of those: weights (n, V, S), slow squares (n, S) of each stretch

    def variance(self, horizon: int) -> FloatArray:
        """Expected variance per bar of the next `horizon` bars. (S, T)"""
        return np.asarray(np.tensordot(mixed(horizon), self.parts, 1) ** 2)

    def weights(self) -> FloatArray:
        """Of the views: no rhythm, then that of 7 bars, absolute and square of each. (V, S, T)"""
        rows = [np.concatenate(one[0::2]).transpose(1, 2, 0) for one in self.told]
        return np.concatenate(rows, axis=1)

    def slow_square(self) -> FloatArray:
        """The slow mean square. (S, T)"""
        return np.concatenate([np.concatenate(one[1::2]).T for one in self.told])


def blended(moved: FloatArray, states: tuple[State, ...] = (), *, tell: bool = True) -> Blended:
    """Everything from the absolute moves (S, T), of which the first ever is 0; `states` are those before these bars.

    Unless it shall `tell`, neither weights nor slow squares are kept.
    """
    n_series, n_bars = moved.shape
    parts, after, told = np.empty((COMPONENTS, n_series, n_bars)), [], []
    length = max(_BARS, _CELLS // min(n_series, _ROWS))
    for number, top in enumerate(range(0, n_series, _ROWS)):
        rows, say = slice(top, top + _ROWS), list[FloatArray]()
        state = states[number] if states else _started(min(_ROWS, n_series - top))
        for first in range(0, n_bars, length):
            bars = slice(first, first + length)
            found, state, *more = _stretch(np.ascontiguousarray(moved[rows, bars].T), state)
            parts[:, rows, bars] = found.transpose(1, 2, 0)
            if tell:
                say += more
        after.append(state)
        told.append(tuple(say))
    return Blended(parts, tuple(after), tuple(told))


def mixed(horizon: int) -> FloatArray:
    """Weights of the components at a horizon; between NEAR ones and up to FAR linear in log h. (COMPONENTS,)"""
    w = slow_share(horizon)
    far = np.array([*[0.0] * len(NEAR), 1 - w, w])
    if horizon >= FAR:
        return far
    near = np.zeros(COMPONENTS)
    at = np.log(NEAR)
    near[: len(NEAR)] = [np.interp(math.log(horizon), at, one) for one in np.eye(len(NEAR))]
    share = max(0.0, math.log(horizon / NEAR[-1]) / math.log(FAR / NEAR[-1]))
    return np.asarray((1 - share) * near + share * far)


def slow_share(horizon: int) -> float:
    """w(h)."""
    return min(SLOW_ONE + SLOW_RISE * math.log(horizon), SLOW_MOST)


def _started(n_series: int) -> State:
    nothing, views = np.zeros((1, n_series)), np.zeros((2 * _WAYS, n_series))
    rhythms = tuple(begun(period, half_life, n_series) for period, half_life in RHYTHMS)
    factors = np.ones((len(RHYTHMS), n_series))
    return State(0, nothing, nothing[0], np.zeros((len(_HALF_LIVES), n_series)), views, views, factors, rhythms)


def _stretch(moved: FloatArray, state: State) -> tuple[FloatArray, State, FloatArray, FloatArray]:
    """Parts (n, C, S) of the next n bars, the state after them, and weights (n, V, S) and slow squares (n, S)."""
    usual, usual_sums = means_on(moved[:, None].copy(), (USUAL,), state.bars, state.usual)
    before = _earlier(state.usual_mean, usual[:-1, 0])
    read = [read_on(rhythm, moved, before) for rhythm in state.rhythms]
    rho = [one for _, one in read]
    factors = [_earlier(old, np.sqrt(one[0])) for old, one in zip(state.factors, rho, strict=True)]
    means, sums = means_on(_sizes(moved, before, factors), _HALF_LIVES, state.bars, state.sums)
    fast, slow = means[:, : 2 * _WAYS].reshape(len(moved), 2, _WAYS, -1), means[:, -2:]
    views = _views(fast, slow, [one[0] for one in rho])
    said = views[-1].copy()
    lost, lost_sums = run_on(_losses(_earlier(state.said, views[:-1]), moved), _MEMORIES, state.lost)
    weights = _weighed(lost)
    parts = _parts(weights, views, fast, slow, rho)
    expected = np.stack([factor[-1] for factor in factors])
    rhythms = tuple(rhythm for rhythm, _ in read)
    bars, usual_mean = state.bars + len(moved), usual[-1, 0].copy()
    known = State(bars, usual_sums, usual_mean, sums, lost_sums, said, expected, rhythms)
    return parts, known, weights, slow[:, 1]


def _earlier(first: FloatArray, later: FloatArray) -> FloatArray:
    """What was known before each bar: `first` before the first one."""
    return np.concatenate([first[None], later])


def _sizes(moved: FloatArray, before: FloatArray, factors: list[FloatArray]) -> FloatArray:
    """What the means of _HALF_LIVES are of; `factors` are those of rhythms. (n, F, S)"""
    sizes = np.empty((len(moved), len(_HALF_LIVES), moved.shape[1]))
    cut = CUT * before
    cut[before <= 0] = np.inf
    np.minimum(moved, cut, out=cut)
    sizes[:, 0], sizes[:, -2] = moved, moved
    np.square(cut, out=sizes[:, _WAYS])
    sizes[:, -1] = sizes[:, _WAYS]
    for i, factor in enumerate(factors, 1):
        np.divide(moved, factor[:-1], out=sizes[:, i])
        squared = np.divide(cut, factor[:-1], out=sizes[:, _WAYS + i])
        np.square(squared, out=squared)
    return sizes


def _views(fast: FloatArray, slow: FloatArray, rho: list[FloatArray]) -> FloatArray:
    """The variance of the next bar, by each. (n, V, S)"""
    views = np.empty((len(fast), _WAYS, 2, fast.shape[-1]))
    absolute, square = views[:, :, 0], views[:, :, 1]
    np.multiply(fast[:, 0], (1 - SLOW_ONE) / PRIOR_MEAN_ABS, out=absolute)
    absolute += (SLOW_ONE / PRIOR_MEAN_ABS) * slow[:, :1]
    np.square(absolute, out=absolute)
    np.multiply(fast[:, 1], 1 - SLOW_ONE, out=square)
    square += SLOW_ONE * slow[:, 1:]
    for i, one in enumerate(rho, 1):
        views[:, i] *= one[:, None]
    return views.reshape(len(fast), 2 * _WAYS, -1)


def _losses(said: FloatArray, moved: FloatArray) -> FloatArray:
    """Of each view, on each bar. (n, V, S)"""
    v = np.maximum(said, _NOTHING, out=said)  # all of them before the first move: none is better
    loss = np.square(moved)[:, None] / v
    np.minimum(loss, LOSS_MOST, out=loss)
    loss += np.log(v, out=v)
    return loss


def _weighed(lost: FloatArray) -> FloatArray:
    """Weights of the views from what they have lost. (n, V, S)"""
    weights = lost.min(axis=1, keepdims=True) - lost
    if RATE != 1:
        weights *= RATE
    np.exp(weights, out=weights)
    weights /= _sum(weights)[:, None]
    return np.asarray(weights)


def _parts(
    weights: FloatArray, views: FloatArray, fast: FloatArray, slow: FloatArray, rho: list[FloatArray]
) -> FloatArray:
    """The deviations. (n, C, S)"""
    parts = np.empty((len(weights), COMPONENTS, weights.shape[-1]))
    views *= weights
    np.maximum(_sum(views), LEAST_SHARE * slow[:, 1], out=parts[:, 0])
    absolute, square = weights[:, 0::2], weights[:, 1::2]
    now, inverse = np.square(fast[:, 0]), 1 / PRIOR_MEAN_ABS**2
    now *= absolute
    now *= inverse
    now += square * fast[:, 1]
    parts[:, -2] = _sum(now)
    share, calm = _sum(absolute), np.square(slow[:, 0])
    calm *= inverse
    calm -= slow[:, 1]
    calm *= share
    np.add(calm, slow[:, 1], out=parts[:, -1])
    ways = absolute + square
    for i in range(1, len(NEAR)):
        near = parts[:, i]
        near[:] = ways[:, 0]
        for k, one in enumerate(rho, 1):
            near += ways[:, k] * one[i]
    np.sqrt(parts, out=parts)
    for i, horizon in enumerate(NEAR[1:], 1):
        w = slow_share(horizon)
        parts[:, i] *= (1 - w) * parts[:, -2] + w * parts[:, -1]
    return parts


def _sum(values: FloatArray) -> FloatArray:
    """Over the middle axis, in its order however many series there are. (n, S)"""
    total = values[:, 0] + values[:, 1]
    for i in range(2, values.shape[1]):
        total += values[:, i]
    return total

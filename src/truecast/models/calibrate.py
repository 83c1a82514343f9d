"""Calibrated shapes: the distribution of standardised outcomes per horizon, from the outcomes themselves.

For the horizon h an outcome is z = move over h steps / (scale at its origin x sqrt(h)). The quantiles of the last
`window` outcomes that are known at a moment are the shape then, read at (n + 1) p, which covers exactly what it claims
when outcomes are exchangeable (Vovk, Gammerman and Shafer 2005, split conformal prediction). Rules say what
happens where they are not, or are few. The constants were chosen on the validation part only (research/LOG.md).

- Tails. Beyond the `EDGE`-th outcome from either end, the outermost supported quantile is stretched by the ratio that
  `PRIOR` (Student t with 5 degrees of freedom, variance 1) has there.
- Pooling. The spread (q[p] - q[1-p]) / 2 is averaged with what the next shorter horizon lets expect (the shortest:
  PRIOR), weight n_eff / (n_eff + POOL), where n_eff = n / h counts outcomes that do not overlap. A short history, or a
  horizon the history hardly contains, is a widened version of what is known better. Sums are nearer to the normal form
  than their terms: with every doubling of the horizon the expected spread gains a share NORMAL of it. Prices spread
  like the root of time, so that they are pooled more (POOL) than statistics of a month or a quarter (POOL_SLOW), which
  go on where they went: theirs is expected to grow by GROWTH_SLOW more with every doubling.
- Reach. A far horizon is held by few outcomes, so that the window grows with its root, at most WINDOW_TIMES, for walks
  whose scale follows the market; for one that has none the window is the scale.
- Asymmetry and drift take far longer to learn than spread. The lean (q[p] + q[1-p]) / 2 is believed to
  n_eff / (n_eff + LEAN); the drift to 1 - DRIFT / t^2, where t is its t-statistic: noise is not extrapolated, the
  trend of a price index is. Below four standard errors there is none: three of four cost accuracy where prices are.
- Adaptation. Where more or fewer of the `RECENT` last outcomes fell outside a central interval than it promises, its
  probability of a miss is moved against that by `STEP` of the relative difference, at most `CLIP`: the correction of
  adaptive conformal inference (Gibbs and Candes 2021), on a window (Barber et al. 2023) instead of a running sum,
  so that it forgets, needs no state, and cannot leave its bounds. For prices it is further damped where these outcomes
  overlap: by n / (n + FEW), n = RECENT / h.
- Evenness, for walks that are tracked (models/track.py): one step ahead, the quantiles at 5 % and 95 % and those
  beyond are read from outcomes in units of the tracked scale; those from 10 % to 90 % stay as they are.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from truecast.domain.bar import BoolArray, FloatArray, IntArray
from truecast.domain.quantiles import GRID, INNER
from truecast.kit.limits import HORIZON_STEPS_MAX

ANCHORS = (1, 2, 4, 8, 16, 32, 64, 110, HORIZON_STEPS_MAX)  # horizons with a shape of their own
EDGE = 2.0
POOL, POOL_SLOW = 100.0, 40.0
NORMAL = 0.1
GROWTH_SLOW = 1.1
WINDOW_TIMES = 4.0
LEAN = 500.0
DRIFT = 16.0
RECENT = 250
STEP = 0.6
CLIP = 0.5
FEW = 20.0

P = np.array(GRID)
_HALF = len(P) // 2  # index of the median
# Student t, 5 degrees of freedom, over its standard deviation sqrt(5/3), at GRID (scipy.stats.t.ppf, checked in tests).
_PRIOR_LOWER = np.array([
    3.69741373, 3.12328452, 2.60646357, 1.99116413, 1.56084976, 1.14321487, 0.89525353, 0.71227555, 0.56288921,
    0.43333234, 0.31621262, 0.20695741, 0.10238245,
])  # fmt: skip
PRIOR = np.concatenate([-_PRIOR_LOWER, [0.0], _PRIOR_LOWER[::-1]])  # (K,)
# Standard normal at GRID (statistics.NormalDist, checked in tests).
_NORMAL_LOWER = np.array([
    2.80703377, 2.57582930, 2.32634787, 1.95996398, 1.64485363, 1.28155157, 1.03643339, 0.84162123, 0.67448975,
    0.52440051, 0.38532047, 0.25334710, 0.12566135,
])  # fmt: skip
NORMAL_FORM = np.concatenate([-_NORMAL_LOWER, [0.0], _NORMAL_LOWER[::-1]])  # (K,)
_CELL = np.diff(np.concatenate([[0.0], (P[1:] + P[:-1]) / 2, [1.0]]))  # probability next to each quantile
PRIOR_MEAN_ABS = 0.7351  # of a standardised Student t with 5 degrees of freedom

_MISS = 2 * P[:_HALF]  # of the central interval between quantile k and its mirror; (K // 2,)
_WATCHED = np.array([3, 5, 8])  # k of the 95, 80 and 50 % intervals


def _adaptation_weights() -> FloatArray:
    """The correction at each k from those watched: linear in log(miss), constant beyond them, 0 at the median."""
    at = np.append(np.log(_MISS[_WATCHED]), 0.0)
    rows = [np.interp(np.log(_MISS), at, np.append(unit, 0.0)) for unit in np.eye(len(_WATCHED))]
    return np.stack(rows)  # (W, K // 2)


_TAIL = np.clip(np.log2(0.2 / np.minimum(2 * P, 2 - 2 * P)), 0.0, 1.0)  # 1 at 5 % and beyond, 0 from 10 % on; (K,)
_SPREADING = _adaptation_weights()
_TINY = np.finfo(np.float64).tiny


@dataclass(frozen=True, slots=True)
class Shapes:
    """Of S series at R bars: what is known there about the moves that follow."""

    drift: FloatArray  # (S, R) per step, in the units of x
    shape: FloatArray  # (S, R, A, K) around the drift, in units of scale x sqrt(h), one per anchor


@dataclass(frozen=True, slots=True)
class Panel:
    """S walks of T bars: what their outcomes are computed from."""

    x: FloatArray  # (S, T)
    parts: FloatArray  # (C, S, T) components of the scale, floored
    mix: Callable[[int], FloatArray]  # weights (C,) of the components at a horizon, summing to 1
    burn: int  # bars at the start whose scale is not yet worth dividing by
    most: float  # |z| beyond this is this: after a long standstill one move is any number of scales
    time: FloatArray | None  # (S, T) business time up to each bar; None where bars count
    expected: Callable[[int], FloatArray] | None = None  # (S, T) of moves over h steps, at each bar; None: nothing
    slow: bool = False  # statistics, a month or more apart
    tracker: FloatArray | None = None  # (S, T) what the scale of the tails is multiplied by; None: nothing

    def of(self, rows: slice) -> "Panel":
        """Some of the series."""
        time, tracker = (None if one is None else one[rows] for one in (self.time, self.tracker))
        return replace(self, x=self.x[rows], parts=self.parts[:, rows], time=time, tracker=tracker)

    def window(self, horizon: int, window: int) -> int:
        """How many bars' outcomes shape a horizon, where `window` do that of one step."""
        follows = math.isfinite(self.most)  # a constant scale is that of the window
        return int(window * min(math.sqrt(horizon), WINDOW_TIMES)) if follows else window

    def scale(self, horizon: int, bars: slice | IntArray, times: float = 1.0) -> FloatArray:
        """The scale of moves over `horizon` steps, known at `bars`, times a number. (S, len(bars))"""
        weights = self.mix(horizon) * times
        counting = np.flatnonzero(weights)
        total = weights[counting[0]] * self.parts[counting[0]][:, bars]
        buffer = np.empty_like(total)
        for i in counting[1:]:
            total += np.multiply(self.parts[i][:, bars], weights[i], out=buffer)
        return np.asarray(total)

    def outcomes(self, horizon: int, origins: slice, resolved: slice, *, tracked: bool = False) -> FloatArray:
        """z of the moves from the origins to the bars where they became known. (S, len(origins))"""
        z = self.x[:, resolved] - self.x[:, origins]
        if self.expected is not None:
            z -= self.expected(horizon)[:, origins]
        if self.time is None:
            z /= self.scale(horizon, origins, math.sqrt(horizon))
        else:
            z /= self.scale(horizon, origins)
            z /= np.sqrt(self.time[:, resolved] - self.time[:, origins])
        if tracked and self.tracker is not None:
            z /= self.tracker[:, origins]
        return np.asarray(z)


def shapes(
    panel: Panel, unit: FloatArray, ahead: FloatArray, at: IntArray, *, window: int, horizon_most: int
) -> Shapes:
    """The calibrated shapes of every anchor up to `horizon_most`, as known at each bar of `at`.

    `unit` (S, R) is the standard deviation that z is given where no outcome is known yet, `ahead` (S or 1, R, steps)
    the business time to each step ahead.
    """
    spread = unit[..., None] * PRIOR
    drift, found, pool = np.zeros_like(unit), [], POOL_SLOW if panel.slow else POOL
    for before, horizon in pairwise((1, *anchors_for(horizon_most))):
        spread = longer(spread, math.log2(horizon / before), GROWTH_SLOW if panel.slow else 1.0)
        stride, scale = stride_of(horizon), panel.scale(horizon, at)
        recent = known_outcomes(panel, horizon, at, panel.window(horizon, window), stride)
        n = np.clip((at - horizon - panel.burn) // stride + 1, 0, recent.shape[-1])
        sampled, lean, tails, far = n >= 2 * EDGE, np.zeros_like(spread), 0.0, None
        if sampled.any():
            own = _sampled(recent, n, sampled, panel.most)
            n_eff = np.where(sampled, n * stride / horizon, 0.0)[:, None]
            if horizon == 1:
                drift = np.where(sampled, drift_of(own, np.maximum(n, 1)), 0.0) * scale
            spread, lean = _pooled(own, n_eff, spread, pool)
            if horizon == 1 and panel.tracker is not None:
                far = panel.tracker[:, at, None] * known_outcomes(panel, 1, at, window, 1, tracked=True)
                tails = n_eff / (n_eff + pool) * _TAIL * (_sampled(far, n, sampled, panel.most) - own)
        centre = (drift * horizon / (scale * np.sqrt(ahead[..., horizon - 1])))[..., None]
        shape = np.sort(centre + spread + lean + tails, axis=-1)
        late = slice(-(-RECENT // stride))
        corrections = corrections_of(shape, recent[..., late], n, None if far is None else far[..., late])
        damped = 1.0 if panel.slow else RECENT / (RECENT + FEW * horizon)
        found.append((shape, centre, damped * corrections))
    shape, centre, moved = (np.stack(one, axis=2) for one in zip(*found, strict=True))
    return Shapes(drift, adapted(shape, moved) - centre)


def _sampled(recent: FloatArray, n: IntArray, sampled: BoolArray, most: float) -> FloatArray:
    """Quantiles of the known outcomes (S, R, N); anything where they are too few. (S, R, K)"""
    ordered = np.sort(recent, axis=-1)
    if not sampled.all():
        ordered[:, ~sampled] = 0.0
    return sample_quantiles(ordered, np.maximum(n, int(2 * EDGE)), most)


def known_outcomes(
    panel: Panel, horizon: int, at: IntArray, window: int, stride: int, *, tracked: bool = False
) -> FloatArray:
    """Every `stride`-th outcome of the last `window` bars known at each bar of `at`, newest first. (S, len(at), n)

    Absent ones are +inf and stand last.
    """
    first = horizon + panel.burn  # the bar where the first outcome became known
    if len(at) == 1:  # the usual case: no more is computed than is needed
        last = int(at[0])
        n = max(0, (last - max(first, last - window + 1)) // stride + 1)
        if n == 0:
            return np.full((len(panel.x), 1, 1), np.inf)
        oldest = last - (n - 1) * stride
        origins, resolved = (slice(oldest - back, last - back + 1, stride) for back in (horizon, 0))
        return panel.outcomes(horizon, origins, resolved, tracked=tracked)[:, None, ::-1]
    z = np.full((len(panel.x), window - 1 + panel.x.shape[1]), np.inf)
    if first < panel.x.shape[1]:
        known = slice(panel.burn, -horizon), slice(first, None)
        z[:, window - 1 + first :] = panel.outcomes(horizon, *known, tracked=tracked)
    return sliding_window_view(z, window, axis=1)[:, at, ::-stride]


def stride_of(horizon: int) -> int:
    """Outcomes of a long horizon overlap and say nearly the same, so that every (h // 3)-th is enough."""
    return max(1, horizon // 3)


def longer(spread: FloatArray, doublings: float, growth: float) -> FloatArray:
    """The spread (..., K) that a horizon shorter by so many doublings lets expect, in units of the root of time."""
    if not doublings:
        return spread
    deviation = np.sqrt(spread**2 @ _CELL / (NORMAL_FORM**2 @ _CELL))
    share = 1 - (1 - NORMAL) ** doublings
    longer = (1 - share) * spread + share * deviation[..., None] * NORMAL_FORM
    return np.asarray(growth**doublings * longer)


def _pooled(
    own: FloatArray, n_eff: FloatArray, spread_shorter: FloatArray, pool: float
) -> tuple[FloatArray, FloatArray]:
    """Spread and lean (S, R, K) of sample quantiles, each believed as far as its sample goes."""
    mirrored = own[..., ::-1]
    weight, trust = n_eff / (n_eff + pool), n_eff / (n_eff + LEAN)
    centred = np.where(n_eff > 0, own - mirrored, 0.0) / 2
    lean = np.where(n_eff > 0, (own + mirrored) / 2 - own[..., [_HALF]], 0.0)
    return weight * centred + (1 - weight) * spread_shorter, trust * lean


def anchors_for(horizon_most: int) -> tuple[int, ...]:
    """The anchors needed to interpolate every horizon up to `horizon_most`."""
    return ANCHORS[: int(np.searchsorted(ANCHORS, horizon_most)) + 1]


def sample_quantiles(ordered: FloatArray, n: IntArray, most: float = np.inf) -> FloatArray:
    """Quantiles at GRID of the first n (R,) of each sorted row (S, R, N) by the (n + 1) p and the tail rule. (S, R, K)

    Every n must be at least 2 EDGE. What lies beyond +-most counts as that.
    """
    edge = (EDGE / (n + 1.0))[:, None]
    p = np.clip(P, edge, 1 - edge)  # (R, K)
    position = p * (n[:, None] + 1.0) - 1.0
    left = position.astype(np.intp)
    right = np.minimum(left + 1, n[:, None] - 1)
    low, high = (np.clip(np.take_along_axis(ordered, i[None], axis=-1), -most, most) for i in (left, right))
    q = low + (position - left) * (high - low)
    inner = np.interp(p, P, PRIOR)
    stretch = np.divide(PRIOR, inner, out=np.ones_like(p), where=p != P)
    centre = q[..., [_HALF]]
    return np.asarray(centre + (q - centre) * stretch)


def drift_of(q: FloatArray, n: IntArray) -> FloatArray:
    """The drift per step that one-step outcomes with these quantiles (S, R, K) prove, in their units. (S, R)"""
    mean = q[..., INNER].mean(axis=-1)
    deviation = (q[..., 20] - q[..., 6]) / 2.0729  # from the quantiles at 15 and 85 %, as if normal
    noise = DRIFT * deviation**2 / n
    return np.asarray(mean * np.maximum(0.0, 1 - noise / np.maximum(mean**2, np.maximum(noise, _TINY))))


def corrections_of(q: FloatArray, recent: FloatArray, n: IntArray, far: FloatArray | None = None) -> FloatArray:
    """How much more often than recent outcomes (S, R, n) ask for, the watched intervals of q (S, R, K) miss. (S, R, W)

    Relative, and already damped and clipped. Only the first n (R,) outcomes of a row exist; the others are +inf. The
    tails are held against `far` where it is given: the outcomes of a tracked scale.
    """
    bounds = q.astype(np.float32)  # counting needs no more digits, and half the time
    known = np.clip(n, 1, recent.shape[-1])
    corrections = np.empty((*q.shape[:-1], len(_WATCHED)))
    middle, tails = recent.astype(np.float32), None if far is None else far.astype(np.float32)
    for i, k in enumerate(_WATCHED):
        z = middle if tails is None or _TAIL[k] == 0 else tails
        missed = _count(z < bounds[..., [k]]) + _count(z > bounds[..., [-1 - k]]) - (z.shape[-1] - known)
        corrections[..., i] = STEP * (1 - missed / (known * _MISS[k]))
    return np.asarray(np.clip(corrections, -CLIP, CLIP))


def adapted(q: FloatArray, corrections: FloatArray) -> FloatArray:
    """Quantiles (..., K) read at probabilities that are moved by the corrections (..., W). (..., K)"""
    lower = P[:_HALF] * (1 + corrections @ _SPREADING)
    p = np.concatenate([lower, np.full((*lower.shape[:-1], 1), 0.5), 1 - lower[..., ::-1]], axis=-1)
    right = np.clip(np.searchsorted(P, p), 1, len(P) - 1)
    rows = np.arange(0, q.size, len(P)).reshape(*q.shape[:-1], 1)
    low, high = q.reshape(-1)[rows + right - 1], q.reshape(-1)[rows + right]
    p_low = P[right - 1]
    moved: FloatArray = low + (p - p_low) / (P[right] - p_low) * (high - low)
    return np.sort(moved, axis=-1)


def _count(true: BoolArray) -> FloatArray:
    """How many of at most 255 are true, along the last axis; far faster than count_nonzero."""
    assert true.shape[-1] <= 255
    return np.asarray(true.view(np.uint8).sum(axis=-1, dtype=np.uint8), np.float64)


def at_horizons(shape: FloatArray, horizons: IntArray) -> FloatArray:
    """Shapes of the anchors (..., A, K) at any horizons, linear in log h between anchors. (..., H, K)"""
    anchors = np.array(ANCHORS[: shape.shape[-2]])
    rows, weights = np.arange(len(horizons)), np.zeros((len(horizons), len(anchors)))
    right = np.clip(np.searchsorted(anchors, horizons), 1, max(len(anchors) - 1, 1))
    left = right - 1
    if len(anchors) == 1:
        weights[:] = 1.0
    else:
        share = np.log(horizons / anchors[left]) / np.log(anchors[right] / anchors[left])
        weights[rows, left], weights[rows, right] = 1 - share, share
    return np.asarray(weights @ shape)

"""Driftless random walk whose volatility is a blend that learns what tells most about this market (models/scale).

    x[T + h] at p = x[T] + h drift + s[T, h] sqrt(h) Q_h(p)          s[T, h]^2: models/scale/blend.py

Q_h and the drift as in models/walk.py: the quantiles of past outcomes in units of s sqrt(h). What it has over
ewma_walk: two measures of size instead of one, and rhythms of five and seven bars, each believed as far as it has
earned; where neither helps, the two are the same within a thousandth.
"""

from dataclasses import dataclass, field

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.models.naive import Naive
from truecast.models.scale.blend import blended
from truecast.models.scale.track import tracked
from truecast.models.walk import WalkModel

ANCHORS = (1, 2, 4, 8, 32, 168)  # horizons whose scale is computed; those between are interpolated in log h

_ROWS = 32  # series worked on at once: their views fit the processor's cache


@dataclass(frozen=True, slots=True)
class VolWalk(WalkModel):
    """The recipe."""

    name: str = "vol_walk"
    version: str = "2"
    description: str = "Random walk with a blend of volatilities, weighted online by QLIKE, and calibrated shocks"
    feature_set: str = "walk/1"
    min_bars: int = 30
    window: int = 1000
    burn: int = 15
    scaled: bool = True
    clocked: bool = True
    ranged: bool = False
    tracking: float = 0.0  # step of models/scale/track.py
    reference: Naive = field(default_factory=Naive)

    def parts(self, moved: FloatArray) -> FloatArray:
        """The expected deviation per root of a bar at each of ANCHORS. (C, S, T)"""
        parts = np.empty((len(ANCHORS), *moved.shape))
        for first in range(0, len(moved), _ROWS):
            rows = slice(first, first + _ROWS)
            views = blended(moved[rows])
            for i, horizon in enumerate(ANCHORS):
                np.sqrt(views.variance(horizon), out=parts[i, rows])
            if self.tracking:
                parts[:, rows] *= tracked(moved[rows], parts[0, rows], self.tracking)
        return parts

    def extended(self, parts: FloatArray, moved: FloatArray) -> FloatArray:
        """Recomputed: a pass over 2,000 bars takes about a millisecond, and is the same to the last bit."""
        more = self.parts(moved[None])[:, 0]
        more[:, : parts.shape[1]] = parts
        return more

    def mix(self, horizon: int) -> FloatArray:
        """Linear in log h between ANCHORS."""
        at = np.log(ANCHORS)
        return np.array([np.interp(np.log(horizon), at, one) for one in np.eye(len(ANCHORS))])

    def unit(self, x: FloatArray, at: IntArray) -> FloatArray:
        """Outcomes are in units of their expected deviation."""
        return np.ones((len(x), len(at)))

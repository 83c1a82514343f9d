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
from truecast.models.scale.blend import blended, mixed
from truecast.models.walk import WalkModel


@dataclass(frozen=True, slots=True)
class VolWalk(WalkModel):
    """The recipe."""

    name: str = "vol_walk"
    version: str = "6"
    description: str = "Random walk with a blend of volatilities, weighted online by QLIKE, and calibrated shocks"
    feature_set: str = "walk/1"
    min_bars: int = 30
    window: int = 1000
    burn: int = 15
    scaled: bool = True
    clocked: bool = True
    ranged: bool = False
    tracking: float = 0.2
    reference: Naive = field(default_factory=Naive)

    def parts(self, moved: FloatArray, state: object = None) -> tuple[FloatArray, object]:
        """The components of models/scale/blend.py. (C, S, T)"""
        found = blended(moved, state if isinstance(state, tuple) else (), tell=False)
        return found.parts, found.states

    def mix(self, horizon: int) -> FloatArray:
        """Those of models/scale/blend.py."""
        return mixed(horizon)

    def unit(self, x: FloatArray, at: IntArray) -> FloatArray:
        """Outcomes are in units of their expected deviation."""
        return np.ones((len(x), len(at)))

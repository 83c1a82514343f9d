"""EWMA of squared moves at one half-life (RiskMetrics 1996): no mean reversion, no parameters to estimate.

v[t] = lam v[t-1] + (1 - lam) r[t]^2          lam = 2 ** (-1 / half_life), weights summing to 1 from the first move
E (x[t+h] - x[t])^2 = h v[t]
"""

from dataclasses import dataclass

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.features.frame import Frame
from truecast.models.scale.base import Series
from truecast.models.scale.recursion import averaged


@dataclass(frozen=True, slots=True)
class Ewma:
    """The recipe."""

    half_life: float = 23.0
    name: str = "ewma"

    def fit(self, x: FloatArray, frame: Frame) -> "FittedEwma":
        """Learn from a series."""
        series = Series(x, frame)
        return FittedEwma(self, series, averaged(series.moves() ** 2, self.half_life))


@dataclass(frozen=True, slots=True)
class FittedEwma:
    """The means so far."""

    recipe: Ewma
    series: Series
    means: FloatArray  # (T,)

    @property
    def variance(self) -> FloatArray:
        """Of the next bar. (T,)"""
        return np.maximum(self.means, self.series.floor())

    @property
    def params(self) -> dict[str, float]:
        """The half-life, in bars."""
        return {"half_life": self.recipe.half_life}

    def ahead(self, origins: IntArray, horizons: IntArray) -> FloatArray:
        """Proportional to the horizon. (O, H)"""
        return np.asarray(self.variance[origins][:, None] * horizons)

    def update(self, new: Frame) -> "FittedEwma":
        """The recursion goes on; a series that turned to differences starts over."""
        series = self.series.followed_by(new)
        known = len(self.means)
        if not np.array_equal(series.x[known - 1 : known], self.series.x[-1:]):
            return self.recipe.fit(series.x, series.frame)
        decay = 2.0 ** (-1.0 / self.recipe.half_life)
        means = np.concatenate([self.means, np.empty(len(new))])
        for t in range(known, len(means)):
            mass_before, mass = 1 - decay ** max(t - 1, 1), 1 - decay**t
            moved = (series.x[t] - series.x[t - 1]) ** 2
            means[t] = (decay * mass_before * means[t - 1] + (1 - decay) * moved) / mass
        return FittedEwma(self.recipe, series, means)

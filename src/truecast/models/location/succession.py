"""Trees that were trained again and again: at every bar those speak that were in force then, and had not seen it.

A single artifact says nothing about the time it learned from, so that its past proves nothing. A succession has a past:
what each of them said between its own training and the next one. Newer ones take over from the bar on which they were
trained; what the newest cannot reach (anchors) decides how far the succession goes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.features.build import build
from truecast.features.frame import Frame
from truecast.features.returns import uses_differences
from truecast.models.location.trees import FittedTrees, Trees, step_of


@dataclass(frozen=True, slots=True, eq=False)
class Succession:
    """Trees of one kind in the order of their training, the first one first; at least one."""

    reigns: tuple[Trees, ...]

    @property
    def name(self) -> str:
        """Of the trees."""
        return self.reigns[-1].name

    @property
    def version(self) -> str:
        """Of the trees."""
        return self.reigns[-1].version

    @property
    def description(self) -> str:
        """Of the trees."""
        return self.reigns[-1].description

    @property
    def feature_set(self) -> str:
        """Of the newest."""
        return self.reigns[-1].feature_set

    @property
    def min_bars(self) -> int:
        """Of the trees."""
        return self.reigns[-1].min_bars

    @property
    def horizon_max(self) -> int:
        """Of the newest."""
        return self.reigns[-1].horizon_max

    def fit(self, frame: Frame, x: FloatArray) -> "FittedSuccession":
        """Features of every bar, once; raises what the newest raises."""
        newest = self.reigns[-1].scope(frame)
        features, step = np.ascontiguousarray(build([frame], newest.feature_set).of(0)), step_of(x)
        fitted = []
        for trees in self.reigns:
            artifact = trees.scope(frame)
            if artifact.feature_set == newest.feature_set and artifact.anchors[-1] >= newest.anchors[-1]:
                since = int(np.searchsorted(frame.end, artifact.trained_until, side="left"))
                fitted.append(FittedTrees(trees, artifact, features, step, since, uses_differences(frame)))
        return FittedSuccession(self, tuple(fitted))


@dataclass(frozen=True, slots=True, eq=False)
class FittedSuccession:
    """Of one series."""

    succession: Succession
    fitted: Sequence[FittedTrees]  # by judged_from, ascending
    shaping: bool = False

    @property
    def judged_from(self) -> int:
        """The bar on which the first one was trained."""
        return self.fitted[0].judged_from

    def mu(self, origins: IntArray, horizons: IntArray) -> FloatArray:
        """Expected moves; 0 before the first one was trained. (O, H)"""
        mu = np.zeros((len(origins), len(horizons)))
        since = np.array([one.judged_from for one in self.fitted])
        of = np.searchsorted(since, origins, side="right") - 1
        for number in np.unique(of[of >= 0]).tolist():
            mine = of == number
            mu[mine] = self.fitted[number].mu(origins[mine], horizons)
        return mu

    def carried(self, frame: Frame, x: FloatArray) -> "FittedSuccession":
        """The same for the frame that has more bars."""
        newest = self.fitted[-1].carried(frame, x)
        if newest.differences != self.fitted[-1].differences:
            return self.succession.fit(frame, x)
        others = [replace(one, features=newest.features, step=newest.step) for one in self.fitted[:-1]]
        return replace(self, fitted=(*others, newest))

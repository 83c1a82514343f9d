"""What every scale is: a recipe that says, at every bar of a frame, how far the next bars are expected to move."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.features.frame import Frame
from truecast.features.returns import level
from truecast.kit.errors import EXIT_DATA, TruecastError

ZERO = 1e-14  # of the price or 1 for logs, squared: the least variance, that of models/walk.py::FLOOR


class ScaleNotAvailable(TruecastError):
    """The series lacks what this scale is computed from: it steps aside for the others."""

    code = "scale_not_available"
    status = 409
    title = "Scale not available"
    template = "{scale} needs {needs}; {symbol} has none at {interval}"
    exit_code = EXIT_DATA


class FittedScale(Protocol):
    """Of one series. Immutable; every number at bar t comes from bars 0 … t only."""

    @property
    def variance(self) -> FloatArray:
        """Expected squared move of the next bar, as known at each bar; always positive. (T,)"""

    @property
    def params(self) -> dict[str, float]:
        """What was estimated last, by name."""

    def ahead(self, origins: IntArray, horizons: IntArray) -> FloatArray:
        """Expected squared move over each horizon, as known at each origin. (O, H)"""

    def update(self, new: Frame) -> "FittedScale":
        """The same as fitting on all bars so far and those of `new`."""


class Scale(Protocol):
    """A recipe: hyper-parameters only."""

    @property
    def name(self) -> str:
        """How it is called."""

    def fit(self, x: FloatArray, frame: Frame) -> FittedScale:
        """Learn from the level x (T,) (log price, or price) and the frame it is the level of."""


@dataclass(frozen=True, slots=True)
class Series:
    """A frame and its level: what a scale keeps to go on from."""

    x: FloatArray  # (T,)
    frame: Frame

    def moves(self) -> FloatArray:
        """x[t] - x[t - 1], 0 for the first bar. (T,)"""
        return np.diff(self.x, prepend=self.x[:1])

    def followed_by(self, new: Frame) -> "Series":
        """With more bars. A log series that meets a price <= 0 turns to differences, from its first bar on."""
        frame = self.frame.followed_by(new)
        return Series(level(frame), frame)

    def floor(self) -> FloatArray:
        """The least variance at each bar: ZERO, times the largest squared price where x is the price. (T,)"""
        if self.x is self.frame.close or np.array_equal(self.x, self.frame.close):
            largest = np.maximum.accumulate(np.abs(self.x))
            return ZERO * np.where(largest > 0, largest, 1.0) ** 2
        return np.full(len(self.x), ZERO)

"""A location and a scale made a model: where the price goes, how far it may stray, and the shape of what is left.

    x[T + h] at p = x[T] + mu[T, h] + h drift + s[T, h] sqrt(h) Q_h(p)            mu: models/location

s, Q_h and the drift are those of a walk (models/walk.py, models/calibrate.py). For a location that shapes, outcomes are
z[t, h] = (x[t + h] - x[t] - mu[t, h]) / (s[t, h] sqrt(h)): a trend that is expected widens nothing, and what the
location gets wrong does. Skill is measured against the calibrated random walk, from the bar on where the location had
not seen what came.
"""

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.domain.horizon import HorizonOutOfRange
from truecast.domain.quantiles import GRID
from truecast.features.frame import Frame
from truecast.features.returns import level, uses_differences
from truecast.kit.limits import HORIZON_STEPS_MAX
from truecast.models.base import Prediction, require_bars
from truecast.models.ewma_walk import EwmaWalk
from truecast.models.location.base import HorizonBeyondTraining, Location
from truecast.models.location.trees import Trees
from truecast.models.naive import Naive
from truecast.models.walk import FittedWalk, Walk, fit_walk, predict_panel

LOCATED_VERSION = 2  # of this file's rule


@dataclass(frozen=True, slots=True)
class FittedLocated:
    """One series' walk around its location."""

    model: "Located"
    walk: FittedWalk

    def update(self, new: Frame) -> "FittedLocated":
        """The same as fitting on everything so far and `new`."""
        return replace(self, walk=self.walk.update(new))

    def predict(self, steps: int) -> Prediction:
        """Quantiles of the next `steps` closes, with the record of the same method one step ahead."""
        self.model.require_horizon(steps)
        return self.walk.predict(steps)

    def quantiles(self, origins: IntArray, horizons: IntArray) -> FloatArray:
        """Price quantiles as they could be known at each origin. (O, H, K)"""
        self.model.require_horizon(int(horizons.max()))
        return self.walk.quantiles(origins, horizons)


@dataclass(frozen=True, slots=True)
class Located:
    """The recipe: any location, any walk."""

    location: Location
    scale: Walk = field(default_factory=EwmaWalk)
    reference: Naive = field(default_factory=Naive)

    @property
    def name(self) -> str:
        """That of the location."""
        return self.location.name

    @property
    def version(self) -> str:
        """That of the location, and of this file's rule."""
        return f"{self.location.version}.{LOCATED_VERSION}"

    @property
    def description(self) -> str:
        """That of the location."""
        return self.location.description

    @property
    def feature_set(self) -> str:
        """That of the location."""
        return self.location.feature_set

    @property
    def min_bars(self) -> int:
        """What both need."""
        return max(self.location.min_bars, self.scale.min_bars)

    @property
    def horizon_max(self) -> int:
        """The farthest step it forecasts."""
        return min(self.location.horizon_max, HORIZON_STEPS_MAX)

    def require_horizon(self, steps: int) -> None:
        """Raise HorizonOutOfRange, or HorizonBeyondTraining, unless so many steps can be forecast."""
        if self.horizon_max < steps <= HORIZON_STEPS_MAX:
            raise HorizonBeyondTraining(model=self.name, horizon=steps, most=self.horizon_max)
        if not 1 <= steps <= HORIZON_STEPS_MAX:
            raise HorizonOutOfRange(horizon=steps, most=HORIZON_STEPS_MAX)

    def fit(self, frame: Frame) -> FittedLocated:
        """Learn from the frame. Raises HistoryTooShort and what the location refuses."""
        require_bars(self, frame)
        return _RECENT.fit(self, frame)

    def fit_many(self, frames: Sequence[Frame]) -> list[FittedLocated]:
        """Learn from each frame."""
        return [self.fit(frame) for frame in frames]

    def predict_many(self, frames: Sequence[Frame], steps: int) -> FloatArray:
        """Quantiles of all frames; one that is given several times is forecast once. (S, steps, K)"""
        self.require_horizon(steps)
        for frame in frames:
            require_bars(self, frame)
        if isinstance(self.location, Trees):
            return _around(self.location, predict_panel(self.scale, frames, steps), frames)
        rows: dict[int, int] = {}
        values = np.empty((len(frames), steps, len(GRID)))
        for i, frame in enumerate(frames):
            first = rows.setdefault(id(frame), i)
            values[i] = self._one(frame, steps) if first == i else values[first]
        return values

    def walk(self, frame: Frame, origins: IntArray, horizons: IntArray) -> FloatArray:
        """What was predictable at each origin. (O, H, K)"""
        return self.fit(frame).quantiles(origins, horizons)

    def _one(self, frame: Frame, steps: int) -> FloatArray:
        values = self.fit(frame).quantiles(np.array([len(frame) - 1]), np.arange(1, steps + 1))
        return np.asarray(values[0])


class _Recent:
    """The last fits: a forecast and its explanation want the same one, which may take a tenth of a second."""

    def __init__(self, most: int) -> None:
        self._kept: OrderedDict[tuple[Located, int], tuple[Frame, FittedLocated]] = OrderedDict()
        self._most = most
        self._lock = threading.Lock()

    def fit(self, model: Located, frame: Frame) -> FittedLocated:
        key = (model, id(frame))  # of a frame that is held, so that no other can have its id
        with self._lock:
            if key in self._kept:
                return self._kept[key][1]
        location = model.location.fit(frame, level(frame))
        fitted = FittedLocated(model, replace(fit_walk(model.scale, model.reference, frame), location=location))
        with self._lock:
            self._kept[key] = frame, fitted
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return fitted


_RECENT = _Recent(8)


def _around(trees: Trees, values: FloatArray, frames: Sequence[Frame]) -> FloatArray:
    """Quantiles of walks (S, H, K), in place, moved to where trees expect the price; scope by scope. (S, H, K)"""
    alike: dict[tuple[str, str], list[int]] = defaultdict(list)
    for i, frame in enumerate(frames):
        artifact = trees.scope(frame)
        alike[artifact.asset_class, artifact.interval].append(i)
    horizons = np.arange(1, values.shape[1] + 1)
    for members in alike.values():
        some = [frames[i] for i in members]
        for i, mu in zip(members, trees.last(some, [level(frame) for frame in some], horizons), strict=True):
            values[i] = values[i] + mu[:, None] if uses_differences(frames[i]) else values[i] * np.exp(mu)[:, None]
    return values

"""Trees as a location: learned once over all instruments of a class, asked at every bar.

    mu[t, h] = step[t] g(h)        g at an anchor a: sqrt(a) shrink[a] tree_a(features[t]); linear between, 0 at 0

step: root mean square move of 20 bars, the unit of the features and of what was learned. Where trees have seen what
came (up to `trained_until`) they say nothing, and nothing there is judged. A flat market has no step: nothing is said.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol, cast

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.features.build import build, build_last
from truecast.features.frame import Frame
from truecast.features.returns import uses_differences
from truecast.kit.errors import EXIT_NOT_FOUND, TruecastError
from truecast.models.heavy import ModelUnavailable
from truecast.models.location.artifact import Artifact, ArtifactRefused
from truecast.models.location.base import HorizonBeyondTraining

STEP_BARS = 20
# So much may a series, or the part of it that a record is measured on (forecasts/predict.py), end before the last bar
# learned from, whichever is longer; the trees say nothing of it meanwhile.
LAG_BARS_MAX, LAG_S_MAX = 10, 35 * 86_400
MOST = 1.0  # steps per root of the horizon: no tree is believed to know more


class OutOfScope(TruecastError):
    """The model was not trained for such a series."""

    code = "out_of_scope"
    status = 409
    title = "Out of the model's scope"
    template = "{model} cannot forecast {symbol}: {reason}"
    exit_code = EXIT_NOT_FOUND


class Grower(Protocol):
    """A kind of trees (boosted.py)."""

    @property
    def name(self) -> str:
        """How users call it."""

    @property
    def version(self) -> str:
        """Changes with its hyper-parameters."""

    @property
    def description(self) -> str:
        """One sentence."""

    def learned(self, x: FloatArray, y: FloatArray, seed: int) -> str:
        """The native text of a model of y (N,) given x (N, F)."""

    def reader(self, text: str) -> Callable[[FloatArray], FloatArray]:
        """What the text says of rows."""


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """Trained trees by scope (asset class, interval), and which class each symbol is of."""

    grower: Grower
    artifacts: Mapping[tuple[str, str], Artifact]
    class_of: Mapping[str, str]
    min_bars: int = 30
    bound: str = ""  # the version of the artifacts, where a registry keeps them

    @property
    def name(self) -> str:
        """Of the grower."""
        return self.grower.name

    @property
    def version(self) -> str:
        """Of the artifacts, or of the grower where they have none."""
        return self.bound or self.grower.version

    @property
    def description(self) -> str:
        """Of the grower."""
        return self.grower.description

    @property
    def feature_set(self) -> str:
        """Of what was trained."""
        return next((one.feature_set for one in self.artifacts.values()), "tree/1")

    @property
    def horizon_max(self) -> int:
        """The farthest horizon of any scope; each series is held to its own."""
        return max((one.anchors[-1] for one in self.artifacts.values()), default=0)

    def scope(self, frame: Frame) -> Artifact:
        """What was trained for such a series; raises ModelUnavailable (nothing) or OutOfScope."""
        if not self.artifacts:
            raise ModelUnavailable(model=self.name, reason="not trained yet")
        symbol, interval = frame.symbol or "the series", frame.interval.value
        asset_class = self.class_of.get(frame.symbol)
        if asset_class is None:
            raise OutOfScope(model=self.name, symbol=symbol, reason="its asset class is unknown")
        found = self.artifacts.get((asset_class, interval))
        if found is None:
            scopes = ", ".join(sorted(f"{a} {i}" for a, i in self.artifacts))
            reason = f"nothing was trained for {asset_class} {interval}, only for {scopes}"
            raise OutOfScope(model=self.name, symbol=symbol, reason=reason)
        lag_us = max(LAG_BARS_MAX * frame.interval.seconds, LAG_S_MAX) * 1_000_000
        if len(frame) and frame.end[-1] < found.trained_until - lag_us:
            reason = "it ends before the end of what the model was trained on"
            raise OutOfScope(model=self.name, symbol=symbol, reason=reason)
        return found

    def fit(self, frame: Frame, x: FloatArray) -> "FittedTrees":
        """Features of every bar; raises ModelUnavailable, OutOfScope, ArtifactRefused."""
        artifact = self.scope(frame)
        since = int(np.searchsorted(frame.end, artifact.trained_until, side="left"))
        features = np.ascontiguousarray(build([frame], artifact.feature_set).of(0))
        return FittedTrees(self, artifact, features, step_of(x), since, uses_differences(frame))

    def last(self, frames: Sequence[Frame], x: Sequence[FloatArray], horizons: IntArray) -> FloatArray:
        """`fit(frame).mu` at the last bar of each frame of one scope, together. (S, H)"""
        artifact = self.scope(frames[0])
        rows = build_last(frames, artifact.feature_set).values
        step = np.array([step_of(one[-STEP_BARS - 1 :])[-1] for one in x])
        mu = _mu(self.grower, artifact, rows, step, horizons)
        mu[[bool(frame.end[-1] < artifact.trained_until) for frame in frames]] = 0.0  # as `mu` below
        return mu


@dataclass(frozen=True, slots=True, eq=False)
class FittedTrees:
    """Of one series."""

    trees: Trees
    artifact: Artifact
    features: FloatArray  # (T, F)
    step: FloatArray  # (T,) 0 where there is none
    judged_from: int
    differences: bool
    shaping: bool = False

    def mu(self, origins: IntArray, horizons: IntArray) -> FloatArray:
        """Expected moves; 0 where the trees had seen what came. (O, H)"""
        mu = np.zeros((len(origins), len(horizons)))
        fresh = np.flatnonzero(origins >= self.judged_from)
        if len(fresh):
            at = origins[fresh]
            mu[fresh] = _mu(self.trees.grower, self.artifact, self.features[at], self.step[at], horizons)
        return mu

    def carried(self, frame: Frame, x: FloatArray) -> "FittedTrees":
        """Features of one new bar, from as many bars before it as any column remembers."""
        if len(frame) != len(self.features) + 1 or uses_differences(frame) != self.differences:
            return self.trees.fit(frame, x)
        more = build_last([frame], self.artifact.feature_set).values
        step = np.append(self.step, step_of(x[-STEP_BARS - 1 :])[-1])
        features = np.concatenate([self.features, more])
        return FittedTrees(self.trees, self.artifact, features, step, self.judged_from, self.differences)


def step_of(x: FloatArray) -> FloatArray:
    """Root mean square of the last STEP_BARS moves; 0 before there are so many, or in a flat market. (T,)"""
    squared = np.diff(x, prepend=x[:1]) ** 2
    if len(x) <= STEP_BARS:
        return np.zeros(len(x))
    mean = np.lib.stride_tricks.sliding_window_view(squared[1:], STEP_BARS).mean(axis=-1)
    return np.concatenate([np.zeros(STEP_BARS), np.sqrt(mean)])


def _mu(grower: Any, artifact: Artifact, rows: FloatArray, step: FloatArray, horizons: IntArray) -> FloatArray:
    """Expected moves of rows (N, F) with steps (N,). (N, H)"""
    if horizons.max() > artifact.anchors[-1]:
        raise HorizonBeyondTraining(model=artifact.model, horizon=int(horizons.max()), most=artifact.anchors[-1])
    anchors = np.array((0, *artifact.anchors))
    needed = int(np.searchsorted(anchors, horizons.max()))
    far = np.zeros((len(rows), needed + 1))
    for i, (anchor, shrink) in enumerate(zip(artifact.anchors[:needed], artifact.shrink, strict=False)):
        if shrink > 0:
            said = shrink * reader_of(grower, artifact.model, artifact.bodies[i])(rows)
            far[:, i + 1] = np.sqrt(anchor) * np.clip(np.nan_to_num(said), -MOST, MOST)
    right = np.clip(np.searchsorted(anchors, horizons), 1, needed)
    weight = (horizons - anchors[right - 1]) / (anchors[right] - anchors[right - 1])
    return np.asarray(step[:, None] * ((1 - weight) * far[:, right - 1] + weight * far[:, right]))


@lru_cache(maxsize=512)
def reader_of(grower: Hashable, model: str, text: str) -> Callable[[FloatArray], FloatArray]:
    """What a text says of rows, read once; raises ArtifactRefused, ModelUnavailable."""
    try:
        reader: Callable[[FloatArray], FloatArray] = cast("Grower", grower).reader(text)
    except ModelUnavailable:
        raise
    except Exception as broken:  # each library has errors of its own for a text it cannot read
        raise ArtifactRefused(model=model, reason="the library cannot read them") from broken
    return reader

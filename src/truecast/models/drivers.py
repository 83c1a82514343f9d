"""What a location's expected move is made of, in the units of x: log price, or price for signed series.

Trees: SHAP values, or contributions along paths (models/location/shap.py). They add up to what the trees say, and go
with it through shrinking, clipping, step size and horizon. Statistical models: their states.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from truecast.domain.bar import FloatArray
from truecast.features.build import build_last
from truecast.features.frame import Frame
from truecast.features.returns import level
from truecast.models.located import Located
from truecast.models.location.arima import Moves
from truecast.models.location.artifact import Artifact
from truecast.models.location.drift import FittedDrift
from truecast.models.location.ets import Smoothing
from truecast.models.location.schedule import Scheduled
from truecast.models.location.shap import explainer_of
from truecast.models.location.space import Space
from truecast.models.location.succession import Succession
from truecast.models.location.theta import ThetaLines
from truecast.models.location.trees import MOST, STEP_BARS, Trees, step_of

AVERAGE = "average"  # what trees say of an average bar

Part = tuple[str, float | None, float]  # name, value, contribution to the expected move


def location_parts(model: Located, frame: Frame, step: int) -> list[Part]:
    """Of the expected move `step` bars after the frame's last. They add up to it, but for rounding."""
    location = model.location.reigns[-1] if isinstance(model.location, Succession) else model.location
    if isinstance(location, Trees):
        return _tree_parts(location, frame, level(frame), step)
    fitted = model.fit(frame).walk.location
    assert fitted is not None
    if isinstance(fitted, Scheduled):
        return _state_parts(fitted, step)
    mu = float(fitted.mu(np.array([len(frame) - 1]), np.array([step]))[0, 0])
    if isinstance(fitted, FittedDrift):
        return [("trend", float(fitted.drift[-1]), mu)]
    return [(location.name, None, mu)]


def _tree_parts(trees: Trees, frame: Frame, x: FloatArray, step: int) -> list[Part]:
    artifact = trees.scope(frame)
    row = build_last([frame], artifact.feature_set).values[0]  # (F,)
    size = float(step_of(x[-STEP_BARS - 1 :])[-1])
    anchors = np.array((0, *artifact.anchors))
    right = int(np.clip(np.searchsorted(anchors, step), 1, len(anchors) - 1))
    weight = (step - anchors[right - 1]) / (anchors[right] - anchors[right - 1])
    total = np.zeros(len(row) + 1)
    for at, share in ((right - 1, 1 - weight), (right, weight)):
        if at > 0 and share > 0 and artifact.shrink[at - 1] > 0:
            total += share * _at_anchor(trees.grower, artifact, at - 1, row)
    total *= size
    values = [float(v) if np.isfinite(v) else None for v in row]
    named = zip((*artifact.columns, AVERAGE), (*values, None), total.tolist(), strict=True)
    return [part for part in named if part[2] != 0]


def _at_anchor(grower: Any, artifact: Artifact, number: int, row: FloatArray) -> FloatArray:
    """Contributions in steps to what is said at one anchor; clipping takes from all alike. (F + 1,)"""
    said = artifact.shrink[number] * explainer_of(grower, artifact.bodies[number]).of(row)
    whole = float(said.sum())
    kept = np.clip(whole, -MOST, MOST) / whole if abs(whole) > MOST else 1.0
    return np.asarray(np.sqrt(artifact.anchors[number]) * kept * said)


def _state_parts(fitted: Scheduled, step: int) -> list[Part]:
    """Of the parameters in force at the last bar; what bounds the whole takes from all parts alike."""
    bar = len(fitted.path.y) - 1
    span = fitted.spans[-1] if fitted.spans else None
    if span is None or span.model is None:
        return []
    y = (fitted.path.y[bar] - span.origin) / span.unit
    found = _parts(span.model, span.memory[bar - span.start], float(y), bar - span.start + 1, step)
    whole = span.unit * sum(part[2] for part in found)
    said = float(fitted.mu(np.array([bar]), np.array([step]))[0, 0])
    kept = span.unit * (said / whole if whole != 0 else 0.0)
    return [
        (name, None if value is None else float(value * span.unit), float(kept * part)) for name, value, part in found
    ]


def _parts(model: Any, memory: FloatArray, y: float, bars: int, step: int) -> Sequence[Part]:
    """In units of the span."""
    if isinstance(model, Smoothing):
        return _smoothing_parts(model.space, memory, y, step)
    if isinstance(model, ThetaLines):
        level, intercept, slope = memory
        left = (1 - model.gain) ** bars
        once = left * intercept + (1 - left * (1 - model.gain)) / model.gain * slope
        line = model.trend * (once + slope * (step - 1))
        return [("level", level - y, level - y), ("trend", model.trend * slope, line)]
    if isinstance(model, Moves):
        return _memory_parts(model, memory, step)
    said = float(model.ahead(memory[None], np.array([y]), np.array([bars]), np.array([step]))[0, 0])
    return [("level", None, said)]


def _smoothing_parts(space: Space, memory: FloatArray, y: float, step: int) -> list[Part]:
    """A trend gains itself, the others gain a share of an innovation: known by the transition's first row."""
    terms = _row(space, step) * memory
    has_trend = len(memory) > 1 and space.transition[0, 1] != 0
    parts: list[Part] = [("level", memory[0] - y, terms[0] - y)]
    if has_trend:
        parts.append(("trend", memory[1], terms[1]))
    seasons = terms[1 + has_trend :]
    return [*parts, ("season", float(seasons.sum()), float(seasons.sum()))] if len(seasons) else parts


def _memory_parts(model: Moves, memory: FloatArray, step: int) -> list[Part]:
    """The mean of moves, and what past moves and past surprises still bring."""
    rows = np.cumsum([_row(model.space, h) for h in range(1, step + 1)], axis=0)[-1] * memory
    lags = int(np.flatnonzero(model.space.gain)[1])  # states begin with past moves, then past innovations
    moves, surprises = float(rows[:lags].sum()), float(rows[lags:].sum())
    found: list[Part] = [
        ("drift", model.mean, model.mean * step),
        ("last moves", float(memory[0]), moves),
        ("last surprises", float(memory[lags]), surprises),
    ]
    return [part for part in found if part[2] != 0]


def _row(space: Space, step: int) -> FloatArray:
    """w' F^(step - 1)."""
    return np.asarray(space.reading @ np.linalg.matrix_power(space.transition, step - 1))

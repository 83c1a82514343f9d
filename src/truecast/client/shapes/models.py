"""Shapes of the answers about models.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

from datetime import datetime
from typing import Any

from truecast.client.shape import Shape
from truecast.client.shapes.words import (
    Interval,
    LoadedStatus,
    ModelStatus,
    RunState,
    VersionStatus,
)


class AbsentShape(Shape, frozen=True, kw_only=True):
    """A member that cannot serve at present, and why."""

    model: str
    reason: str


class ComparisonShape(Shape, frozen=True, kw_only=True):
    """Against another model at one horizon: `n` outcomes of `series` at `moments`. A ratio below 1 is better."""

    against: str
    horizon: int
    n: int
    series: int
    moments: int
    crps_ratio: float | None
    p_value: float | None
    worse: bool


class EvaluationShape(Shape, frozen=True, kw_only=True):
    """How the recipe did on the bars from `held_from` on, which a twin had not seen."""

    held_from: datetime | None
    until: datetime | None
    walk: list[ComparisonShape]
    naive: list[ComparisonShape]
    champion: list[ComparisonShape]
    against: str | None


class CardShape(Shape, frozen=True, kw_only=True):
    """From what a version was learned, how, by which code, and how well it did."""

    created_at: datetime
    code_version: str
    recipe_version: str
    feature_set: str
    parameters: dict[str, Any]
    seed: int
    symbols: list[str]
    trained_from: datetime
    trained_until: datetime
    anchors: list[int]
    shrink: list[float]
    rows: list[int]
    files: dict[str, str]
    evaluation: EvaluationShape


class ChangedShape(Shape, frozen=True, kw_only=True):
    """What serves a scope now, and what did before; null: nothing."""

    model: str
    asset_class: str
    interval: str
    version: str | None
    before: str | None


class DriftShape(Shape, frozen=True, kw_only=True):
    """A model that has lost touch: what was measured, against which limit."""

    model: str
    asset_class: str
    interval: str
    trigger: str
    measured: float
    limit: float
    detail: str
    hint: str | None
    """What may be done at once; the next training follows by itself."""
    at: datetime


class EventShape(Shape, frozen=True, kw_only=True):
    """Something that happened to a version, and what it was decided on."""

    id: int
    at: datetime
    kind: str
    asset_class: str
    interval: str
    version: str | None
    who: str
    reason: str
    evidence: dict[str, Any]


class LoadedShape(Shape, frozen=True, kw_only=True):
    """A version that was looked at: `ready` if it serves."""

    model: str
    asset_class: str
    interval: str
    version: str
    status: LoadedStatus
    reason: str | None


class MembersShape(Shape, frozen=True, kw_only=True):
    """Of which models `auto` chooses, or `ensemble` is made, on series of these intervals; simple ones first."""

    intervals: list[Interval]
    models: list[str]
    absent: list[AbsentShape]


class ModelChanges(Shape, frozen=True, kw_only=True):
    """What was put in or out of service."""

    items: list[ChangedShape]


class ModelScopeShape(Shape, frozen=True, kw_only=True):
    """One scope of a trained model: what serves it, and why nothing or something old does."""

    asset_class: str
    interval: str
    status: ModelStatus
    reason: str | None
    version: str | None
    trained_until: datetime | None


class VersionShape(Shape, frozen=True, kw_only=True):
    """A version of one scope. `card` is null for folders that nothing here has registered."""

    live: list[ComparisonShape]
    """Sealed forecasts that met their outcome, against the random walk sealed beside them, by horizon."""
    version: str
    asset_class: str
    interval: str
    status: VersionStatus
    reason: str | None
    card: CardShape | None


class ModelDetail(Shape, frozen=True, kw_only=True):
    """A model with its versions, newest first, and what happened last."""

    name: str
    title: str
    """What people call it."""
    version: str
    status: ModelStatus
    reason: str | None
    feature_set: str
    min_bars: int
    description: str
    trainable: bool
    """Learned by training: it can be trained, promoted and rolled back."""
    trained_until: datetime | None
    scopes: list[ModelScopeShape]
    members: list[MembersShape]
    """Of `auto` and `ensemble`; empty for a model that stands alone."""
    versions: list[VersionShape]
    events: list[EventShape]
    hints: list[str]
    """Champions that the ledger proves to be worse than the random walk."""


class ModelShape(Shape, frozen=True, kw_only=True):
    """A model. `reason` says why it is not ready; `scopes` is empty for models that need no training."""

    name: str
    title: str
    """What people call it."""
    version: str
    status: ModelStatus
    reason: str | None
    feature_set: str
    min_bars: int
    description: str
    trainable: bool
    """Learned by training: it can be trained, promoted and rolled back."""
    trained_until: datetime | None
    scopes: list[ModelScopeShape]
    members: list[MembersShape]
    """Of `auto` and `ensemble`; empty for a model that stands alone."""


class Models(Shape, frozen=True, kw_only=True):
    """All models."""

    items: list[ModelShape]


class StatusShape(Shape, frozen=True, kw_only=True):
    """Whether a model can serve, and since when it is so."""

    name: str
    status: ModelStatus
    reason: str | None
    version: str | None
    since: datetime | None


class TrainedShape(Shape, frozen=True, kw_only=True):
    """A new challenger, or why there is none."""

    asset_class: str
    interval: str
    version: str | None
    refused: str | None


class RunShape(Shape, frozen=True, kw_only=True):
    """A training in the background of this process."""

    id: int
    model: str
    asset_class: str | None
    interval: str | None
    state: RunState
    started_at: datetime
    ended_at: datetime | None
    trained: list[TrainedShape]
    error: str | None


class RetrainShape(Shape, frozen=True, kw_only=True):
    """When models are trained again, and what speaks for it."""

    last_run: datetime | None
    next_due: datetime | None
    drift: list[DriftShape]


class ModelsStatus(Shape, frozen=True, kw_only=True):
    """Every model's status, the last training asked for here, and the schedule."""

    items: list[StatusShape]
    training: RunShape | None
    retrain: RetrainShape


class Reloaded(Shape, frozen=True, kw_only=True):
    """What serves now, and what does not although it should."""

    loaded: list[LoadedShape]


class TrainingStarted(Shape, frozen=True, kw_only=True):
    """Look at `/models/status` for how it goes."""

    run: RunShape

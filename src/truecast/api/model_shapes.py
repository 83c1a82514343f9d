"""What the answers about models look like."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from truecast.api.shapes import Input, IntervalIn, Output
from truecast.domain.instrument import AssetClass
from truecast.domain.interval import Interval

AssetClassIn = Annotated[AssetClass, Field(strict=False)]  # a word in JSON
StatusWord = Literal["ready", "stale", "training", "unavailable"]


class ModelScopeShape(Output):
    """One scope of a trained model: what serves it, and why nothing or something old does."""

    asset_class: str
    interval: str
    status: StatusWord
    reason: str | None
    version: str | None
    trained_until: datetime | None


class AbsentShape(Output):
    """A member that cannot serve at present, and why."""

    model: str
    reason: str


class MembersShape(Output):
    """Of which models `auto` chooses, or `ensemble` is made, on series of these intervals; simple ones first."""

    intervals: list[Interval]
    models: list[str]
    absent: list[AbsentShape]


class ModelShape(Output):
    """A model. `reason` says why it is not ready; `scopes` is empty for models that need no training."""

    name: str
    title: str = Field(description="What people call it.", examples=["Volatility walk"])
    version: str
    status: StatusWord
    reason: str | None
    feature_set: str
    min_bars: int
    description: str
    trainable: bool = Field(description="Learned by training: it can be trained, promoted and rolled back.")
    trained_until: datetime | None
    scopes: list[ModelScopeShape]
    members: list[MembersShape] = Field(description="Of `auto` and `ensemble`; empty for a model that stands alone.")


class Models(Output):
    """All models."""

    items: list[ModelShape]


class ComparisonShape(Output):
    """Against another model at one horizon: `n` outcomes of `series` at `moments`. A ratio below 1 is better."""

    against: str
    horizon: int
    n: int
    series: int
    moments: int
    crps_ratio: float | None
    p_value: float | None
    worse: bool


class EvaluationShape(Output):
    """How the recipe did on the bars from `held_from` on, which a twin had not seen."""

    held_from: datetime | None
    until: datetime | None
    walk: list[ComparisonShape]
    naive: list[ComparisonShape]
    champion: list[ComparisonShape]
    against: str | None


class CardShape(Output):
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


class VersionShape(Output):
    """A version of one scope. `card` is null for folders that nothing here has registered."""

    live: list[ComparisonShape] = Field(
        description="Sealed forecasts that met their outcome, against the random walk sealed beside them, by horizon."
    )

    version: str
    asset_class: str
    interval: str
    status: Literal["champion", "challenger", "unavailable"]
    reason: str | None
    card: CardShape | None


class EventShape(Output):
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


class ModelDetail(ModelShape):
    """A model with its versions, newest first, and what happened last."""

    versions: list[VersionShape]
    events: list[EventShape]
    hints: list[str] = Field(description="Champions that the ledger proves to be worse than the random walk.")


class StatusShape(Output):
    """Whether a model can serve, and since when it is so."""

    name: str
    status: StatusWord
    reason: str | None
    version: str | None
    since: datetime | None


class TrainedShape(Output):
    """A new challenger, or why there is none."""

    asset_class: str
    interval: str
    version: str | None
    refused: str | None


class RunShape(Output):
    """A training in the background of this process."""

    id: int
    model: str
    asset_class: str | None
    interval: str | None
    state: Literal["running", "done", "failed"]
    started_at: datetime
    ended_at: datetime | None
    trained: list[TrainedShape]
    error: str | None


class DriftShape(Output):
    """A model that has lost touch: what was measured, against which limit."""

    model: str
    asset_class: str
    interval: str
    trigger: str
    measured: float
    limit: float
    detail: str
    hint: str | None = Field(description="What may be done at once; the next training follows by itself.")
    at: datetime


class RetrainShape(Output):
    """When models are trained again, and what speaks for it."""

    last_run: datetime | None
    next_due: datetime | None
    drift: list[DriftShape]


class ModelsStatus(Output):
    """Every model's status, the last training asked for here, and the schedule."""

    items: list[StatusShape]
    training: RunShape | None
    retrain: RetrainShape


class LoadedShape(Output):
    """A version that was looked at: `ready` if it serves."""

    model: str
    asset_class: str
    interval: str
    version: str
    status: Literal["ready", "unavailable"]
    reason: str | None


class Reloaded(Output):
    """What serves now, and what does not although it should."""

    loaded: list[LoadedShape]


class ChangedShape(Output):
    """What serves a scope now, and what did before; null: nothing."""

    model: str
    asset_class: str
    interval: str
    version: str | None
    before: str | None


class ModelChanges(Output):
    """What was put in or out of service."""

    items: list[ChangedShape]


class TrainingStarted(Output):
    """Look at `/models/status` for how it goes."""

    run: RunShape


class TrainRequest(Input):
    """Which scopes; all of which series are stored, where nothing is said."""

    asset_class: AssetClassIn | None = None
    interval: IntervalIn | None = None


class PromoteRequest(TrainRequest):
    """Which version; the newest challenger of every scope that fits, where nothing is said."""

    version: str | None = None

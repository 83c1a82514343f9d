"""Shapes of the answers about forecasts.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

from collections.abc import Sequence
from datetime import datetime

from truecast.client.ask import Time
from truecast.client.errors import Problem
from truecast.client.shape import Asked, Shape
from truecast.client.shapes.shared import Provenance
from truecast.client.shapes.words import (
    BatchItemStatus,
    EvidenceKind,
    FallbackLike,
    Interval,
    IntervalLike,
    Mode,
    Verdict,
)
from truecast.client.tabular import Tabular


class ServedAt(Shape, frozen=True, kw_only=True):
    """Which model serves a horizon; between two of them quantiles are averaged."""

    horizon: int
    model: str


class CandidateShape(Shape, frozen=True, kw_only=True):
    """A model that `auto` might have served, and its record against the calibrated random walk."""

    model: str
    horizon: int
    """Steps; what is said of it holds for horizons near it."""
    evidence: EvidenceKind
    """On this series; over all of its class; or in the trial before its promotion, on bars held back."""
    crps_ratio: float | None
    p_value: float | None
    """After Holm, over all candidates and horizons."""
    verdict: Verdict
    n: int


class AutoShape(Shape, frozen=True, kw_only=True):
    """Why `auto` chose the model that served."""

    reason: str
    """For people: sentences that call models what lists call them (`title`)."""
    by_horizon: list[ServedAt]
    candidates: list[CandidateShape]


class ForecastAnchor(Shape, frozen=True, kw_only=True):
    """The last bar the forecast stands on."""

    price: float
    bar_start: datetime
    at: datetime
    """When that bar's period ended."""
    provenance: Provenance


class LevelInterval(Shape, frozen=True, kw_only=True):
    """A central interval that covers the outcome with probability `level`."""

    level: float
    lower: float
    upper: float


class ForecastStep(Shape, frozen=True, kw_only=True):
    """One bar ahead. `quantiles` maps probability to price."""

    step: int
    target: datetime
    """Start of the bar that is forecast."""
    target_end: datetime
    median: float
    intervals: list[LevelInterval]
    quantiles: dict[str, float]


class CoverageShape(Shape, frozen=True, kw_only=True):
    """Measured share of outcomes inside the central interval at `level`."""

    level: float
    measured: float
    n: int


class SkillShape(Shape, frozen=True, kw_only=True):
    """Evidence against the random walk. `none`: cannot be told from it. Ratio below 1: better than it."""

    verdict: Verdict
    crps_ratio: float | None
    p_value: float | None
    n: int


class DriverShape(Shape, frozen=True, kw_only=True):
    """One reason for the median's move. `rest`: the smaller ones together."""

    feature: str
    value: float | None
    """In the driver's own units; null where it has none."""
    contribution: float
    """To the median's move, in price units."""


class ComponentShape(Shape, frozen=True, kw_only=True):
    """One part of the spread. A negative share narrows it."""

    component: str
    sigma: float
    """In price units; all of them add up to the forecast's."""
    share: float


class ExplanationShape(Shape, frozen=True, kw_only=True):
    """Of one step: `base` + the contributions = the median there; the sigmas add up to the spread there."""

    step: int
    base: float
    """The anchor's price."""
    location: list[DriverShape]
    """The ten largest, and the rest. Empty: the median did not move."""
    width: list[ComponentShape]
    notes: list[str]


class ForecastBody(Tabular, frozen=True, kw_only=True):
    """A forecast in full."""

    id: str | None
    """Id in the ledger; null when not recorded."""
    recorded: bool
    symbol: str
    interval: Interval
    horizon: int
    requested_model: str
    model: str
    model_version: str
    feature_set: str
    data_fingerprint: str
    mode: Mode
    issued_at: datetime
    as_of: datetime
    anchor: ForecastAnchor
    steps: list[ForecastStep]
    coverage: list[CoverageShape]
    skill: SkillShape
    weights: dict[str, float] | None
    """Of the members of an average; null for one model alone."""
    auto: AutoShape | None
    """Where `auto` was asked: what it chose from."""
    explanation: ExplanationShape | None
    """Null for forecasts of releases that gave none."""
    currency: str
    tick: float


class BatchItem(Shape, frozen=True, kw_only=True):
    """The answer to the item at `index`: a forecast, or the problem with it."""

    index: int
    status: BatchItemStatus
    forecast: ForecastBody | None
    error: Problem | None


class Batch(Shape, frozen=True, kw_only=True):
    """The answers, in the order of the questions."""

    items: list[BatchItem]


class ForecastRequest(Asked, frozen=True, kw_only=True):
    """What to forecast. With `as_of` in the past the answer is what would have been said then; it is not recorded."""

    symbol: str
    interval: IntervalLike
    horizon: int
    """Steps of `interval`, counted in sessions."""
    model: str | None = None
    """`auto` names the one that served."""
    levels: Sequence[float] | None = None
    as_of: Time | None = None
    fallback: FallbackLike | None = None
    """`none`: a model that cannot serve is an error. `naive`: the random walk serves then."""


class ForecastExplanation(Shape, frozen=True, kw_only=True):
    """The explanation that was sealed with a forecast."""

    forecast_id: str
    symbol: str
    interval: Interval
    model: str
    horizon: int
    """The step that is explained: the forecast's last."""
    explanation: ExplanationShape


class Forecasts(Tabular, frozen=True, kw_only=True):
    """The latest issued forecast of each symbol, interval and model."""

    items: list[ForecastBody]


class PastForecast(Tabular, frozen=True, kw_only=True):
    """One step of one issued forecast, with its outcome when that is known. `lower`, `upper`: at the asked level."""

    id: str
    issued_at: datetime
    step: int
    target: datetime
    median: float
    lower: float
    upper: float
    outcome: float | None
    crps: float | None
    crps_naive: float | None
    inside: dict[str, bool] | None
    sealed: bool
    """In the ledger before the target bar ended; only those count."""
    void: str | None
    """Why there will be no outcome, when there will be none."""
    mode: Mode
    model: str


class PastForecasts(Tabular, frozen=True, kw_only=True):
    """One page of past forecasts, newest first."""

    items: list[PastForecast]
    next: str | None

"""A forecast as it is said: by the API and, in the same shape, by `truecast forecast --json`."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import Field

from truecast.api.explanation import ExplanationShape, explanation_shape
from truecast.api.shapes import CoverageShape, Output, Provenance
from truecast.domain.forecast import Choice, EvidenceKind, Forecast, Mode, Verdict
from truecast.domain.instrument import Instrument
from truecast.domain.interval import Interval
from truecast.domain.quantiles import GRID


class ForecastAnchor(Output):
    """The last bar the forecast stands on."""

    price: float
    bar_start: datetime
    at: datetime = Field(description="When that bar's period ended.")
    provenance: Provenance


class LevelInterval(Output):
    """A central interval that covers the outcome with probability `level`."""

    level: float
    lower: float
    upper: float


class ForecastStep(Output):
    """One bar ahead. `quantiles` maps probability to price."""

    step: int
    target: datetime = Field(description="Start of the bar that is forecast.")
    target_end: datetime
    median: float
    intervals: list[LevelInterval]
    quantiles: dict[str, float] = Field(examples=[{"0.05": 1.0712, "0.5": 1.0851, "0.95": 1.0993}])


class SkillShape(Output):
    """Evidence against the random walk. `none`: cannot be told from it. Ratio below 1: better than it."""

    verdict: Verdict
    crps_ratio: float | None
    p_value: float | None
    n: int


class CandidateShape(Output):
    """A model that `auto` might have served, and its record against the calibrated random walk."""

    model: str
    horizon: int = Field(description="Steps; what is said of it holds for horizons near it.")
    evidence: EvidenceKind = Field(
        description="On this series; over all of its class; or in the trial before its promotion, on bars held back."
    )
    crps_ratio: float | None
    p_value: float | None = Field(description="After Holm, over all candidates and horizons.")
    verdict: Verdict
    n: int


class ServedAt(Output):
    """Which model serves a horizon; between two of them quantiles are averaged."""

    horizon: int
    model: str


class AutoShape(Output):
    """Why `auto` chose the model that served."""

    reason: str = Field(description="For people: sentences that call models what lists call them (`title`).")
    by_horizon: list[ServedAt]
    candidates: list[CandidateShape]


class ForecastBody(Output):
    """A forecast in full."""

    id: str | None = Field(description="Id in the ledger; null when not recorded.")
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
    weights: dict[str, float] | None = Field(description="Of the members of an average; null for one model alone.")
    auto: AutoShape | None = Field(description="Where `auto` was asked: what it chose from.")
    explanation: ExplanationShape | None = Field(description="Null for forecasts of releases that gave none.")
    currency: str
    tick: float


def forecast_body(
    forecast: Forecast,
    *,
    instrument: Instrument,
    provenance: Provenance,
    levels: Sequence[float],
    requested_model: str,
) -> ForecastBody:
    """The forecast with the asked intervals, cut from its quantile grid. `levels` are checked and ascending."""
    return ForecastBody(
        id=forecast.id or None,
        recorded=bool(forecast.id),
        symbol=forecast.symbol,
        interval=forecast.horizon.interval,
        horizon=forecast.horizon.steps,
        requested_model=requested_model,
        model=forecast.model,
        model_version=forecast.model_version,
        feature_set=forecast.feature_set,
        data_fingerprint=forecast.data_fingerprint,
        mode=forecast.mode,
        issued_at=forecast.issued_at,
        as_of=forecast.as_of,
        anchor=ForecastAnchor(
            price=forecast.anchor.price,
            bar_start=forecast.anchor.bar_start,
            at=forecast.anchor.at,
            provenance=provenance,
        ),
        steps=_steps(forecast, levels),
        coverage=[CoverageShape(level=c.level, measured=c.measured, n=c.n) for c in forecast.coverage],
        skill=SkillShape(
            verdict=forecast.skill.verdict,
            crps_ratio=forecast.skill.crps_ratio,
            p_value=forecast.skill.p_value,
            n=forecast.skill.n,
        ),
        weights=None if forecast.weights is None else dict(forecast.weights),
        auto=None if forecast.choice is None else _auto(forecast.choice),
        explanation=None if forecast.explanation is None else explanation_shape(forecast.explanation),
        currency=instrument.currency,
        tick=float(instrument.tick),
    )


def _auto(choice: Choice) -> AutoShape:
    return AutoShape(
        reason=choice.reason,
        by_horizon=[ServedAt(horizon=horizon, model=model) for horizon, model in choice.by_horizon],
        candidates=[
            CandidateShape(
                model=one.model,
                horizon=one.horizon,
                evidence=one.evidence,
                crps_ratio=one.crps_ratio,
                p_value=one.p_value,
                verdict=one.verdict,
                n=one.n,
            )
            for one in choice.candidates
        ],
    )


def _steps(forecast: Forecast, levels: Sequence[float]) -> list[ForecastStep]:
    median = forecast.quantiles.median()
    bounds = [(level, *forecast.quantiles.interval(level)) for level in levels]
    return [
        ForecastStep(
            step=h + 1,
            target=target,
            target_end=target_end,
            median=float(median[h]),
            intervals=[LevelInterval(level=v, lower=float(low[h]), upper=float(high[h])) for v, low, high in bounds],
            quantiles=dict(zip(_PROBABILITIES, forecast.quantiles.values[h].tolist(), strict=True)),
        )
        for h, (target, target_end) in enumerate(zip(forecast.targets, forecast.target_ends, strict=True))
    ]


_PROBABILITIES = tuple(str(p) for p in GRID)

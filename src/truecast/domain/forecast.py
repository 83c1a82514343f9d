"""A sealed forecast, and what became of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from truecast.domain.explanation import Explanation
from truecast.domain.horizon import Horizon
from truecast.domain.quantiles import Quantiles

Verdict = Literal["positive", "none", "negative"]
Mode = Literal["live", "replay"]
# On the series, over its class, or, of a version that was put in service lately, in the trial before its promotion.
EvidenceKind = Literal["series", "class", "promotion"]


@dataclass(frozen=True, slots=True)
class Anchor:
    """The last bar a forecast stands on. `at` is when that bar's period ended; `known_at` when it could be known."""

    price: float
    bar_start: datetime
    at: datetime
    known_at: datetime
    source: str
    stale: bool  # older than the instrument's own freshness limit when the forecast was issued


@dataclass(frozen=True, slots=True)
class Skill:
    """Evidence against the calibrated random walk, from the walk-forward record inside the same history.

    `crps_ratio` < 1 is better than naive. `p_value` is two-sided (Diebold-Mariano, HAC). `n` origins.
    """

    verdict: Verdict
    crps_ratio: float | None
    p_value: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """Measured share of outcomes inside the central interval at `level`, over the last `n` origins, one step ahead."""

    level: float
    measured: float
    n: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that `auto` might have served, and its record against the calibrated random walk at one horizon."""

    model: str
    horizon: int  # steps; what is said of it holds for horizons near it
    evidence: EvidenceKind
    crps_ratio: float | None  # < 1 is better than the random walk
    p_value: float | None  # two-sided, after Holm over the candidates
    verdict: Verdict
    n: int  # outcomes


@dataclass(frozen=True, slots=True)
class Choice:
    """What `auto` serves, and why."""

    served: str  # the model; "auto" where horizons are served by different ones
    reason: str  # for people: sentences with what models are called, not with their names
    by_horizon: tuple[tuple[int, str], ...]  # (horizon, model): each serves there, and steps between are averaged
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Forecast:
    """What was said, when, on what data, by which model. Immutable once in the ledger."""

    id: str
    symbol: str
    horizon: Horizon
    model: str  # the model that served
    model_version: str
    feature_set: str
    data_fingerprint: str  # SHA-256 over the bars it was computed from
    mode: Mode
    issued_at: datetime
    as_of: datetime  # nothing known later went into it
    anchor: Anchor
    targets: tuple[datetime, ...]  # (H,) start of each bar that is forecast
    target_ends: tuple[datetime, ...]  # (H,) when each of them ends
    quantiles: Quantiles  # (H, len(GRID))
    coverage: tuple[Coverage, ...]
    skill: Skill
    weights: tuple[tuple[str, float], ...] | None = None  # of the members, mean over the steps; None: one model alone
    explanation: Explanation | None = None  # of the last step; sealed with the forecast
    choice: Choice | None = None  # why this model, where `auto` was asked: about the answer, not sealed


@dataclass(frozen=True, slots=True)
class Score:
    """One step of one forecast against its outcome. All in the anchor's price units.

    `sealed` is true when the forecast was in the ledger before the target bar ended; only those count.
    """

    forecast_id: str
    step: int  # 1-based
    target: datetime
    outcome: float
    outcome_known_at: datetime
    outcome_source: str
    resolved_at: datetime
    sealed: bool
    crps: float  # 2 x mean pinball loss over the 19 inner levels
    crps_naive: float  # of the calibrated random walk issued on the same data
    pinball: tuple[float, ...]  # (len(GRID),)
    inside: tuple[bool, bool, bool, bool]  # of the 50, 80, 90, 95 % intervals
    pit: float
    error: float  # outcome - median
    error_naive: float  # outcome - anchor price
    mase_scale: float  # mean absolute one-step change over the history the forecast was computed from
    hit: bool | None  # direction of the median's move right; None where median or outcome did not move

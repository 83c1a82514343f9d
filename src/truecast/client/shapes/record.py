"""Shapes of the answers about record.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

from datetime import datetime

from truecast.client.shape import Shape
from truecast.client.shapes.words import (
    AssetClass,
    CoverageOverTimeStretch,
    Interval,
    RecordKind,
    ResolvedForecastsOrder,
    Verdict,
)


class CalibrationItem(Shape, frozen=True, kw_only=True):
    """Measured coverage of the central interval at `level`."""

    kind: RecordKind
    """`ledger`: sealed before the outcome. `walk_forward`: computed afterwards."""
    level: float
    measured: float
    se: float | None
    n: int


class PitHistogram(Shape, frozen=True, kw_only=True):
    """In which twentieth of its predicted distribution each outcome fell. Flat is right."""

    kind: RecordKind
    """`ledger`: sealed before the outcome. `walk_forward`: computed afterwards."""
    counts: list[int]


class CalibrationReport(Shape, frozen=True, kw_only=True):
    """Whether intervals hold what they promise. `walk_forward` only where one symbol is asked about."""

    symbol: str | None
    model: str
    interval: Interval | None
    horizon: int
    items: list[CalibrationItem]
    pit: list[PitHistogram]


class CoverageError(Shape, frozen=True, kw_only=True):
    """Measured coverage with its standard error (outcomes of overlapping horizons are not independent)."""

    level: float
    measured: float
    n: int
    se: float | None


class CoverageSpan(Shape, frozen=True, kw_only=True):
    """The outcomes of one stretch of time, from `start` to before `end`."""

    start: datetime
    end: datetime
    n: int
    """Outcomes."""
    moments: int
    """Different bars of time among them: what the standard errors count."""
    coverage: list[CoverageError]


class CoverageOverTime(Shape, frozen=True, kw_only=True):
    """Measured coverage by the time of the outcome, oldest first. Sealed forecasts only."""

    symbol: str | None
    asset_class: AssetClass | None
    model: str
    interval: Interval | None
    horizon: int
    stretch: CoverageOverTimeStretch
    items: list[CoverageSpan]


class Direction(Shape, frozen=True, kw_only=True):
    """Share of right directions with its 95 % confidence interval."""

    hit_rate: float
    lower: float
    upper: float
    n: int


class LeaderboardItem(Shape, frozen=True, kw_only=True):
    """One model on all series of a class and interval, against the calibrated random walk on the same data.

    Each loss is in units of its series' average move, so that every series counts alike.
    """

    kind: RecordKind
    """`ledger`: sealed before the outcome. `walk_forward`: computed afterwards."""
    model: str
    asset_class: AssetClass
    interval: Interval
    horizon: int
    n: int
    """Outcomes."""
    series: int
    crps_ratio: float | None
    """Below 1: better than the random walk."""
    se: float | None
    """Standard error of the ratio, clustered by moment."""
    coverage_90: CoverageError | None
    verdict: Verdict
    p_value: float | None
    """Two-sided, Diebold-Mariano with errors that allow for overlap."""
    positive: int
    """Series on which it is better, significantly."""
    none: int
    negative: int


class Leaderboard(Shape, frozen=True, kw_only=True):
    """Best first within each class and interval. `naive` stands among them: what the others are measured against."""

    items: list[LeaderboardItem]
    note: str | None
    """What walk-forward does not say yet, and when it will."""


class LedgerCheck(Shape, frozen=True, kw_only=True):
    """Whether the chain of hashes is intact, and the first row where it is not."""

    ok: bool
    rows: int
    head: str
    """Hash of the last row: keep it elsewhere, and even a cut-off end would show."""
    first_broken: int | None
    reason: str | None
    known: int
    """Rows that this server had found sound before; not all of them were read again."""
    checked_at: datetime


class PerformanceSkill(Shape, frozen=True, kw_only=True):
    """Whether the difference from the random walk can be told from chance."""

    verdict: Verdict
    p_value: float | None
    n: int


class PerformanceRow(Shape, frozen=True, kw_only=True):
    """The record of one model at one horizon. Nulls where nothing has matured yet: see `note`."""

    symbol: str | None
    interval: Interval
    model: str
    horizon: int
    period: str
    n: int
    crps: float | None
    crps_naive: float | None
    crps_ratio: float | None
    mase: float | None
    mae: float | None
    coverage: list[CoverageError]
    direction: Direction | None
    skill: PerformanceSkill
    note: str | None
    first_matures_at: datetime | None


class PerformanceReport(Shape, frozen=True, kw_only=True):
    """`ledger` counts sealed forecasts only; `walk_forward` is computed now over the past and says so."""

    ledger: list[PerformanceRow]
    walk_forward: list[PerformanceRow]


class ResolvedForecast(Shape, frozen=True, kw_only=True):
    """One step of a sealed forecast, with its outcome. `lower`, `upper`: 80 %."""

    id: str
    symbol: str
    name: str
    asset_class: AssetClass
    interval: Interval
    model: str
    issued_at: datetime
    step: int
    target: datetime
    median: float
    lower: float
    upper: float
    outcome: float
    crps: float
    crps_naive: float
    loss: float | None
    """CRPS in average one-step moves of its series; null where it never moved."""
    inside: dict[str, bool]


class ResolvedForecasts(Shape, frozen=True, kw_only=True):
    """In the order that was asked for."""

    order: ResolvedForecastsOrder
    items: list[ResolvedForecast]


class TrendPoint(Shape, frozen=True, kw_only=True):
    """The last `n` (at most 60) origins whose outcome was known by `at`."""

    kind: RecordKind
    """`ledger`: sealed before the outcome. `walk_forward`: computed afterwards."""
    at: datetime
    n: int
    crps_ratio: float | None
    coverage_80: float
    coverage_90: float


class Trends(Shape, frozen=True, kw_only=True):
    """One series over time, in rolling windows: first those of the ledger, then those of walk-forward."""

    symbol: str
    model: str
    interval: Interval
    horizon: int
    points: list[TrendPoint]

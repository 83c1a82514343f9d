"""Shapes of the answers about risk.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

from datetime import datetime

from truecast.client.shape import Asked, Shape
from truecast.client.shapes.shared import Provenance
from truecast.client.shapes.words import (
    AssetClass,
    Interval,
    Method,
    RiskBodyNoBenchmark,
)


class EstimateShape(Shape, frozen=True, kw_only=True):
    """A number with the interval in which 90 % of the resamples lie; null where it is not defined: see `reason`."""

    value: float | None
    low: float | None
    high: float | None
    reason: str | None


class BenchmarkShape(Shape, frozen=True, kw_only=True):
    """How the portfolio moved with it, on `n` returns between bars that both have."""

    symbol: str
    n: int
    beta: EstimateShape
    alpha: EstimateShape
    correlation: EstimateShape
    tracking_error: EstimateShape


class BootstrapShape(Shape, frozen=True, kw_only=True):
    """How intervals were made: circular blocks of returns, seeded from what is measured."""

    resamples: int
    block: int
    confidence: float
    seed: str


class HeldShape(Shape, frozen=True, kw_only=True):
    """A position as measured. `left_out`: its bars that others lack, so that they are not common sessions."""

    symbol: str
    asset_class: AssetClass
    currency: str
    weight: float
    left_out: int
    converted_by: list[str]
    """Pairs by whose rates its prices came into the common currency."""
    provenance: Provenance


class PortfolioDrawdownShape(Shape, frozen=True, kw_only=True):
    """From a highest value down. `recovered`: when it was reached again; null: not yet."""

    depth: EstimateShape
    peak: datetime
    trough: datetime
    recovered: datetime | None
    bars: int
    """From the peak until it was reached again, or until the last bar."""


class PositionIn(Asked, frozen=True, kw_only=True):
    """A part of the portfolio. Weights are divided by the sum of their amounts; one below 0 is sold short."""

    symbol: str
    """In any accepted spelling."""
    weight: float


class TailShape(Shape, frozen=True, kw_only=True):
    """What is lost at least with probability 1 - level over the horizon, and on average then: shares of the value."""

    method: Method
    level: float
    value_at_risk: EstimateShape
    expected_shortfall: EstimateShape
    beyond: int
    """Losses at or beyond it among those it was taken from."""


class StudentShape(Shape, frozen=True, kw_only=True):
    """Of log returns over one bar."""

    location: float
    scale: float
    degrees_of_freedom: float


class StressShape(Shape, frozen=True, kw_only=True):
    """A bad time. Nulls where the data do not reach it: see `reason`."""

    window: str
    description: str
    first: datetime
    last: datetime
    n: int
    change: float | None
    worst_bar: float | None
    max_drawdown: float | None
    reason: str | None


class RiskBody(Shape, frozen=True, kw_only=True):
    """The risk of the portfolio over `n` returns. Shares of its value; annual where it says so."""

    symbol: str | None
    currency: str | None
    """Of all returns; null: each is in the unit of its own."""
    positions: list[HeldShape]
    interval: Interval
    as_of: datetime
    first: datetime
    last: datetime
    n: int
    bars_per_year: float | None
    horizon: int
    volatility: EstimateShape
    """Annual, of simple returns."""
    volatility_now: EstimateShape
    """Annual, EWMA of log returns with decay .94."""
    growth: EstimateShape
    """Annual, compounded."""
    tails: list[TailShape]
    student_t: StudentShape | None
    max_drawdown: PortfolioDrawdownShape
    current_drawdown: PortfolioDrawdownShape
    sharpe: EstimateShape
    sortino: EstimateShape
    calmar: EstimateShape
    benchmark: BenchmarkShape | None
    no_benchmark: RiskBodyNoBenchmark | None
    """Why there is none, where there is none."""
    stress: list[StressShape]
    bootstrap: BootstrapShape | None
    notes: list[str]

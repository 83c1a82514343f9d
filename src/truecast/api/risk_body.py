"""Risk as it is asked for and said: by the API and, in the same shape, by `truecast risk --json`."""

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from truecast.api.shapes import Input, IntervalIn, Output, Provenance, TimeIn, WholeIn
from truecast.domain.instrument import AssetClass
from truecast.domain.interval import Interval
from truecast.kit.clock import from_us
from truecast.kit.errors import Contradiction
from truecast.kit.limits import HORIZON_STEPS_MAX, RISK_LEVELS_MAX, RISK_POSITIONS_MAX
from truecast.market.calendar import calendar
from truecast.risk.drawdown import Drawdown
from truecast.risk.read import Held, Measured, NoBenchmark, Position, Question
from truecast.risk.report import Against, Asked, Estimate, Report, TailRisk
from truecast.risk.sample import Sample
from truecast.risk.stress import Stressed
from truecast.risk.var import Method

PERIOD_DAYS_DEFAULT = 1_095
PERIOD_DAYS_MAX = 36_525

_Symbol = Annotated[str, Field(max_length=64, description="In any accepted spelling.", examples=["EUR-USD"])]
_Level = Annotated[float, Field(gt=0.5, lt=1.0)]
MethodIn = Annotated[Method, Field(strict=False)]  # a word in JSON


class PositionIn(Input):
    """A part of the portfolio. Weights are divided by the sum of their amounts; one below 0 is sold short."""

    symbol: _Symbol
    weight: float = Field(allow_inf_nan=False)


class RiskRequest(Input):
    """Either a symbol or positions."""

    symbol: _Symbol | None = None
    positions: Annotated[list[PositionIn], Field(min_length=1, max_length=RISK_POSITIONS_MAX)] | None = None
    interval: IntervalIn = Interval.D1
    period_days: WholeIn = Field(
        default=PERIOD_DAYS_DEFAULT, ge=1, le=PERIOD_DAYS_MAX, description="Back from the last bar."
    )
    levels: Annotated[list[_Level], Field(min_length=1, max_length=RISK_LEVELS_MAX)] = Field(default=[0.95, 0.99])
    horizon: WholeIn = Field(default=1, ge=1, le=HORIZON_STEPS_MAX, description="Bars over which losses are measured.")
    method: MethodIn | None = Field(default=None, description="Only this one; all three without it.")
    include_benchmark: bool = True
    benchmark: _Symbol | None = Field(default=None, description="In the place of that of the class.")
    riskless: float = Field(
        default=0.0, gt=-0.5, lt=1.0, description="Annual rate that Sharpe, Sortino and alpha deduct."
    )
    bootstrap: bool = Field(default=True, description="Intervals of the numbers; they take most of the time.")
    as_of: TimeIn | None = None
    currency: Annotated[str, Field(pattern=r"^([A-Z]{3,5}|own)$")] | None = Field(
        default=None,
        description="In which losses are measured; without it that of most of the portfolio. `own`: of each position.",
        examples=["USD"],
    )


class EstimateShape(Output):
    """A number with the interval in which 90 % of the resamples lie; null where it is not defined: see `reason`."""

    value: float | None
    low: float | None
    high: float | None
    reason: str | None


class TailShape(Output):
    """What is lost at least with probability 1 - level over the horizon, and on average then: shares of the value."""

    method: Method
    level: float
    value_at_risk: EstimateShape
    expected_shortfall: EstimateShape
    beyond: int = Field(description="Losses at or beyond it among those it was taken from.")


class StudentShape(Output):
    """Of log returns over one bar."""

    location: float
    scale: float
    degrees_of_freedom: float


class PortfolioDrawdownShape(Output):
    """From a highest value down. `recovered`: when it was reached again; null: not yet."""

    depth: EstimateShape
    peak: datetime
    trough: datetime
    recovered: datetime | None
    bars: int = Field(description="From the peak until it was reached again, or until the last bar.")


class BenchmarkShape(Output):
    """How the portfolio moved with it, on `n` returns between bars that both have."""

    symbol: str
    n: int
    beta: EstimateShape
    alpha: EstimateShape
    correlation: EstimateShape
    tracking_error: EstimateShape


class StressShape(Output):
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


class HeldShape(Output):
    """A position as measured. `left_out`: its bars that others lack, so that they are not common sessions."""

    symbol: str
    asset_class: AssetClass
    currency: str
    weight: float
    left_out: int
    converted_by: list[str] = Field(description="Pairs by whose rates its prices came into the common currency.")
    provenance: Provenance


class BootstrapShape(Output):
    """How intervals were made: circular blocks of returns, seeded from what is measured."""

    resamples: int
    block: int
    confidence: float
    seed: str


class RiskBody(Output):
    """The risk of the portfolio over `n` returns. Shares of its value; annual where it says so."""

    symbol: str | None
    currency: str | None = Field(description="Of all returns; null: each is in the unit of its own.")
    positions: list[HeldShape]
    interval: Interval
    as_of: datetime
    first: datetime
    last: datetime
    n: int
    bars_per_year: float | None
    horizon: int
    volatility: EstimateShape = Field(description="Annual, of simple returns.")
    volatility_now: EstimateShape = Field(description="Annual, EWMA of log returns with decay .94.")
    growth: EstimateShape = Field(description="Annual, compounded.")
    tails: list[TailShape]
    student_t: StudentShape | None
    max_drawdown: PortfolioDrawdownShape
    current_drawdown: PortfolioDrawdownShape
    sharpe: EstimateShape
    sortino: EstimateShape
    calmar: EstimateShape
    benchmark: BenchmarkShape | None
    no_benchmark: NoBenchmark | None = Field(description="Why there is none, where there is none.")
    stress: list[StressShape]
    bootstrap: BootstrapShape | None
    notes: list[str]


def question_of(asked: RiskRequest) -> Question:
    """What is measured; raises Contradiction."""
    if (asked.symbol is None) == (asked.positions is None):
        raise Contradiction(reason="give either a symbol or positions")
    if asked.symbol is not None:
        positions: tuple[Position, ...] = (Position(asked.symbol, 1.0),)
    else:
        positions = tuple(Position(one.symbol, one.weight) for one in asked.positions or ())
    return Question(
        positions=positions,
        interval=asked.interval,
        period=timedelta(days=asked.period_days),
        as_of=asked.as_of,
        benchmark=asked.benchmark,
        benchmarked=asked.include_benchmark or asked.benchmark is not None,
        asked=Asked(
            methods=tuple(Method) if asked.method is None else (asked.method,),
            levels=tuple(sorted(set(asked.levels))),
            horizon=asked.horizon,
            riskless=asked.riskless,
            since_us=0,
            resampled=asked.bootstrap,
        ),
        currency=asked.currency,
    )


def risk_body(measured: Measured, question: Question, *, symbol: bool) -> RiskBody:
    """As it is said."""
    found, sample = measured.report, measured.report.sample
    return RiskBody(
        symbol=measured.held[0].instrument.symbol if symbol else None,
        currency=measured.currency,
        positions=[_held(one, sample, measured.as_of) for one in measured.held],
        interval=question.interval,
        as_of=measured.as_of,
        first=from_us(int(sample.start[0])),
        last=from_us(int(sample.start[-1])),
        n=len(sample),
        bars_per_year=found.bars_per_year if found.bars_per_year > 0 else None,
        horizon=question.asked.horizon,
        volatility=_estimate(found.volatility),
        volatility_now=_estimate(found.volatility_now),
        growth=_estimate(found.growth),
        tails=[_tail(one) for one in found.tails],
        student_t=None
        if found.fit is None
        else StudentShape(location=found.fit.location, scale=found.fit.scale, degrees_of_freedom=found.fit.dof),
        max_drawdown=_drawdown(found.deepest, found.deepest_depth, sample),
        current_drawdown=_drawdown(found.present, Estimate(found.present.depth), sample),
        sharpe=_estimate(found.sharpe),
        sortino=_estimate(found.sortino),
        calmar=_estimate(found.calmar),
        benchmark=None if found.against is None else _benchmark(found.against),
        no_benchmark=measured.no_benchmark,
        stress=[_stress(one) for one in found.stress],
        bootstrap=_bootstrap(found),
        notes=list(measured.notes),
    )


def _held(held: Held, sample: Sample, as_of: datetime) -> HeldShape:
    instrument, slice_ = held.instrument, held.slice
    bars = slice_.bars
    end = from_us(int(calendar(slice_.calendar).ends(bars.start[-1:], bars.interval)[0]))
    return HeldShape(
        symbol=instrument.symbol,
        asset_class=instrument.asset_class,
        currency=instrument.currency,
        weight=held.weight,
        left_out=sample.left_out[instrument.symbol],
        converted_by=[leg.pair.symbol for leg in held.legs or ()],
        provenance=Provenance(
            source=bars.source_of(-1),
            as_of=end,
            received_at=slice_.received_at or end,
            age_s=max((as_of - end).total_seconds(), 0.0),
            stale=slice_.stale,
            delay=slice_.delay,
            derived=slice_.derived,
            origin=slice_.origin,
        ),
    )


def _estimate(one: Estimate) -> EstimateShape:
    return EstimateShape(value=one.value, low=one.low, high=one.high, reason=one.reason)


def _tail(one: TailRisk) -> TailShape:
    return TailShape(
        method=one.method,
        level=one.level,
        value_at_risk=_estimate(one.value_at_risk),
        expected_shortfall=_estimate(one.expected_shortfall),
        beyond=one.beyond,
    )


def _drawdown(one: Drawdown, depth: Estimate, sample: Sample) -> PortfolioDrawdownShape:
    last = len(sample) if one.recovered is None else one.recovered
    return PortfolioDrawdownShape(
        depth=_estimate(depth),
        peak=from_us(int(sample.start[one.peak])),
        trough=from_us(int(sample.start[one.trough])),
        recovered=None if one.recovered is None else from_us(int(sample.start[one.recovered])),
        bars=last - one.peak,
    )


def _benchmark(one: Against) -> BenchmarkShape:
    return BenchmarkShape(
        symbol=one.benchmark,
        n=one.n,
        beta=_estimate(one.beta),
        alpha=_estimate(one.alpha),
        correlation=_estimate(one.correlation),
        tracking_error=_estimate(one.tracking_error),
    )


def _stress(one: Stressed) -> StressShape:
    return StressShape(
        window=one.window.name,
        description=one.window.text,
        first=one.window.first,
        last=one.window.last,
        n=one.n,
        change=one.change,
        worst_bar=one.worst_bar,
        max_drawdown=one.max_drawdown,
        reason=one.reason,
    )


def _bootstrap(found: Report) -> BootstrapShape | None:
    made = found.resampling
    if made is None:
        return None
    return BootstrapShape(
        resamples=made.resamples, block=made.block, confidence=made.confidence, seed=f"{made.seed:016x}"
    )

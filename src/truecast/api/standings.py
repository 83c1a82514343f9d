"""Track records of many series together: the leaderboard, whether intervals hold, and how it went over time."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Query, Request, Response
from pydantic import Field

from truecast.api.deps import ServicesDep, resource
from truecast.api.errors import documented
from truecast.api.params import IfNoneMatch, ModelQuery, SymbolPath, SymbolQuery
from truecast.api.performance import RECORD_TAGS, CoverageError, PeriodQuery, window_ends_us
from truecast.api.ready import NOT_MODIFIED, answer, ready_from
from truecast.api.shapes import IntervalIn, Output, StepsQueryIn
from truecast.api.symbols import default_interval
from truecast.domain.forecast import Verdict
from truecast.domain.instrument import AmbiguousSymbol, AssetClass, UnknownSymbol
from truecast.domain.interval import Interval
from truecast.forecasts.performance import UnknownPeriod
from truecast.forecasts.pooled import Reliability, Standing
from truecast.forecasts.rows import MeasuredCoverage
from truecast.kit.clock import iso
from truecast.market.history import IntervalNotAvailable
from truecast.models.auto import AUTO
from truecast.models.base import HistoryTooShort
from truecast.models.catalog import UnknownModel
from truecast.services import Services

router = resource("record")

EVIDENCE = "evidence"  # the job

Kind = Literal["ledger", "walk_forward"]
KindField = Field(description="`ledger`: sealed before the outcome. `walk_forward`: computed afterwards.")

_HorizonQuery = Annotated[StepsQueryIn, Query(description="Steps ahead.")]
_IntervalQuery = Annotated[IntervalIn | None, Query()]


class LeaderboardItem(Output):
    """One model on all series of a class and interval, against the calibrated random walk on the same data.

    Each loss is in units of its series' average move, so that every series counts alike.
    """

    kind: Kind = KindField
    model: str
    asset_class: AssetClass
    interval: Interval
    horizon: int
    n: int = Field(description="Outcomes.")
    series: int
    crps_ratio: float | None = Field(description="Below 1: better than the random walk.")
    se: float | None = Field(description="Standard error of the ratio, clustered by moment.")
    coverage_90: CoverageError | None
    verdict: Verdict
    p_value: float | None = Field(description="Two-sided, Diebold-Mariano with errors that allow for overlap.")
    positive: int = Field(description="Series on which it is better, significantly.")
    none: int
    negative: int


class Leaderboard(Output):
    """Best first within each class and interval. `naive` stands among them: what the others are measured against."""

    items: list[LeaderboardItem]
    note: str | None = Field(description="What walk-forward does not say yet, and when it will.")


class CalibrationItem(Output):
    """Measured coverage of the central interval at `level`."""

    kind: Kind = KindField
    level: float
    measured: float
    se: float | None
    n: int


class PitHistogram(Output):
    """In which twentieth of its predicted distribution each outcome fell. Flat is right."""

    kind: Kind = KindField
    counts: list[int] = Field(min_length=20, max_length=20)


class CalibrationReport(Output):
    """Whether intervals hold what they promise. `walk_forward` only where one symbol is asked about."""

    symbol: str | None
    model: str
    interval: Interval | None
    horizon: int
    items: list[CalibrationItem]
    pit: list[PitHistogram]


class TrendPoint(Output):
    """The last `n` (at most 60) origins whose outcome was known by `at`."""

    kind: Kind = KindField
    at: datetime
    n: int
    crps_ratio: float | None
    coverage_80: float
    coverage_90: float


class Trends(Output):
    """One series over time, in rolling windows: first those of the ledger, then those of walk-forward."""

    symbol: str
    model: str
    interval: Interval
    horizon: int
    points: list[TrendPoint]


@router.get("/performance/leaderboard", response_model=Leaderboard, responses=documented(UnknownPeriod) | NOT_MODIFIED)
async def get_leaderboard(
    services: ServicesDep,
    *,
    asset_class: Annotated[AssetClass | None, Query()] = None,
    interval: _IntervalQuery = None,
    horizon: _HorizonQuery = 1,
    period: PeriodQuery = "all",
    kind: Annotated[Kind | None, Query(description="Only this kind; both without it.")] = None,
    if_none_match: IfNoneMatch = None,
    request: Request,
) -> Response:
    """Every model on every class of instruments: sealed forecasts, and walk-forward tests, told apart by `kind`."""
    now = services.clock.now()
    found = await services.performance.leaderboard(asset_class, interval, horizon, period, kind)
    note = None if kind == "ledger" else await _note(services, asset_class, interval)
    said = Leaderboard(items=[_leader(one) for one in found], note=note)
    ready = ready_from(said, tags=RECORD_TAGS, now=now, until_us=window_ends_us(period, now))
    return answer(request, ready, services.clock.now(), if_none_match)


@router.get(
    "/performance/calibration",
    response_model=CalibrationReport,
    responses=documented(UnknownSymbol, AmbiguousSymbol, UnknownModel, UnknownPeriod, IntervalNotAvailable)
    | NOT_MODIFIED,
)
async def get_calibration(
    services: ServicesDep,
    *,
    symbol: SymbolQuery = None,
    asset_class: Annotated[AssetClass | None, Query(description="Sealed forecasts of this class only.")] = None,
    model: ModelQuery = None,
    interval: _IntervalQuery = None,
    horizon: _HorizonQuery = 1,
    period: PeriodQuery = "all",
    if_none_match: IfNoneMatch = None,
    request: Request,
) -> Response:
    """Measured coverage at every level of the grid, and the histogram of where outcomes fell (PIT, 20 bins).

    Of one symbol (its usual interval, unless another is named), of a class, or of all together.
    """
    now = services.clock.now()
    if symbol is not None:
        symbol, interval = await _series(services, symbol, interval)
    asked = model or AUTO
    found = await services.performance.calibration(symbol, asked, interval, horizon, period, asset_class=asset_class)
    said = CalibrationReport(
        symbol=symbol,
        model=await services.performance.model_name(asked, symbol, interval, horizon),
        interval=interval,
        horizon=horizon,
        items=[_covered(one, coverage) for one in found for coverage in one.coverage],
        pit=[PitHistogram(kind=one.kind, counts=list(one.pit)) for one in found],
    )
    ready = ready_from(said, tags=RECORD_TAGS, now=now, until_us=window_ends_us(period, now))
    return answer(request, ready, services.clock.now(), if_none_match)


@router.get(
    "/performance/trends/{symbol:path}",
    response_model=Trends,
    responses=documented(UnknownSymbol, AmbiguousSymbol, UnknownModel, IntervalNotAvailable, HistoryTooShort)
    | NOT_MODIFIED,
)
async def get_trends(
    services: ServicesDep,
    symbol: SymbolPath,
    *,
    interval: _IntervalQuery = None,
    model: ModelQuery = None,
    horizon: _HorizonQuery = 1,
    if_none_match: IfNoneMatch = None,
    request: Request,
) -> Response:
    """CRPS ratio and coverage of one series over time, in rolling windows of 60 resolved origins."""
    now = services.clock.now()
    canonical, known = await _series(services, symbol, interval)
    asked = model or AUTO
    found = await services.performance.trends(canonical, known, asked, horizon)
    said = Trends(
        symbol=canonical,
        model=await services.performance.model_name(asked, canonical, known, horizon),
        interval=known,
        horizon=horizon,
        points=[
            TrendPoint(
                kind=point.kind,
                at=point.at,
                n=point.n,
                crps_ratio=point.crps_ratio,
                coverage_80=point.coverage_80,
                coverage_90=point.coverage_90,
            )
            for point in found
        ],
    )
    return answer(request, ready_from(said, tags=RECORD_TAGS, now=now), services.clock.now(), if_none_match)


async def _note(services: Services, asset_class: AssetClass | None, interval: Interval | None) -> str | None:
    """Where series were not walked through yet, so that nobody takes a part for the whole."""
    left = await services.performance.unexamined(asset_class, interval)
    if not left:
        return None
    job = next((one for one in await services.jobs.jobs() if one.name == EVIDENCE), None)
    running = job is not None and job.last_run is not None and job.last_run.ended_at is None
    when = "is at it now" if running else "is switched off" if job is None or job.next_due_at is None else None
    when = when or f"comes to them from {iso(job.next_due_at) if job and job.next_due_at else ''} on"
    series = "1 series has" if left == 1 else f"{left} series have"
    return f"walk-forward is not complete: {series} not been walked through yet; the job `{EVIDENCE}` {when}"


async def _series(services: Services, symbol: str, interval: Interval | None) -> tuple[str, Interval]:
    """The canonical symbol, and the interval that users look at first unless one is named."""
    instrument = (await services.store.universe()).get(symbol)
    if interval is None:
        kept = await services.store.series(instrument.symbol)
        interval = default_interval([s.interval for s in kept if s.bars]) or Interval.D1
    return instrument.symbol, interval


def _leader(one: Standing) -> LeaderboardItem:
    return LeaderboardItem(
        kind=one.kind,
        model=one.model,
        asset_class=one.asset_class,
        interval=one.interval,
        horizon=one.horizon,
        n=one.n,
        series=one.series,
        crps_ratio=one.crps_ratio,
        se=one.se,
        coverage_90=None if one.coverage_90 is None else _coverage(one.coverage_90),
        verdict=one.verdict,
        p_value=one.p_value,
        positive=one.positive,
        none=one.none,
        negative=one.negative,
    )


def _coverage(of: MeasuredCoverage) -> CoverageError:
    return CoverageError(level=of.level, measured=of.measured, n=of.n, se=of.se)


def _covered(one: Reliability, of: MeasuredCoverage) -> CalibrationItem:
    return CalibrationItem(kind=one.kind, level=of.level, measured=of.measured, se=of.se, n=of.n)

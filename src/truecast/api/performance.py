"""How good the forecasts were: live from the ledger, and in walk-forward over the stored history."""

from datetime import datetime
from typing import Annotated

from fastapi import Query, Request, Response
from pydantic import Field

from truecast.api.deps import ServicesDep, resource
from truecast.api.errors import documented
from truecast.api.params import IfNoneMatch, ModelQuery, SymbolQuery
from truecast.api.ready import FOREVER_US, NOT_MODIFIED, answer, ready_from
from truecast.api.shapes import IntervalIn, Output, StepsQueryIn
from truecast.api.symbols import default_interval
from truecast.domain.forecast import Verdict
from truecast.domain.instrument import AmbiguousSymbol, UnknownSymbol
from truecast.domain.interval import Interval
from truecast.forecasts.performance import PERIODS
from truecast.forecasts.rows import WALK_FORWARD, Row
from truecast.kit.clock import to_us
from truecast.market.history import IntervalNotAvailable
from truecast.models.auto import AUTO
from truecast.models.base import HistoryTooShort
from truecast.models.catalog import UnknownModel
from truecast.models.heavy import ModelUnavailable
from truecast.models.location.trees import OutOfScope
from truecast.services import Services

router = resource("record")

_PERIOD = Query(
    max_length=16,
    description=f"How far back in the ledger: {', '.join(PERIODS)}.",
    json_schema_extra={"pattern": f"^({'|'.join(PERIODS)})$"},
)
PeriodQuery = Annotated[str, _PERIOD]


class CoverageError(Output):
    """Measured coverage with its standard error (outcomes of overlapping horizons are not independent)."""

    level: float
    measured: float
    n: int
    se: float | None


class Direction(Output):
    """Share of right directions with its 95 % confidence interval."""

    hit_rate: float
    lower: float
    upper: float
    n: int


class PerformanceSkill(Output):
    """Whether the difference from the random walk can be told from chance."""

    verdict: Verdict
    p_value: float | None
    n: int


class PerformanceRow(Output):
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


class PerformanceReport(Output):
    """`ledger` counts sealed forecasts only; `walk_forward` is computed now over the past and says so."""

    ledger: list[PerformanceRow]
    walk_forward: list[PerformanceRow]


class LedgerCheck(Output):
    """Whether the chain of hashes is intact, and the first row where it is not."""

    ok: bool
    rows: int
    head: str = Field(description="Hash of the last row: keep it elsewhere, and even a cut-off end would show.")
    first_broken: int | None
    reason: str | None
    known: int = Field(description="Rows that this server had found sound before; not all of them were read again.")
    checked_at: datetime


@router.get(
    "/performance",
    response_model=PerformanceReport,
    responses=documented(
        UnknownSymbol, AmbiguousSymbol, UnknownModel, ModelUnavailable, OutOfScope, IntervalNotAvailable
    )
    | NOT_MODIFIED,
)
async def get_performance(
    services: ServicesDep,
    *,
    symbol: SymbolQuery = None,
    model: ModelQuery = None,
    interval: Annotated[IntervalIn | None, Query()] = None,
    horizon: Annotated[StepsQueryIn | None, Query(description="Only this step.")] = None,
    period: PeriodQuery = "30d",
    if_none_match: IfNoneMatch = None,
    request: Request,
) -> Response:
    """The track record: sealed forecasts from the ledger and, for one symbol, a walk-forward test over its history."""
    now = services.clock.now()
    ledger = await services.performance.summary(symbol, model, interval, horizon, period)
    walked = [] if symbol is None else await _walk_forward(services, symbol, interval, model or AUTO, horizon)
    said = PerformanceReport(ledger=[_row(row) for row in ledger], walk_forward=walked)
    ready = ready_from(said, tags=RECORD_TAGS, now=now, until_us=window_ends_us(period, now))
    return answer(request, ready, services.clock.now(), if_none_match)


def window_ends_us(period: str, now: datetime) -> int:
    """Until when the window of a period stays where it is: it moves by whole hours."""
    span = PERIODS.get(period)
    if span is None:
        return FOREVER_US
    return to_us(now) + _HOUR_US - to_us(now - span) % _HOUR_US


RECORD_TAGS = ("forecasts", "scores", "series", "evidence", "models")  # what every track record is about
_HOUR_US = 3_600_000_000


async def _walk_forward(
    services: Services, symbol: str, interval: Interval | None, model: str, horizon: int | None
) -> list[PerformanceRow]:
    """Of the asked interval, else of the one that users look at first. Too little history is said, not hidden."""
    instrument = (await services.store.universe()).get(symbol)
    if interval is None:
        kept = await services.store.series(instrument.symbol)
        interval = default_interval([s.interval for s in kept if s.bars])
    if interval is None:
        return []
    try:
        rows = await services.performance.walk_forward(instrument.symbol, interval, model, horizon)
    except HistoryTooShort as error:
        return [_unmeasured(instrument.symbol, interval, model, horizon or 1, error.detail)]
    return [_row(row) for row in rows]


def _row(row: Row) -> PerformanceRow:
    return PerformanceRow(
        symbol=row.symbol,
        interval=row.interval,
        model=row.model,
        horizon=row.horizon,
        period=row.period,
        n=row.n,
        crps=row.crps,
        crps_naive=row.crps_naive,
        crps_ratio=row.crps_ratio,
        mase=row.mase,
        mae=row.mae,
        coverage=[CoverageError(level=c.level, measured=c.measured, n=c.n, se=c.se) for c in row.coverage],
        direction=None
        if row.direction is None
        else Direction(
            hit_rate=row.direction.hit_rate, lower=row.direction.lower, upper=row.direction.upper, n=row.direction.n
        ),
        skill=PerformanceSkill(verdict=row.skill.verdict, p_value=row.skill.p_value, n=row.skill.n),
        note=row.note,
        first_matures_at=row.first_matures_at,
    )


def _unmeasured(symbol: str, interval: Interval, model: str, horizon: int, note: str) -> PerformanceRow:
    return PerformanceRow(
        symbol=symbol,
        interval=interval,
        model=model,
        horizon=horizon,
        period=WALK_FORWARD,
        n=0,
        crps=None,
        crps_naive=None,
        crps_ratio=None,
        mase=None,
        mae=None,
        coverage=[],
        direction=None,
        skill=PerformanceSkill(verdict="none", p_value=None, n=0),
        note=note,
        first_matures_at=None,
    )


@router.get("/ledger/verify", response_model=LedgerCheck, responses=documented())
async def verify_ledger(
    services: ServicesDep,
    *,
    full: Annotated[bool, Query(description="Read every row again, whatever was found before.")] = False,
) -> LedgerCheck:
    """Recompute the chain of hashes: all of it the first time, then what is new and, in turn, a part of what is old."""
    found = await services.ledger.verify(full=full)
    return LedgerCheck(
        ok=found.ok,
        rows=found.rows,
        head=found.head,
        first_broken=found.first_broken,
        reason=found.reason,
        known=found.known,
        checked_at=services.clock.now(),
    )

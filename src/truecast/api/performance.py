"""How good the forecasts were: live from the ledger, and in walk-forward over the stored history."""

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import Field

from truecast.api.deps import ServicesDep, resource
from truecast.api.errors import documented
from truecast.api.shapes import IntervalIn, Output, StepsIn
from truecast.domain.forecast import Verdict
from truecast.domain.instrument import AmbiguousSymbol, UnknownSymbol
from truecast.domain.interval import Interval

router = resource("record")


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
    checked_at: datetime


@router.get("/performance", response_model=PerformanceReport, responses=documented(UnknownSymbol, AmbiguousSymbol))
async def get_performance(
    services: ServicesDep,
    *,
    symbol: Annotated[str | None, Query(max_length=64)] = None,
    model: Annotated[str | None, Query(max_length=64)] = None,
    interval: Annotated[IntervalIn | None, Query()] = None,
    horizon: Annotated[StepsIn | None, Query(description="Only this step.")] = None,
    period: Annotated[str, Query(max_length=16, description="How far back: `30d`, `1y`, `all`.")] = "all",
) -> PerformanceReport:
    """The track record: sealed forecasts from the ledger, and a walk-forward test over the stored history."""


@router.get("/ledger/verify", response_model=LedgerCheck, responses=documented())
async def verify_ledger(services: ServicesDep) -> LedgerCheck:
    """Recompute the chain of hashes from the first row."""
    found = await services.ledger.verify()
    return LedgerCheck(
        ok=found.ok,
        rows=found.rows,
        head=found.head,
        first_broken=found.first_broken,
        reason=found.reason,
        checked_at=services.clock.now(),
    )

"""Sealed forecasts that met their outcome, over all series: how often intervals held over time, and single ones."""

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import Field

from truecast.api.deps import ServicesDep, resource
from truecast.api.errors import documented
from truecast.api.params import ModelQuery, SymbolQuery
from truecast.api.performance import CoverageError, PeriodQuery
from truecast.api.shapes import IntervalIn, Output, StepsQueryIn
from truecast.domain.instrument import AmbiguousSymbol, AssetClass, UnknownSymbol
from truecast.domain.interval import Interval
from truecast.forecasts.performance import UnknownPeriod
from truecast.forecasts.timeline import STRETCHES_MAX, Order, Stretch
from truecast.models.auto import AUTO
from truecast.models.catalog import UnknownModel

router = resource("record")

ITEMS_MAX = 50

_HorizonQuery = Annotated[StepsQueryIn, Query(description="Steps ahead.")]

_IntervalQuery = Annotated[IntervalIn | None, Query()]
_ClassQuery = Annotated[AssetClass | None, Query(description="Only instruments of this class.")]


class CoverageSpan(Output):
    """The outcomes of one stretch of time, from `start` to before `end`."""

    start: datetime
    end: datetime
    n: int = Field(description="Outcomes.")
    moments: int = Field(description="Different bars of time among them: what the standard errors count.")
    coverage: list[CoverageError]


class CoverageOverTime(Output):
    """Measured coverage by the time of the outcome, oldest first. Sealed forecasts only."""

    symbol: str | None
    asset_class: AssetClass | None
    model: str
    interval: Interval | None
    horizon: int
    stretch: Stretch
    items: list[CoverageSpan]


class ResolvedForecast(Output):
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
    loss: float | None = Field(description="CRPS in average one-step moves of its series; null where it never moved.")
    inside: dict[str, bool] = Field(examples=[{"0.5": False, "0.8": True, "0.9": True, "0.95": True}])


class ResolvedForecasts(Output):
    """In the order that was asked for."""

    order: Order
    items: list[ResolvedForecast]


@router.get(
    "/performance/coverage",
    response_model=CoverageOverTime,
    responses=documented(UnknownSymbol, AmbiguousSymbol, UnknownModel, UnknownPeriod),
)
async def get_coverage(
    services: ServicesDep,
    *,
    symbol: SymbolQuery = None,
    asset_class: _ClassQuery = None,
    model: ModelQuery = None,
    interval: _IntervalQuery = None,
    horizon: _HorizonQuery = 1,
    period: PeriodQuery = "all",
    stretch: Annotated[
        Stretch | None,
        Query(description=f"Unit of time; without it the smallest that makes at most {STRETCHES_MAX} of them."),
    ] = None,
) -> CoverageOverTime:
    """How many outcomes fell inside their intervals, hour by hour to year by year: the promise against what happened.

    Of one symbol, a class, or all together; standard errors count what happened in one bar of time as one observation.
    """
    wanted = await services.performance.wanted(symbol, model or AUTO, interval, horizon)
    unit, found = await services.performance.over_time(wanted, asset_class, period, stretch)
    return CoverageOverTime(
        symbol=wanted.symbol,
        asset_class=asset_class,
        model=wanted.model or AUTO,
        interval=interval,
        horizon=horizon,
        stretch=unit,
        items=[
            CoverageSpan(
                start=span.start,
                end=span.end,
                n=span.n,
                moments=span.moments,
                coverage=[CoverageError(level=c.level, measured=c.measured, n=c.n, se=c.se) for c in span.coverage],
            )
            for span in found
        ],
    )


@router.get(
    "/performance/resolved",
    response_model=ResolvedForecasts,
    responses=documented(UnknownSymbol, AmbiguousSymbol, UnknownModel, UnknownPeriod),
)
async def get_resolved(
    services: ServicesDep,
    *,
    symbol: SymbolQuery = None,
    asset_class: _ClassQuery = None,
    model: ModelQuery = None,
    interval: _IntervalQuery = None,
    horizon: _HorizonQuery = 1,
    period: PeriodQuery = "all",
    order: Annotated[
        Order, Query(description="`best` and `worst` go by `loss`; `newest` by when it was known.")
    ] = "newest",
    limit: Annotated[int, Query(ge=1, le=ITEMS_MAX, description="Most items in the answer.")] = 10,
) -> ResolvedForecasts:
    """Single sealed forecasts with what came of them: the newest, the best or the worst of all series asked for.

    Losses are in average one-step moves of each series, so that a calm and a wild one can stand in one list.
    """
    wanted = await services.performance.wanted(symbol, model or AUTO, interval, horizon)
    found = await services.performance.picks(wanted, asset_class, period, order, limit)
    universe = await services.store.universe()
    items = []
    for pick, step in found:
        instrument = universe.get(step.symbol)
        assert step.outcome is not None and step.crps is not None and step.crps_naive is not None, step.id
        items.append(
            ResolvedForecast(
                id=step.id,
                symbol=step.symbol,
                name=instrument.name,
                asset_class=instrument.asset_class,
                interval=step.interval,
                model=step.model,
                issued_at=step.issued_at,
                step=step.step,
                target=step.target,
                median=step.median,
                lower=step.lower,
                upper=step.upper,
                outcome=step.outcome,
                crps=step.crps,
                crps_naive=step.crps_naive,
                loss=pick.loss,
                inside={f"{level:g}": hit for level, hit in (step.inside or {}).items()},
            )
        )
    return ResolvedForecasts(order=order, items=items)

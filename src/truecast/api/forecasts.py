"""Forecasts: ask for one, read the latest, and see what became of the past ones."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import Field

from truecast.api.deps import ServicesDep
from truecast.api.errors import documented
from truecast.api.page import Page
from truecast.api.shapes import (
    PAGE_ITEMS_DEFAULT,
    CoverageShape,
    CursorQuery,
    Input,
    IntervalIn,
    LevelIn,
    LimitQuery,
    Output,
    Provenance,
    StepsIn,
    SymbolPath,
    TimeIn,
)
from truecast.domain.forecast import Mode, Verdict
from truecast.domain.interval import Interval

router = APIRouter(tags=["forecasts"])


class ForecastRequest(Input):
    """What to forecast. With `as_of` in the past the answer is what would have been said then; it is not recorded."""

    symbol: str = Field(max_length=64, examples=["EUR-USD"])
    interval: IntervalIn = Field(examples=["1d"])
    horizon: StepsIn = Field(description="Steps of `interval`, counted in sessions.", examples=[10])
    model: str = Field(default="auto", max_length=64, description="`auto` names the one that served.")
    levels: list[LevelIn] = Field(default=[0.5, 0.8, 0.95], min_length=1, max_length=10)
    as_of: TimeIn | None = None
    fallback: Literal["none"] = Field(
        default="none", description="A model that cannot serve is an error, never replaced."
    )


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
    currency: str
    tick: float


class Forecasts(Output):
    """The latest issued forecast of each symbol, interval and model."""

    items: list[ForecastBody]


class PastForecast(Output):
    """One step of one issued forecast, with its outcome when that is known. `lower`, `upper`: 80 %."""

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
    inside: dict[str, bool] | None = Field(examples=[{"0.5": False, "0.8": True, "0.9": True, "0.95": True}])
    sealed: bool = Field(description="In the ledger before the target bar ended; only those count.")
    mode: Mode
    model: str


class PastForecasts(Page[PastForecast]):
    """One page of past forecasts, newest first."""


@router.post("/forecasts", response_model=ForecastBody, responses=documented())
async def create_forecast(services: ServicesDep, asked: ForecastRequest) -> ForecastBody:
    """Forecast now and seal it in the ledger; or, with `as_of`, say what would have been said then."""


@router.get("/forecasts", response_model=Forecasts, responses=documented())
async def latest_forecasts(
    services: ServicesDep,
    symbols: Annotated[
        str | None, Query(description="Symbols separated by commas; all when left out.", max_length=4096)
    ] = None,
    model: Annotated[str | None, Query(max_length=64)] = None,
    interval: Annotated[IntervalIn | None, Query()] = None,
) -> Forecasts:
    """The latest issued forecasts."""


@router.get("/forecasts/by-id/{id}", response_model=ForecastBody, responses=documented())
async def get_forecast(services: ServicesDep, id: Annotated[str, Path(max_length=64)]) -> ForecastBody:
    """One forecast as it stands in the ledger."""


@router.get("/forecasts/{symbol:path}/history", response_model=PastForecasts, responses=documented())
async def forecast_history(
    services: ServicesDep,
    symbol: SymbolPath,
    interval: Annotated[IntervalIn | None, Query()] = None,
    model: Annotated[str | None, Query(max_length=64)] = None,
    horizon: Annotated[StepsIn | None, Query(description="Only this step.")] = None,
    cursor: CursorQuery = None,
    limit: LimitQuery = PAGE_ITEMS_DEFAULT,
) -> PastForecasts:
    """Past forecasts of an instrument and what became of them, newest first."""

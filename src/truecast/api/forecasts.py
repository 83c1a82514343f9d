"""Forecasts: ask for one, read the latest, and see what became of the past ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Path, Query, Request, Response
from pydantic import Field

from truecast.api.deps import ServicesDep, resource
from truecast.api.errors import CursorInvalid, documented
from truecast.api.explanation import ForecastExplanation, NotExplained, NotForecastYet, explanation_shape
from truecast.api.forecast_body import ForecastBody, forecast_body
from truecast.api.page import Page, decode_offset, encode_cursor
from truecast.api.params import (
    PAGE_ITEMS_DEFAULT,
    CursorQuery,
    IfNoneMatch,
    LimitQuery,
    ModelQuery,
    SymbolPath,
    SymbolsQuery,
    split_symbols,
)
from truecast.api.provenance import anchor_provenance, series_behind, stale_from_us
from truecast.api.ready import FOREVER_US, NOT_MODIFIED, age_hole, answer, ready_from, ready_of
from truecast.api.shapes import Input, IntervalIn, LevelIn, LevelQueryIn, Output, StepsIn, StepsQueryIn, TimeIn
from truecast.api.symbols import default_interval
from truecast.domain.forecast import Forecast, Mode
from truecast.domain.instrument import AmbiguousSymbol, Universe, UnknownSymbol
from truecast.domain.interval import Interval
from truecast.domain.quantiles import check_levels
from truecast.forecasts import issue
from truecast.forecasts.ledger import UnknownForecast
from truecast.forecasts.past import LEVEL_SHOWN, PastStep
from truecast.forecasts.serve import NAIVE
from truecast.kit.clock import iso, to_us
from truecast.market.history import AsOfInFuture
from truecast.market.registry import SeriesInfo
from truecast.models.auto import AUTO
from truecast.models.catalog import UnknownModel
from truecast.services import Services

SETTLED_MAX_AGE_S = 3_600  # a chain of hashes does not change; only its reader may, with another release
LEVELS_DEFAULT = (0.5, 0.8, 0.95)
AsOfQuery = Annotated[TimeIn | None, Query(description="Only what stood in the ledger then.")]

router = resource("forecasts")


class ForecastRequest(Input):
    """What to forecast. With `as_of` in the past the answer is what would have been said then; it is not recorded."""

    symbol: str = Field(max_length=64, examples=["EUR-USD"])
    interval: IntervalIn = Field(examples=["1d"])
    horizon: StepsIn = Field(description="Steps of `interval`, counted in sessions.", examples=[10])
    model: str = Field(default="auto", max_length=64, description="`auto` names the one that served.")
    levels: list[LevelIn] = Field(default=list(LEVELS_DEFAULT), min_length=1, max_length=10)
    as_of: TimeIn | None = None
    fallback: Literal["none", "naive"] = Field(
        default="none",
        description="`none`: a model that cannot serve is an error. `naive`: the random walk serves then.",
    )

    def request(self) -> issue.Request:
        """As the issuer takes it. What is asked about the past is not recorded."""
        return issue.Request(
            self.symbol, self.interval, self.horizon, self.model, self.as_of, self.fallback, record=self.as_of is None
        )


class Forecasts(Output):
    """The latest issued forecast of each symbol, interval and model."""

    items: list[ForecastBody]


class PastForecast(Output):
    """One step of one issued forecast, with its outcome when that is known. `lower`, `upper`: at the asked level."""

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
    void: str | None = Field(description="Why there will be no outcome, when there will be none.")
    mode: Mode
    model: str


class PastForecasts(Page[PastForecast]):
    """One page of past forecasts, newest first."""


@router.get("/forecasts", response_model=Forecasts, responses=documented(UnknownSymbol, AmbiguousSymbol, AsOfInFuture))
async def latest_forecasts(
    services: ServicesDep,
    *,
    symbols: SymbolsQuery = None,
    model: ModelQuery = None,
    interval: Annotated[IntervalIn | None, Query()] = None,
    horizon: Annotated[StepsQueryIn | None, Query(description="Only this step, where a forecast reaches it.")] = None,
    as_of: AsOfQuery = None,
    request: Request,
) -> Response:
    """The latest issued forecast of each symbol, interval and model; of all symbols when none are named.

    Of named symbols at one interval `auto` is what it serves there, by the evidence that was known at `as_of`.
    """
    _not_in_future(services, as_of)
    universe = await services.store.universe()
    wanted = None if symbols is None else [universe.get(text).symbol for text in split_symbols(symbols)]
    if model == AUTO and wanted and interval:
        found = [one for symbol in wanted for one in await _served(services, symbol, interval, as_of)]
    else:
        found = await services.ledger.latest(wanted, model, interval, as_of)
    bodies = await bodies_of(services)
    items = [bodies.of(forecast, LEVELS_DEFAULT, now=as_of) for forecast in found]
    if horizon is not None:
        reaching = (item for item in items if item.horizon >= horizon)
        items = [item.model_copy(update={"steps": item.steps[horizon - 1 : horizon]}) for item in reaching]
    said = [one.model_dump(mode="json") for one in items]
    if as_of is None:
        leave_holes(said, items)
    about = ("forecasts", "series")
    ready = ready_of(
        {"items": said},
        tags=[*about, "evidence", "models"] if wanted is None else [f"{one}:{of}" for of in wanted for one in about],
        now=bodies.now,
        until_us=FOREVER_US if as_of is not None else min(map(bodies.until_us, found), default=FOREVER_US),
    )
    return answer(request, ready, services.clock.now())


def leave_holes(said: Sequence[dict[str, Any]], bodies: Sequence[ForecastBody]) -> None:
    """Ages are counted when a forecast is sent."""
    for one, body in zip(said, bodies, strict=True):
        one["anchor"]["provenance"]["age_s"] = age_hole(body.anchor.provenance.as_of)


@router.get("/forecasts/by-id/{id}", response_model=ForecastBody, responses=documented(UnknownForecast))
async def get_forecast(
    services: ServicesDep,
    id: Annotated[str, Path(max_length=64)],  # noqa: A002 the name users see
) -> ForecastBody:
    """One forecast as it stands in the ledger."""
    bodies = await bodies_of(services)
    return bodies.of(await services.ledger.by_id(id), LEVELS_DEFAULT)


@dataclass(frozen=True, slots=True)
class Bodies:
    """What forecasts are said with: the instruments, the series that are kept, and what time it is."""

    universe: Universe
    kept: Sequence[SeriesInfo]
    now: datetime

    def of(
        self,
        forecast: Forecast,
        levels: Sequence[float],
        *,
        requested_model: str | None = None,
        now: datetime | None = None,
    ) -> ForecastBody:
        """One forecast, with the provenance of its anchor as of `now`."""
        return forecast_body(
            forecast,
            instrument=self.universe.get(forecast.symbol),
            provenance=anchor_provenance(forecast, self.kept, now or self.now),
            levels=check_levels(levels),
            requested_model=requested_model or forecast.model,
        )

    def until_us(self, forecast: Forecast) -> int:
        """How long what is said of it stays true without news: until the bar that it stands on is stale."""
        interval, anchor = forecast.horizon.interval, forecast.anchor
        series = series_behind(self.kept, forecast.symbol, interval, anchor.source)
        assert series is not None, "series are never deleted"
        from_us = stale_from_us(series, interval, anchor.bar_start)
        return from_us if to_us(self.now) < from_us else FOREVER_US


async def bodies_of(services: Services) -> Bodies:
    """As of now."""
    return Bodies(await services.store.universe(), await services.store.series(), services.clock.now())


@router.get(
    "/forecasts/{symbol:path}/explanation",
    response_model=ForecastExplanation,
    responses=documented(UnknownSymbol, AmbiguousSymbol, UnknownForecast, UnknownModel, NotForecastYet, NotExplained),
)
async def get_explanation(
    services: ServicesDep,
    symbol: SymbolPath,
    *,
    interval: Annotated[IntervalIn | None, Query()] = None,
    model: ModelQuery = None,
    id: Annotated[str | None, Query(max_length=64, description="Of that forecast.")] = None,  # noqa: A002 as users see it
) -> ForecastExplanation:
    """What moved the median of a forecast and what made it as wide as it is: of the one issued last, or by its id."""
    instrument = (await services.store.universe()).get(symbol)
    if id is not None:
        forecast = await services.ledger.by_id(id)
        if forecast.symbol != instrument.symbol:
            raise UnknownForecast(id=id)
    else:
        name = None if model is None else await services.performance.model_name(model, instrument.symbol, interval)
        found = await services.ledger.latest([instrument.symbol], name, interval)
        if not found:
            raise NotForecastYet(symbol=instrument.symbol)
        # Of those issued together the one that says more than the random walk beside it.
        forecast = max(found, key=lambda one: (one.issued_at, one.model != NAIVE))
    if forecast.explanation is None:
        raise NotExplained(id=forecast.id)
    return ForecastExplanation(
        forecast_id=forecast.id,
        symbol=forecast.symbol,
        interval=forecast.horizon.interval,
        model=forecast.model,
        horizon=forecast.explanation.step,
        explanation=explanation_shape(forecast.explanation),
    )


@router.get(
    "/forecasts/{symbol:path}/history",
    response_model=PastForecasts,
    responses=documented(UnknownSymbol, AmbiguousSymbol, UnknownModel, CursorInvalid, AsOfInFuture) | NOT_MODIFIED,
)
async def forecast_history(
    services: ServicesDep,
    symbol: SymbolPath,
    *,
    interval: Annotated[IntervalIn | None, Query()] = None,
    model: ModelQuery = None,
    horizon: Annotated[StepsQueryIn, Query(description="Steps ahead.")] = 1,
    level: Annotated[LevelQueryIn, Query(description="Of the interval from `lower` to `upper`.")] = LEVEL_SHOWN,
    as_of: AsOfQuery = None,
    cursor: CursorQuery = None,
    limit: LimitQuery = PAGE_ITEMS_DEFAULT,
    if_none_match: IfNoneMatch = None,
    request: Request,
) -> Response:
    """Past forecasts of an instrument and what became of them, newest first.

    Without an interval, the one that users look at first: days where they are stored.
    """
    _not_in_future(services, as_of)
    instrument = (await services.store.universe()).get(symbol)
    if interval is None:
        kept = await services.store.series(instrument.symbol)
        interval = default_interval([s.interval for s in kept if s.bars]) or Interval.D1
    if model == AUTO:
        model = await services.performance.naming.model_at(instrument.symbol, interval, horizon, as_of)
    elif model is not None:
        model = await services.performance.model_name(model)
    then = "" if as_of is None else iso(as_of)
    of = f"past:{instrument.symbol}:{interval.value}:{model}:{horizon}:{level}:{then}"
    before = None if cursor is None else decode_offset(of, cursor)
    found = await services.ledger.history(
        instrument.symbol,
        interval,
        step=horizon,
        model=model,
        before=before,
        limit=limit + 1,
        as_of=as_of,
        level=level,
    )
    shown = found[:limit]
    said = PastForecasts(
        items=[_past(step) for step in shown],
        next=encode_cursor(of, shown[-1].seq) if len(found) > limit else None,
    )
    settled = all(step.outcome is not None or step.void is not None for step in shown)
    closed = as_of is not None or (cursor is not None and settled)  # no later forecast or score can join it
    about = ("forecasts", "scores", "series")
    ready = ready_from(
        said,
        tags=[*(f"{one}:{instrument.symbol}" for one in about), "evidence", "models"],
        now=services.clock.now(),
        control=f"private, max-age={SETTLED_MAX_AGE_S}" if closed else "no-cache",
    )
    return answer(request, ready, services.clock.now(), if_none_match)


async def _served(services: Services, symbol: str, interval: Interval, as_of: datetime | None) -> list[Forecast]:
    """What `auto` served last, as it stands in the ledger."""
    name = await services.performance.naming.in_ledger(symbol, interval, as_of)
    return await services.ledger.latest([symbol], name, interval, as_of)


def _not_in_future(services: Services, as_of: datetime | None) -> None:
    now = services.clock.now()
    if as_of is not None and as_of > now:
        raise AsOfInFuture(as_of=iso(as_of), now=iso(now))


def _past(step: PastStep) -> PastForecast:
    return PastForecast(
        id=step.id,
        issued_at=step.issued_at,
        step=step.step,
        target=step.target,
        median=step.median,
        lower=step.lower,
        upper=step.upper,
        outcome=step.outcome,
        crps=step.crps,
        crps_naive=step.crps_naive,
        inside=None if step.inside is None else {f"{level:g}": hit for level, hit in step.inside.items()},
        sealed=step.sealed,
        void=step.void,
        mode=step.mode,
        model=step.model,
    )

"""The server about itself: what it is, whether it lives, whether it can serve."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import Field

from truecast import __version__
from truecast.api.deps import ServicesDep, only_known_parameters, operation_id, resource
from truecast.api.errors import documented
from truecast.api.health import Component, Health, Status, examine
from truecast.api.shapes import Output
from truecast.api.vitals import Vitals
from truecast.kit.clock import ClockKind, ReplayClock
from truecast.kit.errors import TruecastError
from truecast.kit.metrics import EXPOSITION_TYPE, exposition
from truecast.kit.settings import keys_required

router = resource("system", waits=False)
probes = APIRouter(
    tags=["system"], dependencies=[Depends(only_known_parameters)], generate_unique_id_function=operation_id
)


class ClockShape(Output):
    """Whose time this server lives in. Anything but `system` deserves a banner."""

    kind: ClockKind
    now: datetime
    speed: float | None


class LoadingShape(Output):
    """How far the start is."""

    stage: str
    done: int
    total: int


class Info(Output):
    """What this server is."""

    name: str
    version: str
    clock: ClockShape
    database: Literal["sqlite", "postgresql"]
    ready: bool
    loading: LoadingShape | None
    keys_required: bool = Field(description="Whether requests need an API key.")


class NotReady(TruecastError):
    """A part without which answers would be wrong or missing."""

    code = "not_ready"
    status = 503
    title = "Not ready"
    template = "Not ready: {reasons}"


class UnknownComponent(TruecastError):
    """No part of the server is called so."""

    code = "unknown_component"
    status = 404
    title = "Unknown component"
    template = "No part of this server is called {name!r}"


class HealthChange(Output):
    """A part became this."""

    at: datetime
    status: Status
    detail: str


class HealthTrend(Output):
    """One part: how often it was looked at, in what share of looks it was well, and when it changed."""

    name: str
    looked: int
    ok_share: float
    changes: list[HealthChange]


class HealthTrends(Output):
    """All parts, as this process saw them since `since`; null before the first look."""

    since: datetime | None
    items: list[HealthTrend]


class Live(Output):
    """The process answers."""

    status: Literal["ok"]


@router.get("/info", response_model=Info)
async def get_info(services: ServicesDep) -> Info:
    """What this server is, whose clock it runs on, and how far its start is. Answers while starting, too."""
    loading = services.loading
    clock = services.clock
    return Info(
        name="Truecast",
        version=__version__,
        clock=ClockShape(
            kind=clock.kind, now=clock.now(), speed=clock.speed if isinstance(clock, ReplayClock) else None
        ),
        database=services.db.dialect,
        ready=loading.ready,
        keys_required=keys_required(services.settings),
        loading=None if loading.ready else LoadingShape(stage=loading.stage, done=loading.done, total=loading.total),
    )


@router.get("/health", response_model=Health)
async def get_health(services: ServicesDep) -> Health:
    """Every part of the server: status, age of its data, last error. Always 200: `/health/ready` decides."""
    return await examine(services)


@router.get("/health/trends", response_model=HealthTrends)
async def get_health_trends(request: Request) -> HealthTrends:
    """How every part has been, seen by this process once a minute for at most a day."""
    vitals: Vitals = request.app.state.vitals
    items = [
        HealthTrend(
            name=trend.name,
            looked=trend.looked,
            ok_share=trend.well / trend.looked,
            changes=[HealthChange(at=turn.at, status=turn.status, detail=turn.detail) for turn in trend.turns],
        )
        for trend in vitals.trends()
    ]
    return HealthTrends(since=vitals.since, items=items)


@router.get("/health/components/{name}", response_model=Component, responses=documented(UnknownComponent))
async def get_component(
    services: ServicesDep,
    name: Annotated[str, Path(max_length=128, description="A part of the server.", examples=["database"])],
) -> Component:
    """One part of the server."""
    health = await examine(services)
    for part in health.components:
        if part.name == name:
            return part
    raise UnknownComponent(name=name, known=[part.name for part in health.components])


@probes.get("/health/live", response_model=Live)
async def get_live() -> Live:
    """The process answers. Says nothing about its parts: restarting would not mend them."""
    return Live(status="ok")


@probes.get("/health/ready", response_model=Health, responses=documented(NotReady))
async def get_ready(services: ServicesDep) -> Health:
    """Whether requests can be served truthfully; 503 `not_ready` names the parts that prevent it."""
    health = await examine(services)
    if not health.ready:
        red = [part for part in health.components if part.required and part.status == "down"]
        raise NotReady(
            reasons="; ".join(f"{part.name}: {part.last_error or part.detail}" for part in red),
            components=[part.model_dump(mode="json") for part in health.components],
        )
    return health


@probes.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "Prometheus text format"}},
)
async def get_metrics() -> Response:
    """Counters and gauges for Prometheus."""
    return Response(exposition(), media_type=EXPOSITION_TYPE)

"""The server about itself: what it is, whether it lives, whether it can serve."""

from datetime import datetime
from typing import Literal

from fastapi import APIRouter, Response

from truecast import __version__
from truecast.api.deps import ServicesDep
from truecast.api.errors import documented
from truecast.api.shapes import Output
from truecast.kit.clock import ClockKind, ReplayClock
from truecast.kit.errors import TruecastError
from truecast.kit.metrics import EXPOSITION_TYPE, exposition

router = APIRouter(tags=["system"])
probes = APIRouter(tags=["system"])

Status = Literal["ok", "degraded", "down"]


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


class Component(Output):
    """One part of the server. `required`: without it the server is not ready."""

    name: str
    status: Status
    required: bool
    detail: str
    age_s: float | None
    last_error: str | None


class Health(Output):
    """All parts. `status` is the worst of the required ones, or `degraded` when an optional one is not well."""

    status: Status
    ready: bool
    checked_at: datetime
    components: list[Component]


class NotReady(TruecastError):
    """A part without which answers would be wrong or missing."""

    code = "not_ready"
    status = 503
    title = "Not ready"
    template = "Not ready: {reasons}"


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
        loading=None if loading.ready else LoadingShape(stage=loading.stage, done=loading.done, total=loading.total),
    )


@router.get("/health", response_model=Health)
async def get_health(services: ServicesDep) -> Health:
    """Every part of the server: status, age of its data, last error. Always 200; `/health/ready` decides."""
    return await examine(services)


@probes.get("/health/live", response_model=Live)
async def get_live() -> Live:
    """The process answers. Says nothing about its parts: restarting would not mend them."""
    return Live(status="ok")


@probes.get("/health/ready", response_model=Health, responses=documented(NotReady))
async def get_ready(services: ServicesDep) -> Health:
    """Whether requests can be served truthfully; 503 `not_ready` names the parts that prevent it."""
    health = await examine(services)
    if not health.ready:
        raise NotReady(...)
    return health


@probes.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "Prometheus text format"}},
)
async def get_metrics() -> Response:
    """Counters and gauges for Prometheus."""
    return Response(exposition(), media_type=EXPOSITION_TYPE)

"""The application: routes, errors, middleware, and what starts and stops with it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.telemetry import TelemetryConfig
from starlette.routing import BaseRoute

from truecast import __version__
from truecast.api import (
    admin,
    batch,
    cache,
    errors,
    examples,
    features,
    forecasts,
    jobs,
    keys,
    market,
    measures,
    models,
    performance,
    prices,
    resolved,
    risk,
    site,
    sources,
    standings,
    stream,
    summary,
    symbols,
    system,
)
from truecast.api.access import Access, Gate, networks
from truecast.api.answers import Answers
from truecast.api.document import complete
from truecast.api.express import Express
from truecast.api.hot import Hot
from truecast.api.middleware import Envelope
from truecast.api.once import Once
from truecast.api.traced import Traced
from truecast.api.vitals import Vitals
from truecast.kit import telemetry
from truecast.kit.errors import TruecastError
from truecast.kit.logs import get_logger
from truecast.kit.pace import MemoryPace, Rate, RedisPace
from truecast.kit.settings import is_loopback, keys_required, rates_of
from truecast.services import Services

DESCRIPTION = """Market forecasts that keep score.

Every number says where it is from, of what time, and how old it is. Every error is `application/problem+json`.
Times are ISO 8601 in UTC. Unknown query parameters are refused."""

# FastAPI's own telemetry sends headers and errors as they are, and costs time while it sends nothing; see traced.py.
_NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}

_log = get_logger(__name__)


class App(FastAPI):
    """The framework, and beside it the shortest way for what is asked most, which our server takes before it."""

    express: Express | None = None


def create_app(services: Services) -> App:
    """The ASGI application. Its lifespan prepares the store, runs the jobs and closes everything."""
    app = App(
        title="Truecast",
        version=__version__,
        lifespan=_lifespan,
        docs_url=None,  # FastAPI's pages load scripts from a CDN; ours work offline, see site.py
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        telemetry=_NO_TELEMETRY,
    )
    app.state.services = services
    errors.install(app)
    app.router.routes.extend(routes())
    app.state.access = access_of(services)
    app.state.vitals = Vitals(services)
    stream.install(app, services)
    site.install(app, describe)
    app.state.answers = Answers(services)
    app.add_middleware(
        Hot, routes=app.router.routes, access=app.state.access, answers=app.state.answers, clock=services.clock
    )
    app.add_middleware(Once, replies=services.replies, access=app.state.access)
    app.add_middleware(Gate, access=app.state.access)
    app.add_middleware(Envelope, clock=services.clock, loopback_only=is_loopback(services.settings.host))
    if telemetry.is_tracing():
        app.add_middleware(Traced)
    else:
        app.express = Express(
            access=app.state.access,
            answers=app.state.answers,
            clock=services.clock,
            loopback_only=is_loopback(services.settings.host),
        )
    return app


def access_of(services: Services) -> Access:
    """Who may ask this server what, by its settings."""
    settings = services.settings
    return Access(
        keys=services.keys,
        pace=MemoryPace() if settings.redis_url is None else RedisPace(settings.redis_url),
        rates={kind: Rate(amount) for kind, amount in rates_of(settings).items()},
        keys_required=keys_required(settings),
        ready=lambda: services.loading.ready,
        proxies=networks(settings.trusted_proxies),
    )


def routes() -> list[BaseRoute]:
    """Every route of the API and the probes."""
    resources = (
        system,
        symbols,
        prices,
        measures,
        summary,
        market,
        features,
        batch,
        forecasts,
        performance,
        standings,
        resolved,
        models,
        risk,
        jobs,
        sources,
        keys,
        admin,
        cache,
        stream,
    )
    return [*system.probes.routes, *(route for resource in resources for route in resource.router.routes)]


def describe() -> dict[str, Any]:
    """The OpenAPI document. Needs no services: `truecast openapi` prints it for the generation of types."""
    document = get_openapi(title="Truecast", version=__version__, description=DESCRIPTION, routes=routes())
    schemas = document["components"]["schemas"]
    complete(document)
    for unused in ("HTTPValidationError", "ValidationError"):  # FastAPI's own error shape, which we never answer
        schemas.pop(unused, None)
    examples.put_into(document)
    return document


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services: Services = app.state.services
    life = asyncio.create_task(_live(services), name="background")
    looking = asyncio.create_task(app.state.vitals.watch(), name="vitals")
    try:
        yield
    finally:
        for task in (looking, life):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await app.state.answers.close()
        await app.state.access.pace.close()
        await services.background.close()


async def _live(services: Services) -> None:
    """Prepare, then run the jobs. A failure is told by every route and by readiness; the process stays to tell it."""
    loading = services.loading
    try:
        await services.background.prepare(loading)
        loading.ready = True
        await services.background.run()
    except TruecastError as error:
        _log.error("start failed" if not loading.ready else "jobs stopped", code=error.code, detail=error.detail)
        loading.failed = error.detail
    except Exception:  # noqa: BLE001 the edge of a background task: logged, and told by readiness
        _log.exception("background failed")
        loading.failed = "an internal error; see the log"

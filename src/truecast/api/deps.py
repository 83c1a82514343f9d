"""What routes are made with and take: the services, a server that is ready, only the query parameters they know."""

import hashlib
from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from truecast.api.access import PREFIX, admitted
from truecast.api.body import JsonRoute
from truecast.api.errors import RETRY_AFTER_S, RepeatedQueryParameter, StartFailed, Starting, UnknownQueryParameter
from truecast.services import Services


async def services_of(request: Request) -> Services:
    """The services this app was created with. Async, as the framework runs what is not on a thread: a millisecond."""
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


ServicesDep = Annotated[Services, Depends(services_of)]


async def mark_of(request: Request) -> str | None:
    """The same for every try of a request under an Idempotency-Key, and for no other; None without a key.

    What is done is written down under it, so that a try after one that died finds it.
    """
    seed = request.scope.get("truecast.seed")
    return None if seed is None else hashlib.sha256(str(seed).encode()).hexdigest()[:32]


MarkDep = Annotated[str | None, Depends(mark_of)]


async def ready(services: ServicesDep) -> None:
    """Refuse with 503 `starting` until the store is made ready."""
    loading = services.loading
    if loading.ready:
        return  # even when the jobs have stopped since: what is stored can still be read, and readiness is red
    if loading.failed is not None:
        raise StartFailed(reason=loading.failed)
    raise Starting(stage=loading.stage, done=loading.done, total=loading.total, retry_after_s=RETRY_AFTER_S)


async def only_known_parameters(request: Request) -> None:
    """Refuse a query parameter that the route does not declare, and one given twice."""
    route = request.scope["route"]
    assert isinstance(route, APIRoute)
    known = sorted(_query_names(route.dependant))
    given = [name for name, _ in request.query_params.multi_items()]
    if unknown := sorted(set(given) - set(known)):
        raise UnknownQueryParameter(unknown=unknown, known=known)
    if repeated := sorted({name for name in given if given.count(name) > 1}):
        raise RepeatedQueryParameter(repeated=repeated)


def _query_names(dependant: Dependant) -> Iterator[str]:
    yield from (parameter.alias for parameter in dependant.query_params)
    for inner in dependant.dependencies:
        yield from _query_names(inner)


def resource(tag: str, *, waits: bool = True) -> APIRouter:
    """A router under the prefix. Its routes answer 503 until the store is ready, unless they do not need it.

    Routes carry their whole path, so that metrics and logs can name them by it.
    """
    dependencies = [*([Depends(ready)] if waits else []), Depends(admitted), Depends(only_known_parameters)]
    return APIRouter(
        prefix=PREFIX,
        tags=[tag],
        dependencies=dependencies,
        generate_unique_id_function=operation_id,
        route_class=JsonRoute,
    )


def operation_id(route: APIRoute) -> str:
    """The function's name: stable, unique, and what generated clients call the method."""
    return route.name

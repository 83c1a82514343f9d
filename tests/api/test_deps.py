"""Parameters that nobody knows are refused, and nothing answers from a store that is not ready."""

import httpx
import pytest

from tests.api.test_errors import problem_of
from truecast.api.app import routes
from truecast.services import Services

GETS = sorted({route.path for route in routes() if "GET" in route.methods})
WAITS = [
    path for path in GETS if path.startswith("/api/v1") and not path.startswith(("/api/v1/info", "/api/v1/health"))
]


def filled(path: str) -> str:
    """The path with something in the place of each parameter."""
    return (
        path.replace("{symbol:path}", "EUR-USD")
        .replace("{id}", "01980000-0000-7000-8000-000000000000")
        .replace("{job}", "resolve")
    )


@pytest.mark.parametrize("path", GETS)
async def test_a_misspelled_parameter_is_refused_everywhere(client: httpx.AsyncClient, path: str):
    problem = problem_of(await client.get(filled(path), params={"intervall": "1d"}), 422, "unknown_query_parameter")
    assert problem["unknown"] == ["intervall"]


async def test_a_repeated_parameter_is_refused(client: httpx.AsyncClient):
    answer = await client.get("/api/v1/symbols?limit=1&limit=2")
    assert problem_of(answer, 422, "repeated_query_parameter")["repeated"] == ["limit"]


@pytest.mark.parametrize("path", WAITS)
async def test_waits_for_the_store(client: httpx.AsyncClient, services: Services, path: str):
    services.loading.ready = False
    services.loading.step("data", 3, 46)
    answer = await client.get(filled(path))
    problem = problem_of(answer, 503, "starting")
    assert (problem["stage"], problem["done"], problem["total"]) == ("data", 3, 46)
    assert int(answer.headers["retry-after"]) > 0


async def test_says_why_the_start_failed(client: httpx.AsyncClient, services: Services):
    services.loading.ready = False
    services.loading.failed = "the disk is full"
    assert "the disk is full" in problem_of(await client.get("/api/v1/models"), 503, "start_failed")["detail"]


async def test_reads_go_on_when_the_jobs_have_stopped(client: httpx.AsyncClient, services: Services):
    services.loading.failed = "a job fell over"
    assert (await client.get("/api/v1/models")).status_code == 200
    problem_of(await client.get("/health/ready"), 503, "not_ready")

"""The server about itself: info, probes, health that goes red for the right reason, metrics."""

import sqlite3

import httpx
import pytest

from tests import installation
from tests.api.test_errors import problem_of
from truecast import __version__
from truecast.services import Services


def part(health: dict, name: str) -> dict:
    """The component of that name."""
    return next(component for component in health["components"] if component["name"] == name)


async def test_info_says_whose_clock_this_is(client: httpx.AsyncClient):
    info = (await client.get("/api/v1/info")).json()
    assert info["version"] == __version__
    assert info["clock"] == {"kind": "fixed", "now": "2021-01-06T21:30:00Z", "speed": None}
    assert (info["database"], info["ready"], info["loading"]) == ("sqlite", True, None)


async def test_info_and_live_answer_while_the_store_is_made(client: httpx.AsyncClient, services: Services):
    services.loading.ready = False
    services.loading.step("data", 12, 46)
    info = (await client.get("/api/v1/info")).json()
    assert (info["ready"], info["loading"]) == (False, {"stage": "data", "done": 12, "total": 46})
    assert (await client.get("/health/live")).json() == {"status": "ok"}


async def test_a_well_server_is_ready(client: httpx.AsyncClient):
    answer = await client.get("/health/ready")
    assert answer.status_code == 200
    health = answer.json()
    assert health["ready"]
    assert {"start", "database", "migrations", "models", "disk", "data:fx", "data:equity", "job:resolve"} <= {
        component["name"] for component in health["components"]
    }
    assert part(health, "data:equity")["status"] == "ok"
    assert part(health, "data:equity")["age_s"] == 1800


async def test_old_data_are_degraded_but_served(client: httpx.AsyncClient, services: Services):
    from datetime import timedelta

    services.clock.advance(timedelta(days=30))
    services.jobs._due = {}
    health = (await client.get("/health/ready")).json()
    assert (health["status"], health["ready"]) == ("degraded", True)
    assert part(health, "data:fx")["status"] == "degraded"
    assert part(health, "data:fx")["age_s"] > 29 * 86_400


async def test_red_while_starting(client: httpx.AsyncClient, services: Services):
    services.loading.ready = False
    problem = problem_of(await client.get("/health/ready"), 503, "not_ready")
    assert [component["name"] for component in problem["components"]] == ["start"]


async def test_red_when_the_database_is_damaged(client: httpx.AsyncClient, services: Services):
    await services.db.close()
    services.db.path.write_bytes(b"this is no database" * 1000)
    for beside in ("-wal", "-shm"):
        services.db.path.with_name(services.db.path.name + beside).unlink(missing_ok=True)
    problem = problem_of(await client.get("/health/ready"), 503, "not_ready")
    assert part(problem, "database")["status"] == "down"
    assert part(problem, "database")["last_error"]
    assert (await client.get("/health/live")).status_code == 200
    assert (await client.get("/api/v1/symbols")).status_code == 500


async def test_red_when_the_schema_is_old(client: httpx.AsyncClient, services: Services):
    with sqlite3.connect(services.db.path) as conn:
        conn.execute("UPDATE alembic_version SET version_num = '0000'")
    conn.close()
    problem = problem_of(await client.get("/health/ready"), 503, "not_ready")
    assert part(problem, "migrations")["status"] == "down"


async def test_red_when_a_job_is_late(client: httpx.AsyncClient, services: Services):
    from datetime import timedelta

    services.jobs._due = {"resolve": installation.NOW - timedelta(minutes=6)}
    problem = problem_of(await client.get("/health/ready"), 503, "not_ready")
    assert part(problem, "job:resolve")["status"] == "down"
    assert "job:resolve: late by 360 s" in problem["detail"]


async def test_a_job_that_is_switched_off_is_degraded(client: httpx.AsyncClient, services: Services):
    await services.jobs.switch("issue", on=False)
    health = (await client.get("/health/ready")).json()
    assert part(health, "job:issue")["status"] == "degraded"
    assert health["ready"]


async def test_red_when_the_jobs_have_stopped(client: httpx.AsyncClient, services: Services):
    services.loading.failed = "the scheduler fell over"
    problem = problem_of(await client.get("/health/ready"), 503, "not_ready")
    assert part(problem, "start")["last_error"] == "the scheduler fell over"


async def test_health_is_an_answer_even_when_it_is_bad(client: httpx.AsyncClient, services: Services):
    services.loading.failed = "the scheduler fell over"
    answer = await client.get("/api/v1/health")
    assert (answer.status_code, answer.json()["status"]) == (200, "down")


async def test_metrics_name_routes_by_their_template(client: httpx.AsyncClient):
    await client.get("/api/v1/symbols/SPY")
    await client.get("/no/such/thing")
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'truecast_http_requests_total{method="GET",route="/api/v1/symbols/{symbol}",status="200"}' in answer.text
    assert 'route="unmatched",status="404"' in answer.text
    assert "symbols/SPY" not in answer.text


@pytest.mark.parametrize("path", ["/", "/docs", "/redoc", "/openapi.json", "/api/v1/info", "/nope"])
async def test_every_answer_carries_the_security_headers(client: httpx.AsyncClient, path: str):
    headers = (await client.get(path)).headers
    policy = headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "data:" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-request-id"]


async def test_a_sane_request_id_is_kept_and_another_is_replaced(client: httpx.AsyncClient):
    kept = await client.get("/api/v1/info", headers={"x-request-id": "trace-0123456789"})
    assert kept.headers["x-request-id"] == "trace-0123456789"
    forged = await client.get("/api/v1/info", headers={"x-request-id": "a b\tc"})
    assert forged.headers["x-request-id"] != "a b\tc"


async def test_another_name_for_this_machine_is_refused(client: httpx.AsyncClient):
    answer = await client.get("/api/v1/info", headers={"host": "evil.example:8000"})
    problem_of(answer, 421, "foreign_host")
    for name in ("localhost:8000", "127.0.0.1", "[::1]:8000"):
        assert (await client.get("/api/v1/info", headers={"host": name})).status_code == 200


async def test_a_page_of_another_site_may_not_change_anything(client: httpx.AsyncClient):
    answer = await client.post("/api/v1/jobs/resolve/disable", headers={"origin": "https://evil.example"})
    problem_of(answer, 403, "foreign_origin")
    own = await client.post("/api/v1/jobs/resolve/disable", headers={"origin": "http://127.0.0.1"})
    assert own.status_code == 200

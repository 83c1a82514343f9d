"""One line per request, with fields that are documented, under an id that the answer carries too."""

import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import installation
from truecast.accounts.principal import Scope
from truecast.api.app import create_app
from truecast.kit.clock import FixedClock
from truecast.kit.logs import configure_logs
from truecast.kit.settings import Settings
from truecast.services import Services
from truecast.wiring import Role, build

PAGE = Path(__file__).resolve().parents[2] / "docs" / "observability.md"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Where the lines go."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logs("info", "json", stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


def told(log: io.StringIO) -> list[dict[str, Any]]:
    for handler in logging.getLogger().handlers:
        handler.flush()
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    return [line for line in lines if line["logger"] == "truecast.access"]


@pytest.fixture
def settings(made_installation: Path, tmp_path: Path) -> Settings:
    folder = installation.copy(made_installation, tmp_path / "data")
    return installation.settings_in(folder, require_keys=True, trusted_proxies=("127.0.0.1",))


@pytest.fixture
async def services(settings: Settings) -> AsyncIterator[Services]:
    services = build(settings, Role.SERVE, clock=FixedClock(installation.NOW))
    services.loading.ready = True
    yield services
    await services.background.close()


@pytest.fixture
async def client(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(services))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


async def test_a_line_says_who_asked_for_what_from_where_and_what_came_of_it(client, services: Services, log):
    info, text = await services.keys.create("test", (Scope.READ,), None)
    given = {"authorization": f"Bearer {text}", "x-request-id": "from-the-proxy-7", "x-forwarded-for": "203.0.113.9"}
    answer = await client.get("/api/v1/symbols/SPY?verbose=x", headers=given)
    assert answer.headers["x-request-id"] == "from-the-proxy-7"
    (line,) = told(log)
    ms = line.pop("ms")
    assert 0 < ms < 60_000
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "request",
        "level": "info",
        "logger": "truecast.access",
        "request_id": "from-the-proxy-7",
        "method": "GET",
        "route": "/api/v1/symbols/{symbol}",
        "path": "/api/v1/symbols/SPY",
        "status": answer.status_code,
        "bytes": len(answer.content),
        "address": "203.0.113.9",
        "key_id": info.id,
    }


async def test_every_request_has_one_line_whatever_becomes_of_it(client, log):
    asked = ["/api/v1/info", "/api/v1/symbols", "/no/such/page", "/api/v1/prices/SPY?x", "/openapi.json"]
    answers = [await client.get(path) for path in asked]
    lines = told(log)
    assert [line["status"] for line in lines] == [answer.status_code for answer in answers]
    assert [line["request_id"] for line in lines] == [answer.headers["x-request-id"] for answer in answers]
    assert len({line["request_id"] for line in lines}) == len(asked)
    assert [line["bytes"] for line in lines] == [len(answer.content) for answer in answers]
    assert lines[1]["key_id"] is None
    assert lines[1]["status"] == 401


async def test_probes_and_scrapes_are_not_told_of(client, log):
    for path in ("/health/live", "/health/ready"):
        await client.get(path)
    assert told(log) == []


async def test_a_request_id_that_is_a_key_is_replaced(client, services: Services, log):
    _, text = await services.keys.create("test", (Scope.READ,), None)
    answer = await client.get("/api/v1/info", headers={"x-request-id": text})
    assert answer.headers["x-request-id"] != text
    assert text not in log.getvalue()


async def test_lines_for_people_say_the_same(client, log):
    configure_logs("info", "console", stream=log)
    await client.get("/api/v1/info", headers={"x-request-id": "for-people-1"})
    for fact in ("request_id=for-people-1", "route=/api/v1/info", "status=200", "bytes=", "address=127.0.0.1", "ms="):
        assert fact in log.getvalue()


async def test_every_field_is_documented(client, log):
    await client.get("/api/v1/info")
    (line,) = told(log)
    page = PAGE.read_text()
    assert all(f"`{field}`" in page for field in line), line

"""The application: its description is complete, its page is served, its life begins and ends well."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from tests import installation
from truecast.api import site
from truecast.api.app import create_app, describe, routes
from truecast.kit.clock import FixedClock
from truecast.kit.errors import TruecastError
from truecast.wiring import Role, build

DOCUMENT = describe()
OPERATIONS = [
    (f"{verb.upper()} {path}", operation)
    for path, verbs in DOCUMENT["paths"].items()
    for verb, operation in verbs.items()
]
BY_NAME = pytest.mark.parametrize("operation", [o for _, o in OPERATIONS], ids=[name for name, _ in OPERATIONS])


@BY_NAME
def test_every_operation_is_described(operation: dict):
    assert operation["description"]
    assert operation["tags"]
    assert re.fullmatch(r"[a-z_]+", operation["operationId"])


@BY_NAME
def test_every_operation_names_its_problems(operation: dict):
    if operation["tags"] == ["system"]:
        return
    for status in ("422", "500", "503"):
        (kind,) = operation["responses"][status]["content"]
        assert kind == "application/problem+json"


def test_operation_ids_are_unique():
    ids = [operation["operationId"] for _, operation in OPERATIONS]
    assert len(ids) == len(set(ids)) == len(routes())


def test_every_reference_leads_somewhere():
    wanted = set(re.findall(r"#/components/schemas/(\w+)", str(DOCUMENT)))
    assert wanted <= DOCUMENT["components"]["schemas"].keys()
    assert "HTTPValidationError" not in DOCUMENT["components"]["schemas"]


def test_what_we_say_has_no_defaults():
    said = {
        name: schema
        for name, schema in DOCUMENT["components"]["schemas"].items()
        if schema.get("type") == "object" and not name.endswith("Request") and name != "Problem"
    }
    for name, schema in said.items():
        assert set(schema["required"]) == schema["properties"].keys(), name


async def test_the_description_is_served(client: httpx.AsyncClient):
    assert (await client.get("/openapi.json")).json() == DOCUMENT
    page = (await client.get("/docs")).text
    assert "<script" not in page
    for path in DOCUMENT["paths"]:
        assert path in page


@pytest.mark.parametrize("built", [False, True])
async def test_an_icon_is_there_for_pages_that_name_none(tmp_path: Path, *, built: bool):
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    if built:
        (tmp_path / "assets").mkdir()
        (tmp_path / "assets" / "favicon-x1.svg").write_text("<svg/>")
    site.install(app, describe, web_dir=tmp_path)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1") as client:
        answer = await client.get("/favicon.ico")
    assert answer.status_code == (200 if built else 204)
    assert answer.text == ("<svg/>" if built else "")


async def test_says_so_when_the_page_is_not_built(tmp_path: Path):
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    site.install(app, describe, web_dir=tmp_path)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1") as client:
        answer = await client.get("/")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "make web" in answer.text


async def test_serves_the_page_and_its_files(tmp_path: Path):
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>Truecast</title>")
    (tmp_path / "assets" / "index-1a2b.js").write_text("1")
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    site.install(app, describe, web_dir=tmp_path)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1") as client:
        page, script = await client.get("/"), await client.get("/assets/index-1a2b.js")
        outside = await client.get("/assets/..%2F..%2Fservices.py")
    assert (page.headers["content-type"], page.headers["cache-control"]) == ("text/html; charset=utf-8", "no-cache")
    assert "immutable" in script.headers["cache-control"]
    assert outside.status_code == 404


async def test_answers_while_it_loads_and_closes_what_it_opened(made_installation: Path, tmp_path: Path):
    folder = installation.copy(made_installation, tmp_path / "data")
    services = build(
        installation.settings_in(folder), Role.UP, clock=FixedClock(installation.NOW), until=installation.NOW
    )
    app = create_app(services)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            assert (await client.get("/api/v1/info")).json()["ready"] is False
            async with asyncio.timeout(60):
                while not (await client.get("/api/v1/info")).json()["ready"]:
                    await asyncio.sleep(0.05)
            assert (await client.get("/health/ready")).status_code == 200
    again = build(installation.settings_in(folder), Role.UP)  # the lock is free again
    await again.background.close()


async def test_a_start_that_fails_is_told_and_not_thrown(made_installation: Path, tmp_path: Path):
    class DiskOnFire(TruecastError):
        code = "disk_on_fire"
        template = "the disk is on fire"

    class Broken:
        async def prepare(self, loading):
            raise DiskOnFire

        async def run(self): ...

        async def close(self): ...

    from dataclasses import replace

    folder = installation.copy(made_installation, tmp_path / "data")
    real = build(installation.settings_in(folder), Role.SERVE, clock=FixedClock(installation.NOW))
    app = create_app(replace(real, background=Broken()))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            await asyncio.sleep(0)
            answer = await client.get("/api/v1/models")
    assert (answer.status_code, answer.json()["code"]) == (503, "start_failed")
    assert "the disk is on fire" in answer.json()["detail"]
    await real.background.close()

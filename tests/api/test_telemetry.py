"""Traces and reports of errors over the real wire; off, they cost nothing."""

import asyncio
import io
import json
import logging
import subprocess
import sys
import textwrap
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter

from tests import installation
from tests.collectors import Collected, collecting, facts
from tests.listening import listening
from tests.servers import free_port
from truecast import __version__
from truecast.api.app import create_app
from truecast.commands.voice import start_voice
from truecast.jobs.job import Done, Job
from truecast.jobs.schedule import Schedule
from truecast.jobs.scheduler import Scheduler
from truecast.kit import telemetry
from truecast.kit.clock import FixedClock
from truecast.kit.errors import MalformedRequest
from truecast.kit.http import HttpClient
from truecast.kit.logs import configure_logs, get_logger
from truecast.kit.metrics import ERROR_REPORTS, TRACE_SPANS
from truecast.kit.settings import Settings, SettingsInvalid
from truecast.services import Services
from truecast.wiring import Role, build

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


@pytest.fixture
def collector() -> Iterator[Collected]:
    with collecting() as collected:
        yield collected


@pytest.fixture
def quiet_root() -> Iterator[None]:
    """Logging is left as it was found."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    telemetry.close()
    root.handlers[:] = handlers
    root.setLevel(level)


def settings_with(made: Path, folder: Path, **given: object) -> Settings:
    return installation.settings_in(installation.copy(made, folder / "data"), **given)


@pytest.fixture
async def traced(
    made_installation: Path, tmp_path: Path, collector: Collected, quiet_root: None
) -> AsyncIterator[tuple[httpx.AsyncClient, Services]]:
    """An API that traces into the collector, and one route that fails."""
    settings = settings_with(
        made_installation,
        tmp_path,
        otlp_endpoint=collector.url,
        otlp_headers={"x-tenant": "house"},
        environment="test bench",
        log_format="json",
    )
    start_voice(settings)
    services = build(settings, Role.SERVE, clock=FixedClock(installation.NOW))
    services.loading.ready = True
    app = create_app(services)
    broken = APIRouter()

    @broken.get("/api/v1/broken/{what}")
    async def fail(what: str) -> None:
        raise RuntimeError(f"a fault of ours with {what}")

    app.router.routes[0:0] = broken.routes
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1") as client:
        yield client, services
    await services.background.close()


async def test_a_request_is_a_span_by_its_route_within_the_trace_of_who_asks(traced, collector: Collected):
    client, _ = traced
    said = io.StringIO()
    configure_logs("info", "json", stream=said)
    given = {"traceparent": f"00-{TRACE}-{PARENT}-01", "x-request-id": "of-the-client-1"}
    answer = await client.get("/api/v1/prices/SPY/candles?interval=1d&limit=5", headers=given)
    assert answer.status_code == 200
    await asyncio.to_thread(telemetry.close)
    (span,) = [span for span in collector.spans() if span.name == "GET /api/v1/prices/{symbol}/candles"]
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    assert span.kind == span.SPAN_KIND_SERVER
    told = facts(span)
    assert told["http.response.status_code"] == 200
    assert told["truecast.request_id"] == "of-the-client-1"
    assert told["http.route"] == "/api/v1/prices/{symbol}/candles"
    assert collector.posts[0][1]["x-tenant"] == "house"
    about = collector.resource()
    assert about["service.name"] == "truecast"
    assert (about["service.version"], about["deployment.environment.name"]) == (__version__, "test bench")
    lines = [json.loads(line) for line in said.getvalue().splitlines()]
    (line,) = [line for line in lines if line["event"] == "request"]
    assert line["trace_id"] == TRACE, "so that one leads to the other"


async def test_what_a_request_computes_is_within_its_span(traced, collector: Collected):
    client, _ = traced
    answer = await client.post("/api/v1/forecasts", json={"symbol": "SPY", "interval": "1d", "horizon": 3})
    assert answer.status_code in (200, 201), answer.text
    await asyncio.to_thread(telemetry.close)
    spans = {span.name: span for span in collector.spans()}
    assert spans["compute"].parent_span_id == spans["POST /api/v1/forecasts"].span_id


async def test_a_failure_marks_the_span_and_a_refusal_does_not(traced, collector: Collected):
    client, _ = traced
    assert (await client.get("/api/v1/broken/spoon")).status_code == 500
    assert (await client.get("/api/v1/symbols/NO-SUCH")).status_code == 404
    await asyncio.to_thread(telemetry.close)
    spans = {span.name: span for span in collector.spans()}
    assert spans["GET /api/v1/broken/{what}"].status.code == 2
    assert spans["GET /api/v1/symbols/{symbol}"].status.code == 0
    assert b"spoon" not in collector.everything, "a raw path may hold anything"


async def test_probes_are_not_traced(traced, collector: Collected):
    client, _ = traced
    assert (await client.get("/health/live")).status_code == 200
    await asyncio.to_thread(telemetry.close)
    assert collector.posts == []


async def test_a_question_to_a_source_is_a_span_and_carries_the_trace_on(traced, collector: Collected, clock):
    heard: list[bytes] = []

    async def source(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    import numpy as np

    async with listening(source) as address:
        asker = HttpClient(f"http://{address}", clock=clock, generator=np.random.default_rng(1))
        with telemetry.span("around"):
            await asker.get("/key-in-path", params={"api_key": "shh"})
        await asker.close()
    await asyncio.to_thread(telemetry.close)
    spans = {span.name: span for span in collector.spans()}
    asked = spans["source 127.0.0.1"]
    assert asked.parent_span_id == spans["around"].span_id
    assert asked.kind == asked.SPAN_KIND_CLIENT
    assert f"traceparent: 00-{asked.trace_id.hex()}-{asked.span_id.hex()}-0".encode() in heard[0]
    assert b"key-in-path" not in collector.everything
    assert b"shh" not in collector.everything


async def test_runs_of_jobs_are_spans_that_tell_how_they_went(traced, collector: Collected):
    _, services = traced

    async def work(_due: object) -> Done:
        return Done({"bars": 7}, error="source_unreachable: nobody there")

    job = Job("mend", "Mends", Schedule("0 0 * * *"), 1, work)
    scheduler = Scheduler(services.db, [job], services.clock)
    await scheduler.run_now("mend")
    await asyncio.to_thread(telemetry.close)
    (span,) = [span for span in collector.spans() if span.name == "job mend"]
    assert facts(span)["truecast.bars"] == 7
    assert facts(span)["truecast.outcome"] == "failed"
    assert span.status.message == "source_unreachable: nobody there"


@pytest.mark.parametrize("apart", [False, True])
async def test_a_forecast_cycle_is_one_trace(made_installation: Path, tmp_path: Path, collector, quiet_root, apart):
    settings = settings_with(made_installation, tmp_path, otlp_endpoint=collector.url)
    start_voice(settings)
    clock = FixedClock(installation.START)
    settings = settings.model_copy(update={"database_url": f"sqlite:///{tmp_path}/fresh.db"})
    services = build(settings, Role.UP, clock=clock, until=installation.START, apart=apart)
    await services.background.prepare(services.loading)
    await services.background.run()
    await services.background.close()
    await asyncio.to_thread(telemetry.close)
    spans = {span.name: span for span in collector.spans()}
    cycle, compute, seal = (spans[n] for n in ("job issue", "compute forecasts", "seal forecasts"))
    assert compute.parent_span_id == seal.parent_span_id == (spans["round issue"] if apart else cycle).span_id
    assert not apart or spans["round issue"].parent_span_id == cycle.span_id
    assert facts(cycle)["truecast.forecasts"] > 0


# --- errors ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def reporting(made_installation: Path, tmp_path: Path, collector: Collected, quiet_root: None) -> Settings:
    """Settings that report to the collector, as a Sentry."""
    dsn = collector.url.replace("http://", "http://0123456789abcdef@") + "/7"
    settings = settings_with(
        made_installation,
        tmp_path,
        sentry_dsn=dsn,
        environment="bench",
        source_keys={"fred": "canary-key-of-a-source"},
    )
    start_voice(settings)
    return settings


def test_an_error_becomes_an_event_without_secrets_and_variables(reporting: Settings, collector: Collected):
    def fail(password: str) -> None:
        local = password
        raise RuntimeError(f"cannot open postgresql://me:{local}@host/db with canary-key-of-a-source")

    try:
        fail("hunter2" * 2)  # the lines of the source around an error are part of its report
    except RuntimeError:
        get_logger("truecast.test").exception("it broke", job="mend", api_key="hunter3" * 2, rows=3)
    telemetry.close()
    (event,) = collector.events()
    assert event["release"] == f"truecast@{__version__}"
    assert event["environment"] == "bench"
    assert event["logentry"]["message"] == "it broke"
    assert event["tags"]["job"] == "mend"
    assert event["extra"]["rows"] == 3
    (problem,) = event["exception"]["values"]
    assert problem["type"] == "RuntimeError"
    assert problem["stacktrace"]["frames"][-1]["function"] == "fail"
    assert "vars" not in problem["stacktrace"]["frames"][-1]
    body = collector.posts[0][2]
    for secret in (b"hunter2hunter2", b"canary-key-of-a-source", b"hunter3hunter3"):
        assert secret not in body
    assert "breadcrumbs" not in event or not event["breadcrumbs"]["values"]
    assert not {"request", "user", "modules"} & event.keys()


async def test_a_request_that_fails_is_reported_with_its_ids_and_without_its_parts(reporting, collector: Collected):
    services = build(reporting, Role.SERVE, clock=FixedClock(installation.NOW))
    services.loading.ready = True
    app = create_app(services)
    broken = APIRouter()

    @broken.post("/api/v1/broken")
    async def fail() -> None:
        raise RuntimeError("a fault of ours")

    app.router.routes[0:0] = broken.routes
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1") as client:
        given = {
            "authorization": "Bearer canary-of-a-header",
            "cookie": "a=canary-of-a-cookie",
            "x-request-id": "rid-12345",
        }
        answer = await client.post("/api/v1/broken?q=canary-of-a-query", headers=given, json={"a": "canary-of-a-body"})
        assert answer.status_code == 401, "a key that is none is refused even where none is needed"
        del given["authorization"]
        answer = await client.post("/api/v1/broken?q=canary-of-a-query", headers=given, json={"a": "canary-of-a-body"})
    await services.background.close()
    telemetry.close()
    assert answer.status_code == 500
    (event,) = collector.events()
    assert event["tags"]["request_id"] == "rid-12345"
    assert b"canary" not in collector.everything


async def test_an_error_of_a_job_is_reported(reporting: Settings, collector: Collected):
    services = build(reporting, Role.WORK, clock=FixedClock(installation.NOW))

    async def work(_due: object) -> Done:
        raise MalformedRequest(reason="nothing to mend")

    scheduler = Scheduler(services.db, [Job("mend", "Mends", Schedule("0 0 * * *"), 1, work)], services.clock)
    await scheduler.run_now("mend")
    await services.background.close()
    telemetry.close()
    (event,) = collector.events()
    assert event["tags"] | {"job": "mend", "code": "malformed_request"} == event["tags"]


def test_the_same_error_is_reported_once_a_minute(reporting: Settings, collector: Collected):
    held = ERROR_REPORTS.labels("held_back")._value.get()
    for number in range(50):
        get_logger("truecast.test").error("again and again", job="mend", number=number)
    get_logger("truecast.test").error("again and again", job="another")
    telemetry.close()
    assert [event["tags"]["job"] for event in collector.events()] == ["mend", "another"]
    assert ERROR_REPORTS.labels("held_back")._value.get() == held + 49


def test_warnings_are_not_reported(reporting: Settings, collector: Collected):
    get_logger("truecast.test").warning("hm")
    telemetry.close()
    assert collector.posts == []


# --- off, away, missing ---------------------------------------------------------------------------------------------


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: PLW1510
        [sys.executable, "-c", textwrap.dedent(code)], env=environment, capture_output=True, text=True, timeout=120
    )


def test_off_nothing_of_it_is_imported():
    done = run(
        """
        import sys
        import truecast.wiring, truecast.api.app
        from truecast.commands.voice import start_voice
        from truecast.kit.settings import Settings
        from truecast.kit import telemetry
        start_voice(Settings(_env_file=None))
        with telemetry.span("x"):
            pass
        heavy = ("opentelemetry.sdk.trace", "opentelemetry.exporter", "sentry_sdk", "google.protobuf")
        loaded = [name for name in sys.modules if name.startswith(heavy)]
        assert not loaded, loaded
        """
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("variable", "value", "package"),
    [
        ("TRUECAST_OTLP_ENDPOINT", "http://127.0.0.1:9", "opentelemetry"),
        ("TRUECAST_SENTRY_DSN", "http://abc@127.0.0.1:9/1", "sentry_sdk"),
    ],
)
def test_switched_on_without_being_installed_the_start_says_what_to_install(variable, value, package, tmp_path):
    code = f"""
        import sys
        sys.modules[{package + (".sdk" if package == "opentelemetry" else "")!r}] = None  # as where it is not installed
        from truecast.cli import run
        sys.exit(run(["serve", "--port", "0"]))
        """
    done = run(code, TRUECAST_DATA_DIR=str(tmp_path), HOME=str(tmp_path), **{variable: value})
    assert done.returncode == 78, done.stderr
    assert variable in done.stderr
    assert "pip install 'truecast[telemetry]'" in done.stderr
    assert "[telemetry_missing]" in done.stderr


def test_off_a_span_costs_next_to_nothing():
    import timeit

    def traced() -> None:
        with telemetry.span("x"):
            pass

    assert min(timeit.repeat(traced, number=10_000, repeat=5)) / 10_000 < 20e-6  # 0.3 µs on a quiet machine


@pytest.mark.parametrize("kind", ["refused", "silent"])
async def test_a_collector_that_is_away_costs_no_time_and_a_bounded_memory(
    made_installation, tmp_path, quiet_root, kind
):
    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            writer.close()

    async with listening(silence) as address:
        endpoint = f"http://{address}" if kind == "silent" else f"http://127.0.0.1:{free_port()}"
        dsn = endpoint.replace("http://", "http://abc@") + "/7"
        settings = settings_with(made_installation, tmp_path, otlp_endpoint=endpoint, sentry_dsn=dsn)
        start_voice(settings)
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number in range(20_000):
            with telemetry.span("x"):
                pass
            if number % 1000 == 0:
                get_logger("truecast.test").error("lost", job=str(number))
        assert loop.time() - began < 10, "a request never waits for the collector"
        began = loop.time()
        await asyncio.to_thread(telemetry.close)
        assert loop.time() - began < 3, "nor does the end of the process"


async def nothing_is_on_its_way() -> None:
    """What other tests have left for collectors that are away is lost, and counted, some seconds later."""
    async with asyncio.timeout(60):
        while any(thread.name.startswith("OtelBatch") for thread in threading.enumerate()):
            await asyncio.sleep(0.05)


async def test_a_collector_that_refuses_is_counted(made_installation, tmp_path, quiet_root):
    await nothing_is_on_its_way()
    lost = TRACE_SPANS.labels("lost")._value.get()
    with collecting(status=400) as refusing:
        start_voice(settings_with(made_installation, tmp_path, otlp_endpoint=refusing.url))
        with telemetry.span("x"):
            pass
        telemetry.close()
    assert TRACE_SPANS.labels("lost")._value.get() == lost + 1


async def test_only_the_share_that_is_asked_for_is_traced(made_installation, tmp_path, collector, quiet_root):
    start_voice(settings_with(made_installation, tmp_path, otlp_endpoint=collector.url, trace_sample_rate=0.0))
    with telemetry.span("mine"):
        pass
    with telemetry.span("theirs", given={"traceparent": f"00-{TRACE}-{PARENT}-01"}):
        pass
    telemetry.close()
    assert [span.name for span in collector.spans()] == ["theirs"], "who asks decides for what it asks"


@pytest.mark.parametrize("given", ["", "00-0-0-01", "ff-" + "f" * 32, f"00-{TRACE}-{PARENT}-01-x", "\x00", "a" * 9000])
async def test_a_traceparent_that_is_none_begins_a_trace_of_its_own(
    made_installation, tmp_path, collector, quiet_root, given
):
    start_voice(settings_with(made_installation, tmp_path, otlp_endpoint=collector.url))
    with telemetry.span("x", given={"traceparent": given}):
        pass
    telemetry.close()
    (span,) = collector.spans()
    assert span.parent_span_id == b""


@pytest.mark.parametrize("dsn", ["nonsense", "https://host/1", "https://word@there/", "ftp://key@host/1"])
def test_a_dsn_that_is_none_is_refused_without_being_shown(dsn: str):
    with pytest.raises(SettingsInvalid) as raised:
        Settings(_env_file=None, sentry_dsn=dsn)
    assert "SENTRY_DSN" in raised.value.detail
    assert dsn not in raised.value.detail

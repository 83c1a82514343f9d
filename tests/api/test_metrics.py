"""What `/metrics` has of every queue, budget, breaker, job and forecast, and that it moves."""

import asyncio
import re
from datetime import timedelta

import httpx
import numpy as np

from tests import installation
from tests.servers import free_port
from truecast.api.vitals import Vitals
from truecast.kit.clock import FixedClock
from truecast.kit.errors import TruecastError
from truecast.kit.guard import Guard
from truecast.kit.http import HttpClient
from truecast.kit.limits import BREAKER_OUTCOMES_MIN
from truecast.services import Services


async def figures(client: httpx.AsyncClient) -> dict[str, float]:
    text = (await client.get("/metrics")).text
    return {m[1]: float(m[2]) for m in re.finditer(r"^(truecast\S+) (\S+)$", text, re.MULTILINE)}


async def test_the_parts_of_the_server_are_figures_too(client: httpx.AsyncClient, services: Services):
    await Vitals(services).look()
    seen = await figures(client)
    assert seen["truecast_ready"] == 1
    assert seen['truecast_component_status{component="database"}'] == 0
    assert seen['truecast_data_age_seconds{asset_class="equity"}'] == 1800
    services.loading.failed = "fell over"
    await Vitals(services).look()
    seen = await figures(client)
    assert seen["truecast_ready"] == 0
    assert seen['truecast_component_status{component="start"}'] == 2


async def test_a_late_job_says_by_how_much(client: httpx.AsyncClient, services: Services):
    services.jobs._due = {"resolve": installation.NOW - timedelta(minutes=6)}
    await Vitals(services).look()
    assert (await figures(client))['truecast_job_late_seconds{job="resolve"}'] == 360


async def test_a_breaker_and_a_queue_are_asked_when_they_are_read(client: httpx.AsyncClient, clock: FixedClock):
    guard = Guard("flaky", clock=clock)
    asker = HttpClient(
        f"http://127.0.0.1:{free_port()}", clock=clock, generator=np.random.default_rng(1), timeout_s=1, guard=guard
    )
    name = 'truecast_source_breaker_state{source="flaky"}'
    assert (await figures(client))[name] == 0
    for _ in range(BREAKER_OUTCOMES_MIN):
        try:
            await asker.get("/")
        except TruecastError:
            continue
    await asker.close()
    assert (await figures(client))[name] == 2
    clock.advance(timedelta(minutes=10))
    assert (await figures(client))[name] == 1, "half open without anybody having asked"
    assert (await figures(client))['truecast_source_waiting{source="flaky"}'] == 0


async def test_runs_of_jobs_forecasts_and_their_coverage_are_figures(client: httpx.AsyncClient, made_installation):
    seen = await figures(client)  # the installation was made by a day of jobs in this process
    assert seen['truecast_job_ended_timestamp_seconds{job="issue",outcome="ok"}'] > 1.6e9
    assert seen['truecast_job_running{job="issue"}'] == 0
    scored = seen['truecast_forecast_steps_scored_total{interval="1d"}']
    inside = [seen[f'truecast_forecast_steps_inside_total{{interval="1d",level="{level}"}}'] for level in (0.5, 0.95)]
    assert 0 < inside[0] < inside[1] <= scored
    assert seen['truecast_forecast_issued_timestamp_seconds{interval="1d",symbol="SPY"}'] > 1.6e9


async def test_writers_that_wait_are_counted(client: httpx.AsyncClient, services: Services):
    async def write() -> None:
        async with services.db.write():
            pass

    async with services.db.write():
        others = [asyncio.create_task(write()) for _ in range(3)]
        await asyncio.sleep(0)
        assert (await figures(client))["truecast_database_writes_waiting"] >= 4
    await asyncio.gather(*others)
    assert (await figures(client))["truecast_database_writes_waiting"] == 0


async def test_answers_of_a_tenth_of_a_millisecond_have_a_bucket(client: httpx.AsyncClient):
    await client.get("/api/v1/info")
    seen = await figures(client)
    bucket = 'truecast_http_request_seconds_bucket{le="0.0001",method="GET",route="/api/v1/info"}'
    assert bucket in seen

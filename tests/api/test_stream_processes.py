"""Two processes behind one Redis: the same stream from both, and a client that changes between them."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import redis.asyncio
from websockets.asyncio.client import connect

from tests import installation
from tests.api.stream_house import Client
from tests.servers import free_port, redis_server

WAIT_S = 120.0


@pytest.fixture
def redis_url() -> Iterator[str]:
    with redis_server() as url:
        yield url


@contextlib.contextmanager
def serving(folder: Path, redis_url: str) -> Iterator[int]:
    """A real `truecast serve`; its port."""
    port = free_port()
    environment = {
        **os.environ,  # noqa: TID251 the product's settings are given here
        "TRUECAST_DATA_DIR": str(folder),
        "TRUECAST_SOURCES": "sample",
        "REDIS_URL": redis_url,
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "truecast", "serve", "--port", str(port)]
    log = folder / f"{port}.log"
    with (
        log.open("wb") as out,
        subprocess.Popen(command, env=environment, stdout=out, stderr=out, cwd=folder) as process,
    ):
        try:
            yield port
        finally:
            process.terminate()
            assert process.wait(30) == 0, log.read_text()[-2000:]


async def ready(port: int) -> None:
    async with asyncio.timeout(WAIT_S), httpx.AsyncClient() as http:
        while True:
            with contextlib.suppress(httpx.TransportError):
                if (await http.get(f"http://127.0.0.1:{port}/api/v1/info")).json().get("ready"):
                    return
            await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def client_at(port: int):
    async with connect(f"ws://127.0.0.1:{port}/api/v1/stream/ws", compression=None) as socket_:
        client = Client(socket_)
        client.welcome = await client.next()
        yield client


async def test_both_deliver_the_same_stream_and_resume_what_the_other_began(
    made_installation: Path, tmp_path: Path, redis_url: str
) -> None:
    folder = installation.copy(made_installation, tmp_path / "data")
    with serving(folder, redis_url) as one, serving(folder, redis_url) as two:
        await asyncio.gather(ready(one), ready(two))
        topic = "forecasts:GBP-USD"
        async with client_at(one) as here, client_at(two) as there, httpx.AsyncClient(timeout=WAIT_S) as http:
            (at_one,) = (await here.subscribe(topic, snapshot=False))["topics"]
            (at_two,) = (await there.subscribe(topic, snapshot=False))["topics"]
            assert (at_one["epoch"], at_one["offset"]) == (at_two["epoch"], at_two["offset"])
            for port, horizon in [(one, 7), (two, 9)]:
                asked = {"symbol": "GBP-USD", "interval": "1d", "horizon": horizon, "model": "naive"}
                answer = await http.post(f"http://127.0.0.1:{port}/api/v1/forecasts", json=asked)
                assert answer.status_code == 200
            heard = [await here.messages(2), await there.messages(2)]
            assert heard[0] == heard[1]
            assert [m["data"]["horizon"] for m in heard[0]] == [7, 9]
            # A client that loses the first process goes on with the second, where nobody has its place.
            place = {topic: [heard[0][0]["epoch"], heard[0][0]["offset"]]}
            async with client_at(two) as moved:
                (again,) = (await moved.subscribe(topic, since=place))["topics"]
                assert again["recovered"] is True
                assert await moved.next() == heard[0][1]
            ticket = (await http.post(f"http://127.0.0.1:{one}/api/v1/stream/ticket")).json()["ticket"]
            url = f"http://127.0.0.1:{two}/api/v1/stream/sse?topics=health&ticket={ticket}"
            async with http.stream("GET", url) as stream:
                assert stream.status_code == 200
            async with http.stream("GET", url) as stream:
                assert stream.status_code == 401
            client = redis.asyncio.from_url(redis_url)
            assert await client.exists("truecast:bus:positions")
            await client.aclose()


async def test_redis_that_begins_anew_is_told_by_both_and_they_go_on_alike(
    made_installation: Path, tmp_path: Path
) -> None:
    folder, port = installation.copy(made_installation, tmp_path / "data"), free_port()
    url, topic = f"redis://127.0.0.1:{port}/0", "forecasts:GBP-USD"
    async with contextlib.AsyncExitStack() as stack:
        first = stack.enter_context(contextlib.ExitStack())
        first.enter_context(redis_server(port))
        one, two = (stack.enter_context(serving(folder, url)) for _ in range(2))
        await asyncio.gather(ready(one), ready(two))
        here, there = [await stack.enter_async_context(client_at(serve)) for serve in (one, two)]
        for client in (here, there):
            await client.subscribe(topic, snapshot=False)
        before = await _forecast(one, 15)
        assert [(await client.next())["data"]["id"] for client in (here, there)] == [before, before]
        first.close()  # Redis ends, and keeps nothing
        await _bus_is("down", one, two)
        alone = await _forecast(one, 16)
        reset, message = await here.messages(2)
        assert (reset["event"], message["data"]["id"]) == ("reset", alone)
        stack.enter_context(redis_server(port))
        await _bus_is("ok", one, two)
        after = await _forecast(two, 17)
        heard = []
        for client in (here, there):
            said = await client.messages(1)
            while "event" in said[-1] or said[-1]["data"]["id"] != after:
                said.append(await client.next())  # snapshots follow a reset
            assert "reset" in [one.get("event") for one in said], "what came meanwhile is not missing in silence"
            heard.append(said[-1])
        assert heard[0]["epoch"] == heard[1]["epoch"] != message["epoch"]
        place = {topic: [heard[0]["epoch"], heard[0]["offset"]]}
        last = await _forecast(one, 18)
        async with client_at(two) as moved:
            (again,) = (await moved.subscribe(topic, since=place))["topics"]
            assert again["recovered"] is True
            assert (await moved.next())["data"]["id"] == last


async def _forecast(port: int, horizon: int) -> str:
    """Ask one process for a forecast; its id."""
    asked = {"symbol": "GBP-USD", "interval": "1d", "horizon": horizon, "model": "naive"}
    async with httpx.AsyncClient(timeout=WAIT_S) as http:
        answer = await http.post(f"http://127.0.0.1:{port}/api/v1/forecasts", json=asked)
    assert answer.status_code == 200
    return str(answer.json()["id"])


async def _bus_is(status: str, *ports: int) -> None:
    async with asyncio.timeout(WAIT_S), httpx.AsyncClient(timeout=WAIT_S) as http:
        for port in ports:
            while True:
                parts = (await http.get(f"http://127.0.0.1:{port}/api/v1/health")).json()["components"]
                if [part["status"] for part in parts if part["name"] == "bus"] == [status]:
                    break
                await asyncio.sleep(0.1)


async def test_without_redis_health_says_so_and_this_process_goes_on(made_installation: Path, tmp_path: Path) -> None:
    from tests.api.stream_house import open_house
    from truecast.kit.clock import FixedClock
    from truecast.wiring import Role, build

    folder, port = installation.copy(made_installation, tmp_path / "data"), free_port()
    settings = installation.settings_in(folder, redis_url=f"redis://127.0.0.1:{port}/0")
    services = build(settings, Role.SERVE, clock=FixedClock(installation.NOW))

    async def bus_is(status: str) -> None:
        async with asyncio.timeout(WAIT_S), httpx.AsyncClient(base_url=house.http) as http:
            while True:
                parts = (await http.get("/api/v1/health")).json()["components"]
                if [part["status"] for part in parts if part["name"] == "bus"] == [status]:
                    return
                await asyncio.sleep(0.1)

    try:
        with redis_server(port):
            services.loading.ready = True
            await services.bus.settled()
            async with open_house(services) as house, house.client() as client:
                (topic,) = (await client.subscribe("scores:SPY"))["topics"]
                await bus_is("ok")
                await house.publish("scores:SPY", i=1)
                assert (await client.next())["epoch"] == topic["epoch"]
                client_of_redis = redis.asyncio.from_url(settings.redis_url)
                with contextlib.suppress(redis.exceptions.RedisError):
                    await client_of_redis.shutdown(nosave=True)
                await client_of_redis.aclose()
                await bus_is("down")
                await house.publish("scores:SPY", i=2)
                reset, message = await client.messages(2)
                assert (reset["event"], reset["recovered"]) == ("reset", False)
                assert (message["data"], message["epoch"]) == ({"i": 2}, reset["epoch"])
                with redis_server(port):
                    await bus_is("ok")
    finally:
        await services.background.close()

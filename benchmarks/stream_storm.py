"""Chaos: a thousand clients of all three skins lose their connections at random, before two servers and one Redis.

Now and then the servers lose theirs to Redis, too, and catch up.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import uvloop
from redis.asyncio import from_url
from tests.api.fault_proxy import fault_proxy
from tests.api.stream_chaos import SKINS, Report, caught_up
from tests.servers import free_port, redis_server

from truecast.kit.bus_redis import RedisBus
from truecast.kit.clock import SystemClock
from truecast.kit.settings import Settings
from truecast.wiring import build

TOPICS = ("candles:EUR-USD:1d", "forecasts:EUR-USD")
CLIENTS, LIFE_S, EVERY_S, CUT_REDIS_S = 1_000, 10.0, 0.5, 30.0
OF_TEN = (0, 0, 0, 0, 1, 1, 1, 2, 2, 2)  # four of ten over WebSockets, three by events, three over Socket.IO


@dataclass
class Seen:
    """What the proxy and the publisher did."""

    cut: int = 0
    published: int = 0
    redis_cut: int = 0


def storm(seconds: float) -> Iterator[str]:
    """The rows of the table."""
    with tempfile.TemporaryDirectory() as folder, redis_server() as redis_url, contextlib.ExitStack() as stack:
        asyncio.run(_made(Path(folder)))
        ports = [stack.enter_context(_serving(Path(folder), redis_url)) for _ in range(2)]
        report, seen = uvloop.run(_storm(ports, redis_url, seconds))
    print(*report.seen, sep="\n", file=sys.stderr)
    yield f"| {CLIENTS:,} clients for {seconds:.0f} s, cut after {LIFE_S:.0f} s on average | measured | goal |"
    yield "|---|--:|--:|"
    yield f"| connections cut | {seen.cut:,} | |"
    yield f"| times that both servers lost Redis | {seen.redis_cut} | |"
    yield f"| messages published, and received | {seen.published:,}; {report.messages:,} | |"
    yield f"| places recovered | {report.recovered:,} | |"
    yield f"| gaps that were told | {report.announced:,} | |"
    yield f"| **unannounced gaps** | **{report.gaps}** | 0 |"
    yield f"| **duplicates** | **{report.duplicates}** | 0 |"


async def _made(folder: Path) -> None:
    """An installation with the bundled sample."""
    services = build(Settings(data_dir=folder, sources=("sample",), _env_file=None))
    await services.background.prepare(services.loading)
    await services.background.close()


@contextlib.contextmanager
def _serving(folder: Path, redis_url: str) -> Iterator[int]:
    port = free_port()
    environment = {
        **os.environ,  # noqa: TID251 the product's settings are given here
        "TRUECAST_DATA_DIR": str(folder),
        "TRUECAST_SOURCES": "sample",
        "REDIS_URL": redis_url,
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "truecast", "serve", "--port", str(port)]
    with (folder / f"{port}.log").open("wb") as log, subprocess.Popen(command, env=environment, stderr=log) as process:
        try:
            asyncio.run(_ready(port, process))
            yield port
        finally:
            process.terminate()
            process.wait(30)
            lines = (folder / f"{port}.log").read_text().splitlines()
            print(*[line for line in lines if "bus" in line], sep="\n", file=sys.stderr)


async def _ready(port: int, process: subprocess.Popen[bytes]) -> None:
    async with asyncio.timeout(60), httpx.AsyncClient(timeout=30) as http:
        while process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                if (await http.get(f"http://127.0.0.1:{port}/api/v1/info")).json().get("ready"):
                    return
            await asyncio.sleep(0.2)


async def _storm(ports: list[int], redis_url: str, seconds: float) -> tuple[Report, Seen]:
    report, seen, bus = Report(), Seen(), RedisBus(redis_url, SystemClock())
    generator, redis = np.random.default_rng(3), from_url(redis_url)
    async with fault_proxy(*ports, generator=generator, life_s=LIFE_S) as proxy:
        followers = [SKINS[OF_TEN[i % 10]](i, TOPICS, report) for i in range(CLIENTS)]
        tasks = [asyncio.create_task(one.run(proxy.port)) for one in followers]
        while sum(len(places) == len(TOPICS) for places in report.places.values()) < CLIENTS:
            await asyncio.sleep(0.1)
        began_s = told_s = cut_s = time.perf_counter()
        last = {}
        while (now_s := time.perf_counter()) < began_s + seconds:
            for topic in TOPICS:
                data = {"i": seen.published, "model": "naive", "interval": "1d"}
                message = await bus.publish(topic, data)
                if message.seq:  # else Redis was away for us, and nobody else heard it
                    seen.published += 1
                    last[topic] = message.offset
            if now_s - cut_s > CUT_REDIS_S:
                cut_s = now_s
                seen.redis_cut += 1
                await redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            if now_s - told_s > 20:
                told_s = now_s
                print(f"{now_s - began_s:.0f} s: {proxy.cut} cut, {_short(report)}", file=sys.stderr, flush=True)
            await asyncio.sleep(EVERY_S)
        await caught_up(report, last, 120.0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        seen.cut = proxy.cut
    await bus.close()
    await redis.aclose()
    return report, seen


def _short(report: Report) -> str:
    told = f"{report.recovered} recovered, {report.announced} announced"
    return f"{report.messages} messages, {told}, {report.gaps} gaps, {report.duplicates} duplicates"

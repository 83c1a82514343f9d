"""Hot reads against the barest server there can be, and what else the API promises in milliseconds.

    python benchmarks/serve.py [--write] [--rounds 5] [--seconds 1.5] [--busy-s 6]

One server process pinned to one core, who asks (benchmarks/load.py) pinned to the other, sockets on loopback, uvicorn
with uvloop and httptools throughout. In each round all contestants in turn, 32 connections that ask as fast as they are
answered: a bare ASGI function, Starlette and FastAPI that return ready bytes, and ours with everything on (key, scope,
rate limit, request id, security headers, metrics, a line in the log), each with the same body. Medians of the rounds;
beside requests a second the processor time of the server for each, which a shared machine distorts less. p99 at 80 % of
what each was measured to do at most, in an open loop. The last part asks while the server itself trains LightGBM (in
its own process, as always) and runs full forecast cycles over all its series, by turns with and without, not pinned.
"""

import one_thread  # noqa: F401, I001 before numpy is loaded
import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import socket
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import uvicorn
import uvloop
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from load import closed_loop, get, open_loop  # noqa: E402
from result_file import keep  # noqa: E402
from tests import installation  # noqa: E402

from truecast.accounts.principal import Scope  # noqa: E402
from truecast.api.app import create_app  # noqa: E402
from truecast.commands.listen import config_of  # noqa: E402
from truecast.kit import garbage  # noqa: E402
from truecast.kit.clock import FixedClock  # noqa: E402
from truecast.kit.logs import configure_logs  # noqa: E402
from truecast.services import Services  # noqa: E402
from truecast.wiring import Role, build  # noqa: E402

READS = {
    "latest price": "/api/v1/prices?symbols=EUR-USD",
    "cached forecast": "/api/v1/forecasts?symbols=EUR-USD&interval=1d&model=ewma_walk",
    "cached candles (100)": "/api/v1/prices/EUR-USD/candles?limit=100",
}
RATES = dict.fromkeys(("prices", "history", "statistics", "forecast", "batch", "other"), 1_000_000)
CORES = sorted(os.sched_getaffinity(0))
OURS, BARE = "ours, everything on", "bare ASGI"


def bare(bodies: dict[str, bytes]) -> Any:
    async def app(scope: Any, _receive: Any, send: Any) -> None:
        body = bodies[scope["path"]]
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def starlette(bodies: dict[str, bytes]) -> Any:
    async def endpoint(request: Any) -> Response:
        return Response(bodies[request.url.path], media_type="application/json")

    return Starlette(routes=[Route(path, endpoint) for path in bodies])


def fastapi(bodies: dict[str, bytes]) -> Any:
    app = FastAPI()
    for path, body in bodies.items():
        app.get(path)(_endpoint(body))
    return app


def _endpoint(body: bytes) -> Any:
    async def endpoint(symbols: str | None = None, limit: int = 100) -> Response:  # noqa: ARG001 as ours has them
        return Response(body, media_type="application/json")

    return endpoint


OTHERS = {BARE: bare, "Starlette, ready bytes": starlette, "FastAPI, ready bytes": fastapi}


class Server:
    """One in a process of its own."""

    def __init__(self, target: Any, *args: Any, pinned: bool = True) -> None:
        context = multiprocessing.get_context("fork")
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(1024)
        self.port = self._listener.getsockname()[1]
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(target, args, self._listener, theirs, pinned))
        self._process.start()
        self.said = self.pipe.recv()
        self.ps = psutil.Process(self._process.pid)

    def cpu_s(self) -> float:
        times = self.ps.cpu_times()
        return float(times.user + times.system)

    def close(self) -> None:
        self.pipe.send("end")
        self._process.join(20)
        self._process.kill()
        self._listener.close()


def _run(target: Any, args: Any, listener: socket.socket, pipe: Any, pinned: bool) -> None:
    if pinned:
        os.sched_setaffinity(0, {CORES[0]})
    uvloop.run(target(listener, pipe, *args))


async def other(listener: socket.socket, pipe: Any, name: str, bodies: dict[str, bytes]) -> None:
    config = uvicorn.Config(OTHERS[name](bodies), log_config=None, access_log=False, lifespan="off", http="httptools")
    await _serve(config, listener, pipe, lambda: None)


async def ours(
    listener: socket.socket, pipe: Any, folder: Path, given: dict[str, Any], role: Role = Role.SERVE
) -> None:
    with (folder / "access.log").open("w") as log:
        configure_logs("info", "json", stream=log)
        settings = installation.settings_in(folder, require_keys=True, rate_limits=RATES, **given)
        # Without an end the jobs of a clock that stands still would run on through the years, as fast as they can.
        services = build(
            settings, role, clock=FixedClock(installation.NOW), until=installation.NOW, apart=role is Role.UP
        )

        async def told() -> str:
            while not services.loading.ready:
                await asyncio.sleep(0.05)
            garbage.settle()  # as commands/listen.py does
            return (await services.keys.create("benchmark", [Scope.ADMIN], None))[1]

        await _serve(config_of(create_app(services)), listener, pipe, told, services)


async def _serve(config: Any, listener: socket.socket, pipe: Any, told: Any, services: Services | None = None) -> None:
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    said = told()
    pipe.send(await said if asyncio.iscoroutine(said) else said)
    loop, cycles = asyncio.get_running_loop(), None
    while (asked := await loop.run_in_executor(None, pipe.recv)) != "end":
        if asked == "busy" and services is not None:
            cycles = asyncio.create_task(_cycles(services))
        elif cycles is not None:
            cycles.cancel()
            found = await asyncio.gather(cycles, return_exceptions=True)
            assert isinstance(found[0], asyncio.CancelledError), found
            cycles = None
        pipe.send(CYCLES[0])
    server.should_exit = True
    await serving


CYCLES = [0]


async def _cycles(services: Services) -> None:
    """Full rounds over every series, one after the other, as if each had a bar that no forecast stands on."""
    while True:
        await services.rounds.issue_news(24, again=True)
        CYCLES[0] += 1


def asked(server: Server, path: str, *headers: str, method: str = "GET", body: bytes = b"") -> bytes:
    return get(path, f"Authorization: Bearer {server.said}", *headers, method=method, body=body)


def read(server: Server, path: str) -> tuple[bytes, str | None]:
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}")
    request.add_header("Authorization", f"Bearer {server.said}")
    with urllib.request.urlopen(request) as answer:
        return answer.read(), answer.headers["etag"]


def hot(folder: Path, rounds: int, seconds: float) -> list[str]:
    """Every read, every contestant."""
    mine = Server(ours, folder, {})
    bodies = {path.partition("?")[0]: read(mine, path)[0] for path in READS.values()}
    servers = {name: Server(other, name, bodies) for name in OTHERS} | {OURS: mine}
    lines = [
        "| read | bytes | contestant | requests/s | of bare | server CPU µs | of bare | p99 at 80 % |",
        "|---|--:|---|--:|--:|--:|--:|--:|",
    ]
    try:
        for title, path in READS.items():
            per_s: dict[str, list[float]] = {name: [] for name in servers}
            cpu_us: dict[str, list[float]] = {name: [] for name in servers}
            for turn in range(rounds + 1):
                for name, server in servers.items():
                    before = server.cpu_s()
                    found = closed_loop(server.port, _request(server, path), seconds=seconds)
                    if turn:  # the first one warms up
                        per_s[name].append(found.per_s)
                        cpu_us[name].append((server.cpu_s() - before) / found.answers * 1e6)
            fast = {name: statistics.median(got) for name, got in per_s.items()}
            cost = {name: statistics.median(got) for name, got in cpu_us.items()}
            late = {
                name: statistics.median(
                    float(np.quantile(_at(servers[name], path, 0.8 * fast[name], seconds), 0.99)) for _ in range(3)
                )
                for name in (BARE, OURS)
            }
            for name in servers:
                size = len(bodies[path.partition("?")[0]])
                p99 = f"{late[name] * 1e3:.1f} ms" if name in late else ""
                lines.append(
                    f"| {title} | {size:,} | {name} | {fast[name]:,.0f} | {fast[name] / fast[BARE]:.0%} "
                    f"| {cost[name]:.0f} | {cost[name] / cost[BARE]:.1f}x | {p99} |"
                )
        lines += ["", *_not_modified(mine, rounds, seconds)]
    finally:
        for server in servers.values():
            server.close()
    return lines


def _request(server: Server, path: str) -> bytes:
    return asked(server, path) if server.said else get(path)


def _at(server: Server, path: str, rate: float, seconds: float) -> list[float]:
    return open_loop(server.port, _request(server, path), rate=rate, seconds=seconds).took_s


def _not_modified(server: Server, rounds: int, seconds: float) -> list[str]:
    path = READS["cached candles (100)"]
    tag = read(server, path)[1]
    whole, told = [], []
    for _ in range(rounds):
        whole.append(closed_loop(server.port, asked(server, path), seconds=seconds).per_s)
        request = asked(server, path, f"If-None-Match: {tag}")
        told.append(closed_loop(server.port, request, seconds=seconds, status=b"304").per_s)
    ratio = statistics.median(told) / statistics.median(whole)
    return [f"304 for cached candles: {statistics.median(told):,.0f} requests/s, **{ratio:.2f} times** the 200."]


def promised(folder: Path) -> list[str]:
    """What is promised in milliseconds, one request after the other."""
    server = Server(ours, folder, {"cache_ages": {"candles": 0}})
    symbols = [one["symbol"] for one in json.loads(read(server, "/api/v1/symbols?asset_class=fx&limit=50")[0])["items"]]
    items = [
        {"symbol": symbol, "interval": "1d", "horizon": horizon} for horizon in range(1, 11) for symbol in symbols[:10]
    ]
    batch = json.dumps({"items": items}).encode()
    lines = ["| what | p50 | p99 | goal |", "|---|--:|--:|--:|"]
    cases = {
        "uncached candles, 1,000 bars from SQLite": (
            asked(server, "/api/v1/prices/EUR-USD/candles?limit=1000"),
            "12 ms",
        ),
        f"batch of {len(items)} cached forecasts": (
            asked(server, "/api/v1/forecasts/batch", method="POST", body=batch),
            "10 ms",
        ),
    }
    try:
        for title, (request, goal) in cases.items():
            closed_loop(server.port, request, connections=1, seconds=2.0)
            took = closed_loop(server.port, request, connections=1, seconds=2.0, least=50).took_s
            p50, p99 = np.quantile(took, [0.5, 0.99]) * 1e3
            lines.append(f"| {title} | {p50:.1f} ms | {p99:.1f} ms | {goal} |")
    finally:
        server.close()
    return [*lines, "| risk for one symbol | | | see the section on risk |"]


def busy(folder: Path, seconds: float, turns: int = 3) -> list[str]:
    """Hot reads while the server trains a model and forecasts everything it has."""
    os.sched_setaffinity(0, CORES)
    server = Server(ours, folder, {}, Role.UP, pinned=False)
    path = READS["latest price"]
    request = asked(server, path)
    quiet: list[float] = []
    loud: list[float] = []
    cycles = 0
    try:
        rate = 0.1 * closed_loop(server.port, request, seconds=1.0).per_s
        body = json.dumps({"asset_class": "fx", "interval": "1d"}).encode()
        closed_loop(
            server.port,
            asked(server, "/api/v1/models/lightgbm/train", method="POST", body=body),
            connections=1,
            seconds=0.0,  # once: a second question is told that the training is under way (409)
            status=b"202",
        )
        trainer = _trainer(server)
        server.pipe.send("busy")  # the process that runs rounds is there before anything is measured
        server.pipe.recv()
        time.sleep(3.0)
        server.pipe.send("quiet")
        server.pipe.recv()
        for _ in range(turns):
            trainer.suspend()
            quiet += open_loop(server.port, request, rate=rate, seconds=seconds, connections=16).took_s
            trainer.resume()
            server.pipe.send("busy")
            cycles -= server.pipe.recv()
            loud += open_loop(server.port, request, rate=rate, seconds=seconds, connections=16).took_s
            server.pipe.send("quiet")
            cycles += server.pipe.recv()
            assert trainer.is_running(), "the training ended: make the turns shorter"
        trainer.kill()
    finally:
        server.close()
    assert cycles, "no cycle ended: make the turns longer"
    low, high = (np.quantile(found, [0.5, 0.99]) * 1e3 for found in (quiet, loud))
    return [
        f"Latest price, {rate:,.0f} requests a second: p50 {low[0]:.2f} ms and p99 {low[1]:.2f} ms while nothing else",
        f"happens; p50 {high[0]:.2f} ms and p99 {high[1]:.2f} ms, **{high[1] / low[1]:.1f} times** (goal 2), while",
        f"LightGBM is trained and {cycles} full forecast cycles run.",
    ]


def _trainer(server: Server) -> psutil.Process:
    for _ in range(600):
        for child in server.ps.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if child.nice() == 19 and child.cpu_times().user > 0.5:
                    return child
        time.sleep(0.1)
    raise TimeoutError("no training began")


def folders() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:
        database = installation.make(_in(Path(made), "made"))
        for number in range(10):
            yield installation.copy(database, Path(made) / str(number))


def _in(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/serve.md")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--busy-s", type=float, default=6.0)
    parser.add_argument("--parts", default="hot,promised,busy")
    given = parser.parse_args()
    made = folders()
    lines: list[str] = []
    os.sched_setaffinity(0, {CORES[-1]})
    if "hot" in given.parts:
        lines += [*hot(next(made), given.rounds, given.seconds), ""]
    if "promised" in given.parts:
        lines += [*promised(next(made)), ""]
    if "busy" in given.parts:
        lines += [*busy(next(made), given.busy_s), ""]
    lines.append(f"Load {os.getloadavg()[0]:.1f} on {len(CORES)} cores.")
    made.close()
    print("\n".join(lines))
    if given.write:
        keep(__file__, "Hot reads and promised times", __doc__, lines)


if __name__ == "__main__":
    main()

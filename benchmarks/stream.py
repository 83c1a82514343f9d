"""Streams: how many messages one core delivers, how fast, and what goes wrong when clients do.

    python benchmarks/stream.py [--write] [--parts fanout,latency,memory,slow,chaos] [--chaos-s 60]

The server has one core, the clients another; both are real sockets on loopback. Messages have 250 bytes. A publisher in
the server's process keeps at most 32 messages ahead of the slowest total the clients report, so nothing is conflated
and nothing is dropped; the rate is deliveries over the time until the clients have them all, and beside it over the
processor time that the server spent, because the machine is shared. Medians of `--rounds` rounds, the contestants in
turn within each: our WebSockets and SSE (the product's hub, endpoints and server), `websockets.broadcast`, and
Starlette's `send_text` in a loop under the same uvicorn.
"""

import argparse
import asyncio
import contextlib
import mmap
import multiprocessing
import os
import resource
import socket
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import uvicorn
import uvloop
import websockets.asyncio.server
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from result_file import keep  # noqa: E402
from tests.api.fault_proxy import fault_proxy  # noqa: E402
from tests.api.stream_chaos import Follower, Report, caught_up  # noqa: E402

from truecast.accounts.principal import LOCAL  # noqa: E402
from truecast.api.stream_frame import Frame  # noqa: E402
from truecast.api.stream_hub import Hub  # noqa: E402
from truecast.api.stream_protocol import Subscribe  # noqa: E402
from truecast.api.stream_sse import EventStream  # noqa: E402
from truecast.api.stream_ws import WebSockets  # noqa: E402
from truecast.commands.listen import config_of  # noqa: E402
from truecast.kit.bus import InProcessBus, Message  # noqa: E402
from truecast.kit.clock import SystemClock  # noqa: E402

TOPIC, HEAVY = "scores:EUR-USD", "scores:HEAVY"
BYTES = 250
AHEAD = 32
ROUNDS = 3
HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
GET = "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
MARK = b'"t":'


class Anything:
    """Every topic exists, and nothing is known of any."""

    async def resolve(self, topics: Any) -> dict[str, str]:
        return {topic: topic for topic in topics}

    async def of(self, _topic: str, _wanted: Any) -> None:
        return None

    async def holder(self, _id: str) -> Any:
        return LOCAL


class Open:
    """Everybody may."""

    async def authenticate(self, _scope: Any) -> Any:
        return LOCAL


class Shared:
    """Numbers that both processes see."""

    def __init__(self, path: str) -> None:
        with Path(path).open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 64)

    def __getitem__(self, i: int) -> int:
        return int(struct.unpack_from("<q", self._map, 8 * i)[0])

    def __setitem__(self, i: int, value: int) -> None:
        struct.pack_into("<q", self._map, 8 * i, value)


READY, RECEIVED, CONNECTED, STOP = range(4)


@dataclass(frozen=True)
class Job:
    """What the server's process does."""

    contestant: str
    shared: str
    clients: int
    messages: int = 0  # as fast as possible
    rate: float = 0.0  # or so many a second, for `seconds`
    seconds: float = 0.0
    heavy: bool = False


class Ours:
    """The product's hub, endpoints and server."""

    def __init__(self) -> None:
        self.bus = InProcessBus(SystemClock())
        self.hub = Hub(self.bus, SystemClock(), Anything(), Anything())

    async def start(self, listener: socket.socket) -> None:
        hub = self.hub

        async def sse(_request: Any) -> EventStream:
            return EventStream(hub, LOCAL, Subscribe([TOPIC], snapshot=False), None)

        app = Starlette(
            routes=[WebSocketRoute("/api/v1/stream/ws", WebSockets(hub, Open())), Route("/api/v1/stream/sse", sse)]
        )
        config = config_of(app)
        config.lifespan = "off"
        await serve(config, listener)

    def count(self) -> int:
        return sum(len(group.ready) and sum(map(len, group.ready.values())) for group in self.groups())

    def groups(self) -> list[Any]:
        topic = self.hub._topics.get(TOPIC)  # noqa: SLF001
        return [] if topic is None else list(topic.groups.values())

    async def publish(self, _i: int) -> None:
        await self.bus.publish(TOPIC, {"t": time.monotonic_ns(), "pad": PAD})


class Broadcast:
    """`websockets.broadcast`."""

    def __init__(self) -> None:
        self.clients: set[Any] = set()

    async def start(self, listener: socket.socket) -> None:
        async def handler(client: Any) -> None:
            self.clients.add(client)
            with contextlib.suppress(websockets.exceptions.ConnectionClosed):
                async for _ in client:
                    pass
            self.clients.discard(client)

        self._server = await websockets.asyncio.server.serve(
            handler, sock=listener, compression=None, ping_interval=None
        )

    def count(self) -> int:
        return len(self.clients)

    async def publish(self, i: int) -> None:
        websockets.asyncio.server.broadcast(self.clients, text_of(i))


class StarletteLoop:
    """`send_text` to one after the other."""

    def __init__(self) -> None:
        self.clients: set[Any] = set()

    async def start(self, listener: socket.socket) -> None:
        async def endpoint(client: Any) -> None:
            await client.accept()
            self.clients.add(client)
            with contextlib.suppress(Exception):
                while True:
                    await client.receive_text()

        app = Starlette(routes=[WebSocketRoute("/api/v1/stream/ws", endpoint)])
        config = uvicorn.Config(
            app, ws="websockets-sansio", ws_per_message_deflate=False, log_config=None, access_log=False, lifespan="off"
        )
        await serve(config, listener)

    def count(self) -> int:
        return len(self.clients)

    async def publish(self, i: int) -> None:
        text = text_of(i)
        for client in tuple(self.clients):
            await client.send_text(text)


CONTESTANTS = {"ws": Ours, "sse": Ours, "broadcast": Broadcast, "starlette": StarletteLoop}
PAD = ""


async def serve(config: uvicorn.Config, listener: socket.socket) -> None:
    server = uvicorn.Server(config)
    asyncio.get_running_loop().create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)


def text_of(i: int) -> str:
    head = f'{{"topic":"{TOPIC}","offset":{i:09d},"data":{{"t":{time.monotonic_ns()},"pad":"'
    return head + "x" * (BYTES - len(head) - 3) + '"}}'


def pad_for_ours() -> str:
    """So that our message has BYTES bytes too."""
    message = Message(TOPIC, "0" * 32, 100_000, datetime.now(UTC), {"t": time.monotonic_ns(), "pad": ""})  # noqa: TID251
    return "x" * max(BYTES - len(Frame(message, "scores", 1, 0.0).json), 0)


def server_process(job: Job, listener: socket.socket, answer: Any) -> None:
    global PAD  # noqa: PLW0603
    os.sched_setaffinity(0, {0})
    PAD = pad_for_ours()
    uvloop.run(_server(job, listener, answer))


async def _server(job: Job, listener: socket.socket, answer: Any) -> None:
    shared, contestant = Shared(job.shared), CONTESTANTS[job.contestant]()
    me = psutil.Process()
    await contestant.start(listener)
    empty = me.memory_info().rss
    shared[READY] = 1
    while contestant.count() < job.clients:
        await asyncio.sleep(0.05)
    await asyncio.sleep(1.0)
    found: dict[str, Any] = {"rss_per_client": (me.memory_info().rss - empty) / max(job.clients, 1)}
    if job.messages:
        found |= await _as_fast_as_possible(job, shared, contestant)
    if job.rate:
        found |= await _at_a_rate(job, contestant, me)
    shared[STOP] = 1
    answer.send(found)
    await asyncio.sleep(0.5)


async def _as_fast_as_possible(job: Job, shared: Shared, contestant: Any) -> dict[str, Any]:
    """One part of the messages to warm up; then the clock runs."""
    warm = job.messages // 5
    began_s = cpu_s = 0.0
    for i in range(warm + job.messages):
        if i == warm:
            while shared[RECEIVED] < warm * job.clients:
                await asyncio.sleep(0.001)
            began_s, cpu_s = time.perf_counter(), time.process_time()
        await contestant.publish(i)
        await asyncio.sleep(0)
        while shared[RECEIVED] < (i - AHEAD) * job.clients:
            await asyncio.sleep(0.0005)
    busy_s = time.process_time() - cpu_s
    while shared[RECEIVED] < (warm + job.messages) * job.clients:
        await asyncio.sleep(0.0005)
    wall_s = time.perf_counter() - began_s
    deliveries = job.messages * job.clients
    return {"per_s": deliveries / wall_s, "per_cpu_s": deliveries / busy_s}


async def _at_a_rate(job: Job, contestant: Any, me: psutil.Process) -> dict[str, Any]:
    """So many messages a second. With `heavy`, one more client that never reads is fed megabytes from a third on."""
    before, peak = me.memory_info().rss, 0
    began_s = time.perf_counter()
    blocked_s = closed_s = None
    big = "x" * 20_000
    for i in range(int(job.rate * job.seconds)):
        await contestant.publish(i)
        now_s = time.perf_counter() - began_s
        if job.heavy:
            await contestant.bus.publish(HEAVY, {"big": big})
            peak = max(peak, me.memory_info().rss)
            if contestant.hub._slow and blocked_s is None:  # noqa: SLF001
                blocked_s = now_s
            if blocked_s is not None and closed_s is None and not contestant.hub._topics[HEAVY].users:  # noqa: SLF001
                closed_s = now_s
        await asyncio.sleep(max((i + 1) / job.rate - (time.perf_counter() - began_s), 0))
    found: dict[str, Any] = {"grown": peak - before}
    if blocked_s is not None:
        found |= {"closed_after_s": None if closed_s is None else closed_s - blocked_s}
    return found


class Reader(asyncio.Protocol):
    """One client: counts messages by their length, and where it is asked to, how late each is."""

    def __init__(self, head: bytes, say: bytes | None, totals: "Totals", size: int | None) -> None:
        self._head, self._say, self._totals, self._size = head, say, totals, size
        self._open = False
        self._rest = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self._head)

    def data_received(self, data: bytes) -> None:
        if not self._open:
            self._rest += data
            if b"\r\n\r\n" not in self._rest:
                return
            self._open = True
            self._totals.connected += 1
            data, self._rest = self._rest.partition(b"\r\n\r\n")[2], b""
            if self._say is not None:
                self.transport.write(self._say)
        if self._totals.late is None:
            self._totals.messages += data.count(MARK)  # never cut in two often enough to matter: see `whole`
            self._totals.cut(self, data)
        else:
            now = time.monotonic_ns()
            for part in data.split(MARK)[1:]:
                self._totals.messages += 1
                digits = part[:20].partition(b",")[0]
                if digits.isdigit():
                    self._totals.late.append(now - int(digits))

    tail = b""


class Totals:
    """Of all clients."""

    def __init__(self, late: bool) -> None:
        self.messages = 0
        self.connected = 0
        self.late: list[int] | None = [] if late else None

    def cut(self, reader: Reader, data: bytes) -> None:
        """Count a mark that two reads cut in two."""
        joint = reader.tail + data[: len(MARK) - 1]
        if reader.tail and MARK in joint:
            self.messages += 1
        reader.tail = data[-(len(MARK) - 1) :]


def masked(text: str) -> bytes:
    payload = text.encode()
    return bytes([0x81, 0x80 | len(payload), 0, 0, 0, 0]) + payload


async def _clients(job: Job, port: int, *, late: bool) -> Totals:
    """Connect, and read until the server is done."""
    shared, totals, loop = Shared(job.shared), Totals(late), asyncio.get_running_loop()
    path = "/api/v1/stream/sse" if job.contestant == "sse" else "/api/v1/stream/ws"
    head = (GET if job.contestant == "sse" else HANDSHAKE).format(path=path).encode()
    say = None
    if job.contestant == "ws":
        say = masked(f'{{"action":"subscribe","topics":["{TOPIC}"],"snapshot":false}}')
    while not shared[READY]:
        await asyncio.sleep(0.01)
    readers = []
    for at in range(0, job.clients, 50):
        some = [
            loop.create_connection(lambda: Reader(head, say, totals, None), "127.0.0.1", port)
            for _ in range(min(50, job.clients - at))
        ]
        readers += await asyncio.gather(*some)
        await asyncio.sleep(0.01)
    slow = await _one_that_never_reads(port) if job.heavy else None
    while not shared[STOP]:
        shared[RECEIVED] = totals.messages
        await asyncio.sleep(0.001)
    for transport, _ in readers:
        transport.abort()
    if slow is not None:
        slow.close()
    return totals


async def _one_that_never_reads(port: int) -> socket.socket:
    loop = asyncio.get_running_loop()
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.setblocking(False)
    await loop.sock_connect(raw, ("127.0.0.1", port))
    await loop.sock_sendall(raw, HANDSHAKE.format(path="/api/v1/stream/ws").encode())
    while b"welcome" not in await loop.sock_recv(raw, 4096):
        pass
    await loop.sock_sendall(raw, masked(f'{{"action":"subscribe","topics":["{HEAVY}"],"snapshot":false}}'))
    return raw


def run(job: Job, *, late: bool = False) -> tuple[dict[str, Any], Totals]:
    """The server in its process, the clients in this one."""
    context = multiprocessing.get_context("fork")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(4096)
        port = listener.getsockname()[1]
        ours, theirs = context.Pipe()
        process = context.Process(target=server_process, args=(job, listener, theirs))
        process.start()
        os.sched_setaffinity(0, {1})
        totals = uvloop.run(_clients(job, port, late=late))
        found = ours.recv()
        process.join(10)
        process.kill()
    return found, totals


@contextlib.contextmanager
def shared_file() -> Iterator[str]:
    with tempfile.NamedTemporaryFile() as file:
        file.write(bytes(64))
        file.flush()
        yield file.name


def fanout() -> Iterator[str]:
    yield f"| {BYTES}-byte messages | clients | deliveries/s | deliveries per processor second | goal /s |"
    yield "|---|---|---|---|---|"
    names = {
        "ws": "WebSocket, ours",
        "sse": "SSE, ours",
        "broadcast": "websockets.broadcast",
        "starlette": "Starlette send_text loop",
    }
    goals = {("ws", 1_000): "200,000", ("ws", 5_000): "150,000", ("sse", 1_000): "100,000"}
    for clients, messages in [(1_000, 500), (5_000, 80)]:
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in CONTESTANTS}
        for _ in range(ROUNDS):
            for name in CONTESTANTS:
                with shared_file() as path:
                    found[name].append(run(Job(name, path, clients, messages))[0])
                print(name, clients, found[name][-1], file=sys.stderr)
        for name, rounds in found.items():
            per_s, per_cpu_s = (statistics.median(one[which] for one in rounds) for which in ("per_s", "per_cpu_s"))
            goal = goals.get((name, clients), "")
            yield f"| {names[name]} | {clients:,} | {per_s:,.0f} | {per_cpu_s:,.0f} | {goal} |"


def _p(late: list[int], q: float) -> float:
    return float(np.percentile(np.array(late) / 1e6, q))


def latency() -> Iterator[str]:
    yield "| 1,000 clients, 10 messages/s each, 15 s | p50 ms | p99 ms | goal p99 |"
    yield "|---|---|---|---|"
    for name in ("ws", "sse"):
        with shared_file() as path:
            _, totals = run(Job(name, path, 1_000, rate=10.0, seconds=15.0), late=True)
        assert totals.late is not None
        print(name, "latency", _p(totals.late, 50), _p(totals.late, 99), file=sys.stderr)
        yield f"| {name} | {_p(totals.late, 50):.1f} | {_p(totals.late, 99):.1f} | 50 |"


def memory() -> Iterator[str]:
    with shared_file() as path:
        found, _ = run(Job("ws", path, 5_000, rate=1.0, seconds=1.0))
    print("memory", found, file=sys.stderr)
    each = found["rss_per_client"] / 1024
    yield f"An idle WebSocket with one subscription costs {each:.1f} KiB (goal 40; 5,000 open)."


def slow() -> Iterator[str]:
    """The same with and without one that never reads, in turn."""
    late: dict[bool, list[float]] = {False: [], True: []}
    seen: dict[str, Any] = {}
    for _ in range(ROUNDS):
        for heavy in (False, True):
            with shared_file() as path:
                found, totals = run(Job("ws", path, 1_000, rate=10.0, seconds=14.0, heavy=heavy), late=True)
            assert totals.late is not None
            late[heavy].append(_p(totals.late, 99))
            if heavy:
                seen = found
            print("slow", heavy, late[heavy][-1], found, file=sys.stderr)
    without, with_ = (statistics.median(late[heavy]) for heavy in (False, True))
    yield (
        f"One client that never reads, fed 200 KB/s on a topic of its own: p99 of 1,000 others {without:.1f} ms "
        f"without it, {with_:.1f} ms with it ({100 * (with_ / without - 1):+.0f} %; goal below +10 %); memory grew by "
        f"{seen['grown'] / 2**20:.1f} MiB at most (goal 2); closed {seen.get('closed_after_s') or float('nan'):.1f} s "
        "after it had no room (goal 10)."
    )


def chaos(seconds: float) -> Iterator[str]:
    report, cut = uvloop.run(_chaos(seconds))
    yield (
        f"1,000 clients behind a proxy that cuts each after 10 s on average, for {seconds:.0f} s: {cut:,} cut, "
        f"{report.messages:,} messages, {report.recovered:,} places recovered, {report.announced:,} announced as not, "
        f"**{report.gaps} unannounced gaps, {report.duplicates} duplicates** (goal 0 and 0 over 10 minutes)."
    )


async def _chaos(seconds: float) -> tuple[Report, int]:
    topics = ("candles:EUR-USD:1d", "forecasts:EUR-USD")
    ours, report = Ours(), Report()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(4096)
        await ours.start(listener)
        port = listener.getsockname()[1]
        async with fault_proxy(port, np.random.default_rng(3), life_s=10.0) as proxy:
            tasks = [asyncio.create_task(Follower(i, topics, report).run(proxy.port)) for i in range(1_000)]
            while sum(len(places) == len(topics) for places in report.places.values()) < 1_000:
                await asyncio.sleep(0.1)
            until_s, n = time.perf_counter() + seconds, 0
            while time.perf_counter() < until_s:
                n += 1
                for topic in topics:
                    await ours.bus.publish(topic, {"i": n, "model": "naive", "interval": "1d"})
                await asyncio.sleep(0.5)
            await caught_up(report, dict.fromkeys(topics, n), 120.0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            return report, proxy.cut


def main() -> None:
    global ROUNDS  # noqa: PLW0603
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--parts", default="fanout,latency,memory,slow,chaos")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--chaos-s", type=float, default=60.0)
    asked = parser.parse_args()
    ROUNDS = asked.rounds
    resource.setrlimit(resource.RLIMIT_NOFILE, (20_000, max(20_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    parts = {
        "fanout": fanout,
        "latency": latency,
        "memory": memory,
        "slow": slow,
        "chaos": lambda: chaos(asked.chaos_s),
    }
    load = os.getloadavg()[0]
    lines = [f"Load average of the machine at the start: {load:.0f} (two cores, shared)."]
    for name in asked.parts.split(","):
        lines += ["", *parts[name]()]
    print("\n".join(lines))
    if asked.write:
        keep(__file__, "Streams", __doc__ or "", lines)


if __name__ == "__main__":
    main()

"""The servers that benchmarks/stream.py compares, each in a process of its own, and what that process does.

`ours` is the product's hub, endpoints and server; `single` the same, but each message written by itself; `limit` one
ready frame written to every transport, which is all that a server under this loop could do with one write a message.
"""

import asyncio
import contextlib
import mmap
import multiprocessing
import os
import socket
import struct
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import socketio
import uvicorn
import uvloop
import websockets.asyncio.server
from starlette.applications import Starlette
from starlette.routing import Mount, Route, WebSocketRoute

from truecast.accounts.principal import LOCAL
from truecast.api.stream_frame import Frame, ws_text
from truecast.api.stream_hub import Hub
from truecast.api.stream_protocol import Subscribe
from truecast.api.stream_socketio import PATH, SocketIO
from truecast.api.stream_sse import EventStream
from truecast.api.stream_turns import Turns
from truecast.api.stream_ws import WebSockets
from truecast.commands.listen import config_of
from truecast.kit.bus import InProcessBus, Message
from truecast.kit.clock import SystemClock

TOPIC, HEAVY = "scores:EUR-USD", "scores:HEAVY"
BYTES = 250
AHEAD = 32
CONNECT_S = 120.0
ACCEPT = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


class Anything:
    """Every topic exists, nothing is known of any, and nobody has a key."""

    async def resolve(self, topics: Any) -> dict[str, str]:
        return {topic: topic for topic in topics}

    async def of(self, _topic: str, _wanted: Any) -> None:
        return None

    async def holder(self, _id: str) -> Any:
        return LOCAL


class Open:
    """Everybody may."""

    async def authenticate(self, _scope: Any, **_: Any) -> Any:
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
    heavy: bool = False  # one more client never reads
    busy: bool = False  # a model trains, and forecasts are computed in this process

    def at(self, path: str) -> "Job":
        return replace(self, shared=path)


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
            routes=[
                WebSocketRoute("/api/v1/stream/ws", WebSockets(hub, Open())),
                Route("/api/v1/stream/sse", sse),
                Mount(PATH, SocketIO(hub, Open(), SystemClock(), Anything())),
            ]
        )
        config = config_of(app)
        config.lifespan = "off"
        config.ws_ping_interval = None  # the clients answer none
        await serve(config, listener)

    def count(self) -> int:
        topic = self.hub._topics.get(TOPIC)  # noqa: SLF001
        groups = [] if topic is None else list(topic.groups.values())
        return sum(len(writers) for group in groups for writers in group.ready.values())

    async def publish(self, _i: int) -> None:
        await self.bus.publish(TOPIC, {"t": time.monotonic_ns(), "pad": PAD})


class Single(Ours):
    """Every message is written at once, by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.hub.turns = Turns(longest_s=0.0)


class Limit(asyncio.Protocol):
    """Nothing but the writes."""

    writers: list[Any] = []  # noqa: RUF012 of the one server in this process

    async def start(self, listener: socket.socket) -> None:
        await asyncio.get_running_loop().create_server(Limit, sock=listener)

    def connection_made(self, transport: Any) -> None:
        transport.set_write_buffer_limits(1 << 22)
        self.transport = transport

    def data_received(self, _data: bytes) -> None:
        self.transport.write(ACCEPT)
        self.writers.append(self.transport.write)

    def count(self) -> int:
        return len(self.writers)

    async def publish(self, i: int) -> None:
        frame = ws_text(text_of(i).encode())
        for write in self.writers:
            write(frame)


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
        await serve(plain(app), listener)

    def count(self) -> int:
        return len(self.clients)

    async def publish(self, i: int) -> None:
        text = text_of(i)
        for client in tuple(self.clients):
            await client.send_text(text)


class Library:
    """python-socketio as it is: `emit` to a room."""

    def __init__(self) -> None:
        self.server = socketio.AsyncServer(async_mode="asgi", http_compression=False)
        self.clients: set[str] = set()

    async def start(self, listener: socket.socket) -> None:
        async def subscribe(sid: str, _said: Any) -> None:
            await self.server.enter_room(sid, TOPIC)
            self.clients.add(sid)

        self.server.on("subscribe", subscribe)
        app = socketio.ASGIApp(self.server, socketio_path=PATH)
        await serve(plain(app), listener)

    def count(self) -> int:
        return len(self.clients)

    async def publish(self, i: int) -> None:
        data = {"t": time.monotonic_ns(), "pad": "x" * (BYTES - 60 - len(TOPIC))}
        await self.server.emit("score_update", {"topic": TOPIC, "offset": i, "data": data}, room=TOPIC)


CONTESTANTS = {
    "ws": Ours,
    "single": Single,
    "sse": Ours,
    "sio": Ours,
    "limit": Limit,
    "broadcast": Broadcast,
    "starlette": StarletteLoop,
    "library": Library,
}
PAD = ""


def plain(app: Any) -> uvicorn.Config:
    """The server as it comes; the clients answer no pings."""
    return uvicorn.Config(
        app,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        log_config=None,
        access_log=False,
        lifespan="off",
    )


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
    try:
        uvloop.run(_server(job, listener, answer))
    finally:
        answer.close()  # so that nobody waits for findings that do not come


async def _server(job: Job, listener: socket.socket, answer: Any) -> None:
    shared, contestant = Shared(job.shared), CONTESTANTS[job.contestant]()
    me = psutil.Process()
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(shared.__setitem__, STOP, 1)  # whatever happens, the clients do not wait for more
        if job.busy:
            from stream_busy import busy  # noqa: PLC0415 loads the models, which only this part wants

            await stack.enter_async_context(busy())
        await contestant.start(listener)
        empty = me.memory_info().rss
        shared[READY] = 1
        await _all_there(job, shared, contestant)
        await asyncio.sleep(1.0)
        found: dict[str, Any] = {"rss_per_client": (me.memory_info().rss - empty) / max(job.clients, 1)}
        if job.messages:
            found |= await _as_fast_as_possible(job, shared, contestant)
        if job.rate:
            found |= await _at_a_rate(job, contestant, me)
        answer.send(found)
        shared[STOP] = 1
        await asyncio.sleep(0.5)


async def _all_there(job: Job, shared: Shared, contestant: Any) -> None:
    """Every client is connected and subscribed. Raises TimeoutError where some never are."""
    until_s = time.monotonic() + CONNECT_S
    while (count := contestant.count()) < job.clients:
        if time.monotonic() > until_s:
            raise TimeoutError(f"{count} of {job.clients} clients listen, {shared[CONNECTED]} are connected")
        await asyncio.sleep(0.05)


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
    while shared[RECEIVED] < (warm + job.messages) * job.clients:
        await asyncio.sleep(0.0005)
    busy_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - began_s
    deliveries = job.messages * job.clients
    return {"per_s": deliveries / wall_s, "per_cpu_s": deliveries / busy_s}


def waited_for_core_s() -> float:
    """How long this thread could have run and was not let: others had its core."""
    return int(Path("/proc/self/schedstat").read_text().split()[1]) / 1e9


async def _at_a_rate(job: Job, contestant: Any, me: psutil.Process) -> dict[str, Any]:
    """So many messages a second. With `heavy`, one more client that never reads is fed megabytes meanwhile."""
    before, peak = me.memory_info().rss, 0
    began_s, waited_s = time.perf_counter(), waited_for_core_s()
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
    share = (waited_for_core_s() - waited_s) / (time.perf_counter() - began_s)
    found: dict[str, Any] = {"grown": peak - before, "waited": share}
    if blocked_s is not None:
        found |= {"closed_after_s": None if closed_s is None else closed_s - blocked_s}
    return found


@contextlib.contextmanager
def server(job: Job) -> Iterator[tuple[Job, int, Any]]:
    """Its process; the job with its shared file, the port, and the pipe that its findings come through."""
    context = multiprocessing.get_context("fork")
    with tempfile.NamedTemporaryFile() as file, socket.socket() as listener:
        file.write(bytes(64))
        file.flush()
        listener.bind(("127.0.0.1", 0))
        listener.listen(4096)
        ours, theirs = context.Pipe()
        job = job.at(file.name)
        process = context.Process(target=server_process, args=(job, listener, theirs))
        process.start()
        theirs.close()
        try:
            yield job, listener.getsockname()[1], ours
        finally:
            process.join(10)
            process.kill()

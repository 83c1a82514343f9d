"""The stream over Socket.IO, with the events of the clients that were there before us.

`subscribe_rates`, `subscribe_predictions`, `subscribe_news`, `subscribe` and `unsubscribe` come in; `rate_update`,
`prediction_update`, `market_data` and others go out. Beneath are the same topics as everywhere; see docs/streaming.md.

The library has a queue and a task for each client, which cost ten times what a write does. So what is said goes
straight to the transport of a client that has a WebSocket, unless something of the library's is still on its way to it
or the transport is full: then it goes through the queue, behind that, as does all for clients that poll.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

import socketio
from starlette.types import Receive, Scope, Send

from truecast.accounts.principal import Principal
from truecast.api.stream_auth import Gate
from truecast.api.stream_connection import Allowance, Connection
from truecast.api.stream_hub import Hub
from truecast.api.stream_joining import Snapshots
from truecast.api.stream_protocol import (
    FORECASTS,
    QUOTES,
    StreamMessageMalformed,
    StreamRateExceeded,
    Subscribe,
    TopicNotAvailable,
    closing_event,
    error_event,
    pace,
    understood,
)
from truecast.api.stream_socketio_frame import ENCODINGS, MARKET, RATES, Said, event_said
from truecast.api.stream_socketio_server import Manager, Queue, Server, nothing
from truecast.api.stream_transport import Wire, wire_of
from truecast.kit.clock import Clock, iso
from truecast.kit.errors import TruecastError
from truecast.kit.limits import (
    STREAM_FAREWELL_S,
    STREAM_MESSAGE_BYTES_MAX,
    STREAM_QUEUE_BYTES_LOW,
    STREAM_QUEUE_BYTES_MAX,
)
from truecast.kit.metrics import STREAM_REFUSED

PATH = "/socket.io"
HEARD = ("subscribe", "subscribe_rates", "subscribe_predictions", "subscribe_news", "unsubscribe")
_INTERVAL_S = {"rates": 5.0, "predictions": 60.0}  # where a client does not say
_QUIET = logging.getLogger("truecast.socketio")
_QUIET.setLevel(logging.CRITICAL)  # what clients do wrong is answered and counted, not logged


class SocketIO:
    """The ASGI application under PATH."""

    def __init__(self, hub: Hub, gate: Gate, clock: Clock, known: Snapshots) -> None:
        self._hub = hub
        self._known = known
        self._gate = gate
        self._clock = clock
        self._clients: dict[str, _Client] = {}
        self._wires: dict[str, Wire] = {}  # of those that came by polling and changed to a WebSocket
        self._server = Server(
            client_manager=Manager(self._greet),
            async_mode="asgi",
            cors_allowed_origins=[],  # the gate looks at the origin, and no other page may read an answer
            max_http_buffer_size=STREAM_MESSAGE_BYTES_MAX,
            http_compression=False,
            logger=_QUIET,
            engineio_logger=_QUIET,
        )
        for name in HEARD:
            self._server.on(name, self._answering(getattr(self, f"_{name}")))
        self._server.on("*", self._unknown)
        self._server.on("connect", self._connect)
        self._server.on("disconnect", self._disconnect)
        self._app = socketio.ASGIApp(self._server, socketio_path=PATH)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A request or a WebSocket of the library."""
        wire = wire_of(scope) if scope["type"] == "websocket" else None
        sid = next(iter(parse_qs(scope.get("query_string", b"").decode("latin-1")).get("sid", [])), None)
        if wire is not None and sid is not None and sid in self._server.eio.sockets:
            self._wires[sid] = wire
        try:
            await self._app(scope, receive, send)
        finally:
            if wire is not None and sid is not None:
                self._wires.pop(sid, None)

    async def close(self) -> None:
        """Stop what the library runs beside its clients."""
        await self._server.shutdown()

    async def _connect(self, sid: str, *given: Any) -> None:
        """Let a client in. It may also send an event of this name, with whatever it likes: that is not answered."""
        eio_sid = self._server.manager.eio_sid_from_sid(sid, "/")
        environ = self._server.environ.get(eio_sid)
        if sid in self._clients or environ is None or not given or given[0] is not environ:
            return
        auth = given[1] if len(given) > 1 else None
        scope: Scope = environ["asgi.scope"]
        ticket = auth.get("ticket") if isinstance(auth, dict) else None
        try:
            principal = await self._gate.authenticate(scope, ticket=ticket if isinstance(ticket, str) else None)
            first = wire_of(scope)
            client = _Client(
                self._hub,
                principal,
                self._server.eio.sockets[eio_sid],
                lambda: self._wires.get(eio_sid, first),
                self._farewell(sid, eio_sid, first),
            )
            self._hub.attach(client.connections[RATES])
        except TruecastError as error:
            STREAM_REFUSED.labels(error.code).inc()
            raise socketio.exceptions.ConnectionRefusedError(error.code, error_event(error)) from None
        self._clients[sid] = client

    async def _greet(self, sid: str) -> None:
        connected = {"message": "connected", "timestamp": iso(self._clock.now())}
        await self._server.emit("connected", connected, to=sid)

    async def _disconnect(self, sid: str, *_: Any) -> None:
        client = self._clients.pop(sid, None)
        if client is not None:
            for connection in client.connections.values():
                self._hub.detach(connection)

    def _answering(self, handle: Callable[..., Any]) -> Callable[..., Any]:
        """What a client says is answered, whatever it is."""

        async def answer(sid: str, *said: Any) -> dict[str, Any]:
            client = self._clients.get(sid)
            if client is None:
                return {}
            try:
                client.allowance.take()
                await client.connections[RATES].room()
                if len(said) != 1 or not isinstance(said[0], dict):
                    raise StreamMessageMalformed(reason="give one object")
                return {"ok": True, **await handle(client, said[0])}
            except StreamRateExceeded as error:
                self._hub.close(client.connections[RATES], error)
                return {"ok": False, **error_event(error, message=error.detail)}
            except TruecastError as error:
                STREAM_REFUSED.labels(error.code).inc()
                event = error_event(error, message=error.detail)
                client.connections[RATES].send(event)
                return {"ok": False, **event}

        return answer

    async def _unknown(self, event: str, sid: str, *_: Any) -> dict[str, Any]:
        """An event that nobody knows is an error, not silence."""

        async def refuse(*_: Any) -> dict[str, Any]:
            raise StreamMessageMalformed(reason=f"there is no event {event[:32]!r}; known: {list(HEARD)}")

        answer: dict[str, Any] = await self._answering(refuse)(sid, {})
        return answer

    async def _subscribe_rates(self, client: "_Client", said: Mapping[str, Any]) -> dict[str, Any]:
        _only(said, "currency_pairs", "interval")
        interval_s = pace(said.get("interval", _INTERVAL_S["rates"]))
        topics = [f"{QUOTES}:{pair}" for pair in _symbols(said.get("currency_pairs"))]
        return await self._follow(client, RATES, "rates", {"topics": topics, "interval_s": interval_s})

    async def _subscribe_predictions(self, client: "_Client", said: Mapping[str, Any]) -> dict[str, Any]:
        """Forecasts come when they are issued; the interval is looked at, and nothing is computed for it."""
        _only(said, "currency_pair", "model_type", "interval")
        pace(said.get("interval", _INTERVAL_S["predictions"]))
        model = said.get("model_type", "all")
        wanted = {} if model in ("all", "auto") else {"model": model}
        (pair,) = _symbols([said.get("currency_pair")])
        asked = {"topics": [f"{FORECASTS}:{pair}"], "filter": wanted}
        return await self._follow(client, RATES, "predictions", asked)

    async def _subscribe_news(self, _client: "_Client", _said: Mapping[str, Any]) -> dict[str, Any]:
        raise TopicNotAvailable(topic="news")

    async def _subscribe(self, client: "_Client", said: Mapping[str, Any]) -> dict[str, Any]:
        """`{symbol}`: its price as `market_data`. `{topics, …}`: as over a WebSocket."""
        if "symbol" in said:
            _only(said, "symbol", "interval")
            (symbol,) = _symbols([said["symbol"]])
            interval_s = pace(said["interval"]) if "interval" in said else None
            asked = {"topics": [f"{QUOTES}:{symbol}"], "interval_s": interval_s}
            return await self._follow(client, MARKET, "market", asked)
        _only(said, "topics", "since", "filter", "interval_s", "snapshot")
        return await self._follow(client, RATES, "topics", said)

    async def _unsubscribe(self, client: "_Client", said: Mapping[str, Any]) -> dict[str, Any]:
        _only(said, "type", "symbol", "topics")
        what = said.get("type")
        left: list[str] = []
        if "topics" in said:
            left = await self._hub.unsubscribe(client.connections[RATES], _symbols(said["topics"]))
        elif "symbol" in said:
            topics = [f"{QUOTES}:{symbol}" for symbol in _symbols([said["symbol"]])]
            left = await client.leave(MARKET, topics)
        elif what in ("rates", "predictions", "news"):
            kind = {"rates": QUOTES, "predictions": FORECASTS}.get(what)
            listened = self._hub.topics(client.connections[RATES])
            left = await client.leave(RATES, [one for one in listened if one.partition(":")[0] == kind])
        elif what == "all":
            left = [one for style in tuple(client.connections) for one in await client.leave(style, None)]
        else:
            raise StreamMessageMalformed(reason="type is one of rates, predictions, news, all")
        event = {"event": "unsubscription_confirmed", "type": what or "topics", "topics": left}
        client.connections[RATES].send(event)
        return event

    async def _follow(self, client: "_Client", style: str, kind: str, said: Mapping[str, Any]) -> dict[str, Any]:
        asked = understood({**said, "action": "subscribe", "id": kind})
        assert isinstance(asked, Subscribe)
        found = await self._known.resolve(asked.topics)
        wrong = [one for one in found.values() if isinstance(one, TruecastError)]
        if len(wrong) == len(found):
            raise wrong[0]
        return {"type": kind, "topics": await self._hub.subscribe(client.connection(style), asked)}

    def _farewell(self, sid: str, eio_sid: str, first: Wire | None) -> Callable[[], None]:
        """Ends the connection, by force where it takes nothing any more."""

        async def leave() -> None:
            with contextlib.suppress(TimeoutError, KeyError):
                async with asyncio.timeout(STREAM_FAREWELL_S):
                    await self._server.disconnect(sid)
            await asyncio.sleep(STREAM_FAREWELL_S)
            wire = self._wires.get(eio_sid, first)
            if wire is not None:
                wire.transport.abort()

        def begin() -> None:
            task = asyncio.ensure_future(leave())
            _LEAVING.add(task)
            task.add_done_callback(_LEAVING.discard)

        return begin


_LEAVING: set[asyncio.Future[None]] = set()


class _Client:
    """One client: its outlet, and a connection to the hub for each way of saying a price."""

    def __init__(
        self, hub: Hub, principal: Principal, socket: Any, wire: Callable[[], Wire | None], leave: Callable[[], None]
    ) -> None:
        self._hub = hub
        self._principal = principal
        self._leave = leave
        self._socket = socket  # of the library
        self._queue: Queue = socket.queue
        self._queue.on_low = self._resumed
        self._wire_of = wire
        self._wire: Wire | None = None  # once it speaks over a WebSocket
        self._full = False  # its transport
        self.allowance = Allowance()
        self.connections: dict[str, Connection] = {}
        self.connections[RATES] = self._made(RATES)

    def connection(self, style: str) -> Connection:
        """For prices said in that way."""
        if style not in self.connections:
            connection = self._made(style)
            self._hub.attach(connection)
            self.connections[style] = connection
        return self.connections[style]

    async def leave(self, style: str, topics: list[str] | None) -> list[str]:
        """Unsubscribe."""
        connection = self.connections.get(style)
        return [] if connection is None or topics == [] else await self._hub.unsubscribe(connection, topics)

    def write(self, said: Said) -> None:
        """See Outlet."""
        if self._wire is None and self._socket.upgraded and (wire := self._wire_of()) is not None:
            self._wire = wire
            wire.take(self)
        if self._wire is not None and not self._full and self._queue.idle:
            self._wire.transport.write(said.frames)
            return
        for packet in said.packets:
            self._queue.put_nowait(packet)
        if self._queue.bytes > STREAM_QUEUE_BYTES_MAX:
            # Not at once: the same message may be on its way to the other of our connections.
            asyncio.get_running_loop().call_soon(self._paused)

    def buffered(self) -> int:
        """See Outlet."""
        wire = self._wire
        return self._queue.bytes + (0 if wire is None else int(wire.transport.get_write_buffer_size()))

    def paused(self) -> None:
        """See Room."""
        self._full = True
        asyncio.get_running_loop().call_soon(self._paused)

    def resumed(self) -> None:
        """See Room."""
        self._full = False
        self._resumed()

    def close(self, error: TruecastError) -> None:
        """What was not sent is not sent any more; the client has its offsets."""
        self._queue.on_low = nothing
        self._queue.clear()
        for packet in event_said(closing_event(error) | {"message": error.detail}).packets:
            self._queue.put_nowait(packet)
        for connection in self.connections.values():
            self._hub.detach(connection)
        self._leave()

    def _made(self, style: str) -> Connection:
        return Connection("socketio", ENCODINGS[style], self, self._principal)

    def _paused(self) -> None:
        for connection in tuple(self.connections.values()):
            if connection.has_room and (self._full or self._queue.bytes > STREAM_QUEUE_BYTES_LOW):
                self._hub.paused(connection)

    def _resumed(self) -> None:
        if self._full or self._queue.bytes > STREAM_QUEUE_BYTES_LOW:
            return
        for connection in tuple(self.connections.values()):
            if not connection.has_room:
                self._hub.resumed(connection)


def _only(said: Mapping[str, Any], *known: str) -> None:
    if unknown := sorted(set(map(str, said)) - set(known)):
        raise StreamMessageMalformed(reason=f"{unknown} not understood; known: {list(known)}")


def _symbols(given: Any) -> list[str]:
    if not isinstance(given, list) or not given or not all(isinstance(one, str) for one in given):
        raise StreamMessageMalformed(reason="name symbols as texts")
    return given

"""The stream over WebSockets: JSON both ways, one message a frame."""

from starlette.types import Receive, Scope, Send

from truecast.api.errors import PROBLEM_TYPE, problem_body, problem_json
from truecast.api.stream_auth import Gate
from truecast.api.stream_connection import Allowance, Connection
from truecast.api.stream_frame import TEXT, WS, Encoding, plain_json, ws_text
from truecast.api.stream_hub import Hub
from truecast.api.stream_outlet import SendOutlet, WireOutlet
from truecast.api.stream_protocol import (
    CLOSE_CODES,
    SUBPROTOCOL,
    Ping,
    StreamMessageMalformed,
    StreamRateExceeded,
    Subscribe,
    Unsubscribe,
    closing_event,
    error_event,
    parse,
)
from truecast.api.stream_transport import wire_of
from truecast.kit.errors import TruecastError
from truecast.kit.limits import (
    STREAM_HEARTBEAT_S,
    STREAM_INBOUND_PER_S,
    STREAM_INTERVAL_S_MIN,
    STREAM_MESSAGE_BYTES_MAX,
    STREAM_SUBSCRIPTIONS_MAX,
)
from truecast.kit.metrics import STREAM_REFUSED

WELCOME = {
    "event": "welcome",
    "protocol": SUBPROTOCOL,
    "heartbeat_s": STREAM_HEARTBEAT_S,
    "message_bytes_max": STREAM_MESSAGE_BYTES_MAX,
    "subscriptions_max": STREAM_SUBSCRIPTIONS_MAX,
    "interval_s_min": STREAM_INTERVAL_S_MIN,
    "inbound_per_s": STREAM_INBOUND_PER_S,
}


class WebSockets:
    """The ASGI endpoint."""

    def __init__(self, hub: Hub, gate: Gate) -> None:
        self._hub = hub
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One client, from the handshake to the end."""
        await receive()  # websocket.connect
        try:
            principal = await self._gate.authenticate(scope)
            outlet, encoding = self._outlet(scope, send)
            connection = Connection("ws", encoding, outlet, principal)
            outlet.connection = connection
            self._hub.attach(connection)
        except TruecastError as error:
            await _refuse(error, scope, send)
            return
        try:
            chosen = SUBPROTOCOL if SUBPROTOCOL in scope.get("subprotocols", ()) else None
            await send({"type": "websocket.accept", "subprotocol": chosen})
            outlet.begin()
            connection.send(WELCOME)
            await _Conversation(self._hub, connection).run(receive)
        finally:
            self._hub.detach(connection)
            outlet.end()

    def _outlet(self, scope: Scope, send: Send) -> tuple[WireOutlet | SendOutlet, Encoding]:
        wire = wire_of(scope)
        if wire is not None:
            return WireOutlet(self._hub, wire, _last), WS

        async def say(data: bytes) -> None:
            await send({"type": "websocket.send", "text": data.decode()})

        async def farewell(error: TruecastError) -> None:
            await say(plain_json(closing_event(error)))
            await send({"type": "websocket.close", "code": CLOSE_CODES.get(error.code, 1011), "reason": error.code})

        return SendOutlet(self._hub, say, farewell), TEXT


class _Conversation:
    """What a client says, one message after the other."""

    def __init__(self, hub: Hub, connection: Connection) -> None:
        self._hub = hub
        self._connection = connection
        self._allowance = Allowance()

    async def run(self, receive: Receive) -> None:
        """Until the client goes, or is sent away."""
        while True:
            await self._connection.room()
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            if self._connection.closed:
                continue  # the server lets in what was said on the way, see StreamProtocol.end
            try:
                self._allowance.take()
                text = message.get("text")
                if text is None:
                    raise StreamMessageMalformed(reason="say it as text, not as bytes")
                if len(text) > STREAM_MESSAGE_BYTES_MAX:
                    raise StreamMessageMalformed(reason=f"a message has at most {STREAM_MESSAGE_BYTES_MAX} bytes")
                await self._answer(parse(text))
            except StreamRateExceeded as error:
                self._hub.close(self._connection, error)
            except TruecastError as error:
                STREAM_REFUSED.labels(error.code).inc()
                self._connection.send(error_event(error))

    async def _answer(self, said: Subscribe | Unsubscribe | Ping) -> None:
        match said:
            case Subscribe():
                await self._hub.subscribe(self._connection, said)
            case Unsubscribe():
                left = await self._hub.unsubscribe(self._connection, said.topics)
                self._connection.send({"event": "unsubscribed", "id": said.id, "topics": left})
            case Ping():
                self._connection.send({"event": "pong", "id": said.id})


def _last(error: TruecastError) -> tuple[bytes, int]:
    return ws_text(plain_json(closing_event(error))), CLOSE_CODES.get(error.code, 1011)


async def _refuse(error: TruecastError, scope: Scope, send: Send) -> None:
    """Before the handshake: an answer of HTTP, where the server can give one."""
    STREAM_REFUSED.labels(error.code).inc()
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": error.code})
        return
    body = problem_json(problem_body(error, instance=scope["path"], request_id=""))
    headers = [(b"content-type", PROBLEM_TYPE.encode()), (b"cache-control", b"no-store")]
    await send({"type": "websocket.http.response.start", "status": error.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})

"""The stream as server-sent events: `id` is the place among all topics, `Last-Event-ID` goes on from there."""

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from truecast.accounts.principal import Principal
from truecast.api.stream_connection import Connection
from truecast.api.stream_frame import SSE, SSE_CHUNKED, Encoding, chunk
from truecast.api.stream_hub import Hub
from truecast.api.stream_outlet import SendOutlet, WireOutlet
from truecast.api.stream_protocol import Subscribe, closing_event
from truecast.api.stream_transport import wire_of
from truecast.kit.errors import TruecastError

MEDIA_TYPE = "text/event-stream"
_HEAD = b": truecast.v1\nretry: 2000\n\n"


class EventStream(Response):
    """An answer that does not end. What is wrong with the request is raised before it begins."""

    media_type = MEDIA_TYPE

    def __init__(self, hub: Hub, principal: Principal, said: Subscribe, last_event_id: str | None) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no", "connection": "close"})
        del self.headers["content-length"]
        self._hub = hub
        self._principal = principal
        self._said = said
        self._last_event_id = last_event_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Until the client goes, or is sent away."""
        outlet, encoding = self._outlet(scope, send)
        connection = Connection("sse", encoding, outlet, self._principal)
        outlet.connection = connection
        self._hub.attach(connection)  # raises before anything is sent
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            outlet.begin()
            connection.write(_HEAD if encoding is SSE else chunk(_HEAD))
            await self._hub.subscribe(connection, self._said, since_place=self._last_event_id)
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            self._hub.detach(connection)
            outlet.end()

    def _outlet(self, scope: Scope, send: Send) -> tuple[WireOutlet | SendOutlet, Encoding]:
        wire = wire_of(scope)
        if wire is not None and scope["http_version"] == "1.1":
            return WireOutlet(self._hub, wire, _last), SSE_CHUNKED

        async def say(data: bytes) -> None:
            await send({"type": "http.response.body", "body": data, "more_body": True})

        async def farewell(error: TruecastError) -> None:
            await say(SSE.event(closing_event(error)))
            await send({"type": "http.response.body", "body": b"", "more_body": False})

        return SendOutlet(self._hub, say, farewell), SSE


def _last(error: TruecastError) -> tuple[bytes, int]:
    return SSE_CHUNKED.event(closing_event(error)) + b"0\r\n\r\n", 0

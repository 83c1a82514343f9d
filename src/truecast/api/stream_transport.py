"""The server's side of a stream: lets the hub write ready frames straight to the transport.

An ASGI application hands a message to the server, which packs it and writes it, for each client anew. With 1,000
clients that is most of the cost (benchmarks/stream.py). So the protocols below show themselves to the application in
the scope, under EXTENSION; under another server there is no such thing, and the skins send as ASGI says.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any, Protocol, cast

from starlette.types import Scope
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from truecast.kit.limits import (
    STREAM_FAREWELL_S,
    STREAM_QUEUE_BYTES_LOW,
    STREAM_QUEUE_BYTES_MAX,
    STREAM_SILENT_S_MAX,
    STREAM_SOCKET_BYTES_MAX,
)

EXTENSION = "truecast.wire"
_USER_TIMEOUT: int | None = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux has it


class Room(Protocol):
    """Who wants to know when a transport has room."""

    def paused(self) -> None:
        """There is none."""

    def resumed(self) -> None:
        """There is again."""


class Wire:
    """The transport of one client. `room` is told of its state from `take` on."""

    __slots__ = ("_end", "_room", "transport")

    def __init__(self, transport: Any, end: Callable[[int, str], None] | None = None) -> None:
        self.transport = transport
        self._end = end
        self._room: Room | None = None

    def close(self, last: bytes, code: int, reason: str) -> None:
        """Write the last words and end; by force where they are not taken soon."""
        if self.transport.is_closing():
            return
        self.transport.write(last)
        if self._end is None:
            self.transport.close()
            asyncio.get_running_loop().call_later(STREAM_FAREWELL_S, self.transport.abort)
        else:
            self._end(code, reason)

    def take(self, room: Room) -> None:
        """Use it for a stream: bounded here and in the kernel, so that a client that reads nothing costs little."""
        self._room = room
        self.transport.set_write_buffer_limits(STREAM_QUEUE_BYTES_MAX, STREAM_QUEUE_BYTES_LOW)
        sock = self.transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, STREAM_SOCKET_BYTES_MAX)
            # Half-open connections: who was cut off without a word is noticed by what he does not acknowledge.
            if _USER_TIMEOUT is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
                sock.setsockopt(socket.IPPROTO_TCP, _USER_TIMEOUT, STREAM_SILENT_S_MAX * 1_000)

    def pause(self) -> None:
        """The transport has no room."""
        if self._room is not None:
            self._room.paused()

    def resume(self) -> None:
        """The transport has room again."""
        if self._room is not None:
            self._room.resumed()


class StreamProtocol(WebSocketsSansIOProtocol):
    """WebSockets of uvicorn, with their transport in reach. Nothing that a client sent is logged."""

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self.logger = _QUIET
        self.wire: Wire | None = None

    def handle_connect(self, event: Any) -> None:
        """The handshake."""
        super().handle_connect(event)
        if not self.handshake_complete:  # else it was refused
            self.wire = Wire(self.transport, self.end)
            cast("dict[str, Any]", self.scope)["extensions"][EXTENSION] = self.wire

    async def send(self, message: Any) -> None:
        """Of the application. A handshake that was refused is over; uvicorn would log it as a failure of ours."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True

    def pause_writing(self) -> None:
        """The transport has no room."""
        super().pause_writing()
        if self.wire is not None:
            self.wire.pause()

    def resume_writing(self) -> None:
        """The transport has room again."""
        super().resume_writing()
        if self.wire is not None:
            self.wire.resume()

    def handle_ping(self) -> None:
        """Answered while there is room: pongs for who reads none would pile up."""
        output = b"".join(self.conn.data_to_send())
        if self.writable.is_set():
            self.transport.write(output)

    def end(self, code: int, reason: str) -> None:
        """Close as the protocol wants it, and go on reading until the client has: data left unread would cut it off."""
        if self.close_sent or self.conn.state.name != "OPEN":
            return
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(STREAM_FAREWELL_S, self.transport.abort)

    def shutdown(self) -> None:
        """The server ends. Who is being sent away already has his moment."""
        if self.close_timer is None:
            super().shutdown()


def wire_of(scope: Scope) -> Wire | None:
    """The transport, where the server shows it."""
    wire = scope.get("extensions", {}).get(EXTENSION)
    return wire if isinstance(wire, Wire) else None


_QUIET = logging.getLogger("truecast.wire")
_QUIET.setLevel(logging.WARNING)

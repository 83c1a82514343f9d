"""The server's side of a stream: lets the hub write ready frames straight to the transport.

An ASGI application hands a message to the server, which packs it and writes it, for each client anew. With 1,000
clients that is most of the cost (benchmarks/stream.py). So the protocols below show themselves to the application in
the scope, under EXTENSION; under another server there is no such thing, and the skins send as ASGI says.
"""

import logging
import socket
from typing import Any, Protocol, cast

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from truecast.kit.limits import STREAM_QUEUE_BYTES_LOW, STREAM_QUEUE_BYTES_MAX, STREAM_SOCKET_BYTES_MAX

EXTENSION = "truecast.wire"


class Room(Protocol):
    """Who wants to know when a transport has room."""

    def paused(self) -> None:
        """There is none."""

    def resumed(self) -> None:
        """There is again."""


class Wire:
    """The transport of one client. `room` is told of its state from `take` on."""

    __slots__ = ("_room", "transport")

    def __init__(self, transport: Any) -> None:
        self.transport = transport
        self._room: Room | None = None

    def take(self, room: Room) -> None:
        """Use it for a stream: bounded here and in the kernel, so that a client that reads nothing costs little."""
        self._room = room
        self.transport.set_write_buffer_limits(STREAM_QUEUE_BYTES_MAX, STREAM_QUEUE_BYTES_LOW)
        sock = self.transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, STREAM_SOCKET_BYTES_MAX)

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
            self.wire = Wire(self.transport)
            cast("dict[str, Any]", self.scope)["extensions"][EXTENSION] = self.wire

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


class RequestProtocol(HttpToolsProtocol):
    """HTTP of uvicorn, with its transport in reach of answers that never end."""

    wire: Wire | None = None

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        if self.wire is None:
            self.wire = Wire(self.transport)
        cast("dict[str, Any]", self.scope)["extensions"] = {EXTENSION: self.wire}

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


def wire_of(scope: Scope) -> Wire | None:
    """The transport, where the server shows it."""
    wire = scope.get("extensions", {}).get(EXTENSION)
    return wire if isinstance(wire, Wire) else None


_QUIET = logging.getLogger("truecast.wire")
_QUIET.setLevel(logging.WARNING)

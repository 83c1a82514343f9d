"""The library for Socket.IO, with queues that know how much waits in them and a manager that tells who was let in."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import engineio
import socketio
from engineio.packet import Packet

from truecast.kit.limits import STREAM_FAREWELL_S, STREAM_QUEUE_BYTES_LOW


class Queue(asyncio.Queue[Packet | None]):
    """What one client has not been sent yet, and how much that is. Says when it has become little."""

    def _init(self, maxsize: int) -> None:
        super()._init(maxsize)
        self.bytes = 0
        self.on_low: Callable[[], None] = nothing

    def _put(self, item: Packet | None) -> None:
        self.bytes += _size(item)
        super()._put(item)

    def _get(self) -> Packet | None:
        item: Packet | None = super()._get()
        before, self.bytes = self.bytes, self.bytes - _size(item)
        if before >= STREAM_QUEUE_BYTES_LOW > self.bytes:
            self.on_low()
        return item

    @property
    def idle(self) -> bool:
        """Whether all of it was sent, and the library waits for more."""
        return not self._queue and bool(self._getters)  # type: ignore[attr-defined]

    def clear(self) -> None:
        """Forget it all."""
        while not self.empty():
            self.get_nowait()
            self.task_done()


class Manager(socketio.AsyncManager):  # type: ignore[misc]
    """The library's, which tells when a client is let in and knows it."""

    def __init__(self, greet: Callable[[str], Awaitable[None]]) -> None:
        super().__init__()
        self._greet = greet

    async def connect(self, sid: str, namespace: str) -> None:
        """A client is let in."""
        await super().connect(sid, namespace)
        await self._greet(sid)


class _Engine(engineio.AsyncServer):  # type: ignore[misc]
    """The library's, with queues that know their size."""

    def create_queue(self, *args: Any, **given: Any) -> Queue:
        return Queue(*args, **given)

    async def disconnect(self, sid: str | None = None) -> None:
        """The library waits until a client has taken everything; one that polls no more never does."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STREAM_FAREWELL_S):
                await super().disconnect(sid)
        if sid is not None:
            self.sockets.pop(sid, None)


class Server(socketio.AsyncServer):  # type: ignore[misc]
    """The library's, over such queues."""

    def _engineio_server_class(self) -> type[_Engine]:
        return _Engine


def _size(packet: Packet | None) -> int:
    return len(packet.data) if packet is not None and isinstance(packet.data, str) else 0


def nothing() -> None:
    """Nobody waits for room."""

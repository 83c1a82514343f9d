"""Where the messages of one client go: straight into its transport, or through the server that has it."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from truecast.api.stream_connection import Connection
from truecast.api.stream_hub import Hub
from truecast.api.stream_transport import Wire
from truecast.kit.errors import TruecastError
from truecast.kit.limits import STREAM_FAREWELL_S, STREAM_QUEUE_BYTES_LOW, STREAM_QUEUE_BYTES_MAX


class WireOutlet:
    """Writes ready frames to the transport. `last` makes the last words of an error, and how a WebSocket is closed."""

    connection: Connection

    def __init__(self, hub: Hub, wire: Wire, last: Callable[[TruecastError], tuple[bytes, int]]) -> None:
        self._hub = hub
        self._transport: Any = wire.transport
        self._wire = wire
        self._last = last
        self.write: Callable[[Any], None] = wire.transport.write

    def begin(self) -> None:
        """The head of the answer is written."""
        self._wire.take(self)

    def end(self) -> None:
        """The client is gone."""

    def paused(self) -> None:
        """See Room."""
        self._hub.paused(self.connection)

    def resumed(self) -> None:
        """See Room."""
        self._hub.resumed(self.connection)

    def buffered(self) -> int:
        """See Outlet."""
        return int(self._transport.get_write_buffer_size())

    def close(self, error: TruecastError) -> None:
        """Last words, and a moment for them to arrive."""
        last, code = self._last(error)
        self._wire.close(last, code, error.code)


class SendOutlet:
    """A bounded queue and a task that empties it, for servers that do not show their transport."""

    connection: Connection

    def __init__(
        self,
        hub: Hub,
        send: Callable[[bytes], Awaitable[None]],
        farewell: Callable[[TruecastError], Awaitable[None]],
    ) -> None:
        self._hub = hub
        self._send = send
        self._farewell = farewell
        self._queue: deque[bytes] = deque()
        self._bytes = 0
        self._more = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """The head of the answer is sent."""
        self._task = asyncio.create_task(self._run(), name="stream out")

    def end(self) -> None:
        """The client is gone."""
        if self._task is not None:
            self._task.cancel()

    def write(self, data: bytes) -> None:
        """See Outlet."""
        self._queue.append(data)
        self._bytes += len(data)
        self._more.set()
        if self._bytes > STREAM_QUEUE_BYTES_MAX and self.connection.has_room:
            self._hub.paused(self.connection)

    def buffered(self) -> int:
        """See Outlet."""
        return self._bytes

    def close(self, error: TruecastError) -> None:
        """What was not sent is not sent any more; the client has its offsets."""
        self.end()
        self._task = asyncio.create_task(self._say(error), name="stream farewell")

    async def _run(self) -> None:
        while True:
            while self._queue:
                data = self._queue[0]
                await self._send(data)
                self._queue.popleft()
                self._bytes -= len(data)
                if self._bytes < STREAM_QUEUE_BYTES_LOW and not self.connection.has_room:
                    self._hub.resumed(self.connection)
            self._more.clear()
            await self._more.wait()

    async def _say(self, error: TruecastError) -> None:
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(STREAM_FAREWELL_S):
                await self._farewell(error)

"""A TCP proxy that cuts connections at random, in the middle of whatever they carry.

Before several servers it sends each connection to any of them.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import numpy as np


class FaultProxy:
    """Passes bytes on, slowly or not at all where it is told, until it cuts."""

    def __init__(self, ports: Sequence[int], generator: np.random.Generator, *, life_s: float) -> None:
        self._upstream = ports
        self._generator = generator
        self._life_s = life_s  # of a connection, on average
        self._tasks: set[asyncio.Task[None]] = set()
        self.cut = 0
        self.port = 0
        self.server: asyncio.Server | None = None

    def close(self) -> None:
        """Let nobody in any more; who is in is cut off in time."""
        assert self.server is not None
        self.server.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        port = self._upstream[int(self._generator.integers(len(self._upstream)))]
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.transport.abort()
            return
        ways = [asyncio.ensure_future(_pass(reader, up_writer)), asyncio.ensure_future(_pass(up_reader, writer))]
        life_s = float(self._generator.exponential(self._life_s))
        done, _ = await asyncio.wait(ways, timeout=life_s, return_when=asyncio.FIRST_COMPLETED)
        self.cut += not done
        for way in ways:
            way.cancel()
        for side in (writer, up_writer):
            side.transport.abort()  # no farewell: as when a network goes away


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()


@contextlib.asynccontextmanager
async def fault_proxy(*ports: int, generator: np.random.Generator, life_s: float) -> AsyncIterator[FaultProxy]:
    """In front of what listens at `ports`."""
    proxy = FaultProxy(ports, generator, life_s=life_s)
    proxy.server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, backlog=1024)
    proxy.port = proxy.server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        proxy.close()

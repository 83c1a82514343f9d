"""The clients of benchmarks/stream.py: thousands in one process, which read with as little effort as they can."""

import asyncio
import os
import socket
import sys
import time
from typing import Any

import uvloop
from stream_servers import CONNECTED, HEAVY, READY, RECEIVED, STOP, TOPIC, Job, Shared, server

HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
GET = "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
MARK = b'"t":'
PATHS = {"sse": "/api/v1/stream/sse", "sio": "/socket.io/?EIO=4&transport=websocket"}
PATHS["library"] = PATHS["sio"]


def masked(text: str) -> bytes:
    """A frame of a client, under a mask of zeros."""
    payload = text.encode()
    assert len(payload) < 126
    return bytes([0x81, 0x80 | len(payload), 0, 0, 0, 0]) + payload


def first_words(contestant: str) -> bytes:
    """What a client says once it is connected."""
    if contestant in ("ws", "single"):
        return masked(f'{{"action":"subscribe","topics":["{TOPIC}"],"snapshot":false}}')
    if contestant in ("sio", "library"):
        return masked("40") + masked(f'42["subscribe",{{"topics":["{TOPIC}"],"snapshot":false}}]')
    return b""


class Reader(asyncio.Protocol):
    """One client: counts messages by their mark, and where it is asked to, how late each is."""

    def __init__(self, head: bytes, say: bytes, totals: "Totals") -> None:
        self._head, self._say, self._totals = head, say, totals
        self._open = False
        self._rest = b""
        self.tail = b""
        self.lost = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self._head)

    def connection_lost(self, _error: Exception | None) -> None:
        self.lost = True

    def data_received(self, data: bytes) -> None:
        if not self._open:
            self._rest += data
            if b"\r\n\r\n" not in self._rest:
                return
            self._open = True
            self._totals.connected += 1
            data, self._rest = self._rest.partition(b"\r\n\r\n")[2], b""
            if self._say:
                self.transport.write(self._say)
        if self._totals.late is None:
            self._totals.messages += data.count(MARK)
            self._totals.cut(self, data)
        else:
            now = time.monotonic_ns()
            for part in data.split(MARK)[1:]:
                self._totals.messages += 1
                digits = part[:20].partition(b",")[0]
                if digits.isdigit():
                    self._totals.late.append(now - int(digits))


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


async def _clients(job: Job, port: int, *, late: bool) -> Totals:
    """Connect, and read until the server is done."""
    shared, totals, loop = Shared(job.shared), Totals(late), asyncio.get_running_loop()
    path = PATHS.get(job.contestant, "/api/v1/stream/ws")
    head = (GET if job.contestant == "sse" else HANDSHAKE).format(path=path).encode()
    say = first_words(job.contestant)
    while not shared[READY] and not shared[STOP]:
        await asyncio.sleep(0.01)
    readers = []
    for at in range(0, job.clients, 50):
        some = [
            loop.create_connection(lambda: Reader(head, say, totals), "127.0.0.1", port)
            for _ in range(min(50, job.clients - at))
        ]
        readers += await asyncio.gather(*some)
        await asyncio.sleep(0.01)
    slow = await _one_that_never_reads(port) if job.heavy else None
    while not shared[STOP]:
        shared[RECEIVED] = totals.messages
        shared[CONNECTED] = totals.connected
        await asyncio.sleep(0.001)
    lost = sum(reader.lost for _, reader in readers)
    for transport, _ in readers:
        transport.abort()
    if lost:
        print(f"{lost} of {len(readers)} clients were cut off", file=sys.stderr)
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
    """The server in its process on one core, the clients in this one on the other."""
    with server(job) as (placed, port, findings):
        os.sched_setaffinity(0, {1})
        totals = uvloop.run(_clients(placed, port, late=late))
        return findings.recv(), totals

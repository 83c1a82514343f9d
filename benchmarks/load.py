"""Asks an HTTP server as fast as it answers, or so many times a second, over connections that stay open.

    found = closed_loop(port, request, connections=32, seconds=2.0)      # answers a second
    late = open_loop(port, request, rate=8_000, seconds=2.0)             # seconds, each from the moment it was due

Plain sockets and epoll: an answer costs the asking side about ten microseconds, less than any server here. In the open
loop a request that is due while every connection waits is sent late and counted from when it was due, so a server
that stalls cannot hide it. Every answer must have the status that is expected.
"""

import select
import socket
import time
from collections import deque
from dataclasses import dataclass, field


@dataclass
class Load:
    """What came of it. `took_s`: of each answer, in the order in which they came."""

    answers: int = 0
    wall_s: float = 0.0
    took_s: list[float] = field(default_factory=list)

    @property
    def per_s(self) -> float:
        return self.answers / self.wall_s


def get(path: str, *headers: str, body: bytes = b"", method: str = "GET") -> bytes:
    """A request as it goes over the wire."""
    length = (f"Content-Length: {len(body)}", "Content-Type: application/json") if body else ()
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *headers, *length]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Connection:
    """One request at a time."""

    __slots__ = ("due_s", "got", "need", "sock", "status")

    def __init__(self, port: int, status: bytes) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.status = b"HTTP/1.1 " + status
        self.got = b""
        self.need = 0  # bytes of the answer, once its head is here
        self.due_s = 0.0

    def read(self) -> bool:
        """Take what is there; whether the answer is complete."""
        data = self.sock.recv(1 << 20)
        if not data:
            raise ConnectionError("the server closed a connection")
        self.got = self.got + data if self.got else data
        if not self.need:
            end = self.got.find(b"\r\n\r\n")
            if end < 0:
                return False
            if not self.got.startswith(self.status):
                raise AssertionError(self.got[:300])
            at = self.got.find(b"content-length: ", 0, end)
            length = 0 if at < 0 else int(self.got[at + 16 : self.got.find(b"\r", at)])
            self.need = end + 4 + length
        if len(self.got) < self.need:
            return False
        assert len(self.got) == self.need, "more than was asked for"
        self.got, self.need = b"", 0
        return True


def closed_loop(
    port: int, request: bytes, *, connections: int = 32, seconds: float = 2.0, least: int = 1, status: bytes = b"200"
) -> Load:
    """The next request as soon as a connection has its answer; until there are `least` answers at the earliest."""
    found, poll = Load(), select.epoll()
    by_number = {c.sock.fileno(): c for c in (Connection(port, status) for _ in range(connections))}
    for number, one in by_number.items():
        poll.register(number, select.EPOLLIN)
        one.due_s = time.perf_counter()
        one.sock.sendall(request)
    began_s = time.perf_counter()
    until_s = began_s + seconds
    while (now_s := time.perf_counter()) < until_s or found.answers < least:
        for number, _ in poll.poll(0.1):
            one = by_number[number]
            if one.read():
                found.answers += 1
                done_s = time.perf_counter()
                found.took_s.append(done_s - one.due_s)
                one.due_s = done_s
                one.sock.sendall(request)
    found.wall_s = now_s - began_s
    _end(poll, by_number)
    return found


def open_loop(
    port: int,
    request: bytes,
    *,
    rate: float,
    connections: int = 64,
    seconds: float = 2.0,
    status: bytes = b"200",
) -> Load:
    """`rate` requests a second at even distances, whatever the server does."""
    found, poll = Load(), select.epoll()
    by_number = {c.sock.fileno(): c for c in (Connection(port, status) for _ in range(connections))}
    for number in by_number:
        poll.register(number, select.EPOLLIN)
    free = deque(by_number.values())
    began_s, sent, wanted = time.perf_counter(), 0, int(rate * seconds)
    while found.answers < wanted:
        now_s = time.perf_counter()
        while free and sent < wanted and began_s + sent / rate <= now_s:
            one = free.popleft()
            one.due_s = began_s + sent / rate
            one.sock.sendall(request)
            sent += 1
        for number, _ in poll.poll(0):
            one = by_number[number]
            if one in free:  # nothing was asked: the server has closed what nobody used for a while
                free.remove(one)
                poll.unregister(number)
                one.sock.close()
                del by_number[number]
                free.append(one := Connection(port, status))
                by_number[one.sock.fileno()] = one
                poll.register(one.sock.fileno(), select.EPOLLIN)
            elif one.read():
                found.answers += 1
                found.took_s.append(time.perf_counter() - one.due_s)
                free.append(one)
        if now_s - began_s > seconds + 30:
            raise TimeoutError(f"{found.answers} of {wanted} answers in {now_s - began_s:.0f} s")
    found.wall_s = time.perf_counter() - began_s
    _end(poll, by_number)
    return found


def _end(poll: select.epoll, by_number: dict[int, Connection]) -> None:
    poll.close()
    for one in by_number.values():
        one.sock.close()

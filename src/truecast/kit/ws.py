"""A WebSocket client whose every failure has a type. What is said over it, and when to give up, the caller knows.

Pings of the server are answered by the library, which also pings by itself, so that a connection whose other end is
gone without a word is noticed. Redirects are errors, as in `kit/http.py`: a source that moved is looked at.
"""

import asyncio
import functools
from collections.abc import Mapping
from typing import Any, Protocol

from truecast.kit.errors import EXIT_UNAVAILABLE, TruecastError
from truecast.kit.limits import WS_CLOSE_S_MAX, WS_FRAME_BYTES_MAX, WS_OPEN_S_MAX, WS_PING_EVERY_S, WS_PONG_S_MAX
from truecast.kit.urls import without_secrets


class SocketUnreachable(TruecastError):
    """No connection came about: refused, unresolved, cut off or too slow."""

    code = "socket_unreachable"
    status = 502
    title = "Socket unreachable"
    template = "{url} could not be connected to: {reason}"
    exit_code = EXIT_UNAVAILABLE


class SocketRefused(TruecastError):
    """It answered the handshake with something else than a WebSocket. `answered` is the HTTP status."""

    code = "socket_refused"
    status = 502
    title = "Socket refused"
    template = "{url} answered {answered} instead of opening a WebSocket"
    exit_code = EXIT_UNAVAILABLE

    def __init__(self, *, url: str, answered: int, retry_after_s: float | None = None) -> None:
        super().__init__(url=url, answered=answered, retry_after_s=retry_after_s)
        self.answered = answered
        self.retry_after_s = retry_after_s


class SocketClosed(TruecastError):
    """The connection ended: by the other end, by the network, or because a ping was not answered."""

    code = "socket_closed"
    status = 502
    title = "Socket closed"
    template = "{url} ended the connection: {reason}"
    exit_code = EXIT_UNAVAILABLE


class Socket(Protocol):
    """One open connection."""

    async def receive(self) -> str | bytes:
        """The next message. Raises SocketClosed."""

    async def send(self, frame: str) -> None:
        """Say something. Raises SocketClosed."""

    async def close(self) -> None:
        """End it; harmless when it has ended."""


class WebSocket:
    """A Socket over the network."""

    def __init__(self, connection: Any, shown: str) -> None:
        self._connection = connection
        self._shown = shown

    async def receive(self) -> str | bytes:
        """See Socket."""
        try:
            message: str | bytes = await self._connection.recv()
        except _closed() as error:
            raise SocketClosed(url=self._shown, reason=_reason(error)) from None
        return message

    async def send(self, frame: str) -> None:
        """See Socket."""
        try:
            await self._connection.send(frame)
        except _closed() as error:
            raise SocketClosed(url=self._shown, reason=_reason(error)) from None

    async def close(self) -> None:
        """See Socket. The other end may be gone: then it is not waited for."""
        await self._connection.close()


async def connect(url: str, headers: Mapping[str, str] | None = None, *, open_s_max: float = WS_OPEN_S_MAX) -> Socket:
    """Open a connection. Raises SocketUnreachable or SocketRefused."""
    # Imported late: it costs 30 ms, and most processes listen to nothing.
    from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI  # noqa: PLC0415

    shown = without_secrets(url)
    try:
        connection = await _direct()(
            url,
            additional_headers=dict(headers or {}),
            compression=None,
            open_timeout=open_s_max,
            ping_interval=WS_PING_EVERY_S,
            ping_timeout=WS_PONG_S_MAX,
            close_timeout=WS_CLOSE_S_MAX,
            max_size=WS_FRAME_BYTES_MAX,
        )
    except InvalidStatus as error:
        answer = error.response
        after = _seconds(answer.headers.get("Retry-After"))
        raise SocketRefused(url=shown, answered=answer.status_code, retry_after_s=after) from None
    except (InvalidHandshake, InvalidURI, OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
        raise SocketUnreachable(url=shown, reason=_reason(error)) from None
    return WebSocket(connection, shown)


@functools.cache
def _direct() -> Any:
    """The library's `connect`, following no redirect."""
    from websockets.asyncio.client import connect as library_connect  # noqa: PLC0415

    class Direct(library_connect):
        def process_redirect(self, exc: Exception) -> Exception | str:
            return exc

    return Direct


@functools.cache
def _closed() -> type[Exception]:
    from websockets.exceptions import ConnectionClosed  # noqa: PLC0415

    return ConnectionClosed


def _reason(error: BaseException) -> str:
    return (str(error) or type(error).__name__)[:200]


def _seconds(text: str | None) -> float | None:
    try:
        return None if text is None else max(float(text), 0.0)
    except ValueError:
        return None  # a date: rare in a handshake, and the backoff waits anyway

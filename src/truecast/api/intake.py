"""HTTP as it comes from the socket, with limits: a head that is too large or too slow, a body that never ends coming.

The server below has none of these: whoever opens a connection and says nothing, or a byte a minute, holds it for ever.
One timer for each connection, armed only while a request is incomplete, so that whole requests cost nothing.
"""

import asyncio
import logging

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from truecast.api.errors import PROBLEM_TYPE, problem_body, problem_json
from truecast.kit.clock import SystemClock
from truecast.kit.errors import TruecastError
from truecast.kit.ids import uuid7
from truecast.kit.limits import REFUSED_LINGER_S, REQUEST_HEAD_BYTES_MAX, REQUEST_HEAD_S_MAX, REQUEST_S_MAX

_REASONS = {400: b"Bad Request", 408: b"Request Timeout", 431: b"Request Header Fields Too Large"}


class MalformedHttp(TruecastError):
    """Not HTTP, or not as its grammar says."""

    code = "malformed_http"
    status = 400
    title = "Malformed HTTP"
    template = "This is no HTTP request that could be read"


class RequestTooSlow(TruecastError):
    """Slow clients must not hold what others need."""

    code = "request_too_slow"
    status = 408
    title = "Request too slow"
    template = "A request has {head_s:g} s for its head and {whole_s:g} s as a whole"


class HeadTooLarge(TruecastError):
    """More than any of our requests needs."""

    code = "head_too_large"
    status = 431
    title = "Head too large"
    template = "Address and headers may have at most {bytes_max} bytes together"


class IntakeProtocol(HttpToolsProtocol):
    """One connection. What is refused here never reaches the application, and its connection ends."""

    _deadline: asyncio.TimerHandle | None = None
    _bytes = 0  # of a request whose head is not complete
    _large = False  # the bytes that are being read could hold a head that is too large
    _unfinished = False  # a request has begun and not ended
    _headed = False  # its head is complete
    _waited = False  # the time for the head is over
    _refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody is there; he has to say something."""
        super().connection_made(transport)
        self._arm(REQUEST_HEAD_S_MAX)

    def connection_lost(self, exc: Exception | None) -> None:
        """He went away."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes; perhaps the end of one request and the beginning of the next."""
        if self._refused:
            return
        self._large = len(data) + self._bytes > REQUEST_HEAD_BYTES_MAX
        super().data_received(data)
        if not self._unfinished:
            self._disarm()
            return
        if self._headed:
            self._bytes = 0
        else:
            self._bytes += len(data)
            if self._bytes > REQUEST_HEAD_BYTES_MAX:
                self._refuse(HeadTooLarge(bytes_max=REQUEST_HEAD_BYTES_MAX))
        if self._deadline is None and not self._refused:
            self._arm(REQUEST_HEAD_S_MAX)

    def on_message_begin(self) -> None:
        """The first bytes of a request."""
        super().on_message_begin()
        self._unfinished, self._headed, self._waited = True, False, False

    def on_headers_complete(self) -> None:
        """The head of a request."""
        if self._large and len(self.url) + sum(len(n) + len(v) for n, v in self.headers) > REQUEST_HEAD_BYTES_MAX:
            self._refuse(HeadTooLarge(bytes_max=REQUEST_HEAD_BYTES_MAX))
            return
        self._headed = True
        self.headed()

    def headed(self) -> None:
        """The head of a request that is to be answered."""
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of its body."""
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Its end."""
        self._unfinished, self._bytes = False, 0
        if not self._refused:
            super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """It is no longer ours."""
        self._disarm()
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 the server's words for it, which ours replace
        """What cannot be read."""
        self._refuse(MalformedHttp())

    def _arm(self, after_s: float) -> None:
        self._disarm()
        self._deadline = self.loop.call_later(after_s, self._too_slow)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if self._headed and self._unfinished and not self._waited:
            self._waited = True  # its body has the rest of the time
            self._arm(REQUEST_S_MAX - REQUEST_HEAD_S_MAX)
        elif self._unfinished:
            self._refuse(RequestTooSlow(head_s=REQUEST_HEAD_S_MAX, whole_s=REQUEST_S_MAX))
        elif not self.transport.is_closing():
            self.transport.close()  # who says nothing is told nothing

    def _refuse(self, error: TruecastError) -> None:
        """Say why, unless an answer has begun, and end."""
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        self._disarm()
        answering = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        if answering:
            self.transport.close()
            return
        self.transport.write(_answer(error))
        self.transport.write_eof()
        # What he still sends is read and dropped: closed with it unread, the connection would take our answer along.
        self.loop.call_later(REFUSED_LINGER_S, self.transport.abort)


def _answer(error: TruecastError) -> bytes:
    request_id = str(uuid7(SystemClock().now()))
    body = problem_json(problem_body(error, instance="", request_id=request_id))
    _log.warning("request refused", extra={"code": error.code, "request_id": request_id})
    head = (
        b"HTTP/1.1 %d %s\r\ncontent-type: %s\r\ncontent-length: %d\r\ncache-control: no-store\r\n"
        b"x-request-id: %s\r\nconnection: close\r\n\r\n"
    )
    kind = PROBLEM_TYPE.encode()
    return head % (error.status, _REASONS[error.status], kind, len(body), request_id.encode()) + body


_log = logging.getLogger("truecast.wire")

"""What happens to every request: an id, a log line, a metric, security headers, a limit. Pure ASGI.

A stack of `BaseHTTPMiddleware` cuts throughput ninefold (measured), so this is one plain callable.
"""

import re
import time
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from truecast.api.errors import BodyTooLarge, ForeignHost, ForeignOrigin, InternalError, problem_response
from truecast.kit.clock import Clock
from truecast.kit.errors import TruecastError
from truecast.kit.ids import uuid7
from truecast.kit.limits import REQUEST_BODY_BYTES_MAX
from truecast.kit.logs import REQUEST_ID, get_logger
from truecast.kit.metrics import HTTP_REQUESTS, HTTP_SECONDS

SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_log = get_logger("truecast.access")


class Envelope:
    """The outermost layer. `loopback_only` refuses names other than this machine's (DNS rebinding)."""

    def __init__(self, app: ASGIApp, *, clock: Clock, loopback_only: bool) -> None:
        self._app = app
        self._clock = clock
        self._loopback_only = loopback_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Other kinds of connection pass."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s = time.perf_counter()
        headers = Headers(scope=scope)
        request_id = self._request_id(headers)
        scope["truecast.request_id"] = request_id
        token = REQUEST_ID.set(request_id)
        status = 0
        counted = _CountedBody(receive)

        async def send_in_envelope(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                out = MutableHeaders(scope=message)
                out["x-request-id"] = request_id
                for name, value in SECURITY_HEADERS.items():
                    out.setdefault(name, value)
                if "truecast.pace" in scope:
                    out["ratelimit-policy"], out["ratelimit"] = scope["truecast.pace"]
            await send(message)

        try:
            try:
                self._check(scope, headers)
                await self._app(scope, counted, send_in_envelope)
            except TruecastError as error:
                await _answer(error, scope, send_in_envelope, request_id)
            except Exception:
                _log.exception("request failed", method=scope["method"], path=scope["path"])
                if status:
                    raise  # the head is sent; only breaking the connection tells the client
                await _answer(InternalError(), scope, send_in_envelope, request_id)
        finally:
            _account(scope, status, time.perf_counter() - began_s)
            REQUEST_ID.reset(token)

    def _request_id(self, headers: Headers) -> str:
        given = headers.get("x-request-id", "")
        return given if _REQUEST_ID.fullmatch(given) else str(uuid7(self._clock.now()))

    def _check(self, scope: Scope, headers: Headers) -> None:
        host = headers.get("host", "")
        if self._loopback_only and _hostname(f"//{host}") not in LOOPBACK_NAMES:
            raise ForeignHost(host=host[:128])
        origin = headers.get("origin")
        if scope["method"] not in SAFE_METHODS and origin is not None and urlsplit(origin).netloc != host:
            raise ForeignOrigin(origin=origin[:128])
        declared = headers.get("content-length", "0")
        if declared.isdecimal() and int(declared) > REQUEST_BODY_BYTES_MAX:
            raise BodyTooLarge(bytes_max=REQUEST_BODY_BYTES_MAX)


class _CountedBody:
    """A body that may not grow beyond the limit, whatever its headers said."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._bytes = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        self._bytes += len(message.get("body", b""))
        if self._bytes > REQUEST_BODY_BYTES_MAX:
            raise HTTPException(413)  # of the framework: it takes any other error here for malformed JSON
        return message


async def _answer(error: TruecastError, scope: Scope, send: Send, request_id: str) -> None:
    async def no_body() -> Message:
        return {"type": "http.disconnect"}

    response = problem_response(error, instance=scope["path"], request_id=request_id, headers={})
    await response(scope, no_body, send)


def _account(scope: Scope, status: int, took_s: float) -> None:
    route = getattr(scope.get("route"), "path_format", "unmatched")  # the template: raw paths would be endless labels
    method = scope["method"] if scope["method"] in _METHODS else "other"
    HTTP_REQUESTS.labels(method, route, str(status)).inc()
    HTTP_SECONDS.labels(method, route).observe(took_s)
    write = _log.debug if route in _QUIET_ROUTES else _log.info
    write("request", method=method, path=scope["path"][:256], route=route, status=status, ms=round(took_s * 1e3, 2))


def _hostname(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
_QUIET_ROUTES = frozenset({"/health/live", "/health/ready", "/metrics"})

"""What happens to every request: an id, a log line, a metric, security headers, a limit. Pure ASGI.

A stack of `BaseHTTPMiddleware` cuts throughput ninefold (measured), so this is one plain callable.
"""

import functools
import re
import time
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from truecast.api.errors import BodyTooLarge, ForeignHost, ForeignOrigin, InternalError, problem_response
from truecast.api.said import Said, said_of
from truecast.kit.clock import Clock, to_us
from truecast.kit.errors import TruecastError
from truecast.kit.ids import uuid7_text
from truecast.kit.limits import REQUEST_BODY_BYTES_MAX
from truecast.kit.logs import OWN_SECRETS, REQUEST_ID, Same, get_logger
from truecast.kit.meter import Meter
from truecast.kit.metrics import HTTP_REQUESTS, HTTP_SECONDS


def content_policy(style: str = "'self'") -> str:
    """What a page may load and run: its own files, nothing written into it. `style` is for a page of one file."""
    return (
        f"default-src 'self'; script-src 'self'; style-src {style}; img-src 'self'; connect-src 'self'; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


SECURITY_HEADERS = {
    "content-security-policy": content_policy(),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})

Pair = tuple[bytes, bytes]
SECURITY: list[Pair] = [(name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
_SECURITY_NAMES = frozenset(name for name, _ in SECURITY)
_HOST_CHARS_MAX = 300  # a name has 253 at most
_ACCOUNTS_KEPT = 4_096

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
        headers = said_of(scope)
        request_id = self._request_id(headers)
        scope["truecast.request_id"] = request_id
        token = REQUEST_ID.set(request_id)
        status = size_bytes = 0

        async def send_in_envelope(message: Message) -> None:
            nonlocal status, size_bytes
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _enveloped(message.get("headers", ()), request_id, scope.get("truecast.pace"))
            else:
                size_bytes += len(message.get("body", b""))
            await send(message)

        try:
            try:
                self._check(scope, headers)
                await self._app(scope, _CountedBody(receive), send_in_envelope)
            except TruecastError as error:
                await _answer(error, scope, send_in_envelope, request_id)
            except Exception:
                _log.exception("request failed", method=scope["method"], path=scope["path"])
                if status:
                    raise  # the head is sent; only breaking the connection tells the client
                await _answer(InternalError(), scope, send_in_envelope, request_id)
        finally:
            route = getattr(scope.get("route"), "path_format", "unmatched")  # raw paths would be endless labels
            address = scope.get("truecast.address") or (scope.get("client") or ("unknown",))[0]
            took_s = time.perf_counter() - began_s
            principal = scope.get("truecast.principal")
            key_id = None if principal is None else principal.id
            account = account_of(Kind(scope["method"], route, scope["path"], status, address, key_id))
            account.add(size_bytes, took_s)
            REQUEST_ID.reset(token)

    def _request_id(self, headers: Said) -> str:
        given = headers.get("x-request-id")
        return given if given is not None and is_sane_id(given) else uuid7_text(to_us(self._clock.now()))

    def _check(self, scope: Scope, headers: Said) -> None:
        host = headers.get("host", "")
        if self._loopback_only and not is_this_machine(host):
            raise ForeignHost(host=host[:128])
        if scope["method"] not in SAFE_METHODS:
            origin = headers.get("origin")
            if origin is not None and urlsplit(origin).netloc != host:
                raise ForeignOrigin(origin=origin[:128])
        declared = headers.get("content-length")
        if declared is not None and declared.isdecimal() and int(declared) > REQUEST_BODY_BYTES_MAX:
            raise BodyTooLarge(bytes_max=REQUEST_BODY_BYTES_MAX)


def _enveloped(given: Iterable[Pair], request_id: str, pace: tuple[str, str] | None) -> list[Pair]:
    """The headers of an answer, with those that every answer has; what a route has said of these itself stays."""
    out = list(given)
    said = {name for name, _ in out}
    out += SECURITY if said.isdisjoint(_SECURITY_NAMES) else [pair for pair in SECURITY if pair[0] not in said]
    if b"x-request-id" in said:
        out = [pair for pair in out if pair[0] != b"x-request-id"]
    out.append((b"x-request-id", request_id.encode("latin-1")))
    if pace is not None:
        out += ((b"ratelimit-policy", pace[0].encode("latin-1")), (b"ratelimit", pace[1].encode("latin-1")))
    return out


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


class Account:
    """The metrics and the lines in the log of requests that differ only in their ids, sizes and times."""

    __slots__ = ("_meter", "_same")

    def __init__(self, meter: Meter, same: Same | None) -> None:
        self._meter = meter
        self._same = same

    def add(self, size_bytes: int, took_s: float) -> None:
        """Count a request that was answered, and write its line, with the id that REQUEST_ID says."""
        self._meter.add(took_s)
        if self._same is not None:
            _log.often("request", self._same, ms=round(took_s * 1e3, 2), bytes=size_bytes)


class Kind(NamedTuple):
    """What such requests have in common, as the log names it."""

    method: str
    route: str
    path: str
    status: int
    address: str
    key_id: str | None


@functools.lru_cache(_ACCOUNTS_KEPT)
def account_of(kind: Kind) -> Account:
    """Where requests of that kind are counted. Those of probes are not in the log."""
    method = kind.method if kind.method in _METHODS else "other"
    same = Same(kind._replace(method=method, path=kind.path[:256])._asdict())
    return Account(_meter(method, kind.route, kind.status), None if kind.route in _QUIET_ROUTES else same)


@functools.cache  # as many as there are routes, methods and statuses
def _meter(method: str, route: str, status: int) -> Meter:
    return Meter(HTTP_REQUESTS.labels(method, route, str(status)), HTTP_SECONDS.labels(method, route))


def is_sane_id(given: str) -> bool:
    """Whether a client's id of its request is one that may stand in logs."""
    return _REQUEST_ID.fullmatch(given) is not None and not given.startswith(OWN_SECRETS)


@functools.lru_cache(256)
def is_this_machine(host: str) -> bool:
    """Whether a name that a client calls us by is of this machine only."""
    return len(host) <= _HOST_CHARS_MAX and _hostname(f"//{host}") in LOOPBACK_NAMES


def _hostname(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
_QUIET_ROUTES = frozenset({"/health/live", "/health/ready", "/metrics"})

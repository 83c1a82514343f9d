"""Who may ask what, and how often: the gate before every route, and the policy of each.

A GET under the prefix needs the scope `read`; what changes something needs the scope that POLICIES names, and a route
that is not named there needs `admin`. On a loopback address without TRUECAST_REQUIRE_KEYS the one who asks is the user
of this machine, who needs no key.
"""

import functools
import ipaddress
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qs

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from truecast.accounts.keys import KeyMissing, Keys, ScopeMissing
from truecast.accounts.principal import LOCAL, Principal
from truecast.accounts.principal import Scope as Right
from truecast.api.errors import RETRY_AFTER_S, Starting
from truecast.api.said import said_of
from truecast.kit.errors import TruecastError
from truecast.kit.metrics import RATE_LIMITED
from truecast.kit.pace import Pace, Paced, Rate

PREFIX = "/api/v1"
METRICS_PATH = "/metrics"

# What changes something or costs much: method and path after the prefix -> the scope it needs.
POLICIES: Mapping[tuple[str, str], Right | None] = {
    ("POST", "/forecasts"): Right.FORECAST,
    ("POST", "/forecasts/batch"): Right.FORECAST,
    ("POST", "/risk"): Right.FORECAST,
    ("POST", "/models/reload"): Right.TRAIN,
    ("POST", "/models/{name}/train"): Right.TRAIN,
    ("POST", "/models/{name}/promote"): Right.TRAIN,
    ("POST", "/models/{name}/rollback"): Right.TRAIN,
    ("POST", "/stream/ticket"): Right.READ,
    ("POST", "/api-keys/redeem"): None,  # the one-time link is the right
}
OPEN_PATHS = frozenset({f"{PREFIX}/info", f"{PREFIX}/api-keys/redeem"})  # asked before one has a key
ADMITTED = "truecast.admitted"  # in the scope of a request that was let in before it came to its route
TICKET_PATHS = frozenset({f"{PREFIX}/stream/sse"})  # a ticket may stand for the key: api/stream_auth.py looks at it

RATE_CLASSES = ("prices", "history", "statistics", "forecast", "batch", "other", "failed")
_CLASS_OF = {
    "/prices": "prices",
    "/prices/{symbol}/candles": "history",
    "/prices/{symbol}/statistics": "statistics",
    "/prices/volatility": "statistics",
    "/prices/correlation": "statistics",
    "/market/summary": "statistics",
    "/risk": "statistics",
    "/features/{symbol}": "history",
    "/forecasts/{symbol}/history": "history",
    "/forecasts/batch": "batch",
}


class RateLimited(TruecastError):
    """Too many requests of this kind."""

    code = "rate_limited"
    status = 429
    title = "Too many requests"
    template = "At most {amount} requests of the kind {kind!r} in {window_s:g} s; ask again in {retry_after_s:g} s"


class Headers(Protocol):
    """What a request said of itself."""

    def get(self, name: str, /) -> str | None:
        """What the header says."""


@dataclass(frozen=True, slots=True)
class Access:
    """The rules of one server."""

    keys: Keys
    pace: Pace
    rates: Mapping[str, Rate]  # a class that is missing is not limited
    keys_required: bool
    ready: Callable[[], bool]
    proxies: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()

    async def principal(self, headers: Headers, address: str) -> Principal:
        """Who asks with these headers from that address. Raises KeyMissing, KeyRefused, RateLimited."""
        text = _key_in(headers)
        if text is None:
            if self.keys_required:
                raise KeyMissing
            return LOCAL
        try:
            return await self.keys.principal(text)
        except TruecastError:
            await self.hit("failed", f"address:{address}")  # guessing is slowed down
            raise

    async def hit(self, kind: str, asker: str) -> Paced | None:
        """Count one request; None where the class has no limit. Raises RateLimited."""
        rate = self.rates.get(kind)
        if rate is None:
            return None
        paced = await self.pace.take(f"{kind}:{asker}", rate)
        if not paced.allowed:
            RATE_LIMITED.labels(kind).inc()
            wait_s = max(math.ceil(paced.retry_after_s), 1)
            raise RateLimited(amount=rate.amount, window_s=rate.window_s, kind=kind, retry_after_s=wait_s)
        return paced

    def address(self, scope: Scope, headers: Headers) -> str:
        """The address of who asks. What a header says of it counts only behind a proxy we were told to trust."""
        client = scope.get("client")
        peer = client[0] if client else "unknown"
        if not self.proxies or not self._trusted(peer):
            return peer
        for said in reversed([part.strip() for part in (headers.get("x-forwarded-for") or "").split(",")]):
            if not _is_address(said):
                return peer
            if not self._trusted(said):
                return said
        return peer

    def _trusted(self, address: str) -> bool:
        return _is_address(address) and any(ipaddress.ip_address(address) in net for net in self.proxies)


class Gate:
    """Lets requests to the API in once it knows who asks. Stands inside the envelope, before the routes."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; other kinds of connection and other paths pass."""
        if scope["type"] == "http" and _guarded(scope["path"]):
            headers = said_of(scope)
            address = self._access.address(scope, headers)
            scope["truecast.address"] = address
            scope["truecast.principal"] = await self._who(scope, headers, address)
            if scope["path"] == METRICS_PATH and not scope["truecast.principal"].may(Right.READ):
                raise ScopeMissing(scope=str(Right.READ), scopes=sorted(scope["truecast.principal"].scopes))
        await self._app(scope, receive, send)

    async def _who(self, scope: Scope, headers: Headers, address: str) -> Principal:
        access, path = self._access, scope["path"]
        if access.keys_required and not access.ready():
            return EARLY
        if access.keys_required and _key_in(headers) is None and (path in OPEN_PATHS or _has_ticket(scope)):
            return NOBODY
        return await access.principal(headers, address)


NOBODY = Principal(id="nobody", name="somebody without a key", scopes=frozenset())
EARLY = Principal(id="early", name="somebody who came before the keys could be read", scopes=frozenset())


async def admitted(request: Request) -> None:
    """Before a route: has the asker the right, and is it not too often? Raises ScopeMissing, RateLimited, Starting."""
    if ADMITTED not in request.scope:
        access = request.app.state.access
        assert isinstance(access, Access)
        await admit(access, request.scope, request.scope["route"].path_format)


async def admit(access: Access, scope: Scope, template: str) -> None:
    """Let this request in to the route of that template, and count it. Raises ScopeMissing, RateLimited, Starting."""
    principal = scope.get("truecast.principal", NOBODY)
    right, kind = policy_of(scope["method"], template)
    if right is not None and principal is EARLY:  # the server may have become ready since
        raise Starting(stage="keys", done=0, total=1, retry_after_s=RETRY_AFTER_S)
    if right is not None and not principal.may(right):
        raise ScopeMissing(scope=str(right), scopes=sorted(principal.scopes))
    if kind not in access.rates:
        return
    asker = (
        f"address:{scope.get('truecast.address')}"
        if principal is LOCAL or principal is NOBODY
        else f"key:{principal.id}"
    )
    paced = await access.hit(kind, asker)
    if paced is not None:
        rate = access.rates[kind]
        scope["truecast.pace"] = told(kind, rate, paced)


def told(kind: str, rate: Rate, paced: Paced) -> tuple[str, str]:
    """The headers `RateLimit-Policy` and `RateLimit`."""
    return _policy(kind, rate.amount, rate.window_s), f'"{kind}";r={paced.remaining};t={math.ceil(paced.reset_s)}'


@functools.lru_cache(256)
def _policy(kind: str, amount: int, window_s: float) -> str:
    return f'"{kind}";q={amount};w={window_s:g}'


@functools.lru_cache(1_024)  # as many as there are routes and methods
def policy_of(method: str, template: str) -> tuple[Right | None, str]:
    """The scope that a route needs of who asks, if any, and its class of rate limits."""
    path = template.removeprefix(PREFIX)
    is_open = f"{PREFIX}{path}" in OPEN_PATHS | TICKET_PATHS
    return (None if is_open else right_of(method, path)), class_of(method, path)


def right_of(method: str, path: str) -> Right | None:
    """The scope that a route needs. `path` is its template after the prefix."""
    if (method, path) in POLICIES:
        return POLICIES[method, path]
    looks = method in ("GET", "HEAD", "OPTIONS") and not path.startswith(("/admin", "/api-keys"))
    return Right.READ if looks else Right.ADMIN


def class_of(method: str, path: str) -> str:
    """The class of rate limits that a route belongs to."""
    if method == "POST" and path == "/forecasts":
        return "forecast"
    return _CLASS_OF.get(path, "other")


def _guarded(path: str) -> bool:
    return path.startswith(f"{PREFIX}/") or path == METRICS_PATH


def _has_ticket(scope: Scope) -> bool:
    return scope["path"] in TICKET_PATHS and "ticket" in parse_qs(scope["query_string"].decode("latin-1"))


def _key_in(headers: Headers) -> str | None:
    scheme, _, text = (headers.get("authorization") or "").partition(" ")
    if scheme.lower() == "bearer":
        return text.strip()
    return headers.get("x-api-key")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def networks(texts: Iterable[str]) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    """`10.0.0.0/8`, `127.0.0.1` as networks."""
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)

"""`Idempotency-Key`: what is asked twice under one key is done once, and answered again. Pure ASGI, inside the gate.

Every POST under the prefix takes it, but for two whose answers are good once by themselves. The answer is kept before
it is sent: a client that got it never needs it again, and one that did not finds it.
"""

import asyncio
import hashlib
import re

import orjson
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from truecast.accounts.principal import LOCAL, Principal
from truecast.accounts.replies import Replies, Reply, Turn
from truecast.api.access import EARLY, NOBODY, PREFIX, Access
from truecast.api.errors import BodyTooLarge
from truecast.kit.errors import MalformedRequest, TruecastError
from truecast.kit.limits import IDEMPOTENCY_KEY_CHARS_MAX, LEASE_RENEW_S, REQUEST_BODY_BYTES_MAX
from truecast.kit.logs import get_logger

HEADER, REPLAYED = "idempotency-key", b"idempotency-replayed"
NOT_TAKEN = frozenset({f"{PREFIX}/api-keys/redeem", f"{PREFIX}/stream/ticket"})
SECRET = frozenset({f"{PREFIX}/api-keys"})  # whose answers hold one
KEY_PATTERN = f"[!-~]{{1,{IDEMPOTENCY_KEY_CHARS_MAX}}}"

_KEY = re.compile(KEY_PATTERN)
_KEPT_HEADERS = ("content-type", "cache-control", "location")
_log = get_logger(__name__)


class IdempotencyKeyInvalid(MalformedRequest):
    """A word that names one request, such as a UUID."""

    code = "idempotency_key_invalid"
    title = "Idempotency key invalid"
    template = "An Idempotency-Key is one word of 1 to {chars_max} printable ASCII characters, such as a UUID"


def takes_key(method: str, path: str) -> bool:
    """Whether the operation can be asked once only. `path` with the prefix."""
    return method == "POST" and path.startswith(f"{PREFIX}/") and path not in NOT_TAKEN


class Once:
    """Looks for the key, and does or replays."""

    def __init__(self, app: ASGIApp, *, replies: Replies, access: Access) -> None:
        self._app = app
        self._replies = replies
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; those without a key pass."""
        if scope["type"] != "http" or not takes_key(scope["method"], scope["path"]):
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).getlist(HEADER)
        principal: Principal = scope.get("truecast.principal", NOBODY)
        if not given or principal in (NOBODY, EARLY) or not self._access.ready():
            await self._app(scope, receive, send)
            return
        key = given[0].strip().strip('"')  # the draft writes a quoted string, many clients a bare one
        if len(given) > 1 or _KEY.fullmatch(key) is None:
            raise IdempotencyKeyInvalid(reason="invalid", chars_max=IDEMPOTENCY_KEY_CHARS_MAX)
        body = await _whole(receive)
        if body is None:
            return
        try:
            found = await self._replies.take(principal.id, key, _fingerprint(scope, body))
        except TruecastError:
            await self._count(scope, principal)
            raise
        if isinstance(found, Reply):
            await self._count(scope, principal)
            await _replay(found, send)
        else:
            await self._do(found, scope, body, receive, send)

    async def _do(self, turn: Turn, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        """The request, its answer kept, then sent. A refusal of the first try frees the key.

        What fails keeps it for the next try, what dies leaves it to its lease.
        """
        scope["truecast.seed"] = turn.seed
        held = _Held(body, receive)
        renewing = asyncio.create_task(self._renew(turn), name="idempotency lease")
        try:
            await self._app(scope, held.receive, held.send)
        except Exception:
            await self._replies.let_go(turn)
            raise
        finally:
            renewing.cancel()
        await self._settle(turn, scope, held)
        for message in held.messages:
            await send(message)

    async def _settle(self, turn: Turn, scope: Scope, held: "_Held") -> None:
        reply = held.reply()
        if not 200 <= reply.status < 300:
            nothing = reply.status < 500 and turn.token == 1  # an earlier try may have done what this one was refused
            await (self._replies.release if nothing else self._replies.let_go)(turn)
            return
        secret_of = orjson.loads(reply.body)["id"] if scope["path"] in SECRET else None
        await self._replies.keep(turn, reply, secret_of=secret_of)

    async def _renew(self, turn: Turn) -> None:
        while True:
            await asyncio.sleep(LEASE_RENEW_S)
            try:
                await self._replies.renew(turn)
            except TruecastError as error:  # tried again; after the lease somebody else may do it
                _log.warning("idempotency lease not renewed", code=error.code)

    async def _count(self, scope: Scope, principal: Principal) -> None:
        """A replay does not reach the route, which counts requests. Raises RateLimited."""
        local = principal is LOCAL
        await self._access.hit("other", f"address:{scope.get('truecast.address')}" if local else f"key:{principal.id}")


class _Held:
    """The body as the application reads it, and its answer, not sent yet."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive
        self.messages: list[Message] = []

    async def receive(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        self.messages.append(message)

    def reply(self) -> Reply:
        start = next(message for message in self.messages if message["type"] == "http.response.start")
        said = Headers(raw=start["headers"])
        kept = {name: said[name] for name in _KEPT_HEADERS if name in said}
        return Reply(start["status"], kept, b"".join(message.get("body", b"") for message in self.messages))


async def _whole(receive: Receive) -> bytes | None:
    """The body; None when the client went away. Raises BodyTooLarge."""
    parts, more = [], True
    while more:
        try:
            message = await receive()
        except HTTPException:
            raise BodyTooLarge(bytes_max=REQUEST_BODY_BYTES_MAX) from None
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def _fingerprint(scope: Scope, body: bytes) -> str:
    about = [scope["method"], scope["path"], scope["query_string"].decode("latin-1")]
    return hashlib.sha256(orjson.dumps(about) + b"\0" + body).hexdigest()


async def _replay(reply: Reply, send: Send) -> None:
    headers = [(name.encode(), value.encode("latin-1")) for name, value in reply.headers.items()]
    headers += [(b"content-length", str(len(reply.body)).encode()), (REPLAYED, b"true")]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body, "more_body": False})

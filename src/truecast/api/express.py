"""The shortest way: a kept answer, to a client who is let in without asking anybody.

Every layer between the server and a route costs some microseconds, together more than the server itself takes
(benchmarks/serve.py). This does in one place what they do for a request about which nothing is left to decide. Whenever
something is, it has done nothing, and the request goes the long way, which decides.
"""

import time

from starlette.types import Scope, Send

from truecast.accounts.principal import LOCAL, Principal
from truecast.api.access import Access, policy_of, told
from truecast.api.answers import Answers
from truecast.api.hot import TAG_CHARS_MAX
from truecast.api.middleware import SECURITY, account, is_sane_id, is_this_machine
from truecast.api.ready import Pair
from truecast.api.said import said_of
from truecast.api.stream_transport import answered_whole
from truecast.kit.clock import Clock, to_us
from truecast.kit.ids import uuid7_text
from truecast.kit.logs import REQUEST_ID
from truecast.kit.metrics import CACHE_NOT_MODIFIED

_UNUSUAL = frozenset({b"content-length", b"transfer-encoding", b"expect"})  # a GET with a body


class Express:
    """Answers what can be answered at once."""

    def __init__(self, *, access: Access, answers: Answers, clock: Clock, loopback_only: bool) -> None:
        self._access = access
        self._answers = answers
        self._clock = clock
        self._loopback_only = loopback_only

    async def __call__(self, scope: Scope, send: Send) -> bool:
        """Whether the request is answered; if not, nothing has happened."""
        began_s = time.perf_counter()
        kept = self._answers.memory.get((scope["path"], scope["query_string"]))
        if kept is None or scope["method"] != "GET":
            return False
        now = self._clock.now()
        now_us, ready, (kind, template) = to_us(now), kept.ready, kept.asked
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if not ready.holds(now_us) or len(headers) != len(scope["headers"]) or not _UNUSUAL.isdisjoint(headers):
            return False
        if self._loopback_only and not is_this_machine(headers.get(b"host", b"").decode("latin-1")):
            return False
        asked_tag = headers.get(b"if-none-match")
        principal = self._who(headers)
        right, pace = policy_of("GET", template)
        if (
            principal is None
            or (right is not None and not principal.may(right))
            or len(asked_tag or b"") > TAG_CHARS_MAX
        ):
            return False
        address = self._address(scope)
        paced = self._paced(pace, f"address:{address}" if principal is LOCAL else f"key:{principal.id}")
        if paced is None:
            return False

        given = headers.get(b"x-request-id", b"").decode("latin-1")
        request_id = given if given and is_sane_id(given) else uuid7_text(now)
        REQUEST_ID.set(request_id)  # of this task, which ends with the request
        status, out, body = ready.reply(now_us, None if asked_tag is None else asked_tag.decode("latin-1"))
        out += (*SECURITY, (b"x-request-id", request_id.encode("latin-1")), *paced)
        if status == 304:
            CACHE_NOT_MODIFIED.labels(kind).inc()
        kept.hits.inc()
        if not answered_whole(scope, status, out, body):
            await send({"type": "http.response.start", "status": status, "headers": out})
            await send({"type": "http.response.body", "body": body})
        took_s = time.perf_counter() - began_s
        account(scope, principal, route=template, address=address, status=status, size_bytes=len(body), took_s=took_s)
        return True

    def _who(self, headers: dict[bytes, bytes]) -> Principal | None:
        """Who asks, where that is known already."""
        said = headers.get(b"authorization")
        if said is None:
            said = headers.get(b"x-api-key")
            if said is None:
                return None if self._access.keys_required else LOCAL
        elif said[:7] == b"Bearer ":
            said = said[7:].strip()
        else:
            return None
        return self._access.keys.at_once(said.decode("latin-1"))

    def _address(self, scope: Scope) -> str:
        if self._access.proxies:
            return self._access.address(scope, said_of(scope))
        client = scope.get("client")
        return str(client[0]) if client else "unknown"

    def _paced(self, kind: str, asker: str) -> tuple[Pair, ...] | None:
        """The request counted, as its answer tells it; None, and nothing counted, where that is not so simple."""
        rate = self._access.rates.get(kind)
        if rate is None:
            return ()
        paced = self._access.pace.at_once(f"{kind}:{asker}", rate)
        if paced is None:
            return None
        policy, state = told(kind, rate, paced)
        return (b"ratelimit-policy", policy.encode("latin-1")), (b"ratelimit", state.encode("latin-1"))

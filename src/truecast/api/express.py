"""The shortest way: a kept answer, to a client who is let in without asking anybody.

Every layer between the server and a route costs some microseconds, together more than the server itself takes
(benchmarks/serve.py). This does in one place what they do for a request about which nothing is left to decide. Whenever
something is, it has done nothing, and the request goes the long way, which decides.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

from truecast.accounts.principal import LOCAL, Principal
from truecast.api.access import Access, policy_of, told
from truecast.api.answers import Answers
from truecast.api.hot import TAG_CHARS_MAX
from truecast.api.middleware import SECURITY, account, is_sane_id, is_this_machine
from truecast.api.ready import Pair
from truecast.api.said import Said
from truecast.kit.clock import Clock, to_us
from truecast.kit.ids import uuid7_text
from truecast.kit.logs import REQUEST_ID
from truecast.kit.metrics import CACHE_NOT_MODIFIED

Write = Callable[[int, bytes, bytes], None]  # status, lines of the head as they are sent, body

_UNUSUAL = frozenset({b"content-length", b"transfer-encoding", b"expect", b"upgrade"})  # not a plain GET


def lines_of(pairs: Sequence[Pair]) -> bytes:
    """Headers as they are sent."""
    return b"".join([b"%b: %b\r\n" % pair for pair in pairs])


class Express:
    """Answers what can be answered at once."""

    def __init__(self, *, access: Access, answers: Answers, clock: Clock, loopback_only: bool) -> None:
        self._access = access
        self._answers = answers
        self._clock = clock
        self._loopback_only = loopback_only

    def answer(self, path: str, query: bytes, headers: Sequence[Pair], client: Any, write: Write) -> bool:
        """Whether this GET is answered, by one call of `write`; if not, nothing has happened.

        `client`: address and port, or None.
        """
        began_s = time.perf_counter()
        kept = self._answers.memory.get((path, query))
        if kept is None:
            return False
        now = self._clock.now()
        now_us, ready, (kind, template) = to_us(now), kept.ready, kept.asked
        said: dict[bytes, bytes] = dict(headers)
        if not ready.holds(now_us) or len(said) != len(headers) or not _UNUSUAL.isdisjoint(said):
            return False
        if self._loopback_only and not is_this_machine(said.get(b"host", b"").decode("latin-1")):
            return False
        asked_tag = said.get(b"if-none-match")
        principal = self._who(said)
        right, pace = policy_of("GET", template)
        if (
            principal is None
            or (right is not None and not principal.may(right))
            or len(asked_tag or b"") > TAG_CHARS_MAX
        ):
            return False
        address = self._address(client, headers)
        paced = self._paced(pace, f"address:{address}" if principal is LOCAL else f"key:{principal.id}")
        if paced is None:
            return False

        given = said.get(b"x-request-id", b"").decode("latin-1")
        request_id = given if given and is_sane_id(given) else uuid7_text(now)
        status, out, body = ready.reply(now_us, None if asked_tag is None else asked_tag.decode("latin-1"))
        own = b"x-request-id: %b\r\n" % request_id.encode("latin-1")
        write(status, b"".join((lines_of(out), _SECURITY_LINES, own, paced)), body)
        if status == 304:
            CACHE_NOT_MODIFIED.labels(kind).inc()
        kept.hits.inc()
        took_s = time.perf_counter() - began_s
        token = REQUEST_ID.set(request_id)
        account(
            "GET",
            path,
            principal,
            route=template,
            address=address,
            status=status,
            size_bytes=len(body),
            took_s=took_s,
        )
        REQUEST_ID.reset(token)
        return True

    def _who(self, said: dict[bytes, bytes]) -> Principal | None:
        """Who asks, where that is known already."""
        text = said.get(b"authorization")
        if text is None:
            text = said.get(b"x-api-key")
            if text is None:
                return None if self._access.keys_required else LOCAL
        elif text[:7] == b"Bearer ":
            text = text[7:].strip()
        else:
            return None
        return self._access.keys.at_once(text.decode("latin-1"))

    def _address(self, client: Any, headers: Sequence[Pair]) -> str:
        if self._access.proxies:
            asking = {"client": client, "headers": headers}
            return self._access.address(asking, Said(asking))
        return str(client[0]) if client else "unknown"

    def _paced(self, kind: str, asker: str) -> bytes | None:
        """The request counted, as its answer tells it; None, and nothing counted, where that is not so simple."""
        rate = self._access.rates.get(kind)
        if rate is None:
            return b""
        paced = self._access.pace.at_once(f"{kind}:{asker}", rate)
        if paced is None:
            return None
        policy, state = told(kind, rate, paced)
        return f"ratelimit-policy: {policy}\r\nratelimit: {state}\r\n".encode("latin-1")


_SECURITY_LINES = lines_of(SECURITY)

"""The shortest way: a kept answer, to a client who is let in without asking anybody.

Every layer between the server and a route costs some microseconds, together more than the server itself takes
(benchmarks/serve.py). This does in one place what they do for a request about which nothing is left to decide. Whenever
something is, it has done nothing, and the request goes the long way, which decides.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from truecast.accounts.keys import hash_of
from truecast.accounts.principal import LOCAL, Principal
from truecast.api.access import Access, policy_of, told
from truecast.api.answers import Answers
from truecast.api.hot import TAG_CHARS_MAX
from truecast.api.middleware import SECURITY, Kind, account_of, is_sane_id, is_this_machine
from truecast.api.ready import Pair
from truecast.api.said import Said
from truecast.kit.clock import Clock, to_us
from truecast.kit.ids import uuid7_text
from truecast.kit.logs import REQUEST_ID
from truecast.kit.metrics import CACHE_NOT_MODIFIED

Write = Callable[[int, bytes, bytes], None]  # status, lines of the head as they are sent, body

_UNUSUAL = frozenset({b"content-length", b"transfer-encoding", b"expect", b"upgrade"})  # not a plain GET
_SECURITY = b"".join([b"%b: %b\r\n" % pair for pair in SECURITY])


@dataclass(frozen=True, slots=True)
class Asker:
    """What a request says of who asks: the same for many requests of a connection."""

    address: str
    key: str | None  # its hash; None where none is said
    tag: str | None
    request_id: str | None


class Express:
    """Answers what can be answered at once."""

    def __init__(self, *, access: Access, answers: Answers, clock: Clock, loopback_only: bool) -> None:
        self._access = access
        self._answers = answers
        self._clock = clock
        self._loopback_only = loopback_only

    def asker(self, headers: Sequence[Pair], client: Any) -> Asker | None:
        """What the headers of a GET say; None where they are unusual. `client`: address and port, or None."""
        said: dict[bytes, bytes] = dict(headers)
        if len(said) != len(headers) or not _UNUSUAL.isdisjoint(said):
            return None
        if self._loopback_only and not is_this_machine(said.get(b"host", b"").decode("latin-1")):
            return None
        tag, key = said.get(b"if-none-match"), said.get(b"authorization")
        if tag is not None and len(tag) > TAG_CHARS_MAX:
            return None
        if key is None:
            key = said.get(b"x-api-key")
        elif key[:7] == b"Bearer ":
            key = key[7:].strip()
        else:
            return None
        address = str(client[0]) if client else "unknown"
        if self._access.proxies:
            asking = {"client": client, "headers": headers}
            address = self._access.address(asking, Said(asking))
        given = said.get(b"x-request-id", b"").decode("latin-1")
        return Asker(
            address,
            None if key is None else hash_of(key.decode("latin-1")),
            None if tag is None else tag.decode("latin-1"),
            given if given and is_sane_id(given) else None,
        )

    def answer(self, path: str, query: bytes, asker: Asker, write: Write) -> None:
        """Answer this GET by one call of `write`, or do nothing."""
        began_s = time.perf_counter()
        now_us = to_us(self._clock.now())
        kept = self._answers.at_hand((path, query), now_us)
        if kept is None:
            return
        ready, (kind, template) = kept.ready, kept.asked
        principal = self._who(asker)
        right, pace = policy_of("GET", template)
        if principal is None or (right is not None and not principal.may(right)):
            return
        paced = self._paced(pace, f"address:{asker.address}" if principal is LOCAL else f"key:{principal.id}")
        if paced is None:
            return

        request_id = asker.request_id or uuid7_text(now_us)
        status, lines, body = ready.reply(now_us, asker.tag)
        own = f"x-request-id: {request_id}\r\n{paced}".encode("latin-1")
        write(status, b"".join((lines, _SECURITY, own)), body)
        if status == 304:
            CACHE_NOT_MODIFIED.labels(kind).inc()
        kept.hits.inc()
        token = REQUEST_ID.set(request_id)
        account = account_of(Kind("GET", template, path, status, asker.address, principal.id))
        account.add(len(body), time.perf_counter() - began_s)
        REQUEST_ID.reset(token)

    def _who(self, asker: Asker) -> Principal | None:
        """Who asks, where that is known already."""
        if asker.key is None:
            return None if self._access.keys_required else LOCAL
        return self._access.keys.at_once(asker.key)

    def _paced(self, kind: str, asker: str) -> str | None:
        """The request counted, as its answer tells it; None, and nothing counted, where that is not so simple."""
        rate = self._access.rates.get(kind)
        if rate is None:
            return ""
        paced = self._access.pace.at_once(f"{kind}:{asker}", rate)
        if paced is None:
            return None
        policy, state = told(kind, rate, paced)
        return f"ratelimit-policy: {policy}\r\nratelimit: {state}\r\n"

"""Tickets: random words that are good for somebody once, for a short while.

In memory, or in Redis where processes share one: then any of them takes the ticket of any other. Kept as digests.
They live by real time: in a replay half a minute of the product's clock may be gone before the ticket has arrived.
"""

import contextlib
import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from truecast.kit.limits import REDIS_TIMEOUT_S, STREAM_TICKETS_MAX


class Tickets:
    """While Redis is away a ticket is good in the process that gave it. `now_s` counts seconds that are lived."""

    def __init__(
        self, lifetime_s: float, redis_url: str | None = None, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._now_s = now_s
        self._lifetime_s = lifetime_s
        self._redis_url = redis_url
        self._redis: Any = None
        self._given: OrderedDict[str, tuple[float, str]] = OrderedDict()  # by digest: until when, for whom

    async def give(self, name: str) -> str:
        """A ticket for who is called that."""
        ticket = f"tct_{secrets.token_urlsafe(32)}"
        digest = _digest(ticket)
        if self._redis_url is not None:
            with contextlib.suppress(*_errors()):
                await self._client().set(_KEY + digest, name, px=int(self._lifetime_s * 1000))
                return ticket
        self._given[digest] = (self._now_s() + self._lifetime_s, name)
        while len(self._given) > STREAM_TICKETS_MAX:
            self._given.popitem(last=False)
        return ticket

    async def redeem(self, ticket: str) -> str | None:
        """For whom it was given; None where it is not good, or no more."""
        digest = _digest(ticket)
        found_here = self._given.pop(digest, None)
        if found_here is not None and found_here[0] >= self._now_s():
            return found_here[1]
        if self._redis_url is not None:
            with contextlib.suppress(*_errors()):
                found = await self._client().getdel(_KEY + digest)
                return None if found is None else str(found.decode())
        return None

    async def close(self) -> None:
        """Close the connections."""
        if self._redis is not None:
            with contextlib.suppress(*_errors()):
                await self._redis.aclose()
            self._redis = None

    def _client(self) -> Any:
        if self._redis is None:
            # Most installations have no Redis and never load its client.
            import redis.asyncio  # noqa: PLC0415

            assert self._redis_url is not None
            self._redis = redis.asyncio.from_url(
                self._redis_url, socket_timeout=REDIS_TIMEOUT_S, socket_connect_timeout=REDIS_TIMEOUT_S
            )
        return self._redis


_KEY = "truecast:ticket:"


def _digest(ticket: str) -> str:
    return hashlib.sha256(ticket.encode(errors="replace")).hexdigest()


def _errors() -> tuple[type[BaseException], ...]:
    import redis.exceptions  # noqa: PLC0415 loaded with the client

    return (OSError, TimeoutError, redis.exceptions.RedisError)

"""When a question is asked again, and after how long.

What was never carried out may always be asked again: no connection was made, the limit of requests refused it, or the
server was still starting. What may have been carried out is asked again only where twice is as once: a GET, or a POST
with an Idempotency-Key, which the server carries out once and answers twice. Waits have full jitter (Brooker 2015): any
moment up to a bound that doubles, so that many clients do not come back together. What the server asks for
(Retry-After, RateLimit) is a floor under that.
"""

import random  # noqa: TID251 the client stands alone, without numpy; nothing but waits depends on it
import time
from collections.abc import Callable
from dataclasses import dataclass

from truecast.client.errors import AnswerUnreadable, ClientError, ConnectionFailed, Problem

NEVER_CARRIED_OUT = frozenset({"rate_limited", "starting", "too_many_streams", "server_restarts"})
PASSING = frozenset({"database_busy", "compute_busy", "database_unavailable", "not_ready"})
PASSING_STATUSES = frozenset({502, 503, 504})  # of a proxy, whose server is away for the moment


@dataclass(frozen=True, slots=True)
class Retry:
    """How patient a client is. `Retry(attempts_max=1)` asks once."""

    attempts_max: int = 4
    total_s: float = 60.0  # no attempt begins later than this after the first
    first_s: float = 0.5  # the most the first wait takes; doubled for each one after
    wait_s_max: float = 10.0  # the most that is waited of one's own accord; the server may ask for more


@dataclass(frozen=True, slots=True)
class Pace:
    """Where time and chance come from; tests bring their own."""

    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random  # from 0 to 1


def wait_s(
    retry: Retry, error: ClientError, *, attempt: int, spent_s: float, repeatable: bool, chance: Callable[[], float]
) -> float | None:
    """How long to wait after the attempt of that number (from 1) failed; None to give up and tell the error."""
    if attempt >= retry.attempts_max or not may_repeat(error, repeatable=repeatable):
        return None
    asked_s = error.retry_after_s if isinstance(error, Problem) else None
    pause_s = (asked_s or 0.0) + jitter_s(retry, attempt, chance)
    return pause_s if spent_s + pause_s <= retry.total_s else None


def jitter_s(retry: Retry, attempt: int, chance: Callable[[], float]) -> float:
    """Any moment up to a bound that doubles with every attempt."""
    return chance() * min(retry.first_s * 2.0 ** (attempt - 1), retry.wait_s_max)


def may_repeat(error: ClientError, *, repeatable: bool) -> bool:
    """Whether asking again may help and can do no harm."""
    match error:
        case ConnectionFailed():
            return repeatable or not error.sent
        case AnswerUnreadable():
            return repeatable and error.status in PASSING_STATUSES
        case Problem():
            if error.code in NEVER_CARRIED_OUT:
                return True
            return repeatable and (error.code in PASSING or error.retry_after_s is not None)
        case _:
            return False

"""A question as a request of HTTP, and what went wrong with it as an error of ours."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

from truecast.client.ask import Ask, body_of, query_of
from truecast.client.errors import ClientError, ConnectionFailed, TimedOut
from truecast.client.place import headers_of, key_of, url_of
from truecast.client.reply import Reply
from truecast.client.retry import Pace, Retry, wait_s

TIMEOUT_S = 30.0
CONNECT_S_MAX = 5.0
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, the same in every attempt."""

    method: str
    url: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes | None
    repeatable: bool


@dataclass(frozen=True, slots=True)
class Sender:
    """Who asks, where, and how patiently: what the two clients have in common."""

    url: str
    key: str | None
    headers: Mapping[str, str]
    timeout_s: float
    retry: Retry
    pace: Pace

    def options(self) -> dict[str, Any]:
        """For the client of httpx. A proxy of the environment is none for this very machine."""
        local = httpx.URL(self.url).host in _LOOPBACK
        return {"headers": self.headers, "trust_env": not local, "follow_redirects": False}

    def request(self, ask: Ask[Any]) -> Request:
        """As it is sent. What changes something has a key of its own, so that it may be repeated. Raises NaiveTime."""
        headers: dict[str, str] = {}
        body = None if ask.body is None else body_of(ask.body)
        if body is not None:
            headers["Content-Type"] = "application/json"
        if ask.repeat == "by_key" or ask.key is not None:
            headers["Idempotency-Key"] = ask.key or str(uuid4())
        repeatable = ask.method == "GET" or ask.repeat != "never"
        return Request(ask.method, f"{self.url}{ask.path}", query_of(ask.query), headers, body, repeatable)

    def timeout(self, spent_s: float) -> httpx.Timeout:
        """Of one attempt: never longer than what is left of the patience."""
        left_s = max(self.retry.total_s - spent_s, 0.001)
        each_s = min(self.timeout_s, left_s) if self.retry.attempts_max > 1 else self.timeout_s
        return httpx.Timeout(each_s, connect=min(each_s, CONNECT_S_MAX))

    def pause_s(self, request: Request, error: ClientError, attempt: int, began_s: float) -> float | None:
        """How long to wait before the next attempt; None to give up."""
        spent_s = self.pace.clock() - began_s
        repeatable, chance = request.repeatable, self.pace.chance
        return wait_s(self.retry, error, attempt=attempt, spent_s=spent_s, repeatable=repeatable, chance=chance)


def sender(
    url: str | None, key: str | None, *, headers: Mapping[str, str] | None, timeout_s: float, retry: Retry, pace: Pace
) -> Sender:
    """From what a user said, and the environment."""
    found = key_of(key)
    return Sender(url_of(url), found, {**headers_of(found), **(headers or {})}, timeout_s, retry, pace)


def reply_of(answer: httpx.Response) -> Reply:
    """As plain values."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Reply(str(answer.url), answer.status_code, headers, answer.content)


def failure_of(error: httpx.HTTPError | httpx.InvalidURL, url: str) -> ConnectionFailed:
    """Why nobody answered, and whether the request may have arrived all the same."""
    sent = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    kind = TimedOut if isinstance(error, httpx.TimeoutException) else ConnectionFailed
    return kind(url, str(error) or type(error).__name__, sent=sent)

"""The client for plain programs and notebooks."""

import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self, TypeVar

import httpx

from truecast.client.answers import answer_of
from truecast.client.ask import Ask
from truecast.client.calls.every import Calls
from truecast.client.errors import ClientError
from truecast.client.following import Follow, Place
from truecast.client.reply import Reply
from truecast.client.request import TIMEOUT_S, Request, failure_of, reply_of, sender
from truecast.client.retry import Pace, Retry
from truecast.client.stream import Stream

T = TypeVar("T")


class Client(Calls):
    """Asks a Truecast server, and waits for each answer. Safe to share between threads; close it, or use `with`.

    url: without it TRUECAST_URL, else http://127.0.0.1:8000.
    api_key: without it TRUECAST_API_KEY, else none, which a server on this machine does not need.
    timeout_s: of one attempt, from byte to byte.
    retry: how often and how long to try again; see `Retry`.
    headers: sent beside ours, for a proxy that wants some.
    transport: of httpx, for own certificates, proxies or tests.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        timeout_s: float = TIMEOUT_S,
        retry: Retry = Retry(),  # noqa: B008 frozen
        headers: Mapping[str, str] | None = None,
        transport: httpx.BaseTransport | None = None,
        pace: Pace = Pace(),  # noqa: B008 frozen
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._sender = sender(url, api_key, headers=headers, timeout_s=timeout_s, retry=retry, pace=pace)
        self._http = httpx.Client(transport=transport, **self._sender.options())
        self._sleep = sleep

    @property
    def url(self) -> str:
        """The server's address."""
        return self._sender.url

    def stream(
        self,
        topics: Sequence[str],
        *,
        since: Mapping[str, Place] | None = None,
        snapshot: bool = True,
        interval_s: float | None = None,
        model: str | None = None,
        interval: str | None = None,
        by_ticket: bool = False,
        give_up_s: float | None = None,
    ) -> Stream:
        """Follow topics such as `quotes:EUR-USD`, through lost connections; see docs/client.md.

        since: places that an earlier stream had reached (`Stream.places`).
        snapshot: begin with what is known.
        interval_s: least time between two prices of a symbol; for quotes alone.
        model, interval: only forecasts and scores of these.
        by_ticket: let in by a ticket instead of the key, where a proxy takes the header away.
        give_up_s: after so long without a connection raise ConnectionFailed; without it, after `retry.total_s` when
            there never was one, else never.
        """
        follow = Follow(tuple(topics), snapshot, interval_s, model, interval, dict(since or {}))
        ticket = (lambda: self.create_stream_ticket().ticket) if by_ticket else None
        return Stream(self._sender, follow, sleep=self._sleep, ticket=ticket, give_up_s=give_up_s)

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self.url!r})"

    def _ask(self, ask: Ask[T]) -> T:
        request, began_s, attempt = self._sender.request(ask), self._sender.pace.clock(), 0
        while True:
            attempt += 1
            try:
                return answer_of(self._send(request, self._sender.pace.clock() - began_s), ask.answer)
            except ClientError as error:
                pause_s = self._sender.pause_s(request, error, attempt, began_s)
                if pause_s is None:
                    raise
            self._sleep(pause_s)

    def _send(self, request: Request, spent_s: float) -> Reply:
        try:
            answer = self._http.request(
                request.method,
                request.url,
                params=request.query,
                headers=request.headers,
                content=request.body,
                timeout=self._sender.timeout(spent_s),
            )
        except httpx.HTTPError as error:
            raise failure_of(error, request.url) from error
        return reply_of(answer)

"""The client for programs that await."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Self, TypeVar

import httpx

from truecast.client.answers import answer_of
from truecast.client.ask import Ask
from truecast.client.calls.every_async import AsyncCalls
from truecast.client.errors import ClientError
from truecast.client.following import Follow, Place
from truecast.client.reply import Reply
from truecast.client.request import TIMEOUT_S, Request, failure_of, reply_of, sender
from truecast.client.retry import Pace, Retry
from truecast.client.stream_async import AsyncStream

T = TypeVar("T")


class AsyncClient(AsyncCalls):
    """`Client`, awaited: the same calls, the same arguments. Of one event loop; close it, or use `async with`."""

    def __init__(
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        timeout_s: float = TIMEOUT_S,
        retry: Retry = Retry(),  # noqa: B008 frozen
        headers: Mapping[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        pace: Pace = Pace(),  # noqa: B008 frozen
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._sender = sender(url, api_key, headers=headers, timeout_s=timeout_s, retry=retry, pace=pace)
        self._http = httpx.AsyncClient(transport=transport, **self._sender.options())
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
    ) -> AsyncStream:
        """Follow topics; see `Client.stream`. To be read with `async for`."""
        follow = Follow(tuple(topics), snapshot, interval_s, model, interval, dict(since or {}))
        return AsyncStream(
            self._sender, follow, sleep=self._sleep, ticket=self._ticket if by_ticket else None, give_up_s=give_up_s
        )

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"AsyncClient({self.url!r})"

    async def _ticket(self) -> str:
        return (await self.create_stream_ticket()).ticket

    async def _ask(self, ask: Ask[T]) -> T:
        request, began_s, attempt = self._sender.request(ask), self._sender.pace.clock(), 0
        while True:
            attempt += 1
            try:
                return answer_of(await self._send(request, self._sender.pace.clock() - began_s), ask.answer)
            except ClientError as error:
                pause_s = self._sender.pause_s(request, error, attempt, began_s)
                if pause_s is None:
                    raise
            await self._sleep(pause_s)

    async def _send(self, request: Request, spent_s: float) -> Reply:
        try:
            answer = await self._http.request(
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

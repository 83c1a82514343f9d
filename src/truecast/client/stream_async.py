"""A stream for programs that await: an asynchronous iterator of news that outlives its connections."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from types import TracebackType
from typing import Self

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from truecast.client.dial import Dialling
from truecast.client.errors import ConnectionFailed, Problem
from truecast.client.following import Follow, Following, Place
from truecast.client.news import News
from truecast.client.request import Sender


class AsyncStream:
    """`Stream`, to be read with `async for`; ends with `close()`, or `async with`."""

    def __init__(
        self,
        sender: Sender,
        follow: Follow,
        *,
        sleep: Callable[[float], Awaitable[None]],
        ticket: Callable[[], Awaitable[str]] | None,
        give_up_s: float | None,
    ) -> None:
        self._following = Following(follow)
        self._dialling = Dialling(sender, self._following, give_up_s)
        self._sleep = sleep
        self._ticket = ticket
        self._news = self._run()

    @property
    def places(self) -> Mapping[str, Place]:
        """How far each topic was read. Kept somewhere, and given as `since`, the stream goes on in another process."""
        return dict(self._following.places)

    async def close(self) -> None:
        """End it."""
        await self._news.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> News:
        return await anext(self._news)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def _run(self) -> AsyncGenerator[News, None]:
        while True:
            try:
                async with aclosing(self._connection()) as heard:
                    async for news in heard:
                        yield news
            except (OSError, EOFError, WebSocketException, ConnectionFailed, Problem) as error:
                lost = self._dialling.failed(error)
            yield lost
            await self._sleep(lost.retry_in_s)

    async def _connection(self) -> AsyncGenerator[News, None]:
        """What comes over one connection, until it is lost."""
        ticket = None if self._ticket is None else await self._ticket()
        async with connect(self._dialling.url, **self._dialling.options(ticket)) as socket:
            for said in self._following.opening():
                await socket.send(said)
            while True:
                async with asyncio.timeout(self._dialling.silence_s):
                    text = await socket.recv()
                for news in self._following.hear(text):
                    if self._following.joined:
                        self._dialling.opened()
                    yield news

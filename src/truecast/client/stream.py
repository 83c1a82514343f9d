"""A stream for plain programs: an iterator of news that outlives its connections."""

from collections.abc import Callable, Generator, Mapping
from types import TracebackType
from typing import Self

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from truecast.client.dial import Dialling
from truecast.client.errors import ConnectionFailed, Problem
from truecast.client.following import Follow, Following, Place
from truecast.client.news import News
from truecast.client.request import Sender


class Stream:
    """To be read with `for`; ends with `close()`, or `with`. One thread reads it.

    Raises Problem for what the server refuses (a topic that is not there, a key that is no longer good), and
    ConnectionFailed after `give_up_s` without a connection.
    """

    def __init__(
        self,
        sender: Sender,
        follow: Follow,
        *,
        sleep: Callable[[float], None],
        ticket: Callable[[], str] | None,
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

    def close(self) -> None:
        """End it."""
        self._news.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> News:
        return next(self._news)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _run(self) -> Generator[News, None, None]:
        while True:
            try:
                yield from self._connection()
            except (OSError, EOFError, WebSocketException, ConnectionFailed, Problem) as error:
                lost = self._dialling.failed(error)
            yield lost
            self._sleep(lost.retry_in_s)

    def _connection(self) -> Generator[News, None, None]:
        """What comes over one connection, until it is lost."""
        ticket = None if self._ticket is None else self._ticket()
        with connect(self._dialling.url, **self._dialling.options(ticket)) as socket:
            for said in self._following.opening():
                socket.send(said)
            while True:
                for news in self._following.hear(socket.recv(timeout=self._dialling.silence_s)):
                    if self._following.joined:
                        self._dialling.opened()
                    yield news

"""What the calls stand on: somebody who can put a question to the server."""

from typing import TypeVar

from truecast.client.ask import Ask

T = TypeVar("T")


class Asker:
    """Asks, and waits for the answer."""

    def _ask(self, ask: Ask[T]) -> T:
        raise NotImplementedError


class AsyncAsker:
    """Asks; the answer is awaited."""

    async def _ask(self, ask: Ask[T]) -> T:
        raise NotImplementedError

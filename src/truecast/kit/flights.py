"""Many questions, one call: the same question asked while it is being answered, and questions that go together."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from truecast.kit.limits import BATCH_WINDOW_S

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Flights(Generic[K, V]):
    """The same question asked twice at the same time is asked once. The answer is not kept after that."""

    def __init__(self, on_shared: Callable[[], None] = lambda: None) -> None:
        self._flying: dict[K, tuple[asyncio.Task[V], list[int]]] = {}
        self._on_shared = on_shared

    async def share(self, key: K, ask: Callable[[], Coroutine[Any, Any, V]]) -> V:
        """The answer, or the error, of the call that is under way for `key`, else of a new one.

        A caller who gives up does not take the others' answer away; when the last one gives up, the call ends.
        """
        found = self._flying.get(key)
        if found is None:
            task = asyncio.create_task(ask())
            found = (task, [0])
            self._flying[key] = found
            task.add_done_callback(lambda _: self._flying.pop(key, None))
        else:
            self._on_shared()
        task, waiting = found
        waiting[0] += 1
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if waiting[0] == 1 and not task.done():
                self._flying.pop(key, None)
                task.cancel()
                await asyncio.wait([task])
            raise
        finally:
            waiting[0] -= 1


class Collector(Generic[K, V]):
    """Questions that come within some milliseconds are put as one, `most` at a time."""

    def __init__(
        self,
        ask: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]],
        *,
        most: int,
        window_s: float = BATCH_WINDOW_S,
        on_batch: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._ask = ask
        self._most = most
        self._window_s = window_s
        self._on_batch = on_batch
        self._open: dict[K, asyncio.Future[V | None]] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def get(self, key: K) -> V | None:
        """The answer for `key`; None when the answer to all did not have it. Raises what the call raised."""
        if key not in self._open:
            if not self._open:
                self._start()
            self._open[key] = asyncio.get_running_loop().create_future()
        future = self._open[key]
        if len(self._open) >= self._most:
            self._start(self._taken(), wait=False)
        return await asyncio.shield(future)

    def _start(self, batch: dict[K, asyncio.Future[V | None]] | None = None, *, wait: bool = True) -> None:
        task = asyncio.create_task(self._run(batch, wait=wait))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def _taken(self) -> dict[K, asyncio.Future[V | None]]:
        batch, self._open = self._open, {}
        return batch

    async def _run(self, batch: dict[K, asyncio.Future[V | None]] | None, *, wait: bool) -> None:
        if wait:
            await asyncio.sleep(self._window_s)
        batch = self._taken() if batch is None else batch
        if not batch:
            return  # it was full before the window was over
        self._on_batch(len(batch))
        try:
            answers = await self._ask(tuple(batch))
        except BaseException as error:
            for future in batch.values():
                if not future.done():
                    future.set_exception(error)
                    future.exception()  # all who asked may be gone
            if not isinstance(error, Exception):
                raise
            return
        for key, future in batch.items():
            if not future.done():
                future.set_result(answers.get(key))

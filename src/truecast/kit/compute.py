"""Heavy computing away from the event loop: a few threads, a bounded queue.

Threads and not processes: the work is numpy, which lets go of the interpreter lock while it computes, and the
arrays need not be copied.
"""

import asyncio
import contextlib
import contextvars
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from truecast.kit import telemetry
from truecast.kit.errors import EXIT_UNAVAILABLE, TruecastError
from truecast.kit.limits import COMPUTE_THREADS_MAX, COMPUTE_WAITING_MAX
from truecast.kit.metrics import COMPUTE_WAITING

P = ParamSpec("P")
R = TypeVar("R")


class ComputeBusy(TruecastError):
    """More work is waiting than the queue may hold."""

    code = "compute_busy"
    status = 503
    title = "Too much work waiting"
    template = "{waiting} computations are waiting already; try again in a moment"
    exit_code = EXIT_UNAVAILABLE


class Compute:
    """A bounded pool of threads for functions that compute."""

    def __init__(self, threads: int | None = None, waiting_max: int = COMPUTE_WAITING_MAX) -> None:
        self.threads = threads or min(COMPUTE_THREADS_MAX, os.cpu_count() or 1)
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="compute")
        self._waiting_max = waiting_max
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """Calls that wait for a thread or run on one."""
        return self._waiting

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """`function(*args, **kwargs)` on a thread, with the caller's context. Raises what it raises, or ComputeBusy.

        A caller that is cancelled stops waiting; the function itself runs to its end.
        """
        if self._waiting >= self._waiting_max:
            raise ComputeBusy(waiting=self._waiting)
        loop = asyncio.get_running_loop()
        with telemetry.span("compute", {"truecast.function": getattr(function, "__name__", "")}):
            context = contextvars.copy_context()
            work = self._pool.submit(partial(context.run, function, *args, **kwargs))
            self._count(+1)
            work.add_done_callback(partial(self._done, loop))
            return await asyncio.wrap_future(work)

    def close(self) -> None:
        """Drop what has not begun and wait for what has."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _done(self, loop: asyncio.AbstractEventLoop, _: Future[R]) -> None:
        """Called on the thread that worked; the count belongs to the loop's."""
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody counts any more
            loop.call_soon_threadsafe(self._count, -1)

    def _count(self, change: int) -> None:
        self._waiting += change
        COMPUTE_WAITING.inc(change)

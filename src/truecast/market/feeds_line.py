"""One open connection of a feed: reads, pings, and notices when it has gone silent, old or mad."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from truecast.domain.event import Candle, Event
from truecast.kit.clock import Clock, to_us
from truecast.kit.errors import EXIT_UNAVAILABLE, TruecastError
from truecast.kit.limits import FEED_GARBLED_MAX
from truecast.kit.ws import Socket
from truecast.market.feeds_inbox import Inbox
from truecast.market.feeds_status import FeedStatus
from truecast.providers.errors import SourceKeyRefused, SourceOverBudget, SourceRefused
from truecast.providers.feed import FeedPlan

_TELLING = (SourceKeyRefused, SourceOverBudget, SourceRefused)  # a frame that could be read, and says no


class FeedSilent(TruecastError):
    """The connection is open, and nothing comes over it."""

    code = "feed_silent"
    status = 502
    title = "Feed silent"
    template = "{source} has said nothing for {silence_s:.0f} s"
    exit_code = EXIT_UNAVAILABLE


class FeedGarbled(TruecastError):
    """What comes over the connection has not been readable for a while."""

    code = "feed_garbled"
    status = 502
    title = "Feed garbled"
    template = "{frames} frames of {source} in a row could not be read; the last: {reason}"
    exit_code = EXIT_UNAVAILABLE


class Line:
    """A connection that is subscribed. `on_event` is quick, and gives the final candles that must not be lost."""

    def __init__(
        self,
        plan: FeedPlan,
        socket: Socket,
        *,
        clock: Clock,
        status: FeedStatus,
        inbox: Inbox,
        on_event: Callable[["Line", Event], Sequence[Candle]],
        age_s_max: float | None,
    ) -> None:
        self.plan = plan
        self.heard = asyncio.Event()  # it speaks
        self.renew = asyncio.Event()  # another one should take its place
        self._socket = socket
        self._clock = clock
        self._status = status
        self._inbox = inbox
        self._on_event = on_event
        self._age_s_max = age_s_max
        self._loop = asyncio.get_running_loop()
        self.opened_s = self._heard_s = self._loop.time()
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._tend())]

    @property
    def age_s(self) -> float:
        """How long it has been open."""
        return self._loop.time() - self.opened_s

    @property
    def alive(self) -> bool:
        """Whether it is read."""
        return not any(task.done() for task in self._tasks)

    async def over(self) -> TruecastError | None:
        """Wait until it has ended, and say why; None while it still speaks and should be renewed."""
        renewing = asyncio.create_task(self.renew.wait())
        try:
            done, _ = await asyncio.wait({*self._tasks, renewing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            renewing.cancel()
        for task in self._tasks:
            if task in done:
                return _why(task)
        return None

    async def spoke(self, within_s: float) -> None:
        """Return once it has said something, has ended, or the time is up."""
        hearing = asyncio.create_task(self.heard.wait())
        try:
            await asyncio.wait({*self._tasks, hearing}, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            hearing.cancel()

    async def end(self) -> None:
        """Close it. What it said so far has been taken."""
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        with contextlib.suppress(TruecastError):
            await self._socket.close()

    async def _read(self) -> None:
        garbled = 0
        status, decode = self._status, self.plan.decode
        while True:
            frame = await self._socket.receive()
            received_us = to_us(self._clock.now())
            try:
                events = decode(frame, received_us)
            except _TELLING:
                raise
            except TruecastError as error:
                status.malformed += 1
                garbled += 1
                if garbled >= FEED_GARBLED_MAX:
                    raise FeedGarbled(source=self.plan.source, frames=garbled, reason=error.detail) from None
                continue
            garbled = 0
            status.messages += 1
            status.message_us = received_us
            self._heard_s = self._loop.time()
            if not self.heard.is_set():
                self.heard.set()
                status.state = "live"
            for event in events:
                for candle in self._on_event(self, event):
                    await self._inbox.put_final(candle)

    async def _tend(self) -> None:
        plan, pinged_s = self.plan, self.opened_s
        every_s = min(1.0, plan.silence_s_max / 4)
        while True:
            await asyncio.sleep(every_s)
            now_s = self._loop.time()
            self._status.publish()
            silence_s = now_s - self._heard_s
            if silence_s > plan.silence_s_max and not self._inbox.full:
                raise FeedSilent(source=plan.source, silence_s=silence_s)
            if plan.ping is not None and now_s - pinged_s >= plan.ping.every_s:
                pinged_s = now_s
                await self._socket.send(plan.ping.frame)
            if self._age_s_max is not None and now_s - self.opened_s >= self._age_s_max:
                self.renew.set()


def _why(task: asyncio.Task[None]) -> TruecastError:
    """What ended a task; anything that is no error of ours is a fault of the program and goes up."""
    error = task.exception()
    if isinstance(error, TruecastError):
        return error
    assert error is not None, "a line reads until something ends it"
    raise error

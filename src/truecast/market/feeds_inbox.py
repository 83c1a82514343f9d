"""What waits between a socket and the store: final candles, of which none may be lost, and unfinished ones, of which
only the latest matters. Quotes wait on the board, which keeps the latest by itself.
"""

import asyncio

from truecast.domain.event import Candle
from truecast.domain.interval import Interval
from truecast.kit.limits import FEED_CANDLES_EVERY_S, FEED_FINALS_MAX

Series = tuple[str, Interval]

_TIMER_S = 0.002  # by which a timer may come early


class Inbox:
    """Of one feed."""

    def __init__(self, *, finals_max: int = FEED_FINALS_MAX, every_s: float = FEED_CANDLES_EVERY_S) -> None:
        self._every_s = every_s
        self._finals: asyncio.Queue[Candle] = asyncio.Queue(finals_max)
        self._forming: dict[Series, Candle] = {}
        self._told_s: dict[Series, float] = {}
        self._over_us: dict[Series, int] = {}  # the newest start that was final: what came before is no news
        self._news = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Final candles not taken yet."""
        return self._finals.qsize()

    @property
    def full(self) -> bool:
        """Whether the socket has to wait."""
        return self._finals.full()

    async def put_final(self, candle: Candle) -> None:
        """Waits while no more fit, the store being so far behind: then the socket is not read and the source waits."""
        key = (candle.symbol, candle.interval)
        self._over_us[key] = max(candle.start_us, self._over_us.get(key, 0))
        forming = self._forming.get(key)
        if forming is not None and forming.start_us <= candle.start_us:
            del self._forming[key]
        await self._finals.put(candle)

    def put_forming(self, candle: Candle) -> bool:
        """Whether it took the place of one that nobody was told of."""
        key = (candle.symbol, candle.interval)
        if candle.start_us <= self._over_us.get(key, -1):
            return False
        replaced = key in self._forming
        self._forming[key] = candle
        if not replaced:
            loop = asyncio.get_running_loop()
            wait_s = self._told_s.get(key, -self._every_s) + self._every_s - loop.time()
            if wait_s <= 0:
                self._news.set()
            else:
                loop.call_later(wait_s, self._news.set)
        return replaced

    async def finals(self) -> list[Candle]:
        """All that wait, in the order in which they came; waits for the first."""
        found = [await self._finals.get()]
        while not self._finals.empty():
            found.append(self._finals.get_nowait())
        return found

    async def forming(self) -> list[Candle]:
        """The latest of each series that was not told of within `every_s`; waits until there is one."""
        while True:
            await self._news.wait()
            self._news.clear()
            now_s = asyncio.get_running_loop().time()
            latest_s = now_s - self._every_s + _TIMER_S
            due = [key for key in self._forming if self._told_s.get(key, latest_s) <= latest_s]
            if due:
                self._told_s.update(dict.fromkeys(due, now_s))
                return [self._forming.pop(key) for key in due]

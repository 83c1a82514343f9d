"""A feed's candles on their way: final ones into the store, unfinished ones onto the bus, and what did not come by the
feed is asked for afterwards.

Which bars are missing is read from the store, not remembered: after every reconnect, and in whichever process takes a
feed over, everything since the last stored bar is asked for. So nothing is lost by dying.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from truecast.domain.bar import Bar, Bars
from truecast.domain.event import Candle
from truecast.domain.interval import Interval
from truecast.kit.bus import Bus
from truecast.kit.clock import Clock, from_us, iso, to_us
from truecast.kit.db_errors import DatabaseBusy, DatabaseReadOnly, DatabaseUnavailable, DiskFull
from truecast.kit.errors import TruecastError
from truecast.kit.limits import CLOCK_SKEW_S_MAX, FEED_FILL_AGAIN_S, FEED_STORE_RETRY_S_MAX
from truecast.kit.metrics import FEED_WAITING, follow
from truecast.market.feeds_inbox import Inbox, Series
from truecast.market.feeds_status import FeedStatus
from truecast.market.gaps import Cause
from truecast.market.ingest import Ingest
from truecast.market.store import BarStore
from truecast.providers.base import Provider, SeriesNotOffered, SeriesOffer

_AWAY = (DatabaseUnavailable, DatabaseBusy, DiskFull, DatabaseReadOnly)


class Filled(Protocol):
    """What became of a stretch of bars."""

    @property
    def rows(self) -> int:
        """How many came."""

    @property
    def left(self) -> int:
        """How many are still missing."""


class Backfill(Protocol):
    """Asks sources for bars of the past."""

    async def fill(
        self, symbol: str, interval: Interval, frm: datetime, to: datetime, *, cause: Cause, prefer: str | None
    ) -> Filled:
        """Bars with `frm` <= start < `to`, from `prefer` first, then from others."""


@dataclass(slots=True)
class _Behind:
    """Bars from `from_us` on may be missing (None: after the last stored one). Asked for at `due_s` of the loop."""

    from_us: int | None
    tries: int = 0
    due_s: float = 0.0
    doubted: bool = False  # the feed told a bar that was not believed


class FeedCandles:
    """Of one feed. `awaits_history(offer)`: somebody else loads that series' past first."""

    def __init__(
        self,
        provider: Provider,
        *,
        store: BarStore,
        ingest: Ingest,
        bus: Bus,
        backfill: Backfill,
        clock: Clock,
        status: FeedStatus,
        awaits_history: Callable[[SeriesOffer], bool],
    ) -> None:
        self._provider = provider
        self._source = provider.info.key
        self._store = store
        self._ingest = ingest
        self._bus = bus
        self._backfill = backfill
        self._clock = clock
        self._status = status
        self._awaits_history = awaits_history
        self._last_us: dict[Series, int] = {}  # of series that may be written; the start of the newest bar, or 0
        self._behind: dict[Series, _Behind] = {}
        self._work = asyncio.Event()
        self._mending = False
        self.inbox = Inbox()
        follow(FEED_WAITING, self.inbox, lambda inbox: inbox.waiting, self._source)

    @property
    def whole(self) -> bool:
        """Whether nothing is known to be missing."""
        return not self._behind and not self._mending

    def interrupted(self, symbols: Sequence[str], intervals: Sequence[Interval]) -> None:
        """Nobody listened for a while, or never did: what came meanwhile is asked for, as soon as it is known what."""
        self._last_us.clear()
        for symbol in symbols:
            for interval in intervals:
                self.doubt((symbol, interval), None)

    def doubt(self, key: Series, start_us: int | None) -> None:
        """Bars from there on may be missing; None: after the last stored one."""
        known = self._behind.get(key)
        doubted = start_us is not None or (known is not None and known.doubted)
        self._behind[key] = _Behind(_earlier(start_us, None if known is None else known.from_us), doubted=doubted)
        self._work.set()

    async def keep(self) -> None:
        """Final candles into the store, for ever. While the database is away they wait; none is dropped."""
        while True:
            by_series: defaultdict[Series, list[Candle]] = defaultdict(list)
            for candle in await self.inbox.finals():
                by_series[candle.symbol, candle.interval].append(candle)
            for key, candles in by_series.items():
                await self._keep(key, candles)

    async def tell(self) -> None:
        """Unfinished candles onto the bus, for ever."""
        while True:
            for candle in await self.inbox.forming():
                topic = f"candles:{candle.symbol}:{candle.interval.value}"
                try:
                    await self._bus.publish(topic, shown(candle, self._source))
                except TruecastError as error:  # other processes are not told; the next one is
                    self._status.note(error, self._clock.now())

    async def mend(self) -> None:
        """Ask for what is missing, for ever: series by series, again later where the source has it not yet."""
        loop = asyncio.get_running_loop()
        while True:
            await self._work.wait()
            self._work.clear()
            for key in [key for key, behind in self._behind.items() if behind.due_s <= loop.time()]:
                self._mending = True
                await self._mend(key, self._behind.pop(key))
                self._mending = False
            if self._behind:
                next_s = min(behind.due_s for behind in self._behind.values()) - loop.time()
                loop.call_later(max(next_s, 0.0) + _TIMER_S, self._work.set)

    async def _keep(self, key: Series, candles: Sequence[Candle]) -> None:
        """One series' candles, all or none."""
        wait_s = 0.1
        while True:
            try:
                if await self._may_write(key):
                    await self._append(key, candles)
            except _AWAY as error:
                self._status.note(error, self._clock.now())
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, FEED_STORE_RETRY_S_MAX)
            except TruecastError as error:  # nothing that waiting would change; the source is asked again
                self._status.note(error, self._clock.now())
                self.doubt(key, min(candle.start_us for candle in candles))
                return
            else:
                return

    async def _append(self, key: Series, candles: Sequence[Candle]) -> None:
        step_us = key[1].seconds * 1_000_000
        before_us = self._last_us[key]
        taken = await self._ingest.take(_bars(candles, self._source))
        self._last_us[key] = max(before_us, *(candle.start_us for candle in candles))
        self._status.bars += taken.appended.inserted
        first_us = min(candle.start_us for candle in candles)
        if before_us and (taken.gaps_opened or first_us > before_us + step_us):
            self.doubt(key, before_us + step_us)

    async def _may_write(self, key: Series) -> bool:
        """Whether the series is kept and has its past, or will never have one."""
        if key in self._last_us:
            return True
        symbol, interval = key
        infos = await self._store.series(symbol)
        info = next((one for one in infos if (one.interval, one.source) == (interval, self._source)), None)
        offer = self._provider.offer(symbol, interval)
        if info is None:
            await self._store.add_series(offer, self._source)
        if info is not None and info.bars and info.last is not None:
            self._last_us[key] = to_us(info.last)
        elif not self._awaits_history(offer):
            self._last_us[key] = 0
        return key in self._last_us

    async def _mend(self, key: Series, behind: _Behind) -> None:
        symbol, interval = key
        try:
            if not await self._may_write(key):
                return
            behind.from_us = _earlier(behind.from_us, self._next_us(key))  # never past what may be missing before
            to_us_ = _floor(to_us(self._clock.now()), interval)
            if behind.from_us is None:
                return
            if behind.from_us >= to_us_:
                if behind.doubted:
                    self._when_over(key, behind.from_us)
                return
            filled = await self._backfill.fill(
                symbol, interval, from_us(behind.from_us), from_us(to_us_), cause="disconnect", prefer=self._source
            )
        except SeriesNotOffered:
            return
        except TruecastError as error:
            self._status.note(error, self._clock.now())
            self._again(key, behind)
            return
        self._status.fills += 1
        self._status.bars += filled.rows
        if filled.left:
            self._again(key, behind)
        elif key in self._last_us:  # nobody listened for a while once more
            self._last_us[key] = max(self._last_us[key], to_us_ - interval.seconds * 1_000_000)

    def _when_over(self, key: Series, from_us_: int) -> None:
        """The source said that a bar had ended that by our clock has not: asked for when it has."""
        wait_us = from_us_ + key[1].seconds * 1_000_000 - to_us(self._clock.now())
        if wait_us < CLOCK_SKEW_S_MAX * 1e6:
            due_s = asyncio.get_running_loop().time() + wait_us / 1e6 + 1.0
            self._behind.setdefault(key, _Behind(from_us_, due_s=due_s, doubted=True))

    def _next_us(self, key: Series) -> int | None:
        """The bar after the last one; None where there is none yet, and so nothing that could be missing."""
        last_us = self._last_us[key]
        return last_us + key[1].seconds * 1_000_000 if last_us else None

    def _again(self, key: Series, behind: _Behind) -> None:
        """Later; after that it is the gap keeper's."""
        if behind.tries >= len(FEED_FILL_AGAIN_S):
            return
        due_s = asyncio.get_running_loop().time() + FEED_FILL_AGAIN_S[behind.tries]
        known = self._behind.get(key)
        if known is None:
            self._behind[key] = _Behind(behind.from_us, behind.tries + 1, due_s, behind.doubted)
        else:
            known.from_us = _earlier(known.from_us, behind.from_us)
        self._work.set()


def shown(candle: Candle, source: str) -> dict[str, Any]:
    """A candle as the bus tells it."""
    return {
        "symbol": candle.symbol,
        "interval": candle.interval.value,
        "start": iso(from_us(candle.start_us)),
        "end": iso(from_us(candle.start_us + candle.interval.seconds * 1_000_000)),
        "open": candle.open,
        "high": candle.high,
        "low": candle.low,
        "close": candle.close,
        "volume": candle.volume,
        "final": candle.final,
        "source": source,
    }


def _bars(candles: Sequence[Candle], source: str) -> Bars:
    """Told twice, the later one counts: a source that corrects itself does so at once."""
    latest = {candle.start_us: candle for candle in candles}
    first = candles[0]
    length_us = first.interval.seconds * 1_000_000
    rows = [
        Bar(
            start=from_us(one.start_us),
            known_at=from_us(max(one.start_us + length_us, one.received_us)),
            open=one.open,
            high=one.high,
            low=one.low,
            close=one.close,
            volume=one.volume,
        )
        for one in sorted(latest.values(), key=lambda one: one.start_us)
    ]
    return Bars.of(first.symbol, first.interval, rows, source)


def _earlier(one: int | None, other: int | None) -> int | None:
    return min((us for us in (one, other) if us is not None), default=None)


def _floor(us: int, interval: Interval) -> int:
    step_us = interval.seconds * 1_000_000
    return us // step_us * step_us


_TIMER_S = 0.002  # by which a timer may come early

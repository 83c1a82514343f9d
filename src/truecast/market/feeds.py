"""Listens to one source's live feed for as long as it is let: connects, reads, reconnects, and leaves no hole behind.

Ticks go to the quote board, candles to the store and the bus (see feeds_candles.py). A connection that ends is
followed by another after a pause with full jitter; one that is about to end, by its age or by the source's own notice,
is replaced by a new one while the old one still speaks. What a source will not change its mind about, a wrong or
missing key, ends the listening.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import timedelta
from typing import Protocol

from numpy.random import Generator

from truecast.domain.event import Candle, Event, Notice, Tick
from truecast.domain.quote import Delay, Quote
from truecast.kit.clock import Clock, to_us
from truecast.kit.errors import TruecastError
from truecast.kit.limits import (
    FEED_AGE_JITTER_S,
    FEED_BACKOFF_S_FIRST,
    FEED_BACKOFF_S_MAX,
    FEED_CANDLE_EARLY_S,
    FEED_CANDLE_LATE_S,
    FEED_OVERLAP_S_MAX,
    FEED_REFUSED_S,
    FEED_RESYNC_APART_S,
    FEED_STEADY_S,
    FEED_SYMBOLS_EVERY_S,
    FEED_SYMBOLS_MAX,
    PAUSE_S_DEFAULT,
)
from truecast.kit.logs import get_logger
from truecast.kit.ws import Socket, SocketRefused
from truecast.market.feeds_candles import FeedCandles
from truecast.market.feeds_line import Line
from truecast.market.feeds_status import FeedState, FeedStatus
from truecast.providers.base import Provider, SourceInfo
from truecast.providers.errors import SourceKeyMissing, SourceKeyRefused, SourceOverBudget, SourceRefused
from truecast.providers.feed import CandleEnds, SequenceWatch
from truecast.providers.guarded import Guarded

_log = get_logger(__name__)
_EARLY_US, _LATE_US = int(FEED_CANDLE_EARLY_S * 1e6), int(FEED_CANDLE_LATE_S * 1e6)
_UNAUTHORIZED, _FORBIDDEN, _ILLEGAL, _BANNED, _TOO_MANY = 401, 403, 451, 418, 429

Symbols = Callable[[], Awaitable[Sequence[str]]]
Connect = Callable[..., Awaitable[Socket]]  # of kit/ws.py


class Board(Protocol):
    """Where the latest prices are."""

    def take(self, news: Tick | Quote, source: str = "", delay: Delay = "realtime") -> bool:
        """A tick of `source`, or a quote that names its own."""


class Feed:
    """The listener of one source. `run` may be called again after it has ended, never twice at once."""

    def __init__(
        self,
        provider: Provider,
        *,
        symbols: Symbols,
        board: Board,
        candles: FeedCandles,
        status: FeedStatus,
        clock: Clock,
        generator: Generator,
        connect: Connect,
    ) -> None:
        self.status = status
        self._provider = provider
        self._symbols = symbols
        self._board = board
        self._candles = candles
        self._clock = clock
        self._generator = generator
        self._connect = connect
        self._watch = SequenceWatch("none", "none")
        self._ends = CandleEnds()
        self._line: Line | None = None
        self._asked: list[str] = []  # the symbols the line was opened for
        self._lost: set[str] = set()  # of these messages are missing: their latest quotes are asked for
        self._losing = asyncio.Event()

    @property
    def name(self) -> str:
        """How it is called, and the lease of who runs it."""
        return self.status.name

    @property
    def source(self) -> str:
        """Key of the source."""
        return self.status.source

    def hears(self, symbol: str) -> bool:
        """Whether prices of it come by themselves at present, so that nobody has to ask."""
        line = self._line
        return (
            line is not None
            and self.status.state == "live"
            and symbol in line.plan.symbols
            and symbol not in self.status.refused
        )

    async def run(self) -> None:
        """Listen until cancelled. Returns where the source needs a key that is missing or wrong."""
        helpers = (self._candles.keep(), self._candles.tell(), self._candles.mend(), self._resync(), self._follow())
        try:
            async with asyncio.TaskGroup() as group:
                running = [group.create_task(helper) for helper in helpers]
                await self._listen()
                for task in running:
                    task.cancel()
        finally:
            if self.status.state not in ("needs_key", "key_refused"):
                self._now("stopped")
            self.status.publish()

    async def _listen(self) -> None:
        failures = 0
        try:
            while True:
                try:
                    fresh = await self._open()
                    failures = 0 if self._line is not None else failures
                    await self._replace(fresh)
                    error = await fresh.over()
                    if error is None:
                        continue  # it still speaks; the next one takes over
                    failures = 0 if fresh.age_s >= FEED_STEADY_S and fresh.heard.is_set() else failures
                    await self._drop()
                except TruecastError as problem:
                    error = problem
                self.status.note(error, self._clock.now())
                if isinstance(error, SourceKeyMissing | SourceKeyRefused):
                    self._now("needs_key" if isinstance(error, SourceKeyMissing) else "key_refused")
                    return
                await self._pause(error, failures)
                failures += 1
        finally:
            await self._drop()

    async def _open(self) -> Line:
        """A new connection, subscribed to what is followed now; waits while that is nothing."""
        self._now("connecting" if self._line is None else self.status.state)
        if isinstance(self._provider, Guarded) and self._provider.guard.key_missing:
            raise SourceKeyMissing(source=self.source)
        while not (symbols := await self._followed()):
            self._now("idle")
            await asyncio.sleep(FEED_SYMBOLS_EVERY_S)
        self._asked = symbols
        plan = self._provider.feed(symbols)
        if plan is None:
            raise SourceRefused(source=self.source, reason="it has no feed of these symbols")
        try:
            socket = await self._connect(plan.url, plan.headers)
        except SocketRefused as refusal:
            raise _explained(refusal, self._provider.info) from None
        try:
            for frame in plan.subscribe:
                await socket.send(frame)
        except BaseException:
            await socket.close()
            raise
        age_s_max = plan.age_s_max and plan.age_s_max - float(self._generator.uniform(0.0, FEED_AGE_JITTER_S))
        return Line(
            plan,
            socket,
            clock=self._clock,
            status=self.status,
            inbox=self._candles.inbox,
            on_event=self._on_event,
            age_s_max=age_s_max,
        )

    async def _followed(self) -> list[str]:
        listed = await self._symbols()
        return [symbol for symbol in listed if symbol not in self.status.refused][:FEED_SYMBOLS_MAX]

    async def _replace(self, fresh: Line) -> None:
        """The new connection is the one. Where the old one still speaks, it does until the new one does."""
        before, self._line = self._line, fresh
        status = self.status
        status.symbols = len(fresh.plan.symbols)
        if before is not None and before.alive:
            await fresh.spoke(FEED_OVERLAP_S_MAX)
            seamless = before.alive and set(fresh.plan.symbols) <= set(before.plan.symbols)
            await before.end()
            status.renewals += 1
            if seamless:
                return
        else:
            if before is not None:
                await before.end()
            self._watch = SequenceWatch(fresh.plan.trades, fresh.plan.quotes)
            self._ends.forget()
            status.reconnects += bool(status.connected_us)
            status.connected_us = to_us(self._clock.now())
        self._candles.interrupted(fresh.plan.symbols, fresh.plan.candles)
        self._ask_for(fresh.plan.symbols)

    async def _drop(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            await line.end()

    async def _pause(self, error: TruecastError, failures: int) -> None:
        """Full jitter ("Exponential Backoff and Jitter", AWS 2015), or as long as the source asks for."""
        if self._line is None:
            self._now("refused" if isinstance(error, SourceRefused) else "waiting")
        most_s = min(FEED_BACKOFF_S_FIRST * 2**failures, FEED_BACKOFF_S_MAX)
        wait_s = float(self._generator.uniform(0.0, most_s))
        if isinstance(error, SourceRefused):
            wait_s += FEED_REFUSED_S
        elif isinstance(error, SourceOverBudget):
            wait_s += error.retry_after_s or PAUSE_S_DEFAULT
        elif isinstance(error, SocketRefused):
            wait_s += error.retry_after_s or 0.0
        await self._clock.sleep_until(self._clock.now() + timedelta(seconds=wait_s))

    async def _resync(self) -> None:
        """The latest quotes of what was missed, in one question, not again and again."""
        provider = self._provider
        while True:
            await self._losing.wait()
            self._losing.clear()
            symbols, self._lost = sorted(self._lost), set()
            if "quotes" in provider.info.capabilities:
                try:
                    for quote in await provider.quotes(symbols):
                        self._board.take(quote)
                    self.status.resyncs += 1
                except TruecastError as error:  # the feed itself goes on
                    self.status.note(error, self._clock.now())
            await asyncio.sleep(FEED_RESYNC_APART_S)

    async def _follow(self) -> None:
        """Listen to what is followed, also when that changes."""
        while True:
            await asyncio.sleep(FEED_SYMBOLS_EVERY_S)
            line = self._line
            try:
                if line is not None and await self._followed() != self._asked:
                    line.renew.set()
            except TruecastError as error:
                self.status.note(error, self._clock.now())

    def _ask_for(self, symbols: Iterable[str]) -> None:
        self._lost.update(symbols)
        self._losing.set()

    def _on_event(self, line: Line, event: Event) -> Sequence[Candle]:
        """What an event means for the board; the candles that are over, for the store."""
        verdict, missing = self._watch.judge(event)
        if missing and event.symbol is not None:
            self.status.gaps += 1
            self.status.missing += missing
            self._ask_for([event.symbol])
        if verdict not in ("fresh", "gap"):
            self.status.dropped[verdict] += 1
        elif isinstance(event, Tick):
            self._board.take(event, self.source)
        elif isinstance(event, Candle):
            return self._on_candle(line, event)
        else:
            self._on_notice(line, event)
        return ()

    def _on_candle(self, line: Line, candle: Candle) -> Sequence[Candle]:
        """Those that are over by it: itself, or the one before where the source does not say so."""
        if candle.interval not in line.plan.candles:
            return ()
        before = self._ends.over(candle) if line.plan.candle_end == "next" else None
        over = [one for one in (before, candle if candle.final else None) if one is not None]
        if not candle.final and candle.start_us <= candle.received_us + _EARLY_US:
            self.status.dropped["conflated"] += self._candles.inbox.put_forming(candle)
        return [one for one in over if self._is_timely(one)]

    def _is_timely(self, candle: Candle) -> bool:
        """A candle that comes before its end, or long after it, is not believed: one of two clocks is wrong, or it was
        on its way for long and may not be the last word. The source is asked for that bar once more.
        """
        late_us = candle.received_us - candle.start_us - candle.interval.seconds * 1_000_000
        if -_EARLY_US <= late_us <= _LATE_US:
            return True
        self.status.dropped["doubted"] += 1
        self._candles.doubt((candle.symbol, candle.interval), candle.start_us)
        return False

    def _on_notice(self, line: Line, notice: Notice) -> None:
        if notice.kind == "closing":
            line.renew.set()
        elif notice.kind == "refused" and notice.symbol is not None:
            self.status.refused[notice.symbol] = notice.detail
            _log.warning("feed refuses a symbol", feed=self.name, symbol=notice.symbol, reason=notice.detail)
            if line.plan.refusal == "all":
                line.renew.set()
        elif notice.kind == "refused":
            self.status.note(SourceRefused(source=self.source, reason=notice.detail), self._clock.now())

    def _now(self, state: FeedState) -> None:
        self.status.state = state


def _explained(refusal: SocketRefused, info: SourceInfo) -> TruecastError:
    """What the status of a handshake means."""
    answered = refusal.answered
    if answered in (_UNAUTHORIZED, _FORBIDDEN) and info.needs_key:
        return SourceKeyRefused(source=info.key, reason=f"the feed answered {answered}")
    if answered in (_UNAUTHORIZED, _FORBIDDEN, _ILLEGAL):
        return SourceRefused(source=info.key, reason=f"the feed answered {answered}")
    if answered in (_TOO_MANY, _BANNED):
        return SourceOverBudget(
            source=info.key, reason=f"the feed answered {answered}", retry_after_s=refusal.retry_after_s
        )
    return refusal

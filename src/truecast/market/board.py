"""The latest bid, ask and last price of each instrument, in memory, each with the moment it is about.

Nothing older ever replaces something newer, whatever the order of arrival. A time ahead of ours beyond TICK_SKEW_S_MAX
is refused and counted: taken, it would keep every true price out until the clocks agree. An instrument is followed at
one source at a time, so that a price does not jump between venues: a preferred source takes over at once, any other
only when the followed one has been silent for QUOTE_SILENT_S.

What changed is written to the table `quotes` now and then, in one transaction, and read back at the start.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from truecast.domain.event import Tick
from truecast.domain.quote import Delay, Quote
from truecast.kit.clock import Clock, from_us, to_us
from truecast.kit.db import Database, upsert
from truecast.kit.errors import TruecastError
from truecast.kit.limits import QUOTE_FACTOR_MAX, QUOTE_SILENT_S, QUOTE_WRITE_S, QUOTES_KEPT_MAX, TICK_SKEW_S_MAX
from truecast.kit.logs import get_logger
from truecast.kit.metrics import QUOTES_REFUSED, QUOTES_TAKEN
from truecast.market.tables import quotes

_log = get_logger(__name__)
_SKEW_US = int(TICK_SKEW_S_MAX * 1e6)
_SILENT_US = int(QUOTE_SILENT_S * 1e6)
_FAR_US = 300_000_000  # a price is held against one that is not older than that
_CHANGING = [column.name for column in quotes.columns if column.name != "symbol"]


@dataclass(frozen=True, slots=True)
class Live:
    """What one source said last of one instrument. `last` and the two sides have times of their own; None: not known.

    `size` is that of the last trade, where the source says it.
    """

    symbol: str
    source: str
    delay: Delay
    last: float | None
    size: float | None
    last_at: datetime | None
    bid: float | None
    ask: float | None
    quoted_at: datetime | None
    received_at: datetime

    @property
    def at(self) -> datetime:
        """The newest moment it tells of."""
        return max(moment for moment in (self.last_at, self.quoted_at) if moment is not None)


class _Entry:
    """As `Live`, to be changed; times in microseconds, 0 where nothing is known. `raw` are the source's own times."""

    __slots__ = (
        "ask",
        "bid",
        "delay",
        "last",
        "last_raw",
        "last_seq",
        "last_us",
        "quoted_raw",
        "quoted_seq",
        "quoted_us",
        "received_us",
        "size",
        "source",
    )

    def __init__(self, source: str, delay: Delay) -> None:
        self.source, self.delay = source, delay
        self.last: float | None = None
        self.size: float | None = None
        self.bid: float | None = None
        self.ask: float | None = None
        self.last_us = self.last_raw = self.quoted_us = self.quoted_raw = self.received_us = 0
        self.last_seq: int | None = None
        self.quoted_seq: int | None = None

    @property
    def at_us(self) -> int:
        return max(self.last_us, self.quoted_us)


class QuoteBoard:
    """Taking a tick touches no database and waits for nobody.

    `ranks` orders the sources, the preferred one lowest. Other processes may share the table.
    """

    def __init__(
        self, db: Database, clock: Clock, ranks: Mapping[str, int] | None = None, *, write_s: float = QUOTE_WRITE_S
    ) -> None:
        self._db = db
        self._clock = clock
        self._ranks = ranks or {}
        self._write_s = write_s
        self._entries: dict[str, _Entry] = {}
        self._unwritten: set[str] = set()
        self._read_until_us = -1  # rows received up to then were read
        self._listeners: list[Callable[[str], None]] = []
        self._takers: list[Callable[[str], None]] = []
        self._taken: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._entries)

    def on_change(self, listener: Callable[[str], None]) -> None:
        """Be told each symbol of which something changed. The listener must be quick."""
        self._listeners.append(listener)

    def on_take(self, listener: Callable[[str], None]) -> None:
        """Be told each symbol of which this process learnt something, and not what it read of another one."""
        self._takers.append(listener)

    def take(self, news: Tick | Quote, source: str = "", delay: Delay = "realtime") -> bool:
        """A tick of `source`, or a quote that names its own; whether it changed anything."""
        if isinstance(news, Quote):
            at_us, received_us = to_us(news.as_of), to_us(news.received_at)
            tick = Tick(news.symbol, news.price, news.bid, news.ask, None, at_us, received_us, None)
            return self._take(tick, news.source, news.delay)
        return self._take(news, source, delay)

    def latest(self, symbol: str) -> Live | None:
        """What is known of it; its age is the reader's business."""
        entry = self._entries.get(symbol)
        return None if entry is None else _live(symbol, entry)

    def snapshot(self) -> dict[str, Live]:
        """All of it, by symbol."""
        return {symbol: _live(symbol, entry) for symbol, entry in self._entries.items()}

    async def load(self) -> int:
        """Take what the table has and this board has not: at the start, and of other processes; how many."""
        query = sa.select(quotes).where(quotes.c.received_at > from_us(self._read_until_us)).order_by(quotes.c.symbol)
        async with self._db.read() as conn:
            rows = (await conn.execute(query)).all()
        newer, latest_us = 0, to_us(self._clock.now()) + _SKEW_US
        for row in rows:
            self._read_until_us = max(self._read_until_us, to_us(row.received_at))
            entry = _entry(row)
            kept = self._entries.get(row.symbol)
            if entry.at_us <= latest_us and (kept is None or entry.at_us > kept.at_us):
                self._put(row.symbol, entry)
                self._tell(row.symbol)
                newer += 1
        return newer

    async def keep(self) -> int:
        """Write what changed since the last time, in one transaction; how many rows."""
        symbols, self._unwritten = sorted(self._unwritten), set()
        for source, count in self._taken.items():
            QUOTES_TAKEN.labels(source).inc(count)
        self._taken.clear()
        rows = [_row(symbol, self._entries[symbol]) for symbol in symbols if symbol in self._entries]
        if not rows:
            return 0
        try:
            async with self._db.write() as conn:
                statement = upsert(conn, quotes, ["symbol"], _CHANGING, newer="received_at")
                await conn.execute(statement, rows)
        except TruecastError:
            self._unwritten.update(symbols)  # with the next ones
            raise
        return len(rows)

    async def run(self) -> None:
        """Write and read every `write_s` seconds until cancelled; then once more."""
        try:
            while True:
                await asyncio.sleep(self._write_s)
                try:
                    await self.keep()
                    await self.load()
                except TruecastError as error:  # the database is away; the prices in memory are not
                    _log.warning("quotes not kept", code=error.code, detail=error.detail)
        finally:
            if self._unwritten:
                try:
                    await self.keep()
                except TruecastError as error:
                    _log.warning("quotes not kept", code=error.code, detail=error.detail)

    def _take(self, tick: Tick, source: str, delay: Delay) -> bool:
        received_us = tick.received_us
        raw_us = tick.at_us or received_us
        if raw_us > received_us + _SKEW_US:
            return self._refuse(source, "future")
        at_us = min(raw_us, received_us)
        entry = self._entries.get(tick.symbol)
        if entry is None or entry.source != source:
            if entry is not None and not self._takes_over(entry, source, at_us):
                return False
            if entry is not None and _is_far(entry, tick.price, at_us):
                return self._refuse(source, "far")
            entry = _Entry(source, delay)
            self._put(tick.symbol, entry)
        elif _is_far(entry, tick.price, at_us):
            return self._refuse(source, "far")
        changed, timed = False, tick.at_us != 0
        if tick.price is not None and _is_newer(raw_us, tick.seq, entry.last_raw, entry.last_seq, timed=timed):
            entry.last, entry.size = tick.price, tick.size
            entry.last_us, entry.last_raw, entry.last_seq = max(at_us, entry.last_us), raw_us, tick.seq
            changed = True
        has_sides = tick.bid is not None or tick.ask is not None
        if has_sides and _is_newer(raw_us, tick.seq, entry.quoted_raw, entry.quoted_seq, timed=timed):
            entry.bid, entry.ask = tick.bid, tick.ask
            entry.quoted_us, entry.quoted_raw, entry.quoted_seq = max(at_us, entry.quoted_us), raw_us, tick.seq
            changed = True
        if not changed:
            return self._refuse(source, "out_of_order")
        entry.received_us = max(entry.received_us, received_us)
        self._taken[source] += 1
        self._unwritten.add(tick.symbol)
        self._tell(tick.symbol)
        for taker in self._takers:
            taker(tick.symbol)
        return True

    def _takes_over(self, entry: _Entry, source: str, at_us: int) -> bool:
        rank = self._ranks.get
        if at_us <= entry.at_us:
            return False
        return rank(source, 0) < rank(entry.source, 0) or at_us - entry.at_us > _SILENT_US

    def _put(self, symbol: str, entry: _Entry) -> None:
        self._entries[symbol] = entry
        while len(self._entries) > QUOTES_KEPT_MAX:
            oldest = min(self._entries, key=lambda kept: self._entries[kept].received_us or entry.received_us)
            del self._entries[oldest]

    def _tell(self, symbol: str) -> None:
        for listener in self._listeners:
            listener(symbol)

    @staticmethod
    def _refuse(source: str, reason: str) -> bool:
        QUOTES_REFUSED.labels(source, reason).inc()
        return False


def _is_newer(raw_us: int, seq: int | None, kept_us: int, kept_seq: int | None, *, timed: bool) -> bool:
    """By the source's time; by its number where it gives the same time, or none at all (then the time is ours)."""
    numbered = seq is not None and kept_seq is not None
    if numbered and (raw_us == kept_us or (not timed and raw_us - kept_us < _SILENT_US)):
        return seq > kept_seq  # type: ignore[operator]  # both are numbers here
    return raw_us >= kept_us


def _is_far(entry: _Entry, price: float | None, at_us: int) -> bool:
    """Whether a price is an error of unit rather than a move: several times the one known moments before."""
    if price is None or entry.last is None or entry.last <= 0 or at_us - entry.last_us > _FAR_US:
        return False
    return not 1 / QUOTE_FACTOR_MAX < price / entry.last < QUOTE_FACTOR_MAX


def _live(symbol: str, entry: _Entry) -> Live:
    return Live(
        symbol=symbol,
        source=entry.source,
        delay=entry.delay,
        last=entry.last,
        size=entry.size,
        last_at=from_us(entry.last_us) if entry.last_us else None,
        bid=entry.bid,
        ask=entry.ask,
        quoted_at=from_us(entry.quoted_us) if entry.quoted_us else None,
        received_at=from_us(entry.received_us),
    )


def _row(symbol: str, entry: _Entry) -> dict[str, Any]:
    live = _live(symbol, entry)
    return {"symbol": symbol} | {name: getattr(live, name) for name in _CHANGING}


def _entry(row: Any) -> _Entry:
    entry = _Entry(row.source, row.delay)
    entry.last, entry.size, entry.bid, entry.ask = row.last, row.size, row.bid, row.ask
    if row.last_at is not None:
        entry.last_us = entry.last_raw = to_us(row.last_at)
    if row.quoted_at is not None:
        entry.quoted_us = entry.quoted_raw = to_us(row.quoted_at)
    entry.received_us = to_us(row.received_at)
    return entry

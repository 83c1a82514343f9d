"""Bars coming in: validated, appended, gaps looked for, and the news told; one transaction, told after it is kept."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from truecast.domain.bar import Bar, Bars, IntArray
from truecast.domain.interval import Interval
from truecast.kit.bus import CHANGED, Bus
from truecast.kit.clock import Clock, from_us, iso, to_us
from truecast.kit.metrics import BARS_INGESTED, BARS_QUARANTINED, GAPS
from truecast.market.admit import Admitted, admit
from truecast.market.append import Appended, append_bars
from truecast.market.calendar import Calendar, calendar
from truecast.market.gaps import Look, look_for_gaps
from truecast.market.quality import HELD
from truecast.market.quarantine import (
    RELEASABLE,
    NotReleasable,
    Quarantined,
    bars_of,
    find_quarantined,
    keep_refused,
    rule,
)
from truecast.market.registry import lock_series
from truecast.market.sessions import BeyondCalendar, NotOnCalendar
from truecast.market.store import BarStore
from truecast.market.validate import validate

_INLINE_ROWS_MAX = 5_000  # more would hold up the event loop


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of the bars that arrived. `quarantined` counts refused rows that were not kept already."""

    appended: Appended = field(default_factory=Appended)
    quarantined: int = 0
    gaps_opened: int = 0
    gaps_closed: int = 0

    def __add__(self, other: "Ingested") -> "Ingested":
        return Ingested(
            self.appended + other.appended,
            self.quarantined + other.quarantined,
            self.gaps_opened + other.gaps_opened,
            self.gaps_closed + other.gaps_closed,
        )


class Ingest:
    """The one door through which bars come in."""

    def __init__(
        self, store: BarStore, bus: Bus, clock: Clock, calendars: Callable[[str], Calendar] = calendar
    ) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._calendars = calendars

    async def take(self, bars: Bars, *, stand_in: bool = False) -> Ingested:
        """Keep what is good and new, quarantine what is not good, update the gap ledger; all or nothing.

        A `stand_in` answers for another source: that it has nothing from the time before is no gap.

        Then, when any was written, publish `bars:<symbol>:<interval>` with the first start and the newest candle
        written, and that candle as `candles:<symbol>:<interval>`. Raises SeriesNotKept for a source that nobody added.
        """
        taken, written, by_source = Ingested(), list[_Written](), {}
        async with self._store.db.write() as conn:
            for code in np.unique(bars.source).tolist():
                part = bars if len(bars.sources) == 1 else bars[bars.source == code]
                one, news = await self._take_one(conn, part, bars.sources[code], stand_in=stand_in)
                taken += one
                by_source[bars.sources[code]] = one
                written += [news] if news is not None else []
        for source, one in by_source.items():
            _count(source, one)
        if written:
            await self._tell(bars.symbol, bars.interval, written)
        elif by_source:
            await self.tell_changed(bars.symbol)
        return taken

    async def release(self, number: int, *, by: str, note: str | None = None) -> Quarantined:
        """Let a refused row in after all: it is known from now on, and who said so is kept.

        Raises UnknownQuarantine, and NotReleasable for what can be no bar or is in already.
        """
        now = self._clock.now()
        async with self._store.db.write() as conn:
            found = await find_quarantined(conn, number)
            if found.state == "released" or found.reason.removeprefix(HELD) not in RELEASABLE:
                reason = "it is released already" if found.state == "released" else f"{found.reason} is no bar"
                raise NotReleasable(number=number, reason=reason)
            like = replace(Bars.empty(found.symbol, found.interval), sources=(found.source,))
            bars = bars_of([found.row], like)
            bars = replace(bars, known_at=np.maximum(bars.known_at, to_us(now)))
            taken, news = await self._take_one(conn, bars, found.source, stand_in=True, judged=True)
            await rule(conn, [number], "released", by, now, note=note)
            found = await find_quarantined(conn, number)
        _count(found.source, taken)
        if news is not None:
            await self._tell(found.symbol, found.interval, [news])
        else:
            await self.tell_changed(found.symbol)
        return found

    async def tell_changed(self, symbol: str) -> None:
        """Tell that what is said beside the bars of a symbol has changed: when its sources delivered, its gaps."""
        await self._bus.publish(f"{CHANGED}series", {"symbols": [symbol]})

    async def _take_one(
        self, conn: AsyncConnection, bars: Bars, source: str, *, stand_in: bool, judged: bool = False
    ) -> tuple[Ingested, "_Written | None"]:
        now = self._clock.now()
        info = await lock_series(conn, bars.symbol, bars.interval, source)
        if len(bars) > _INLINE_ROWS_MAX:
            checked = await asyncio.to_thread(validate, bars, to_us(now), signed=info.signed)
        else:
            checked = validate(bars, to_us(now), signed=info.signed)
        admitted = Admitted(checked.good) if judged else await admit(conn, info, checked.good, now)
        appended, written = await append_bars(conn, info, admitted.good, now)
        out = (*checked.refused, *admitted.refused)
        quarantined = await keep_refused(conn, info.id, out, now)
        refused = np.concatenate((np.array([r.start_us for r in out], np.int64), admitted.still_out))
        try:
            expected = self._calendars(info.calendar).expected
            around = replace(info, first=None, last=None) if stand_in else info
            look = await look_for_gaps(conn, around, written, expected, refused=refused, now=now)
        except (BeyondCalendar, NotOnCalendar):
            look = Look()  # where the calendar does not reach, no gap is invented
        taken = Ingested(appended, quarantined, look.opened, look.closed)
        if not len(written):
            return taken, None
        good = admitted.good
        row = int(np.flatnonzero(good.start == written.max())[-1])
        return taken, _Written(written, good.row(row), self._end(info.calendar, written.max(), bars.interval), source)

    def _end(self, name: str, start_us: int, interval: Interval) -> datetime:
        try:
            return from_us(self._calendars(name).ends(np.array([start_us], np.int64), interval)[0])
        except (BeyondCalendar, NotOnCalendar):
            return from_us(start_us) + timedelta(seconds=interval.seconds)

    async def _tell(self, symbol: str, interval: Interval, written: Sequence["_Written"]) -> None:
        newest = max(written, key=lambda one: one.bar.start)
        bar = newest.bar
        last = {
            "start": iso(bar.start),
            "end": iso(newest.end),
            "open": bar.open,
            "high": bar.high,
            "low": bar.low,
            "close": bar.close,
            "volume": bar.volume,
            "final": bar.final,
            "source": newest.source,
        }
        of = {"symbol": symbol, "interval": interval.value}
        first = iso(from_us(min(int(one.starts.min()) for one in written)))
        rows = sum(len(one.starts) for one in written)
        await self._bus.publish(f"bars:{symbol}:{interval.value}", of | {"start": first, "rows": rows, "last": last})
        await self._bus.publish(f"candles:{symbol}:{interval.value}", of | last | {"since": first, "rows": rows})


@dataclass(frozen=True, slots=True)
class _Written:
    """What one source brought: the starts written, and the newest bar among them."""

    starts: IntArray
    bar: Bar
    end: datetime
    source: str


def _count(source: str, taken: Ingested) -> None:
    """Only what was committed."""
    BARS_INGESTED.labels(source, "inserted").inc(taken.appended.inserted)
    BARS_INGESTED.labels(source, "corrected").inc(taken.appended.corrected)
    BARS_INGESTED.labels(source, "unchanged").inc(taken.appended.unchanged)
    BARS_QUARANTINED.labels(source).inc(taken.quarantined)
    GAPS.labels(source, "opened").inc(taken.gaps_opened)
    GAPS.labels(source, "closed").inc(taken.gaps_closed)

"""Bars coming in: validated, appended, gaps looked for, and the news told; one transaction, told after it is kept."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from truecast.domain.bar import Bars, IntArray
from truecast.kit.bus import Bus
from truecast.kit.clock import Clock, from_us, iso, to_us
from truecast.kit.metrics import BARS_INGESTED, BARS_QUARANTINED, GAPS
from truecast.market.append import Appended, append_bars
from truecast.market.calendar import Calendar, calendar
from truecast.market.gaps import Look, look_for_gaps
from truecast.market.quarantine import keep_refused
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

        Then publish `bars:<symbol>:<interval>` with the first and last start written, when any was. Raises
        SeriesNotKept for a source that nobody added.
        """
        taken, written, by_source = Ingested(), [], {}
        async with self._store.db.write() as conn:
            for code in np.unique(bars.source).tolist():
                part = bars if len(bars.sources) == 1 else bars[bars.source == code]
                one, starts = await self._take_one(conn, part, bars.sources[code], stand_in=stand_in)
                taken += one
                by_source[bars.sources[code]] = one
                written.append(starts)
        for source, one in by_source.items():
            _count(source, one)
        if taken.appended.changed:
            starts = np.concatenate(written)
            news = {"start": iso(from_us(starts.min())), "last": iso(from_us(starts.max())), "rows": len(starts)}
            topic = f"bars:{bars.symbol}:{bars.interval.value}"
            await self._bus.publish(topic, {"symbol": bars.symbol, "interval": bars.interval.value, **news})
        return taken

    async def _take_one(
        self, conn: AsyncConnection, bars: Bars, source: str, *, stand_in: bool
    ) -> tuple[Ingested, IntArray]:
        now = self._clock.now()
        info = await lock_series(conn, bars.symbol, bars.interval, source)
        if len(bars) > _INLINE_ROWS_MAX:
            checked = await asyncio.to_thread(validate, bars, to_us(now), signed=info.signed)
        else:
            checked = validate(bars, to_us(now), signed=info.signed)
        appended, written = await append_bars(conn, info, checked.good, now)
        quarantined = await keep_refused(conn, info.id, checked.refused, now)
        refused = np.array([r.start_us for r in checked.refused], np.int64)
        try:
            expected = self._calendars(info.calendar).expected
            around = replace(info, first=None, last=None) if stand_in else info
            look = await look_for_gaps(conn, around, written, expected, refused=refused, now=now)
        except (BeyondCalendar, NotOnCalendar):
            look = Look()  # where the calendar does not reach, no gap is invented
        return Ingested(appended, quarantined, look.opened, look.closed), written


def _count(source: str, taken: Ingested) -> None:
    """Only what was committed."""
    BARS_INGESTED.labels(source, "inserted").inc(taken.appended.inserted)
    BARS_INGESTED.labels(source, "corrected").inc(taken.appended.corrected)
    BARS_INGESTED.labels(source, "unchanged").inc(taken.appended.unchanged)
    BARS_QUARANTINED.labels(source).inc(taken.quarantined)
    GAPS.labels(source, "opened").inc(taken.gaps_opened)
    GAPS.labels(source, "closed").inc(taken.gaps_closed)

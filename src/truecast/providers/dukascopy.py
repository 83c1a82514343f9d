"""Minute and hour bars of exchange rates from Dukascopy's files, to fill history. No key; a day is there the day after.

Two files a day, the minutes of bid and of ask; for a day that has none yet, the ticks of its hours as far as they are
out. Months are counted from zero in their addresses. The files are asked for one day at a time, oldest first, as many
as one answer of ours may have bars.
"""

import datetime as dt

from truecast.domain.bar import Bars
from truecast.domain.instrument import Instrument
from truecast.domain.interval import Interval
from truecast.kit.clock import Clock, from_us, to_us
from truecast.kit.limits import SOURCE_BARS_MAX
from truecast.providers.base import Reach
from truecast.providers.candles import Row, told
from truecast.providers.dukascopy_formats import (
    KEY,
    parse_minutes,
    parse_ticks,
    read,
    rows_of_minutes,
    rows_of_ticks,
)
from truecast.providers.errors import SymbolNotAtSource
from truecast.providers.hours import DAY_US, SECOND_US, label_us, traded_at
from truecast.providers.names import Listed
from truecast.providers.universe import exchange_rate
from truecast.providers.upstream import upstream_of

_HOUR_US = 3_600 * SECOND_US
_DAYS_FIRST = 7  # when everything is asked for: what is older is a gap to be filled
_DAYS_MAX = 31  # of one answer


class Dukascopy(Listed):
    """History of any pair the bank quotes: none is offered by itself."""

    async def bars(self, symbol: str, interval: Interval, since: dt.datetime | None) -> Bars:
        """From `since` on; for None the last days."""
        now = self._clock.now()
        return await self._days(symbol, interval, since or now - dt.timedelta(days=_DAYS_FIRST), now, since=since)

    async def between(self, symbol: str, interval: Interval, first: dt.datetime, end: dt.datetime) -> Bars:
        """A stretch of the past."""
        return await self._days(symbol, interval, first, min(end, self._clock.now()), since=first, end=end)

    def _spelled(self, symbol: str) -> tuple[Instrument, str] | None:
        """Any pair of known currencies."""
        return exchange_rate(KEY, symbol)

    def _derived(self, _symbol: str) -> str:
        return "(bid + ask) / 2"

    async def _days(
        self,
        symbol: str,
        interval: Interval,
        first: dt.datetime,
        last: dt.datetime,
        *,
        since: dt.datetime | None,
        end: dt.datetime | None = None,
    ) -> Bars:
        _, name = self._names.name(symbol, interval)
        day_us, last_us = label_us(first.date()), to_us(last)
        if self.info.first_date is not None:
            day_us = max(day_us, label_us(self.info.first_date))
        rows: list[Row] = []
        without, days, found = 0, 0, 0
        while day_us < last_us and days < _DAYS_MAX and len(rows) < SOURCE_BARS_MAX:
            if any(traded_at("FX", Interval.H1, day_us + hour * _HOUR_US) for hour in (0, 23)):  # Sunday evening counts
                news = await self._day(symbol, name, interval, day_us)
                days, found = days + 1, found + (news is not None)
                rows += news[0] if news else []
                without += news[1] if news else 0
            day_us += DAY_US
        if days > 1 and not found:
            raise SymbolNotAtSource(source=KEY, symbol=symbol, reason=f"no file of {days} days")
        asked = self._names.asked(symbol, interval, self._clock.now(), since=since, end=end)
        return told(read(rows, asked, without), asked)

    async def _day(self, symbol: str, name: str, interval: Interval, day_us: int) -> tuple[list[Row], int] | None:
        """Rows of a day and how many minutes had none; None when there is no file of it."""
        folder = f"/datafeed/{name}/{_path(day_us)}"
        try:
            sides = [
                parse_minutes((await self._get(f"{folder}/{side}_candles_min_1.bi5", symbol)), day_us, symbol)
                for side in ("BID", "ASK")
            ]
        except SymbolNotAtSource:
            return await self._hours(symbol, folder, interval, day_us)
        (bid, without), (ask, _) = sides
        return rows_of_minutes(bid, ask, interval), without

    async def _hours(self, symbol: str, folder: str, interval: Interval, day_us: int) -> tuple[list[Row], int] | None:
        rows: list[Row] = []
        now_us = to_us(self._clock.now())
        for hour in range(24):
            hour_us = day_us + hour * _HOUR_US
            if hour_us + _HOUR_US > now_us or not traded_at("FX", Interval.H1, hour_us):
                continue
            try:
                body = await self._get(f"{folder}/{hour:02d}h_ticks.bi5", symbol)
            except SymbolNotAtSource:
                return (rows, 0) if rows else None
            rows += rows_of_ticks(parse_ticks(body, hour_us, symbol), interval)
        return rows, 0

    async def _get(self, path: str, symbol: str) -> bytes:
        return (await self._upstream.get(path, about=symbol)).body


def _path(day_us: int) -> str:
    """`2026/08/28` is the 28th of September."""
    day = from_us(day_us)
    return f"{day.year:04d}/{day.month - 1:02d}/{day.day:02d}"


def create(clock: Clock, reach: Reach) -> Dukascopy:
    """The adapter, at the bank or wherever `reach` says."""
    return Dukascopy(__file__, clock, upstream_of(__file__, clock, reach))

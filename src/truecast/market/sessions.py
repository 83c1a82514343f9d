"""A calendar as a table of sessions: label date, open, close, and when the value can be known.

Everything that trades or is published in sessions is one such table: an exchange's days, the FX week's days, the days
of a fixing, the months of a statistic. The arithmetic of bars on it is here, once.

Bars of a day and longer are labelled 00:00Z of their session's date (weeks: Monday; months, quarters: the first).
Shorter bars lie on a grid anchored at the session's open, rounded down to the bar's length but to an hour at most:
09:30 New York anchors 30m bars at 09:30 and 1h and 4h bars at 09:00, and the last bar of a session ends at its close.
A bar outside every session belongs to the session after it: its price was known before that session ended, and the
session before it was already over.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import numpy as np

from truecast.domain.bar import IntArray
from truecast.domain.interval import Interval
from truecast.kit.clock import from_us, iso, to_us
from truecast.kit.errors import TruecastError
from truecast.market.periods import DAY, HOUR, MINUTE, SECOND, period_next, period_start

_ORDER = tuple(Interval)
_DAYS_MOST = {Interval.D1: 1, Interval.W1: 7, Interval.MO1: 31, Interval.Q1: 92, Interval.Y1: 366}

# What a source may be late beyond its rule before its series counts as stale.
_GRACE_OF_DAY = 12 * HOUR
_GRACE_OF_MONTH = 7 * DAY

_STRETCH = 15  # sessions without a break: more than a week of them, and the market never closes


class NotOnCalendar(TruecastError):
    """This calendar has no bars of that length."""

    code = "interval_not_on_calendar"
    status = 409
    title = "Interval not on this calendar"
    template = "Calendar {calendar} has no {interval} bars; it has {choices}"


class BeyondCalendar(TruecastError):
    """The calendar is not known that far back or ahead."""

    code = "beyond_calendar"
    status = 422
    title = "Date beyond the calendar"
    template = "Calendar {calendar} is known from {first} to {last}, asked for {asked}"


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """N sessions, oldest first. Complete for every date from `first` to `last` (µs), where there may be none."""

    label: IntArray  # (N,) 00:00Z of the session's date
    open: IntArray  # (N,)
    close: IntArray  # (N,)
    known: IntArray  # (N,) never before close
    first: int
    last: int

    def __post_init__(self) -> None:
        assert (np.diff(self.label) > 0).all() and (np.diff(self.close) > 0).all(), "sessions out of order"
        assert (np.diff(self.known) >= 0).all() and (self.known >= self.close).all(), "known before it happened"


@dataclass(frozen=True, slots=True)
class Hours:
    """Whether one can trade, since when, and until when; None where the calendar shows no end of it.

    `label_us` is 00:00Z of the date of the session that is on, or of the last one that was.
    """

    is_open: bool
    label_us: int | None
    since_us: int | None
    until_us: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Sessions:
    """The calendar over a table. `load(first, last)` gives a table that covers at least those microseconds.

    `finest` is the shortest bar there is: 1m where one can trade, 1d for a daily fixing, 1mo for a monthly statistic.
    """

    name: str
    finest: Interval
    load: Callable[[int, int], Table]

    def is_open(self, at: datetime) -> bool:
        """Whether one can trade at that moment. A publication never trades."""
        us = to_us(at)
        table = self._table(us, us)
        i = int(np.searchsorted(table.close, us, "right"))
        return i < len(table.close) and int(table.open[i]) <= us

    def hours(self, at: datetime) -> Hours:
        """The session that is on or was last. Sessions that follow each other without a break are one stretch."""
        us = to_us(at)
        table = self._table(us, us)
        i = int(np.searchsorted(table.close, us, "right"))  # the first session that is not over
        is_open = i < len(table.close) and int(table.open[i]) <= us
        if not is_open:
            ended = None if i == 0 else int(table.close[i - 1])
            opens = None if i == len(table.open) else int(table.open[i])
            return Hours(False, None if i == 0 else int(table.label[i - 1]), ended, opens)
        low, high = max(i - _STRETCH, 0), min(i + _STRETCH, len(table.open) - 1)
        breaks = np.flatnonzero(table.open[low + 1 : i + 1] != table.close[low:i])
        walls = np.flatnonzero(table.open[i + 1 : high + 1] != table.close[i:high])
        since = int(table.open[low + 1 + int(breaks[-1])]) if len(breaks) else None
        until = int(table.close[i + int(walls[0])]) if len(walls) else None
        return Hours(True, int(table.label[i]), since, until)

    def ends(self, start: IntArray, interval: Interval) -> IntArray:
        """When each bar's period is over."""
        return self._ends_and_known(start, interval)[0]

    def known_at(self, start: IntArray, interval: Interval) -> IntArray:
        """When each bar can be known by the publication rule: its end, or later."""
        return self._ends_and_known(start, interval)[1]

    def _ends_and_known(self, start: IntArray, interval: Interval) -> tuple[IntArray, IntArray]:
        self._check(interval)
        start = np.asarray(start, np.int64)
        if not len(start):
            return start, start
        if interval.is_intraday:
            ends = self._intraday_ends(start, interval)
            return ends, ends
        after = period_next(start, interval)
        table = self._table(int(start.min()), int(after.max()))
        last = np.searchsorted(table.label, after, "left") - 1
        exists = (last >= 0) & (table.label[last] >= period_start(start, interval))
        # A label that is no session (a holiday, a Sunday) ends with its date; a publication comes with the next one.
        ends = np.where(exists, table.close[last], after)
        following = self._rows(table, last + ~exists, after)
        known = table.known[following]
        traded = ~exists & (known == table.close[following])
        return ends, np.where(traded, ends, np.maximum(known, ends))

    def _intraday_ends(self, start: IntArray, interval: Interval) -> IntArray:
        length = interval.seconds * SECOND
        table = self._table(int(start.min()), int(start.max()) + length)
        at = self._rows(table, np.searchsorted(table.close, start, "right"), start)
        inside = start >= _anchor(table.open[at], interval)
        return np.where(inside, np.minimum(start + length, table.close[at]), start + length)

    def following(self, start_us: int, interval: Interval, n: int) -> tuple[IntArray, IntArray]:
        """Starts and ends of the `n` bars after the bar that starts at `start_us`."""
        self._check(interval)
        spread = 6 if interval.is_intraday else 2 if interval is Interval.D1 else 1.1  # nights, weekends, holidays
        table = self._table(start_us, start_us + int(n * interval.seconds * spread) * SECOND + 14 * DAY)
        if interval.is_intraday:
            i = int(np.searchsorted(table.close, start_us, "right"))
            starts = _grid(table, slice(i, i + self._sessions_for(n, table, i, interval)), interval)
        else:
            i = int(np.searchsorted(table.label, period_next(np.array([start_us]), interval)[0]))
            labels = table.label[i : i + n * _DAYS_MOST[interval]]
            starts = np.unique(period_start(labels, interval))
        starts = starts[starts > start_us][:n]
        if len(starts) < n:
            raise self._beyond(table, int(table.last) + DAY)
        return starts, self.ends(starts, interval)

    def _sessions_for(self, n: int, table: Table, i: int, interval: Interval) -> int:
        """How many sessions from number `i` on surely have `n` bars after any one in the first of them."""
        counts = _counts(table, slice(i + 1, i + 1 + n), interval)
        return 2 + int(np.searchsorted(np.cumsum(counts), n))

    def expected(self, first_us: int, last_us: int, interval: Interval) -> IntArray:
        """Every bar start that should exist in [first, last]."""
        self._check(interval)
        table = self._table(first_us, last_us)
        if interval.is_intraday:
            a = int(np.searchsorted(table.close, first_us, "right"))
            b = int(np.searchsorted(table.open, last_us + HOUR, "right"))
            starts = _grid(table, slice(a, b), interval)
        else:
            last = int(period_next(np.array([last_us]), interval)[0])
            a, b = (int(np.searchsorted(table.label, us)) for us in (first_us, last))
            starts = np.unique(period_start(table.label[a:b], interval))
        return starts[(starts >= first_us) & (starts <= last_us)]

    def buckets(self, start: IntArray, interval: Interval, to: Interval) -> IntArray:
        """The start of the `to` bar that each `interval` bar belongs to."""
        self._check(interval)
        self._check(to)
        start = np.asarray(start, np.int64)
        if not len(start) or interval is to:
            return start
        table = self._table(int(start.min()), int(start.max()))
        if not interval.is_intraday:
            at = self._rows(table, np.searchsorted(table.label, period_start(start, Interval.D1)), start)
            return _labels(table, at, to)
        at = self._rows(table, np.searchsorted(table.close, start, "right"), start)
        if not to.is_intraday:
            return _labels(table, at, to)
        length = to.seconds * SECOND
        anchor = _anchor(table.open[at], to)
        bucket = anchor + (start - anchor) // length * length
        # Before the session's own grid the previous close is a wall: nothing joins a bar that was already over.
        wall = np.where(at > 0, table.close[at - 1], bucket)
        return np.where(start < anchor, np.maximum(bucket, wall), bucket)

    def overdue_at(self, last_start_us: int, interval: Interval) -> int:
        """When the bar after the given one should have been known, plus a grace: from then on the series is stale."""
        return _overdue_at(self, last_start_us, interval)

    def _check(self, interval: Interval) -> None:
        least = _ORDER.index(self.finest)
        if _ORDER.index(interval) < least:
            choices = [i.value for i in _ORDER[least:]]
            raise NotOnCalendar(calendar=self.name, interval=interval.value, choices=choices)

    def _table(self, first_us: int, last_us: int) -> Table:
        table = self.load(first_us, last_us)
        for asked in (first_us, last_us):
            if not table.first <= asked <= table.last:
                raise self._beyond(table, asked)
        return table

    def _rows(self, table: Table, rows: IntArray, start: IntArray) -> IntArray:
        """The rows, once it is certain that they are in the table."""
        if len(rows) and int(rows.max()) >= len(table.label):
            raise self._beyond(table, int(start.max()))
        return rows

    def _beyond(self, table: Table, asked: int) -> BeyondCalendar:
        first, last, wanted = (_date(us) for us in (table.first, table.last, asked))
        return BeyondCalendar(calendar=self.name, first=first, last=last, asked=wanted)


@lru_cache(maxsize=2_048)  # asked of the newest bar of each series with every answer that shows it
def _overdue_at(calendar: Sessions, last_start_us: int, interval: Interval) -> int:
    starts, _ = calendar.following(last_start_us, interval, 1)
    return int(calendar.known_at(starts, interval)[0]) + _grace(calendar, interval)


def _grace(calendar: Sessions, interval: Interval) -> int:
    if interval.is_intraday:
        return min(max(interval.seconds * SECOND, 2 * MINUTE), HOUR)
    return _GRACE_OF_MONTH if calendar.finest in (Interval.MO1, Interval.Q1, Interval.Y1) else _GRACE_OF_DAY


def _labels(table: Table, at: IntArray, to: Interval) -> IntArray:
    """The label of the period that each session lies in. Months are worked out per session, not per bar."""
    low, high = int(at.min()), int(at.max()) + 1
    return period_start(table.label[low:high], to)[at - low]


def _anchor(opens: IntArray, interval: Interval) -> IntArray:
    """Where a session's grid of intraday bars begins."""
    unit = min(interval.seconds, 3_600) * SECOND
    return opens // unit * unit


def _counts(table: Table, rows: slice, interval: Interval) -> IntArray:
    """How many intraday bars each session has."""
    length = interval.seconds * SECOND
    counts = np.maximum(-((_anchor(table.open[rows], interval) - table.close[rows]) // length), 0)
    return np.asarray(counts, np.int64)


def _grid(table: Table, rows: slice, interval: Interval) -> IntArray:
    """The starts of every intraday bar in the given sessions."""
    counts = _counts(table, rows, interval)
    skipped = np.repeat(np.cumsum(counts) - counts, counts)
    first = np.repeat(_anchor(table.open[rows], interval), counts)
    return np.asarray(first + (np.arange(len(skipped)) - skipped) * (interval.seconds * SECOND), np.int64)


def _date(us: int) -> str:
    """A date for a message; far beyond the years of datetime, the count itself."""
    return iso(from_us(us))[:10] if abs(us) < 200 * 366 * DAY else f"{us} µs"

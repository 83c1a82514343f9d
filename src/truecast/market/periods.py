"""Days, weeks, months, quarters and years of int64 microsecond arrays, and wall-clock times of a zone as UTC."""

from bisect import bisect_left
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from truecast.domain.bar import IntArray
from truecast.domain.interval import Interval

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_MONTHS = {Interval.MO1: 1, Interval.Q1: 3, Interval.Y1: 12}


def period_start(at: IntArray, interval: Interval) -> IntArray:
    """00:00Z of the day, Monday, first of the month, quarter or year that `at` lies in, by UTC date."""
    day = at // DAY
    if interval is Interval.D1:
        return np.asarray(day * DAY, np.int64)
    if interval is Interval.W1:
        return np.asarray((day - (day + 3) % 7) * DAY, np.int64)  # day 0 was a Thursday
    return _month_us(_month(day) // _MONTHS[interval] * _MONTHS[interval])


def period_next(at: IntArray, interval: Interval) -> IntArray:
    """The start of the period after the one that `at` lies in."""
    start = period_start(at, interval)
    if interval in _MONTHS:
        return _month_us(_month(start // DAY) + _MONTHS[interval])
    return start + (DAY if interval is Interval.D1 else 7 * DAY)


def _month(day: IntArray) -> IntArray:
    """Months since January 1970."""
    return np.asarray(day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64), np.int64)


def _month_us(month: IntArray) -> IntArray:
    days = month.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return np.asarray(days * DAY, np.int64)


def days_between(first: str, last: str) -> IntArray:
    """00:00Z of every day from `first` to `last` (ISO dates, both included)."""
    days = np.arange(np.datetime64(first, "D"), np.datetime64(last, "D") + 1)
    return np.asarray(days.astype(np.int64) * DAY, np.int64)


def us_of(date: str) -> int:
    """00:00Z of an ISO date."""
    return int(np.datetime64(date, "D").astype(np.int64)) * DAY


def weekday(label: IntArray) -> IntArray:
    """0 is Monday."""
    return np.asarray((label // DAY + 3) % 7, np.int64)


def wall_clock(label: IntArray, hour: int, minute: int, zone: str) -> IntArray:
    """The UTC moment at which clocks in `zone` show `hour:minute` on each label date.

    Offsets are asked once per month, and by bisection in the months whose offset changes: asking for every date of a
    century would cost more than the rest of the calendar.
    """
    at = (hour * 60 + minute) * MINUTE
    naive = label + at
    tz = ZoneInfo(zone)
    months, of_month = np.unique(_month(label // DAY), return_inverse=True)
    firsts = _month_us(np.union1d(months, months + 1))
    asked = dict(zip(firsts.tolist(), (_offset(us + at, tz) for us in firsts.tolist()), strict=True))
    first, after = _month_us(months), _month_us(months + 1)
    before, later = (np.array([asked[us] for us in side.tolist()], np.int64) for side in (first, after))
    changed = np.zeros_like(months)  # the label from which the later offset holds
    for m in np.flatnonzero(before != later).tolist():
        days = range(int(first[m]), int(after[m]), DAY)
        changed[m] = first[m] + DAY * bisect_left(days, 1, key=lambda us: int(_offset(us + at, tz) == later[m]))
    offset = np.where(label < changed[of_month], before[of_month], later[of_month])
    offset = np.where((before == later)[of_month], before[of_month], offset)
    return np.asarray(naive - offset, np.int64)


def _offset(naive_us: int, tz: ZoneInfo) -> int:
    local = datetime.fromordinal(_EPOCH_ORDINAL + naive_us // DAY)
    seconds = naive_us % DAY // SECOND
    delta = local.replace(hour=seconds // 3600, minute=seconds % 3600 // 60, tzinfo=tz).utcoffset()
    assert delta is not None
    return (delta.days * 86_400 + delta.seconds) * SECOND


_EPOCH_ORDINAL = datetime(1970, 1, 1).toordinal()  # noqa: DTZ001 an ordinal has no zone

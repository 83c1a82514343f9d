"""Local wall clocks for arrays of times: which zone a calendar lives in, and its offset from UTC at each moment."""

import warnings
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from truecast.domain.bar import IntArray
from truecast.kit.clock import from_us
from truecast.market.calendar import calendar
from truecast.market.periods import DAY, SECOND, us_of

NEW_YORK, LONDON, TOKYO, UTC = "America/New_York", "Europe/London", "Asia/Tokyo", "UTC"
_ZONES = {
    "": UTC,
    "24/7": UTC,
    "FX": NEW_YORK,
    "XNYS": NEW_YORK,
    "NYSE": NEW_YORK,
    "XNAS": NEW_YORK,
    "NASDAQ": NEW_YORK,
    "EIA": NEW_YORK,
    "US-CPI": NEW_YORK,
    "US-10Y": NEW_YORK,
    "US-GDP": NEW_YORK,
    "TARGET": "Europe/Berlin",
    "XLON": LONDON,
    "XTKS": TOKYO,
}
_FIRST, _LAST = "1900-01-01", "2100-12-31"


@lru_cache(maxsize=128)
def zone_of(name: str) -> str:
    """The time zone in which the market of a calendar keeps its hours. Raises UnknownCalendar."""
    if name in _ZONES:
        return _ZONES[name]
    calendar(name)  # is there one?
    from exchange_calendars import get_calendar  # noqa: PLC0415 a second and 60 MB: only for exchanges not listed above

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of pandas, about how the library uses it
        return str(get_calendar(name).tz.key)


def local(at: IntArray, zone: str) -> IntArray:
    """What the clocks of the zone show, as microseconds since 1970-01-01 on the wall."""
    changes, offsets = _changes(zone)
    return at + offsets[np.searchsorted(changes, at, side="right")]


@lru_cache(maxsize=64)
def _changes(zone: str) -> tuple[IntArray, IntArray]:
    """When the clocks change (N,), and the offsets before, between and after (N + 1,)."""
    clock, week = ZoneInfo(zone), 7 * DAY
    before = us_of(_FIRST)
    changes, offsets = [], [_offset(clock, before)]
    for at in range(before + week, us_of(_LAST), week):
        if (offset := _offset(clock, at)) != offsets[-1]:
            low, high = at - week, at
            while high - low > SECOND:
                middle = (low + high) // 2 // SECOND * SECOND
                low, high = (low, middle) if _offset(clock, middle) == offset else (middle, high)
            changes.append(high)
            offsets.append(offset)
    return np.array(changes, np.int64), np.array(offsets, np.int64)


def _offset(clock: ZoneInfo, at: int) -> int:
    moment: datetime = from_us(at).astimezone(clock)
    return (moment.utcoffset() or timedelta()) // timedelta(microseconds=1)

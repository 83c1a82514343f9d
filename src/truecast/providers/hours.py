"""When markets close, as far as an adapter must know it to say that a bar is finished. Times are microseconds UTC.

Holidays do not matter here: a source has no bars of a day on which nothing traded. Clock changes and half days do.

XNYS  09:30 to 16:00 New York; to 13:00 on the Friday after Thanksgiving, and on 3 July and 24 December unless they fall
      on Friday, when the holiday itself is kept (nyse.com, "Holidays & Trading Hours").
FX    Sunday 17:00 to Friday 17:00 New York; the day D ends at 17:00 on D.
"""

import datetime as dt
from functools import lru_cache
from zoneinfo import ZoneInfo

from truecast.domain.interval import Interval
from truecast.kit.clock import from_us, to_us

NEW_YORK = ZoneInfo("America/New_York")
SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US

_OPEN, _CLOSE, _CLOSE_EARLY, _FX_CLOSE = dt.time(9, 30), dt.time(16), dt.time(13), dt.time(17)
_FRIDAY = 4
_WEEKDAYS = frozenset({"XNYS", "FX", "TARGET", "H15", "EA-YC", "EIA"})  # calendars without weekends
_MONTHS = {Interval.MO1: 1, Interval.Q1: 3, Interval.Y1: 12}


def over_at(calendar: str, interval: Interval, start_us: int) -> int:
    """When the bar that starts there is finished: at its session's close, if that comes first."""
    if not interval.is_intraday:
        assert interval is Interval.D1, f"{interval} bars are made from days"
        day = from_us(start_us).date()
        return {"XNYS": us_close_us, "FX": fx_close_us}.get(calendar, midnight_after_us)(day)
    end_us = start_us + interval.seconds * SECOND_US
    if calendar != "XNYS":
        return end_us
    close_us = us_close_us(from_us(start_us).astimezone(NEW_YORK).date())
    return min(end_us, close_us) if start_us < close_us else end_us


def traded_at(calendar: str, interval: Interval, start_us: int) -> bool:
    """Whether the market can trade during that bar, holidays aside."""
    if interval is Interval.D1 and calendar in _WEEKDAYS:
        return from_us(start_us).weekday() <= _FRIDAY
    if calendar not in ("XNYS", "FX"):
        return True
    if calendar == "FX":
        return fx_day(start_us).weekday() <= _FRIDAY
    day = from_us(start_us).astimezone(NEW_YORK).date()
    end_us = start_us + interval.seconds * SECOND_US
    return day.weekday() <= _FRIDAY and start_us < us_close_us(day) and end_us > us_open_us(day)


def aligned(interval: Interval, start_us: int) -> bool:
    """Whether a bar of that length can start there. Sessions open, and hours are counted, from a quarter of an hour."""
    if interval.is_intraday:
        return start_us % (min(interval.seconds, 900) * SECOND_US) == 0
    if start_us % DAY_US:
        return False
    day = from_us(start_us).date()
    if interval is Interval.W1:
        return day.weekday() == 0
    months = _MONTHS.get(interval)
    return months is None or (day.day == 1 and (day.month - 1) % months == 0)


def period_end_us(interval: Interval, start_us: int) -> int:
    """00:00Z after the last day of a day, week, month, quarter or year."""
    months = _MONTHS.get(interval)
    if months is None:
        return start_us + interval.seconds * SECOND_US
    day = from_us(start_us).date()
    years, month = divmod(day.month - 1 + months, 12)
    return label_us(dt.date(day.year + years, month + 1, 1))


def label_us(day: dt.date) -> int:
    """00:00Z of a date: the start of its daily bar."""
    return to_us(dt.datetime.combine(day, dt.time(), dt.UTC))


def local_day_us(at_us: int, zone: ZoneInfo) -> int:
    """The label of the date that clocks in `zone` show at that moment."""
    return label_us(from_us(at_us).astimezone(zone).date())


def fx_day(at_us: int) -> dt.date:
    """The FX day of a moment: from 17:00 New York it is the next date's."""
    local = from_us(at_us).astimezone(NEW_YORK)
    return local.date() + dt.timedelta(days=local.time() >= _FX_CLOSE)


@lru_cache(maxsize=65_536)
def us_open_us(day: dt.date) -> int:
    """The opening bell."""
    return to_us(dt.datetime.combine(day, _OPEN, NEW_YORK))


@lru_cache(maxsize=65_536)
def us_close_us(day: dt.date) -> int:
    """The closing bell of a US session, half days included."""
    return to_us(dt.datetime.combine(day, _CLOSE_EARLY if _closes_early(day) else _CLOSE, NEW_YORK))


@lru_cache(maxsize=65_536)
def fx_close_us(day: dt.date) -> int:
    """The end of an FX day."""
    return to_us(dt.datetime.combine(day, _FX_CLOSE, NEW_YORK))


def midnight_after_us(day: dt.date) -> int:
    """The end of a UTC day."""
    return label_us(day) + DAY_US


def _closes_early(day: dt.date) -> bool:
    if (day.month, day.day) in ((7, 3), (12, 24)):
        return day.weekday() < _FRIDAY
    return day.month == 11 and day.weekday() == _FRIDAY and 23 <= day.day <= 29

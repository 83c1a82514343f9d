"""Sessions of exchanges: New York's bundled, every other one from exchange_calendars.

Importing exchange_calendars costs about a second and 60 MB (it brings pandas), so New York's table is in the package;
`scripts/build_sessions.py` writes it and records the library's version. Sessions after the year of that version follow
the exchange's rules as they stand: a closure announced later is missing until the table is built again.
"""

import warnings
from functools import lru_cache
from importlib import resources

import numpy as np

from truecast.domain.bar import IntArray
from truecast.domain.interval import Interval
from truecast.kit.clock import from_us
from truecast.kit.errors import EXIT_NOT_FOUND, TruecastError
from truecast.market.periods import DAY, MINUTE, days_between, us_of
from truecast.market.sessions import Sessions, Table

BUNDLED = {"XNYS": "xnys.npz"}
_SAME_AS = {"NYSE": "XNYS", "NASDAQ": "XNYS", "XNAS": "XNYS"}  # exchange_calendars has one calendar for them, too
_YEARS_USUAL = (1990, 2040)


class UnknownCalendar(TruecastError):
    """Nobody keeps a calendar by that name."""

    code = "unknown_calendar"
    status = 404
    title = "Unknown calendar"
    template = "No calendar is called {name!r}"
    exit_code = EXIT_NOT_FOUND


def exchange(code: str) -> Sessions:
    """The sessions of an exchange by its code (XNYS, XLON, …). Raises UnknownCalendar."""
    code = _SAME_AS.get(code, code)
    if code not in BUNDLED:
        _library_calendar(code, *_YEARS_USUAL)  # is there one?

    def load(first_us: int, last_us: int) -> Table:
        if code in BUNDLED:
            table = bundled(code)
            if table.first <= first_us and last_us <= table.last:
                return table
        years = from_us(first_us).year, from_us(last_us + 7 * DAY).year
        return _library_calendar(code, min(years[0], _YEARS_USUAL[0]), max(years[1], _YEARS_USUAL[1]))

    return Sessions(code, Interval.M1, load)


@lru_cache(maxsize=4)
def bundled(code: str) -> Table:
    """The table in the package."""
    with (resources.files("truecast.market") / "data" / BUNDLED[code]).open("rb") as file, np.load(file) as saved:
        return unpack(saved["day"], saved["open_min"], saved["close_min"], str(saved["first"]), str(saved["last"]))


def unpack(day: IntArray, open_min: IntArray, close_min: IntArray, first: str, last: str) -> Table:
    """A table from days since the epoch and minutes since that day's 00:00Z."""
    label = day.astype(np.int64) * DAY
    opens, closes = (label + minutes.astype(np.int64) * MINUTE for minutes in (open_min, close_min))
    return Table(label, opens, closes, closes, us_of(first), us_of(last) + DAY - 1)


@lru_cache(maxsize=8)
def _library_calendar(code: str, year_first: int, year_last: int) -> Table:
    from exchange_calendars import get_calendar, get_calendar_names  # noqa: PLC0415 a second and 60 MB: only if needed

    if code not in get_calendar_names(include_aliases=True):
        raise UnknownCalendar(name=code)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of pandas, about how the library uses it
        usual = get_calendar(code)  # its bounds say how far lunar holidays and the like are known
        first, last = f"{year_first}-01-01", f"{year_last}-12-31"
        if usual.bound_min() is not None:
            first = max(first, str(usual.bound_min().date()))
        if usual.bound_max() is not None:
            last = min(last, str(usual.bound_max().date()))
        schedule = get_calendar(code, start=first, end=last).schedule
        label = schedule.index.to_numpy().astype("datetime64[us]").astype(np.int64)
        opens, closes = (
            schedule[side].dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64)
            for side in ("open", "close")
        )
    covered = days_between(first, last)
    return Table(label, opens, closes, closes, int(covered[0]), int(covered[-1]) + DAY - 1)

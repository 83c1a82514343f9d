"""When a bar ended, by the clocks of its market: hour, weekday, month, and where in the session it stands.

Weekday, month and the flags are those of the last moment inside the bar, so that a day's bar, which ends at midnight,
has its own day. Summer time is the zone's; sessions, half days among them, are the calendar's, known ahead.
"""

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from truecast.domain.bar import FloatArray, IntArray
from truecast.features.column import Column, Scale
from truecast.features.panel import Panel
from truecast.features.zone import LONDON, NEW_YORK, TOKYO, local, zone_of
from truecast.kit.clock import from_us
from truecast.market.calendar import calendar
from truecast.market.periods import DAY, HOUR, SECOND, us_of
from truecast.market.sessions import Sessions

REGIONS = {"asia": (TOKYO, 9, 18), "europe": (LONDON, 8, 17), "america": (NEW_YORK, 8, 17)}  # local office hours
USUAL_SESSIONS = 20  # a session is short against the median of as many before it
_SHORT = 0.9


def hour(panel: Panel) -> FloatArray:
    """0 <= hour < 24 at which the bar ended, with its fraction. (S, T)"""
    return _everywhere(panel, lambda end: local(end, zone_of(panel.calendar)) % DAY / HOUR)


def weekday(panel: Panel) -> FloatArray:
    """0 is Monday. (S, T)"""
    return _everywhere(panel, lambda end: (local(end - 1, zone_of(panel.calendar)) // DAY + 3) % 7)


def month(panel: Panel) -> FloatArray:
    """1 is January. (S, T)"""

    def of(end: IntArray) -> IntArray:
        days = local(end - 1, zone_of(panel.calendar)).astype("datetime64[us]")
        return np.asarray(days.astype("datetime64[M]").astype(np.int64) % 12 + 1)

    return _everywhere(panel, of)


def region(panel: Panel, name: str) -> FloatArray:
    """1 inside the office hours of that part of the world, else 0; NaN for bars of a day and longer. (S, T)"""
    if not panel.interval.is_intraday:
        return np.full(panel.shape, np.nan)
    zone, opens, closes = REGIONS[name]

    def of(end: IntArray) -> FloatArray:
        at = local(end - 1, zone)
        hours, day = at % DAY, (at // DAY + 3) % 7
        return np.asarray((hours >= opens * HOUR) & (hours < closes * HOUR) & (day < 5), np.float64)

    return _everywhere(panel, of)


def elapsed(panel: Panel) -> FloatArray:
    """How much of its session is over when the bar ends, in (0, 1]; NaN for bars longer than a day. (S, T)"""
    return _everywhere(panel, lambda end: _in_session(panel, end)[0])


def short(panel: Panel) -> FloatArray:
    """1 on a half day: under 0.9 of the median of the sessions before it. (S, T)"""
    return _everywhere(panel, lambda end: _in_session(panel, end)[1])


def columns() -> tuple[Column, ...]:
    """The family."""
    made: list[tuple[str, str, Callable[[Panel], FloatArray]]] = [
        ("hour", "Hour at which the bar ended, 0 to 24, by the clocks of its market", hour),
        ("weekday", "Day of the week, 0 is Monday, by the clocks of its market", weekday),
        ("month", "Month, 1 is January, by the clocks of its market", month),
    ]
    for name, (zone, opens, closes) in REGIONS.items():
        text = f"1 for bars that end in office hours of {name.title()}: {opens}:00 to {closes}:00 {zone}, weekdays"
        made.append((f"session_{name}", text, partial(region, name=name)))
    made += [
        ("session_elapsed", "Share of the session that is over when the bar ends; intraday and daily bars", elapsed),
        ("session_short", "1 on a half day, 0 on others; intraday and daily bars", short),
    ]
    return tuple(Column(name, text, Scale.FREE, 1, compute) for name, text, compute in made)


def _everywhere(panel: Panel, of: Callable[[IntArray], FloatArray | IntArray]) -> FloatArray:
    """Computed once where all series of the panel have the same bars, which is usual."""
    if (panel.end == panel.end[0]).all():
        return np.broadcast_to(np.asarray(of(panel.end[0]), np.float64), panel.end.shape)
    return np.asarray(of(panel.end.ravel()), np.float64).reshape(panel.end.shape)


def _in_session(panel: Panel, end: IntArray) -> tuple[FloatArray, FloatArray]:
    """Share elapsed and whether the session is short, for the session in which each bar ends; NaN outside of any."""
    if panel.interval.seconds * SECOND > DAY:
        return np.full(len(end), np.nan), np.full(len(end), np.nan)
    years = [from_us(at).year for at in (int(end.min()), int(end.max()))]
    opens, closes, below = _sessions(panel.calendar or "24/7", *years)
    row = np.searchsorted(closes, end, side="left")
    row = np.minimum(row, len(closes) - 1)
    inside = (end > opens[row]) & (end <= closes[row])
    share = (end - opens[row]) / np.maximum(closes[row] - opens[row], 1)
    return np.where(inside, share, np.nan), np.where(inside, below[row], np.nan)


@lru_cache(maxsize=64)
def _sessions(name: str, year_first: int, year_last: int) -> tuple[IntArray, IntArray, FloatArray]:
    """Open and close of every session in those years, and 1 where it is short, 0 where not, NaN where not to be told.

    Ends with a session that never comes, so that every time has a row.
    """
    market = calendar(name)
    assert isinstance(market, Sessions)
    first, last = us_of(f"{year_first}-01-01") - 3 * USUAL_SESSIONS * DAY, us_of(f"{year_last + 1}-01-01") + DAY
    table = market.load(first, last)
    rows = slice(*np.searchsorted(table.close, [first, last]).tolist())
    opens, closes = table.open[rows], table.close[rows]
    length, below = (closes - opens).astype(np.float64), np.full(len(closes), np.nan)
    if len(length) > USUAL_SESSIONS:
        usual = np.median(sliding_window_view(length[:-1], USUAL_SESSIONS), axis=1)
        below[USUAL_SESSIONS:] = length[USUAL_SESSIONS:] < _SHORT * usual
    never = np.array([np.iinfo(np.int64).max // 2])
    return np.append(opens, never), np.append(closes, never), np.append(below, np.nan)

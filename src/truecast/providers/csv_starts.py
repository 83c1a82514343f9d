"""Places a table's rows in time: UTC starts, one row per start, oldest first, the interval they have."""

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from truecast.domain.bar import BoolArray, IntArray
from truecast.domain.interval import Interval
from truecast.providers.csv_layout import Unreadable
from truecast.providers.csv_names import infer_interval
from truecast.providers.csv_table import Table
from truecast.providers.csv_times import Notation, to_zone
from truecast.providers.csv_times import month_first as find_order

_US = 1_000_000
_DAY_US = 86_400 * _US
_NAIVE = {Notation.DATE_TIME, Notation.DAY_MONTH_TIME}
_YEAR_LAST = {Notation.DAY_MONTH, Notation.DAY_MONTH_TIME}


@dataclass(frozen=True, slots=True)
class Placed:
    """`rows[i]` is the row of the table that starts at `start[i]`; ascending, each start once."""

    start: IntArray
    rows: IntArray
    interval: Interval
    refused: list[tuple[int, str]]  # line, reason
    notes: list[str]


def place(table: Table, named: Interval | None, *, zone: ZoneInfo | None, month_first: bool | None) -> Placed:
    """Where each row belongs. Raises Unreadable when the file cannot say."""
    refused: list[tuple[int, str]] = []
    notes: list[str] = []
    wall = _ordered(table, month_first)
    interval = named or infer_interval(wall)
    _check_spacing(wall, interval, named, notes)
    if interval.is_intraday:
        start, doubtful = _instants(table, wall, zone, notes)
    else:
        start, doubtful = _labels(table, wall, interval, zone, notes), np.zeros(len(wall), np.bool_)
    lines = table.line
    refused += [
        (int(lines[t]), "that hour happened twice or never when clocks changed") for t in np.flatnonzero(doubtful)
    ]
    rows = np.flatnonzero(~doubtful)
    rows = rows[np.argsort(start[rows], kind="stable")]
    rows, repeated = _once(table, start, rows)
    refused += repeated
    return Placed(start[rows], rows, interval, refused, notes)


def bar_end(_calendar: str, start: IntArray, interval: Interval) -> IntArray:
    """When a bar's period is over on any calendar: nominal below a month, the next month or quarter above."""
    if interval in _MONTHS:
        months = start.astype("datetime64[us]").astype("datetime64[M]") + _MONTHS[interval]
        return np.asarray(months.astype("datetime64[us]").astype(np.int64), np.int64)
    return start + interval.seconds * _US


_MONTHS = {Interval.MO1: 1, Interval.Q1: 3, Interval.Y1: 12}


def _ordered(table: Table, month_first: bool | None) -> IntArray:
    """Wall times with day and month in the order the file proves, or that was given."""
    times = table.times
    if times.notation not in _YEAR_LAST:
        return times.wall
    try:
        proven = find_order(times)
    except ValueError as error:
        raise Unreadable(f"mixed date formats: {error}") from None
    if proven is None and month_first is None:
        raise Unreadable("every date could be day/month or month/day: say which")
    if proven is not None and month_first is not None and proven != month_first:
        said, shown = ("month", "day") if month_first else ("day", "month")
        raise Unreadable(f"said to have the {said} first, but some dates can only have the {shown} first")
    return times.other if (proven if proven is not None else month_first) else times.wall


def _instants(table: Table, wall: IntArray, zone: ZoneInfo | None, notes: list[str]) -> tuple[IntArray, BoolArray]:
    if table.times.notation in _NAIVE:
        if zone is not None:
            return to_zone(wall, zone)
        notes.append("times name no zone: read as UTC")
    return wall - table.times.offset, np.zeros(len(wall), np.bool_)


def _labels(table: Table, wall: IntArray, interval: Interval, zone: ZoneInfo | None, notes: list[str]) -> IntArray:
    """00:00Z of the session or period each row is about."""
    if (wall % _DAY_US != 0).any() and zone is not None and table.times.notation not in _NAIVE:
        utc = wall - table.times.offset
        wall = np.array([us + _offset_us(us, zone) for us in utc.tolist()], np.int64)
    odd = np.flatnonzero(wall % _DAY_US != 0)
    if len(odd):
        of_day_s = int(wall[odd[0]] % _DAY_US) // _US
        raise Unreadable(
            f"{interval.value} bars must start at midnight, line {table.line[odd[0]]} starts at "
            f"{of_day_s // 3600:02d}:{of_day_s % 3600 // 60:02d}: give the time zone in which that is midnight"
        )
    if interval is Interval.D1:
        return wall
    first = _period(wall, interval)
    if (first != wall).any():
        notes.append("dates moved to the first day of their period")
    return first


def _period(wall: IntArray, interval: Interval) -> IntArray:
    if interval is Interval.W1:
        day = wall // _DAY_US
        return (day - (day + 3) % 7) * _DAY_US
    months = wall.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)
    months = months // _MONTHS[interval] * _MONTHS[interval]
    return np.asarray(months.astype("datetime64[M]").astype("datetime64[us]").astype(np.int64), np.int64)


def _once(table: Table, start: IntArray, rows: IntArray) -> tuple[IntArray, list[tuple[int, str]]]:
    """The first row of every start; the later ones refused, with whether they say the same."""
    ordered = start[rows]
    repeat = np.zeros(len(rows), np.bool_)
    repeat[1:] = ordered[1:] == ordered[:-1]
    if not repeat.any():
        return rows, []
    first_of = rows[np.maximum.accumulate(np.where(repeat, 0, np.arange(len(rows))))]
    refused = []
    for t in np.flatnonzero(repeat).tolist():
        row, first = int(rows[t]), int(first_of[t])
        same = all(_same(column[row], column[first]) for column in table.columns.values())
        what = "the same values" if same else "other values"
        refused.append((int(table.line[row]), f"the same time as line {table.line[first]}, {what}"))
    return rows[~repeat], refused


def _same(a: np.float64, b: np.float64) -> bool:
    return bool(a == b or (np.isnan(a) and np.isnan(b)))


def _check_spacing(wall: IntArray, interval: Interval, named: Interval | None, notes: list[str]) -> None:
    steps = np.diff(np.sort(wall))
    steps = steps[steps > 0]
    if named is None or len(steps) < 2:
        return
    usual_s = float(np.median(steps)) / _US
    if usual_s < 0.9 * interval.seconds:
        raise Unreadable(f"the name says {interval.value}, but rows are {usual_s:.0f} s apart")
    if usual_s > 5 * interval.seconds:
        notes.append(f"the name says {interval.value}, rows are mostly {usual_s:.0f} s apart")


def _offset_us(utc_us: int, zone: ZoneInfo) -> int:
    moment = (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=utc_us)).astimezone(zone)
    delta = moment.utcoffset()
    assert delta is not None
    return (delta.days * 86_400 + delta.seconds) * _US

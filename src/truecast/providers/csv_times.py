"""Reads the time column of a CSV file: one notation per file, detected, never guessed.

A cell becomes a wall-clock time and, where the cell says it, an offset from UTC. Numbers are epochs whose unit follows
from their size; `03/04/2021` is a day and a month whose order only the rest of the file can tell.
"""

import datetime as dt
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from zoneinfo import ZoneInfo

import numpy as np

from truecast.domain.bar import BoolArray, IntArray

_US = 1_000_000
_DAY_US = 86_400 * _US
_YEARS = (1700, 2200)  # prices outside are typing errors
_EPOCH_US = tuple((dt.date(year, 1, 1) - dt.date(1970, 1, 1)).days * _DAY_US for year in _YEARS)
NOTHING = np.iinfo(np.int64).min  # no such time

_CLOCK = r"(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?"
_ZONE = r"\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2})?\Z"
_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})" + _CLOCK + _ZONE, re.ASCII)
_YEAR_LAST = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})" + _CLOCK + _ZONE, re.ASCII)
_COMPACT = re.compile(
    r"(\d{4})(\d{2})(\d{2})(?:[T ](\d{2}):?(\d{2})(?::?(\d{2})(?:[.,](\d{1,9}))?)?)?" + _ZONE, re.ASCII
)
_NAMED = re.compile(r"(\d{1,2})[- ]([A-Za-z]{3,9})[- ,]+(\d{4})" + _CLOCK + _ZONE, re.ASCII)
_NAMED_FIRST = re.compile(r"([A-Za-z]{3,9})\.? (\d{1,2}),? (\d{4})" + _CLOCK + _ZONE, re.ASCII)
_NUMBER = re.compile(r"-?\d{1,19}(\.0*)?\Z", re.ASCII)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FULL_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
# (largest magnitude, µs per unit): seconds reach the year 5138, milliseconds begin in 1973
_EPOCHS = ((10**11, 1_000_000), (10**14, 1_000), (10**17, 1))


class Notation(Enum):
    """What a time column is written in."""

    DATE = "dates"
    DATE_TIME = "dates with a time"
    INSTANT = "times with a zone"
    EPOCH = "epoch numbers"
    DAY_MONTH = "dates with day and month as numbers, year last"
    DAY_MONTH_TIME = "times with day and month as numbers, year last"


@dataclass(frozen=True, slots=True)
class Times:
    """The times of T rows. `wall` is NOTHING where a cell could not be read; then `reasons` has the row.

    `offset` is 0 unless the notation carries zones. `other` is the wall time with day and month swapped.
    """

    notation: Notation
    wall: IntArray  # (T,) µs, as the clock in the file showed it; year-last dates read day first
    other: IntArray  # (T,) the same read month first; NOTHING where that is no date. Only for year-last notations
    offset: IntArray  # (T,) µs east of UTC
    reasons: dict[int, str]


def read_times(cells: Sequence[str], notation: Notation | None) -> Times:
    """The cells of a time column in `notation`; None: that of the first cell that can be read."""
    if notation in (None, Notation.DATE, Notation.DATE_TIME, Notation.INSTANT):
        quick = _uniform_iso(cells, notation)
        if quick is not None:
            return quick
    wall, other = np.full(len(cells), NOTHING, np.int64), np.full(len(cells), NOTHING, np.int64)
    offset = np.zeros(len(cells), np.int64)
    reasons: dict[int, str] = {}
    for row, cell in enumerate(cells):
        found = _read_one(cell.strip())
        if found is None:
            reasons[row] = f"{cell[:40]!r} is not a time"
            continue
        notation = notation or found[0]
        if found[0] is not notation:
            reasons[row] = f"{cell[:40]!r}: mixed date formats, the file began with {notation.value}"
            continue
        _, wall[row], other[row], offset[row] = found
    return Times(notation or Notation.DATE, wall, other, offset, reasons)


def join_times(parts: Sequence[Times]) -> Times:
    """Blocks of one file, in order; the reasons stay with the blocks."""
    wall, other, offset = (np.concatenate([getattr(p, name) for p in parts]) for name in ("wall", "other", "offset"))
    return Times(parts[0].notation, wall, other, offset, {})


def month_first(times: Times) -> bool | None:
    """Whether year-last dates have the month first; None when no row can tell. Raises ValueError when rows disagree."""
    day_only = (times.other == NOTHING) & (times.wall != NOTHING)
    month_only = (times.wall == NOTHING) & (times.other != NOTHING)
    if day_only.any() and month_only.any():
        raise ValueError("some rows can only be day/month, others only month/day")
    if day_only.any() or month_only.any():
        return bool(month_only.any())
    return None


def to_zone(wall: IntArray, zone: ZoneInfo) -> tuple[IntArray, BoolArray]:
    """UTC of wall-clock times in `zone`, and which of them happened twice or never as clocks changed. (T,) each"""
    days, of_day = np.unique(wall // _DAY_US, return_inverse=True)
    bounds = np.array(
        [[_offset_us(day * _DAY_US, zone), _offset_us((day + 1) * _DAY_US, zone)] for day in days.tolist()]
    )
    offset = bounds[of_day, 0] if len(days) else np.zeros(0, np.int64)
    doubtful = np.zeros(len(wall), np.bool_)
    for row in np.flatnonzero(bounds[of_day, 0] != bounds[of_day, 1]) if len(days) else ():
        us = int(wall[row])
        offset[row] = _offset_us(us, zone)
        doubtful[row] = _offset_us(us, zone) != _offset_us(us, zone, fold=1)
    return wall - offset, doubtful


def _offset_us(wall_us: int, zone: ZoneInfo, fold: int = 0) -> int:
    moment = (_EPOCH + dt.timedelta(microseconds=wall_us)).replace(tzinfo=zone, fold=fold)
    delta = moment.utcoffset()
    assert delta is not None
    return (delta.days * 86_400 + delta.seconds) * _US


_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 wall clock: the zone is attached later


def _read_one(cell: str) -> tuple[Notation, int, int, int] | None:
    """Notation, wall µs, wall µs with day and month swapped, offset µs."""
    if _NUMBER.match(cell) and not (len(cell) == 8 and cell.isdecimal()):
        us = _epoch_us(int(cell.split(".", 1)[0]))
        return (Notation.EPOCH, us, NOTHING, 0) if _EPOCH_US[0] <= us < _EPOCH_US[1] else None
    for pattern, read in _PATTERNS:
        if found := pattern.match(cell):
            return read(found)
    return None


def _epoch_us(number: int) -> int:
    for most, us_per_unit in _EPOCHS:
        if abs(number) < most:
            return number * us_per_unit
    return number // 1_000  # nanoseconds


def _year_first(found: re.Match[str]) -> tuple[Notation, int, int, int] | None:
    year, month, day, *clock = found.groups()
    return _told(_wall(year, month, day, clock), clock)


def _named(found: re.Match[str]) -> tuple[Notation, int, int, int] | None:
    day, month, year, *clock = found.groups()
    return _told(_wall(year, _month(month), day, clock), clock)


def _named_first(found: re.Match[str]) -> tuple[Notation, int, int, int] | None:
    month, day, year, *clock = found.groups()
    return _told(_wall(year, _month(month), day, clock), clock)


def _year_last(found: re.Match[str]) -> tuple[Notation, int, int, int] | None:
    one, two, year, *clock = found.groups()
    if clock[-1]:
        return None  # a zone on such a date has not been seen; better refused than half understood
    wall, other = _wall(year, two, one, clock), _wall(year, one, two, clock)
    if wall == other == NOTHING:
        return None
    return Notation.DAY_MONTH_TIME if clock[0] else Notation.DAY_MONTH, wall, other, 0


def _told(wall: int, clock: Sequence[str | None]) -> tuple[Notation, int, int, int] | None:
    if wall == NOTHING:
        return None
    zone = clock[-1]
    if zone:
        return Notation.INSTANT, wall, NOTHING, _zone_us(zone)
    return Notation.DATE_TIME if clock[0] else Notation.DATE, wall, NOTHING, 0


def _wall(year: str, month: str, day: str, clock: Sequence[str | None]) -> int:
    hour, minute, second, fraction, _ = clock
    if not _YEARS[0] <= int(year) < _YEARS[1]:
        return NOTHING
    try:
        moment = dt.datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0))  # noqa: DTZ001
    except ValueError:
        return NOTHING
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * _US + int((fraction or "").ljust(6, "0")[:6])


def _month(name: str) -> str:
    low = name.lower()
    known = low in _MONTHS or low in _FULL_MONTHS or low == "sept"
    return str(_MONTHS.index(low[:3]) + 1) if known else "0"


def _zone_us(zone: str) -> int:
    if zone in {"Z", "UTC", "GMT"}:
        return 0
    sign = -1 if zone[0] == "-" else 1
    return sign * (int(zone[1:3]) * 3_600 + int(zone[-2:]) * 60) * _US


_PATTERNS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], tuple[Notation, int, int, int] | None]], ...] = (
    (_YEAR_FIRST, _year_first),
    (_COMPACT, _year_first),
    (_YEAR_LAST, _year_last),
    (_NAMED, _named),
    (_NAMED_FIRST, _named_first),
)

_SHAPES = {
    10: Notation.DATE,
    16: Notation.DATE_TIME,
    19: Notation.DATE_TIME,
    17: Notation.INSTANT,
    20: Notation.INSTANT,
}


def _uniform_iso(cells: Sequence[str], notation: Notation | None) -> Times | None:
    """`2021-01-04[T12:30[:00]][Z]` in every cell, read as a matrix of digits; None when any cell is anything else."""
    length = len(cells[0]) if cells else 0
    shape = _SHAPES.get(length)
    if shape is None or notation not in (None, shape) or set(map(len, cells)) != {length}:
        return None
    text = "".join(cells)
    if not text.isascii():
        return None
    grid = np.frombuffer(text.encode("ascii"), np.uint8).reshape(len(cells), length).astype(np.int64)
    digits = grid - ord("0")
    places = [i for i in range(length) if i not in (4, 7, 10, 13, 16, 19) and not (length == 17 and i == 16)]
    marks = {4: b"-", 7: b"-", 10: b"T ", 13: b":", 16: b"Z" if length == 17 else b":", 19: b"Z"}
    right = ((digits[:, places] >= 0) & (digits[:, places] <= 9)).all()
    if not right or not all(np.isin(grid[:, i], list(marks[i])).all() for i in marks if i < length):
        return None

    def number(first: int, count: int) -> IntArray:
        return np.asarray(digits[:, first : first + count] @ 10 ** np.arange(count - 1, -1, -1), np.int64)

    year, month, day = number(0, 4), number(5, 2), number(8, 2)
    hour, minute = (number(11, 2), number(14, 2)) if length > 10 else (np.zeros_like(year),) * 2
    second = number(17, 2) if length >= 19 else np.zeros_like(year)
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    days_in = ((months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")).astype(np.int64)
    in_range = (year >= _YEARS[0]) & (year < _YEARS[1]) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= days_in)
    if not (in_range & (hour <= 23) & (minute <= 59) & (second <= 59)).all():
        return None
    days = months.astype("datetime64[D]").astype(np.int64) + day - 1
    wall = days * _DAY_US + (hour * 3_600 + minute * 60 + second) * _US
    nothing = np.full(len(cells), NOTHING, np.int64)
    return Times(shape, wall, nothing, np.zeros(len(cells), np.int64), {})

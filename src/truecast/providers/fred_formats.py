"""Reads what FRED and ALFRED send: observations with their real-time periods, and the graphs' CSV. Pure.

`realtime_start` is the first day, in St. Louis, on which FRED had the value; it counts as known when that day was over.
An answer cut to a real-time window shows the window's beginning where the truth is older: such a value is known by the
publication rule of its calendar, or by the window before.
"""

import datetime as dt
from collections import Counter
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from truecast.kit.clock import to_us
from truecast.providers.candles import Asked, Read
from truecast.providers.hours import DAY_US, label_us
from truecast.providers.payload import csv_of, date_of, json_of, malformed, member, members, number, shown
from truecast.providers.published import observed, published_us, revised

KEY = "fred"
BEGINNING = dt.date(1776, 7, 4)  # of real time, as FRED counts it
_ST_LOUIS = ZoneInfo("America/Chicago")
_MISSING = frozenset({".", ""})
_DATE_COLUMNS = ("observation_date", "DATE")


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of series/observations: (start, first day of that value, value); where the next one begins."""

    window_first: dt.date
    rows: tuple[tuple[int, dt.date, float], ...]
    without_value: int
    next_offset: int | None


def parse_observations(body: bytes, now_us: int) -> Page:
    """An answer with output_type 1: one row per observation and real-time period."""
    document = json_of(body, KEY)
    if document_error := document.get("error_message") if isinstance(document, dict) else None:
        raise malformed(KEY, f"an error with status 200: {shown(document_error)}")
    if member(document, "units", str, KEY) != "lin" or member(document, "output_type", int, KEY) != 1:
        raise malformed(KEY, "values that are not levels, or not by real-time period")
    rows, without = [], 0
    for row in members(document, "observations", KEY):
        day = date_of(member(row, "date", str, KEY), KEY)
        first = date_of(member(row, "realtime_start", str, KEY), KEY)
        if known_us(first) > now_us + 2 * DAY_US:
            raise malformed(KEY, f"a value of {day} that was not known before {first}")
        value = member(row, "value", str, KEY)
        if value in _MISSING:
            without += 1
        else:
            rows.append((label_us(day), first, number(value, f"the value of {day}", KEY)))
    offset, limit, count = (member(document, name, int, KEY) for name in ("offset", "limit", "count"))
    if not (limit > 0 and 0 <= offset <= count):
        raise malformed(KEY, f"page {offset} of {count} by {limit}")
    further = offset + limit if offset + limit < count else None
    return Page(date_of(document.get("realtime_start"), KEY), tuple(rows), without, further)


def vintages(pages: list[Page], asked: Asked) -> Read:
    """Pages, in order of their windows, as bars: one per change of a value."""
    left_out = Counter({"without a value": sum(page.without_value for page in pages)})
    found = []
    first_window = min(page.window_first for page in pages)
    for page in pages:
        for start_us, first, value in page.rows:
            at_us = min(known_us(first), asked.now_us)
            if first == page.window_first == first_window != BEGINNING:  # cut: it was known before
                at_us = min(published_us(asked.calendar, asked.interval, start_us), at_us)
            found.append((start_us, at_us, value))
    return revised(found, asked, left_out)


def parse_vintage_dates(body: bytes) -> list[dt.date]:
    """The days on which something about a series changed."""
    days = [date_of(day, KEY) for day in members(json_of(body, KEY), "vintage_dates", KEY)]
    if days != sorted(set(days)):
        raise malformed(KEY, "vintage dates out of order")
    return days


def parse_graph(body: bytes, name: str, asked: Asked) -> Read:
    """`fredgraph.csv` of one series: the latest vintage only, known by the publication rule."""
    header, rows = csv_of(body, KEY)
    if header[0] not in _DATE_COLUMNS or header[1:] != [name]:
        raise malformed(KEY, f"columns {shown(header[:3])}, expected a date and {name}")
    left_out: Counter[str] = Counter()
    found = []
    for day, value in rows:
        if value in _MISSING:
            left_out["without a value"] += 1
        else:
            found.append((label_us(date_of(day, KEY)), number(value, f"the value of {day}", KEY)))
    return observed(found, asked, left_out)


def known_us(day: dt.date) -> int:
    """The end of a day in St. Louis."""
    if day.year >= 9999:
        raise malformed(KEY, f"a value first known on {day}")
    return to_us(dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), _ST_LOUIS))

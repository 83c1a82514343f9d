"""Values that are published once a period, and when they could be known. Pure.

A source with vintages says itself when a value came out. For one without, the rule below stands: conservative, because
a forecast of the past must never see a number before everybody could, but never later than when we had it in hand.
The rules of `market/publication.py`, and a day more where a holiday may come between; releases that shutdowns delayed
are listed as there. A Monday that is a holiday makes a rule a day early; daily yields, over Easter, up to four.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from truecast.domain.interval import Interval
from truecast.kit.clock import from_us, iso, to_us
from truecast.providers.candles import Asked, Read, Row, as_bars, check_time, gathered, reason_against
from truecast.providers.hours import NEW_YORK, period_end_us
from truecast.providers.payload import malformed

FRANKFURT = ZoneInfo("Europe/Berlin")
UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Rule:
    """Known at `at` in `zone`, `days` after the last day of the period, or on the first weekday from then on."""

    days: int
    at: dt.time
    zone: ZoneInfo
    january_days: int | None = None  # where January's comes later


RULES = {
    "TARGET": Rule(0, dt.time(16), FRANKFURT),
    "H15": Rule(1, dt.time(18), NEW_YORK),
    "EA-YC": Rule(1, dt.time(12), FRANKFURT),
    "US-10Y": Rule(2, dt.time(18), NEW_YORK),
    "US-JOBS": Rule(11, dt.time(8, 30), NEW_YORK),
    "US-CPI": Rule(21, dt.time(8, 30), NEW_YORK, january_days=28),
    "EA-HICP": Rule(22, dt.time(11), FRANKFURT, january_days=28),
    "US-GDP": Rule(31, dt.time(8, 30), NEW_YORK),
    "WORLD-BANK": Rule(213, dt.time(), UTC),
}

_LATE = {
    ("US-CPI", "2013-09-01"): "2013-10-30",
    ("US-CPI", "2025-09-01"): "2025-10-24",
    ("US-GDP", "2013-07-01"): "2013-11-07",
    ("US-GDP", "2018-10-01"): "2019-02-28",
    ("US-GDP", "2025-07-01"): "2025-12-23",
    ("US-GDP", "2025-10-01"): "2026-02-20",
    ("US-JOBS", "2013-09-01"): "2013-10-22",
    ("US-JOBS", "2025-09-01"): "2025-11-20",
    ("US-JOBS", "2025-10-01"): "2025-12-16",
    ("US-JOBS", "2025-11-01"): "2025-12-16",
}


def published_us(calendar: str, interval: Interval, start_us: int) -> int:
    """When the value of the period that starts there could be known, by the rule of its calendar."""
    rule = RULES[calendar]
    last = from_us(period_end_us(interval, start_us)).date() - dt.timedelta(days=1)
    january = rule.january_days is not None and last.month == 1
    day = last + dt.timedelta(days=rule.january_days if january and rule.january_days is not None else rule.days)
    if day.weekday() > 4:
        day += dt.timedelta(days=7 - day.weekday())
    if late := _LATE.get((calendar, from_us(start_us).date().isoformat())):
        day = dt.date.fromisoformat(late)
    return to_us(dt.datetime.combine(day, rule.at, rule.zone))


def observed(values: Iterable[tuple[int, float]], asked: Asked, left_out: Counter[str] | None = None) -> Read:
    """Observations (start of their period, value) as bars: open, high, low and close are the one value."""

    def timing(start_us: int) -> tuple[int, int]:
        over_us = period_end_us(asked.interval, start_us)
        if asked.interval is Interval.D1:
            over_us = min(over_us, published_us(asked.calendar, asked.interval, start_us))
        return over_us, min(published_us(asked.calendar, asked.interval, start_us), asked.now_us)

    return gathered((row_of(start_us, value) for start_us, value in values), asked, left_out, timing)


def revised(values: Iterable[tuple[int, int, float]], asked: Asked, left_out: Counter[str] | None = None) -> Read:
    """Observations with their vintages: (start of the period, known from, value), any order; one row per change.

    As news, only what is in force now is told, known when it came; as history, every version at its own time.
    """
    counted: Counter[str] = left_out if left_out is not None else Counter()
    versions: dict[int, list[tuple[int, float]]] = {}
    for start_us, known_us, value in values:
        versions.setdefault(start_us, []).append((known_us, value))
    rows, known = [], []
    for start_us in sorted(versions):
        changes = _changes(sorted(versions[start_us]), asked.source)
        counted["repeated"] += len(versions[start_us]) - len(changes)
        check_time(start_us, asked)
        over_us = period_end_us(asked.interval, start_us)
        seen = [change for change in changes if change[0] <= asked.now_us]
        reason = reason_against(start_us, over_us, asked) or ("" if seen else "not known yet")
        if reason:
            counted[reason] += reason != "not asked for"
            continue
        for known_us, value in seen if asked.received_us is None else seen[-1:]:
            rows.append(row_of(start_us, value))
            known.append(max(known_us, start_us + 1))
    return Read(as_bars(asked, rows, np.array(known, np.int64)), +counted)


def _changes(told: list[tuple[int, float]], source: str) -> list[tuple[int, float]]:
    """Versions that say something else than the one before."""
    found: list[tuple[int, float]] = []
    for known_us, value in told:
        if found and found[-1][0] == known_us and found[-1][1] != value:
            raise malformed(source, f"two values known from {iso(from_us(known_us))}")
        if not found or found[-1][1] != value:
            found.append((known_us, value))
    return found


def row_of(start_us: int, value: float) -> Row:
    """One value as a bar."""
    return (start_us, value, value, value, value, float("nan"))

"""When each market trades and each number is published: one protocol, found by name.

    calendar("XNYS").following(start_us, Interval.D1, 10)   # the next ten sessions, half days and holidays known

Names: any exchange code (`XNYS`), `FX`, `24/7`, `TARGET` (ECB fixings), `EIA`, `US-CPI`, `US-10Y`, `US-GDP`,
`US-JOBS`, `H15` (US yields), `EA-YC` (euro yields), `EA-HICP`, `WORLD-BANK` (years).
Times are int64 microseconds, UTC; arrays go in, arrays come out.
"""

from datetime import datetime
from functools import lru_cache
from typing import Protocol

from truecast.domain.bar import IntArray
from truecast.domain.interval import Interval
from truecast.market.exchange import exchange
from truecast.market.publication import (
    ea_hicp,
    ea_yc,
    eia,
    h15,
    target,
    us_10y,
    us_cpi,
    us_gdp,
    us_jobs,
    world_bank,
)
from truecast.market.roundclock import always_open, fx_week
from truecast.market.sessions import Hours


class Calendar(Protocol):
    """Knows every bar that should exist. Raises NotOnCalendar for an interval it has not, BeyondCalendar for a date."""

    @property
    def name(self) -> str:
        """As instruments and series name it."""

    def is_open(self, at: datetime) -> bool:
        """Whether one can trade at that moment."""

    def hours(self, at: datetime) -> Hours:
        """The session that is on at that moment or was last, and when that changes."""

    def ends(self, start: IntArray, interval: Interval) -> IntArray:
        """When each bar's period is over."""

    def following(self, start_us: int, interval: Interval, n: int) -> tuple[IntArray, IntArray]:
        """Starts and ends of the `n` bars after the bar that starts at `start_us`."""

    def expected(self, first_us: int, last_us: int, interval: Interval) -> IntArray:
        """Every bar start that should exist in [first, last]."""

    def known_at(self, start: IntArray, interval: Interval) -> IntArray:
        """When each bar can be known by the publication rule: its end, or later."""

    def buckets(self, start: IntArray, interval: Interval, to: Interval) -> IntArray:
        """The start of the `to` bar that each `interval` bar belongs to."""

    def overdue_at(self, last_start_us: int, interval: Interval) -> int:
        """When the bar after the given one should have been known, plus a grace: from then on the series is stale."""


_BY_NAME = {
    "FX": fx_week,
    "24/7": always_open,
    "TARGET": target,
    "EIA": eia,
    "US-CPI": us_cpi,
    "US-10Y": us_10y,
    "US-GDP": us_gdp,
    "US-JOBS": us_jobs,
    "H15": h15,
    "EA-YC": ea_yc,
    "EA-HICP": ea_hicp,
    "WORLD-BANK": world_bank,
}


@lru_cache(maxsize=128)
def calendar(name: str) -> Calendar:
    """The calendar by its name. Raises UnknownCalendar."""
    return _BY_NAME[name]() if name in _BY_NAME else exchange(name)

"""Markets that do not close overnight: the FX week, and crypto, which never closes.

FX trades from Sunday 17:00 to Friday 17:00 New York, daylight saving included. The day labelled D runs from 17:00 on
the date before to 17:00 on D, so that Sunday evening belongs to Monday; every FX day has 24 hours, because the clocks
change while the market is closed. Holidays are not modelled: on 25 December and 1 January the market is thin, and a
source that stays silent has a gap.
"""

from functools import lru_cache

from truecast.domain.interval import Interval
from truecast.market.periods import DAY, days_between, us_of, wall_clock, weekday
from truecast.market.sessions import Sessions, Table

NEW_YORK = "America/New_York"
_FIRST, _LAST = "1960-01-01", "2100-12-31"


def fx_week() -> Sessions:
    """Sunday 17:00 to Friday 17:00 New York."""
    return Sessions("FX", Interval.M1, lambda *_: _fx_table())


def always_open() -> Sessions:
    """Every UTC day, all day."""
    return Sessions("24/7", Interval.M1, lambda *_: _always_table())


@lru_cache(maxsize=1)
def _fx_table() -> Table:
    days = days_between(_FIRST, _LAST)
    label = days[weekday(days) < 5]
    close = wall_clock(label, 17, 0, NEW_YORK)
    return Table(label, wall_clock(label - DAY, 17, 0, NEW_YORK), close, close, us_of(_FIRST), us_of(_LAST))


@lru_cache(maxsize=1)
def _always_table() -> Table:
    label = days_between(_FIRST, _LAST)
    return Table(label, label, label + DAY, label + DAY, us_of(_FIRST), us_of(_LAST))

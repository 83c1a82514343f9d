"""How old a quote may be: by how late its source publishes, counted up to the market's close."""

from collections.abc import Mapping
from datetime import datetime

from truecast.domain.quote import Delay
from truecast.kit.clock import to_us
from truecast.market.calendar import calendar
from truecast.market.sessions import BeyondCalendar

# A quote older than this while its market is open is stale.
QUOTE_AGE_S_MAX: Mapping[Delay, float] = {
    "realtime": 120.0,
    "delayed_15m": 1_800.0,
    "eod": 5 * 86_400.0,
    "monthly": 70 * 86_400.0,
}


def stale_from(at_us: int, delay: Delay, market: str, now: datetime) -> int:
    """The first moment (µs), from `now` on, at which a quote of that moment that is not stale might be."""
    late_us = at_us + int(QUOTE_AGE_S_MAX[delay] * 1e6) + 1
    try:
        hours = calendar(market).hours(now)
    except BeyondCalendar:
        return late_us
    return late_us if hours.is_open or hours.until_us is None else max(late_us, hours.until_us)


def is_stale(at_us: int, delay: Delay, market: str, now: datetime) -> bool:
    """Whether a newer quote than that of `at_us` should be there. After the close no newer one is expected."""
    until_us = to_us(now)
    try:
        hours = calendar(market).hours(now)
    except BeyondCalendar:
        return until_us - at_us > QUOTE_AGE_S_MAX[delay] * 1e6
    if not hours.is_open and hours.since_us is not None:
        until_us = hours.since_us
    return until_us - at_us > QUOTE_AGE_S_MAX[delay] * 1e6

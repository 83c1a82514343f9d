"""When a job is due, as a value: crontab lines in a time zone, some of them only while a market is open. Pure: a moment
goes in, the next one comes out.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, cast
from zoneinfo import ZoneInfo

from truecast.kit.clock import from_us, to_us, to_utc
from truecast.market.calendar import calendar
from truecast.market.sessions import BeyondCalendar

_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Cron:
    """A crontab line (`minute hour day month weekday`, weekdays by name) on the clocks of a place.

    With a `market` (the name of its calendar) only while that is open, holidays and half days known, and for `tail_s`
    after it closed, when the last bars come.
    """

    line: str
    zone: str = "UTC"
    market: str | None = None
    tail_s: int = 0

    def __str__(self) -> str:
        tail = f" and {self.tail_s // 60} min after" if self.tail_s else ""
        return f"{self.line} {self.zone}" + (f" while {self.market} is open{tail}" if self.market else "")

    def after(self, moment: datetime) -> datetime:
        """The first time later than `moment`, in UTC."""
        due = _after(self.line, self.zone, moment)
        while self.market is not None and (opens := self._closed_until(due)) is not None:
            due = _after(self.line, self.zone, opens - _TICK)
        return due

    def _closed_until(self, moment: datetime) -> datetime | None:
        """When the market opens next, if it is closed for long enough; None where one may ask."""
        assert self.market is not None
        try:
            hours = calendar(self.market).hours(moment)
        except BeyondCalendar:
            return None  # nobody knows: asking in vain is better than never asking
        if hours.is_open or hours.until_us is None:
            return None
        closed_us = to_us(moment) - (hours.since_us or 0)
        return None if closed_us <= self.tail_s * 1_000_000 else from_us(hours.until_us)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Due whenever one of its parts is."""

    crons: tuple[Cron, ...]

    def __str__(self) -> str:
        return "; ".join(map(str, self.crons))

    def __or__(self, other: "Schedule") -> "Schedule":
        return Schedule(tuple(dict.fromkeys(self.crons + other.crons)))

    def after(self, moment: datetime) -> datetime:
        """The first time later than `moment`, in UTC."""
        return min(_next(part, moment) for part in self.crons)

    def is_due(self, moment: datetime) -> bool:
        """Whether it is due at exactly that moment."""
        return self.after(moment - _TICK) == moment


HOURLY = Schedule((Cron("0 * * * *"),))


@lru_cache(maxsize=256)
def _next(part: Cron, moment: datetime) -> datetime:
    return part.after(moment)


def _after(line: str, zone: str, moment: datetime) -> datetime:
    found = _trigger(line, zone).get_next_fire_time(None, moment + _TICK)
    assert found is not None, f"{line} is never due"
    return to_utc(cast("datetime", found))


@lru_cache(maxsize=64)
def _trigger(line: str, zone: str) -> Any:
    # Imported when a schedule is first asked: 50 ms that only the process with the jobs should pay.
    from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415

    return CronTrigger.from_crontab(line, ZoneInfo(zone))

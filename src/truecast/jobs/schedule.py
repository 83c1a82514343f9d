"""When a job is due, as a value: crontab lines in a time zone. Pure: a moment goes in, the next one comes out."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, cast
from zoneinfo import ZoneInfo

from truecast.kit.clock import to_utc

_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Cron:
    """A crontab line (`minute hour day month weekday`, weekdays by name) on the clocks of a place."""

    line: str
    zone: str = "UTC"

    def __str__(self) -> str:
        return f"{self.line} {self.zone}"


@dataclass(frozen=True, slots=True)
class Schedule:
    """Due whenever one of its lines is."""

    crons: tuple[Cron, ...]

    def __str__(self) -> str:
        return "; ".join(map(str, self.crons))

    def __or__(self, other: "Schedule") -> "Schedule":
        return Schedule(tuple(dict.fromkeys(self.crons + other.crons)))

    def after(self, moment: datetime) -> datetime:
        """The first time later than `moment`, in UTC."""
        return min(_after(cron, moment) for cron in self.crons)


HOURLY = Schedule((Cron("0 * * * *"),))


@lru_cache(maxsize=256)
def _after(cron: Cron, moment: datetime) -> datetime:
    found = _trigger(cron).get_next_fire_time(None, moment + _TICK)
    assert found is not None, f"{cron} is never due"
    return to_utc(cast("datetime", found))


@lru_cache(maxsize=64)
def _trigger(cron: Cron) -> Any:
    # Imported when a schedule is first asked: 50 ms that only the process with the jobs should pay.
    from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415

    return CronTrigger.from_crontab(cron.line, ZoneInfo(cron.zone))

"""Who says what time it is: the system, a test, or a replay. Nobody else asks.

Past, paper and live run the same code because the clock is the only thing that differs.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

from truecast.kit.errors import MalformedRequest

ClockKind = Literal["system", "fixed", "replay"]


class Clock(Protocol):
    """Tells the time (UTC, aware) and waits for it."""

    @property
    def kind(self) -> ClockKind:
        """`system` is the real time; anything else is shown to the user as a banner."""

    def now(self) -> datetime:
        """The present, UTC and aware."""

    async def sleep_until(self, when: datetime) -> None:
        """Return once `now() >= when`; at once if that is already so."""


class SystemClock:
    """The machine's own clock."""

    kind: ClockKind = "system"

    def now(self) -> datetime:
        """The machine's time."""
        return datetime.now(UTC)  # noqa: TID251 this is the one place that asks

    async def sleep_until(self, when: datetime) -> None:
        """Sleep in slices of a minute at most, so that a corrected machine clock is noticed."""
        while (left_s := (when - self.now()).total_seconds()) > 0:
            await asyncio.sleep(min(left_s, 60.0))


class FixedClock:
    """Stands still until told to move; sleeping moves it at once. For tests and full-speed replays."""

    kind: ClockKind = "fixed"

    def __init__(self, start: datetime) -> None:
        self._now = to_utc(start)

    def now(self) -> datetime:
        """The time last set."""
        return self._now

    def advance(self, by: timedelta) -> None:
        """Move forward."""
        self._now += by

    async def sleep_until(self, when: datetime) -> None:
        """Jump there; other tasks get a turn."""
        self._now = max(self._now, when)
        await asyncio.sleep(0)


class ReplayClock:
    """Runs `speed` times faster than the machine, and never ahead of the work.

    Time passes only up to the moment somebody sleeps for: when the work due at that moment takes longer than
    the replay would allow, the clock holds there. So what a job sees as "now" is exact at any speed.
    """

    kind: ClockKind = "replay"

    def __init__(self, start: datetime, speed: float) -> None:
        if not 0 < speed <= 1e9:  # faster than a year in 32 ms is a typing error
            raise MalformedRequest(reason=f"replay speed must lie in (0, 1e9], got {speed}")
        self.speed = speed
        self._anchor = to_utc(start)
        self._anchor_mono_s = time.monotonic()
        self._ceiling = self._anchor

    def now(self) -> datetime:
        """The replayed time, at most the moment that is being waited for."""
        run_s = (time.monotonic() - self._anchor_mono_s) * self.speed
        left_s = (self._ceiling - self._anchor).total_seconds()
        return self._ceiling if run_s >= left_s else self._anchor + timedelta(seconds=run_s)

    async def sleep_until(self, when: datetime) -> None:
        """Let time pass up to `when`. One sleeper at a time: the scheduler."""
        self._anchor = self.now()
        self._anchor_mono_s = time.monotonic()
        self._ceiling = max(self._ceiling, when)
        left_s = (when - self._anchor).total_seconds() / self.speed
        await asyncio.sleep(max(left_s, 0.0))
        self._anchor = max(self._anchor, when)
        self._anchor_mono_s = time.monotonic()


def to_utc(when: datetime) -> datetime:
    """The same instant in UTC; a naive time is refused, because guessing its zone invents data."""
    if when.tzinfo is None:
        raise MalformedRequest(reason=f"{when.isoformat()} has no time zone")
    return when.astimezone(UTC)


def to_us(when: datetime) -> int:
    """Microseconds since 1970-01-01T00:00Z: how every table and array keeps time."""
    delta = (when if when.tzinfo is UTC else to_utc(when)) - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def from_us(us: int) -> datetime:
    """The aware UTC time of a stored microsecond count."""
    return _EPOCH + timedelta(microseconds=int(us))


def iso(when: datetime) -> str:
    """ISO 8601 with `Z`, as every answer shows it; fractions of a second only where there are any."""
    return to_utc(when).isoformat().replace("+00:00", "Z")


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

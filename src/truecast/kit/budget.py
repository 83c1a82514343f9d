"""How much may still be asked of a source: its published limits, several windows at once, with weights.

A call is let through when it fits into every window. What is counted is the exact sum over the last window and a
little more (a part of it, and what calls may come closer together on their way), so no window of that length, wherever
the source begins to count, ever holds more than the limit. Token buckets and GCRA do not promise that: with the whole
limit as burst they let almost twice the limit through in a window, and with a small burst a quiet source cannot
answer a page at once. A part of every limit is kept for calls that a user waits for.
"""

import contextlib
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from truecast.kit.clock import Clock, to_us
from truecast.kit.limits import BUDGET_PARTS, BUDGET_RESERVED_SHARE, BUDGET_TRAVEL_S

Counted = Literal["weight", "requests"]


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `amount` in any `window_s` seconds: of weight as the source weighs calls, or of calls."""

    amount: int
    window_s: float
    counted: Counted = "weight"
    scope: str = "ip"  # whom the source counts: the address, the key, one endpoint

    @property
    def part_us(self) -> int:
        """The length of one part of the window, rounded up."""
        return -int(-self.window_s * 1_000_000 // BUDGET_PARTS)

    @property
    def parts(self) -> int:
        """So many parts, the present one among them, cover the window and the travel time."""
        return BUDGET_PARTS + 1 - int(-BUDGET_TRAVEL_S * 1_000_000 // self.part_us)

    def allowed(self, *, urgent: bool) -> int:
        """What a job may use up, or a user."""
        return self.amount if urgent else self.amount - int(self.amount * BUDGET_RESERVED_SHARE)

    def cost(self, weight: int) -> int:
        """What a call of that weight uses up."""
        return weight if self.counted == "weight" else 1


@dataclass(frozen=True, slots=True)
class Used:
    """What a limit's window holds at the moment."""

    limit: Limit
    used: int


class Budget(Protocol):
    """Spends, in one process or over several."""

    limits: tuple[Limit, ...]

    async def take(self, weight: int, *, urgent: bool) -> float:
        """0.0 when the call is let through and counted, otherwise the seconds after which asking again makes sense.

        Infinite for a call that weighs more than a whole limit.
        """

    async def pause(self, until: datetime) -> None:
        """Let nothing through before: the source asked for it."""

    async def correct(self, which: int, used: int) -> None:
        """The source itself counts `used` in the window of `limits[which]`: more than we did, if others call too."""

    async def used(self) -> tuple[Used, ...]:
        """What each window holds."""

    async def paused_s(self) -> float:
        """For how long nothing is let through."""

    async def close(self) -> None:
        """Let go of connections."""


class Window:
    """The sum over the last parts of one limit. Pure but for its own counts; `now_us` never goes back."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._parts = limit.parts
        self._part_us = limit.part_us
        self._counts = [0] * self._parts
        self._newest = 0
        self.total = 0

    def at(self, now_us: int) -> None:
        """Let what is older than the window fall out."""
        newest = now_us // self._part_us
        ahead = newest - self._newest
        if ahead <= 0:
            return
        for part in range(self._newest + 1, self._newest + min(ahead, self._parts) + 1):
            i = part % self._parts
            self.total -= self._counts[i]
            self._counts[i] = 0
        if ahead > self._parts:  # the ring was emptied above, wherever it stands now
            self._counts = [0] * self._parts
            self.total = 0
        self._newest = newest

    def add(self, amount: int) -> None:
        """Count it as used now."""
        self._counts[self._newest % self._parts] += amount
        self.total += amount

    def wait_us(self, now_us: int, cost: int, allowed: int) -> int | None:
        """0 when it fits, otherwise the time until it will; None when it never will."""
        if self.total + cost <= allowed:
            return 0
        if cost > allowed:
            return 0 if self.total == 0 and cost <= self.limit.amount else self._empty_us(now_us, cost)
        over = self.total + cost - allowed
        for part in range(self._newest - self._parts + 1, self._newest + 1):
            over -= self._counts[part % self._parts]
            if over <= 0:
                return (part + self._parts) * self._part_us - now_us
        raise AssertionError("the parts add up to the total")

    def _empty_us(self, now_us: int, cost: int) -> int | None:
        """A call heavier than a job's whole share goes alone, if it goes at all."""
        return None if cost > self.limit.amount else (self._newest + self._parts) * self._part_us - now_us


class MemoryBudget:
    """The budget of one process."""

    def __init__(self, limits: Sequence[Limit], clock: Clock) -> None:
        self.limits = tuple(limits)
        self._clock = clock
        self._windows = [Window(limit) for limit in self.limits]
        self._now_us = 0
        self._paused_until_us = 0

    async def take(self, weight: int, *, urgent: bool) -> float:
        """See Budget."""
        now_us = self._present()
        longest = max(self._paused_until_us - now_us, 0)
        for window in self._windows:
            limit = window.limit
            wait_us = window.wait_us(now_us, limit.cost(weight), limit.allowed(urgent=urgent))
            if wait_us is None:
                return float("inf")
            longest = max(longest, wait_us)
        if longest:
            return longest / 1e6
        for window in self._windows:
            window.add(window.limit.cost(weight))
        return 0.0

    async def pause(self, until: datetime) -> None:
        """See Budget."""
        self._paused_until_us = max(self._paused_until_us, to_us(until))

    async def correct(self, which: int, used: int) -> None:
        """See Budget."""
        self._present()
        window = self._windows[which]
        window.add(max(used - window.total, 0))

    async def used(self) -> tuple[Used, ...]:
        """See Budget."""
        self._present()
        return tuple(Used(window.limit, window.total) for window in self._windows)

    async def paused_s(self) -> float:
        """See Budget."""
        return max(self._paused_until_us - self._present(), 0) / 1e6

    async def close(self) -> None:
        """Nothing to let go of."""

    def _present(self) -> int:
        self._now_us = max(self._now_us, to_us(self._clock.now()))
        for window in self._windows:
            window.at(self._now_us)
        return self._now_us


_waited_for: ContextVar[bool] = ContextVar("waited_for", default=False)


@contextlib.contextmanager
def user_waits() -> Iterator[None]:
    """Calls made within are waited for by a user: they may use the part of the budgets that is kept for them."""
    token = _waited_for.set(True)
    try:
        yield
    finally:
        _waited_for.reset(token)


def is_urgent() -> bool:
    """Whether a user waits for what is being done."""
    return _waited_for.get()

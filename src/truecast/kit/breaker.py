"""A circuit breaker: after too many failures nobody asks for a while, then one call tries.

Nygard, "Release It!" (2007), with the count-based window of resilience4j. Closed, it watches the latest outcomes;
open, it refuses; when its time is over it lets one probe through, and that one's outcome decides. Every failed probe
doubles the time, up to what the owner says: a source with room for it in its limits is asked every 15 s for as long as
it is away, one that gives few calls ever more rarely. The time counts from the moment a probe was sent, so that one
that hangs does not add its own waiting to it.
"""

import itertools
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from truecast.kit.clock import Clock
from truecast.kit.limits import (
    BREAKER_FAILURES_SHARE,
    BREAKER_OPEN_S_FIRST,
    BREAKER_OPEN_S_MAX,
    BREAKER_OUTCOMES_MIN,
    BREAKER_WINDOW,
)

State = Literal["closed", "open", "half_open"]


@dataclass(frozen=True, slots=True)
class Pass:
    """Permission for one call. Its outcome counts only while the breaker is in the period that gave it."""

    period: int
    probe: bool


class Breaker:
    """Counts outcomes, and refuses while there is no hope."""

    def __init__(self, clock: Clock, open_s_most: float = BREAKER_OPEN_S_MAX) -> None:
        self.open_s_most = open_s_most
        self._clock = clock
        self._outcomes: deque[bool] = deque(maxlen=BREAKER_WINDOW)
        self._period = 0
        self._open_s = BREAKER_OPEN_S_FIRST
        self._until: datetime | None = None
        self._probing = False
        self._probed_at = clock.now()
        self.opened = 0  # times

    @property
    def state(self) -> State:
        """`half_open`: the next call, or the one that runs, is the probe."""
        if self._until is None:
            return "closed"
        return "open" if self._clock.now() < self._until else "half_open"

    @property
    def until(self) -> datetime | None:
        """The moment from which a probe is let through; None while closed."""
        return self._until

    @property
    def probing(self) -> bool:
        """Whether a probe is under way."""
        return self._probing

    @property
    def failures(self) -> int:
        """Among the latest outcomes."""
        return len(self._outcomes) - sum(self._outcomes)

    @property
    def outcomes(self) -> int:
        """How many there are to judge by."""
        return len(self._outcomes)

    def wait_s(self) -> float | None:
        """None when a call would be let through, otherwise for how long it would not."""
        if self._until is None:
            return None
        left_s = (self._until - self._clock.now()).total_seconds()
        if left_s > 0:
            return left_s
        return 1.0 if self._probing else None

    def admit(self) -> Pass | None:
        """A pass, or None: the source rests. Every pass must be given back by one of the three methods below."""
        if self.wait_s() is not None:
            return None
        probe = self._until is not None
        self._probing = probe
        if probe:
            self._probed_at = self._clock.now()
        return Pass(self._period, probe)

    def succeeded(self, given: Pass) -> None:
        """The call went well. After a probe the past is forgotten."""
        if given.period != self._period:
            return
        if given.probe:
            self._turn(None)
            self._open_s = BREAKER_OPEN_S_FIRST
        else:
            self._outcomes.append(True)

    def failed(self, given: Pass) -> None:
        """The call failed, or brought nothing that can be used."""
        if given.period != self._period:
            return
        if given.probe:
            self._open_s = min(self._open_s * 2, self.open_s_most)
            self._open(self._probed_at)
            return
        self._outcomes.append(False)
        if len(self._outcomes) < BREAKER_OUTCOMES_MIN:
            return
        # A source that was well and now hangs fails every time: half a window of that would take too long.
        in_a_row = not any(itertools.islice(reversed(self._outcomes), BREAKER_OUTCOMES_MIN))
        if in_a_row or self.failures >= BREAKER_FAILURES_SHARE * len(self._outcomes):
            self._open()

    def forget(self, given: Pass) -> None:
        """The call says nothing about the source: it was cancelled, or never made."""
        if given.probe and given.period == self._period:
            self._probing = False

    def _open(self, since: datetime | None = None) -> None:
        self.opened += 1
        now = self._clock.now()
        self._turn(max((since or now) + timedelta(seconds=self._open_s), now))

    def _turn(self, until: datetime | None) -> None:
        self._until = until
        self._period += 1
        self._probing = False
        self._outcomes.clear()

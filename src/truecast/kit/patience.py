"""How long to wait for a source, and how often to ask it again. Both learn from the source itself."""

from datetime import datetime

from truecast.kit.clock import Clock
from truecast.kit.limits import (
    RETRIES_MIN,
    RETRY_HALF_LIFE_S,
    RETRY_SHARE_MAX,
    TIME_LIMIT_S_FIRST,
    TIME_LIMIT_S_MIN,
)

_WHOLE = 0.95  # of a retry: what has nearly aged away counts as gone
_GAIN, _GAIN_DEVIATION, _DEVIATIONS = 1 / 8, 1 / 4, 4.0


class TimeLimit:
    """Time to the first byte: four deviations above the mean of the source's own, as TCP does (RFC 6298).

    The probe of a breaker gets twice as long, and twice that after every probe that was in vain, up to the largest:
    a source that has become slower is learned anew instead of being given up.
    """

    def __init__(self, most_s: float) -> None:
        self._most_s = most_s
        self._mean_s: float | None = None
        self._deviation_s = 0.0
        self._probe_factor = 2.0

    @property
    def seconds(self) -> float:
        """The limit for the next call."""
        if self._mean_s is None:
            return min(TIME_LIMIT_S_FIRST, self._most_s)
        return min(max(self._mean_s + _DEVIATIONS * self._deviation_s, TIME_LIMIT_S_MIN), self._most_s)

    @property
    def probe_s(self) -> float:
        """The limit for a probe."""
        return min(self.seconds * self._probe_factor, self._most_s)

    @property
    def latency_s(self) -> float | None:
        """The smoothed time to the first byte; None before the first."""
        return self._mean_s

    def took(self, seconds: float) -> None:
        """The first byte came after so long."""
        self._probe_factor = 2.0
        if self._mean_s is None:
            self._mean_s, self._deviation_s = seconds, seconds / 2
            return
        self._deviation_s += _GAIN_DEVIATION * (abs(seconds - self._mean_s) - self._deviation_s)
        self._mean_s += _GAIN * (seconds - self._mean_s)

    def probe_ran_out(self) -> None:
        """A probe got no byte within its limit."""
        if self.probe_s < self._most_s:
            self._probe_factor *= 2


class RetryBudget:
    """Repetitions are at most a tenth of the calls, so that a failing source is not asked three times as much.

    Google SRE book, chapter 21. A source that is hardly ever asked may be asked again all the same, `RETRIES_MIN`
    times; calls and retries of long ago count less and less.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at: datetime = clock.now()
        self._calls = self._retries = 0.0

    def called(self) -> None:
        """A first attempt is made."""
        self._age()
        self._calls += 1

    def retry(self) -> bool:
        """Whether one more attempt is allowed; if so it is counted."""
        self._age()
        if self._retries + _WHOLE > max(RETRIES_MIN, RETRY_SHARE_MAX * self._calls):
            return False
        self._retries += 1
        return True

    def _age(self) -> None:
        now = self._clock.now()
        left = 0.5 ** (max((now - self._at).total_seconds(), 0.0) / RETRY_HALF_LIFE_S)
        self._calls, self._retries, self._at = self._calls * left, self._retries * left, now

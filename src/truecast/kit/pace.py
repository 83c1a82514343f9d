"""How often somebody may ask: GCRA, one number per asker, so millions of askers cost little and a check microseconds.

A rate of n a minute lets n requests through at once and then one every 60/n seconds. In memory, or counted in Redis
for several processes; while Redis is away every process counts alone.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from truecast.kit.limits import PACE_ASKERS_MAX, REDIS_TIMEOUT_S
from truecast.kit.logs import get_logger

_log = get_logger(__name__)
_AWAY_S = 5.0  # after Redis did not answer it is not asked for so long

# KEYS[1] holds when the asker is even again; ARGV: microseconds between two requests, and of the whole burst.
# Answer: whether it may, and how far ahead of even it is. The clock is Redis's own, the same for all.
_SCRIPT = """
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local step, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local even = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
if even + step - now > burst then return {0, string.format('%.0f', even - now)} end
redis.call('SET', KEYS[1], string.format('%.0f', even + step), 'PX', math.ceil(burst / 1000) + 1)
return {1, string.format('%.0f', even + step - now)}
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `amount` at once, refilled over `window_s`."""

    amount: int
    window_s: float = 60.0

    @property
    def step_s(self) -> float:
        """The pace at which it refills."""
        return self.window_s / self.amount


class Paced(NamedTuple):
    """May it pass; how many more may follow at once; when all of them may again; when to ask again if not."""

    allowed: bool
    remaining: int
    reset_s: float
    retry_after_s: float


class Pace(Protocol):
    """Counts requests."""

    async def take(self, asker: str, rate: Rate) -> Paced:
        """One more request of this asker."""

    def at_once(self, asker: str, rate: Rate) -> Paced | None:
        """As `take`, where nobody has to be waited for and it may pass; else None, and nothing is counted."""

    async def close(self) -> None:
        """Let go of connections."""


def _paced(rate: Rate, ahead_s: float, *, allowed: bool) -> Paced:
    free_s = rate.window_s - ahead_s
    remaining = int(free_s / rate.step_s + 1e-9)
    return Paced(allowed, max(remaining, 0), ahead_s, 0.0 if allowed else max(rate.step_s - free_s, 0.0))


class MemoryPace:
    """Counts in one process. The askers that came last are remembered."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._even_at: OrderedDict[str, float] = OrderedDict()

    async def take(self, asker: str, rate: Rate) -> Paced:
        """See Pace."""
        paced = self.at_once(asker, rate)
        if paced is not None:
            return paced
        now = self._now_s()
        return _paced(rate, max(self._even_at.get(asker, 0.0) - now, 0.0), allowed=False)

    def at_once(self, asker: str, rate: Rate) -> Paced | None:
        """See Pace."""
        now, step_s = self._now_s(), rate.step_s
        ahead_s = max(self._even_at.get(asker, 0.0) - now, 0.0) + step_s
        if ahead_s > rate.window_s + 1e-9:
            return None
        self._even_at[asker] = now + ahead_s
        self._even_at.move_to_end(asker)
        if len(self._even_at) > PACE_ASKERS_MAX:
            self._even_at.popitem(last=False)
        return _paced(rate, ahead_s, allowed=True)

    async def close(self) -> None:
        """Nothing to let go of."""


class RedisPace:
    """Counts for all processes behind one Redis; alone while it is away."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._redis: Any = None
        self._script: Any = None
        self._alone = MemoryPace()
        self._away_until_s = 0.0

    async def take(self, asker: str, rate: Rate) -> Paced:
        """See Pace."""
        if time.monotonic() < self._away_until_s:
            return await self._alone.take(asker, rate)
        # Most installations have no Redis and never load its client.
        import redis.asyncio  # noqa: PLC0415

        if self._script is None:
            self._redis = redis.asyncio.from_url(
                self._url, socket_timeout=REDIS_TIMEOUT_S, socket_connect_timeout=REDIS_TIMEOUT_S
            )
            self._script = self._redis.register_script(_SCRIPT)
        sizes = [round(rate.step_s * 1e6), round(rate.window_s * 1e6)]
        try:
            allowed, ahead_us = await self._script(keys=[f"truecast:pace:{asker}"], args=sizes)
        except (OSError, TimeoutError, redis.RedisError) as error:
            self._away_until_s = time.monotonic() + _AWAY_S
            _log.warning("rate limits are counted by each process alone", reason=str(error))
            return await self._alone.take(asker, rate)
        return _paced(rate, int(ahead_us) / 1e6, allowed=bool(allowed))

    def at_once(self, asker: str, rate: Rate) -> Paced | None:  # noqa: ARG002 as Pace has it
        """See Pace: Redis has to be waited for."""
        return None

    async def close(self) -> None:
        """See Pace."""
        if self._redis is not None:
            await self._redis.aclose()

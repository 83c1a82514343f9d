"""The budgets of several processes, counted in Redis: one script per call, so that nobody comes in between.

The counting is that of `kit/budget.py`. Redis keeps the latest time any process has said and never goes back behind
it, so clocks that differ make the budget smaller, never larger. While Redis is away each process keeps to a fixed
share of every limit on its own, and adds what it spent when Redis is back.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from truecast.kit.budget import Limit, MemoryBudget, Used
from truecast.kit.clock import Clock, to_us
from truecast.kit.limits import BUDGET_ALONE_S, BUDGET_SHARE_ALONE, REDIS_TIMEOUT_S
from truecast.kit.logs import get_logger
from truecast.kit.metrics import SOURCE_BUDGET_ALONE

_log = get_logger(__name__)

# KEYS[1] is a hash: now, pause, and per limit its newest part, total and the ring of parts.
# ARGV: mode, now, seconds to keep the hash, then per limit: length of a part, number of parts, amount, allowed, cost.
# Answer: microseconds to wait (-1: for ever), of these because of a pause, the time it was decided at, the totals.
# What `cost` means depends on the mode: take it, add it whatever the limit, or believe that so much is used (-1: no).
SCRIPT = """
local key, mode = KEYS[1], ARGV[1]
local function get(field) return tonumber(redis.call('HGET', key, field) or 0) end
local function put(field, n) redis.call('HSET', key, field, string.format('%.0f', n)) end

local now = math.max(tonumber(ARGV[2]), get('now'))
put('now', now)
redis.call('EXPIRE', key, ARGV[3])
if mode == 'pause' then
  put('pause', math.max(get('pause'), tonumber(ARGV[4])))
  return {0, 0, string.format('%.0f', now)}
end

local windows, never = {}, false
local wait = math.max(get('pause') - now, 0)
local paused = wait
for i = 1, (#ARGV - 3) / 5 do
  local length, parts, amount, allowed, cost = unpack(ARGV, 4 + (i - 1) * 5, 8 + (i - 1) * 5)
  length, parts, amount, allowed, cost =
    tonumber(length), tonumber(parts), tonumber(amount), tonumber(allowed), tonumber(cost)
  local slot = function(part) return i .. ':' .. part % parts end
  local newest, total = get(i .. ':newest'), get(i .. ':total')
  local present = math.floor(now / length)
  if present > newest then
    for part = math.max(newest + 1, present - parts + 1), present do
      total = total - get(slot(part))
      put(slot(part), 0)
    end
    newest = present
    put(i .. ':newest', newest)
    put(i .. ':total', total)
  end
  if mode == 'take' and total + cost > allowed and not (total == 0 and cost <= amount) then
    local free = newest + parts
    if cost > amount then
      never = true
    elseif cost <= allowed then
      local over = total + cost - allowed
      for part = newest - parts + 1, newest do
        over = over - get(slot(part))
        if over <= 0 then free = part + parts; break end
      end
    end
    wait = math.max(wait, free * length - now)
  end
  windows[i] = {total = total, slot = slot(newest), cost = cost, name = i .. ':total'}
end

local answer = {never and -1 or wait, paused, string.format('%.0f', now)}
for i, w in ipairs(windows) do
  local more = 0
  if mode == 'add' or (mode == 'take' and wait == 0 and not never) then
    more = w.cost
  elseif mode == 'correct' then
    more = math.max(w.cost - w.total, 0)
  end
  if more > 0 then
    put(w.slot, get(w.slot) + more)
    put(w.name, w.total + more)
  end
  answer[#answer + 1] = w.total + more
end
return answer
"""


class SharedBudgets:
    """The connection to Redis, made when it is first needed."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._url = url
        self._clock = clock
        self._redis: Any = None
        self._script: Any = None

    def budget(self, name: str, limits: Sequence[Limit]) -> "RedisBudget":
        """The budget of one source."""
        return RedisBudget(name, limits, self._clock, self)

    async def run(self, name: str, arguments: Sequence[int | str]) -> list[int]:
        """Run the script. Raises OSError, TimeoutError or redis.RedisError where Redis cannot be asked."""
        if self._script is None:
            # Most installations have no Redis and never load its client.
            import redis.asyncio  # noqa: PLC0415

            self._redis = redis.asyncio.from_url(
                self._url, socket_timeout=REDIS_TIMEOUT_S, socket_connect_timeout=REDIS_TIMEOUT_S
            )
            self._script = self._redis.register_script(SCRIPT)
        run = cast("Awaitable[list[int]]", self._script(keys=[f"truecast:budget:{name}"], args=list(arguments)))
        return [int(value) for value in await run]

    async def close(self) -> None:
        """Close the connections."""
        if self._redis is not None:
            with contextlib.suppress(OSError):
                await self._redis.aclose()
            self._redis = self._script = None


class RedisBudget:
    """One source's budget, shared. See kit/budget.py."""

    def __init__(self, name: str, limits: Sequence[Limit], clock: Clock, shared: SharedBudgets) -> None:
        self.limits = tuple(limits)
        self._name = name
        self._clock = clock
        self._shared = shared
        self._keep_s = int(2 * max((limit.window_s for limit in limits), default=0)) + 3_600
        few = [replace(limit, amount=max(int(limit.amount * BUDGET_SHARE_ALONE), 1)) for limit in limits]
        self._few = tuple(few)
        self._alone: MemoryBudget | None = None
        self._alone_until_s = 0.0

    async def take(self, weight: int, *, urgent: bool) -> float:
        """See Budget."""
        rows = [(limit, limit.allowed(urgent=urgent), limit.cost(weight)) for limit in self.limits]
        answer = await self._ask("take", rows)
        if answer is None:
            assert self._alone is not None
            return await self._alone.take(weight, urgent=urgent)
        return float("inf") if answer[0] < 0 else answer[0] / 1e6

    async def pause(self, until: datetime) -> None:
        """See Budget."""
        if await self._ask("pause", (), to_us(until)) is None and self._alone is not None:
            await self._alone.pause(until)

    async def correct(self, which: int, used: int) -> None:
        """See Budget."""
        rows = [(limit, 0, used if i == which else -1) for i, limit in enumerate(self.limits)]
        if await self._ask("correct", rows) is None and self._alone is not None:
            await self._alone.correct(which, min(used, self._few[which].amount))

    async def used(self) -> tuple[Used, ...]:
        """See Budget."""
        answer = await self._ask("look", [(limit, 0, 0) for limit in self.limits])
        if answer is None:
            assert self._alone is not None
            return await self._alone.used()
        return tuple(Used(limit, total) for limit, total in zip(self.limits, answer[3:], strict=True))

    async def paused_s(self) -> float:
        """See Budget."""
        answer = await self._ask("look", [(limit, 0, 0) for limit in self.limits])
        if answer is None:
            assert self._alone is not None
            return await self._alone.paused_s()
        return answer[1] / 1e6

    async def close(self) -> None:
        """The connection is not this budget's own."""

    async def _ask(self, mode: str, rows: Sequence[tuple[Limit, int, int]], *more: int) -> list[int] | None:
        """None while Redis is away: then this process is on its own, for some seconds at least."""
        import redis.exceptions  # noqa: PLC0415 loaded with the client

        loop_s = asyncio.get_running_loop().time()
        if self._alone is not None and loop_s < self._alone_until_s:
            return None
        try:
            if self._alone is not None:
                await self._join()
            return await self._shared.run(
                self._name, [mode, to_us(self._clock.now()), self._keep_s, *more, *_flat(rows)]
            )
        except (OSError, redis.exceptions.RedisError) as error:
            if self._alone is None:
                _log.warning("budgets alone", source=self._name, reason=type(error).__name__)
                self._alone = MemoryBudget(self._few, self._clock)
            SOURCE_BUDGET_ALONE.labels(self._name).set(1)
            self._alone_until_s = loop_s + BUDGET_ALONE_S
            return None

    async def _join(self) -> None:
        """Redis may be back: tell it what was spent meanwhile."""
        assert self._alone is not None
        rows = [(limit, 0, spent.used) for limit, spent in zip(self.limits, await self._alone.used(), strict=True)]
        await self._shared.run(self._name, ["add", to_us(self._clock.now()), self._keep_s, *_flat(rows)])
        self._alone = None
        SOURCE_BUDGET_ALONE.labels(self._name).set(0)


def _flat(rows: Sequence[tuple[Limit, int, int]]) -> list[int]:
    return [
        number for limit, allowed, cost in rows for number in (limit.part_us, limit.parts, limit.amount, allowed, cost)
    ]

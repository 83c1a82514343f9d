"""Answers that several processes share, in one Redis; while it is away every question is simply a miss.

Redis counts changes. Each entry has the count at which its making began, each tag the count at which it was touched
last: an entry with a tag that was touched since is none. So an answer made from what was there before a change is not
served after it, whichever process made it and whichever heard of the change.
"""

import asyncio
import hashlib
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from truecast.kit.clock import from_us
from truecast.kit.ids import uuid7
from truecast.kit.limits import CACHE_AWAY_S, CACHE_CHANGES_MAX, CACHE_REDIS_TIMEOUT_S, CACHE_TAGS_S
from truecast.kit.logs import get_logger

_log = get_logger(__name__)
_ROOT = "truecast:cache:"

# One hash holds "@" the epoch, "#" the count and the count of each tag, so that it is lost as a whole or not at all.
# An entry is a hash: e its epoch, n the count it began at, t its tags, b the bytes.
_GET = """
local fresh, entry = ARGV[1], KEYS[2]
redis.call('HSETNX', KEYS[1], '@', fresh)
local said = redis.call('HMGET', KEYS[1], '@', '#')
local epoch, count = said[1], tonumber(said[2] or 0)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
local kept = redis.call('HMGET', entry, 'e', 'n', 't', 'b')
if not kept[4] then return {epoch, count} end
local sound = kept[1] == epoch
if sound then
  local tags = cjson.decode(kept[3])
  if #tags > 0 then
    for _, at in ipairs(redis.call('HMGET', KEYS[1], unpack(tags))) do
      if at and tonumber(at) > tonumber(kept[2]) then sound = false end
    end
  end
end
if not sound then redis.call('DEL', entry) return {epoch, count} end
return {epoch, count, kept[4], redis.call('PTTL', entry)}
"""
_KEEP = """
redis.call('HSET', KEYS[1], 'e', ARGV[1], 'n', ARGV[2], 't', ARGV[3], 'b', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1
"""
_TOUCH = """
local count = redis.call('HINCRBY', KEYS[1], '#', 1)
for i = 2, #ARGV do redis.call('HSET', KEYS[1], ARGV[i], count) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return count
"""


@dataclass(frozen=True, slots=True)
class Found:
    """What Redis said: `since` for who makes the answer now; None while it is away. `data`: the answer, if any."""

    since: tuple[bytes, int] | None
    data: bytes | None = None
    left_s: float = 0.0


class RedisCache:
    """The shared entries of one installation, which `name` tells from others in the same Redis."""

    def __init__(self, url: str, name: str, *, away_s: float = CACHE_AWAY_S) -> None:
        self._url = url
        self._root = _ROOT + hashlib.blake2b(name.encode(), digest_size=8).hexdigest() + ":"
        self._redis: Any = None
        self._scripts: dict[str, Any] = {}
        self._away_s = away_s
        self._away_until_s = 0.0
        self._untold: dict[str, None] = {}  # touched here; Redis does not know it yet
        self._all_untold = False  # so much was touched that all has to be forgotten
        self._telling: asyncio.Task[None] | None = None
        self.last_error: str | None = None

    @property
    def connected(self) -> bool:
        """Whether it answered when it was asked last."""
        return time.monotonic() >= self._away_until_s and self.last_error is None

    async def get(self, key: bytes) -> Found:
        """The entry, if it is there and nothing it says something about has changed."""
        said = await self._run("get", [self._changes, self._key(key)], [uuid7(from_us(0)).hex, _TAGS_MS])
        if said is None:
            return Found(None)
        since = (bytes(said[0]), int(said[1]))
        if self._untold or self._all_untold:  # what Redis has may be from before the change
            self._begin_telling()
            return Found(None)
        if len(said) < 4:
            return Found(since)
        return Found(since, bytes(said[2]), max(int(said[3]), 0) / 1000)

    async def keep(self, key: bytes, data: bytes, tags: Iterable[str], age_s: float, since: tuple[bytes, int]) -> None:
        """Keep it for `age_s` at most."""
        import orjson  # noqa: PLC0415 the command line never comes here

        listed = orjson.dumps(list(tags))
        await self._run("keep", [self._key(key)], [*since, listed, data, max(math.ceil(age_s * 1000), 1)])

    def touch(self, tag: str) -> None:
        """What is under the tag has changed. Redis is told at once, all that came together in one message."""
        if len(self._untold) < CACHE_CHANGES_MAX:
            self._untold[tag] = None
        else:
            self._all_untold = True
        self._begin_telling()

    async def told(self) -> None:
        """Return once Redis knows of every change up to now, or is away."""
        if self._telling is not None:
            await asyncio.wait([self._telling])

    async def clear(self) -> None:
        """Forget everything: entries of the epoch before are none."""
        self._all_untold = True
        self._begin_telling()
        await self.told()

    async def close(self) -> None:
        """Let go of the connections."""
        if self._telling is not None:
            self._telling.cancel()
            await asyncio.wait([self._telling])
        if self._redis is not None:
            await self._redis.aclose()
            self._redis = None

    def _begin_telling(self) -> None:
        if self._telling is None or self._telling.done():
            self._telling = asyncio.get_running_loop().create_task(self._tell(), name="cache tells")

    async def _tell(self) -> None:
        """Until Redis knows all of it; what it cannot be told now, while it is away, is told when it is back."""
        while self._untold or self._all_untold:
            tags = tuple(self._untold)
            if self._all_untold:
                said = await self._run("clear", [self._changes], [])
            else:
                said = await self._run("touch", [self._changes], [_TAGS_MS, *tags])
            if said is None:
                return
            self._all_untold = False
            for tag in tags:
                self._untold.pop(tag, None)

    @property
    def _changes(self) -> str:
        return f"{self._root}changes"

    def _key(self, key: bytes) -> str:
        return f"{self._root}{hashlib.blake2b(key, digest_size=16).hexdigest()}"

    async def _run(self, script: str, keys: list[str], arguments: list[Any]) -> Any:
        """What Redis answers; None while it is away."""
        if time.monotonic() < self._away_until_s:
            return None
        # Most installations have no Redis and never load its client.
        import redis.asyncio  # noqa: PLC0415

        try:
            if self._redis is None:
                self._redis = redis.asyncio.from_url(
                    self._url, socket_timeout=CACHE_REDIS_TIMEOUT_S, socket_connect_timeout=CACHE_REDIS_TIMEOUT_S
                )
                self._scripts = {name: self._redis.register_script(text) for name, text in _TEXTS.items()}
            said = await self._scripts[script](keys=keys, args=arguments)
        except (OSError, TimeoutError, redis.RedisError) as error:
            self._away_until_s = time.monotonic() + self._away_s
            self.last_error = f"{type(error).__name__}: {error}"[:200]
            _log.warning("answers are kept by each process alone", reason=self.last_error)
            return None
        self.last_error = None
        return said


_TAGS_MS = int(CACHE_TAGS_S * 1000)
_TEXTS = {"get": _GET, "keep": _KEEP, "touch": _TOUCH, "clear": "return redis.call('DEL', KEYS[1])"}

"""Answers kept in memory: those asked for longest ago go first, and what has changed goes at once.

Every value is kept under tags that name what it says something about. `touch` drops what is under a tag, and makes
sure that an answer on which somebody works at that moment, from what was there before, is not kept either.
"""

import time
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from truecast.kit.limits import CACHE_CHANGES_MAX
from truecast.kit.metrics import CACHE_BYTES, CACHE_DROPPED

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Held(Generic[V]):
    """A value that is kept, until `until_s` of the monotonic clock at the latest."""

    value: V
    kind: str
    size_bytes: int
    tags: tuple[str, ...]
    until_s: float


class Cache(Generic[K, V]):
    """At most `bytes_max` bytes, as their owners count them, plus ENTRY_BYTES for each entry."""

    def __init__(self, bytes_max: int, now_s: Callable[[], float] = time.monotonic) -> None:
        self.bytes_max = bytes_max
        self.size_bytes = 0
        self.dropped: Counter[str] = Counter()  # by reason: changed, expired, room, cleared
        self.now_s = now_s
        self._held: OrderedDict[K, Held[V]] = OrderedDict()
        self._under: defaultdict[str, set[K]] = defaultdict(set)
        self._changes = 0  # counts touches
        self._forgotten = 0  # touches up to here are not known one by one
        self._changed: dict[str, int] = {}  # by tag the last touch, while somebody makes something
        self._making = 0

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: K) -> V | None:
        """The value, unless there is none or it has become too old."""
        held = self._held.get(key)
        if held is None:
            return None
        if self.now_s() >= held.until_s:
            self._drop(key, "expired")
            return None
        self._held.move_to_end(key)
        return held.value

    @contextmanager
    def making(self) -> Iterator[int]:
        """Around the making of a value: gives what `keep` wants to know as `since`."""
        self._making += 1
        try:
            yield self._changes
        finally:
            self._making -= 1
            if not self._making:
                self._changed.clear()
                self._forgotten = self._changes

    def keep(
        self, key: K, value: V, *, kind: str, size_bytes: int, tags: tuple[str, ...], age_s: float, since: int
    ) -> bool:
        """Keep it for `age_s` at most; not if one of the tags was touched after `since`. Whether it is kept."""
        if not self.unchanged(tags, since) or age_s <= 0:
            return False
        size_bytes += ENTRY_BYTES + TAG_BYTES * len(tags)
        if key in self._held:
            self._drop(key, "replaced")
        if size_bytes > self.bytes_max:
            return False
        self._held[key] = Held(value, kind, size_bytes, tags, self.now_s() + age_s)
        for tag in tags:
            self._under[tag].add(key)
        self.size_bytes += size_bytes
        CACHE_BYTES.set(self.size_bytes)
        while self.size_bytes > self.bytes_max:
            self._drop(next(iter(self._held)), "room")
        return True

    def unchanged(self, tags: Iterable[str], since: int) -> bool:
        """Whether none of the tags was touched after `since`, which is of a making that still goes on."""
        return since >= self._forgotten and all(self._changed.get(tag, 0) <= since for tag in tags)

    def touch(self, tag: str) -> int:
        """What is under the tag has changed; how many values went. Cheap where there is none."""
        self._changes += 1
        if self._making and len(self._changed) < CACHE_CHANGES_MAX:
            self._changed[tag] = self._changes
        else:
            self._changed.clear()
            self._forgotten = self._changes
        keys = self._under.get(tag)
        if not keys:
            return 0
        gone = tuple(keys)
        for key in gone:
            self._drop(key, "changed")
        return len(gone)

    def forget(self, key: K) -> None:
        """Drop one value."""
        if key in self._held:
            self._drop(key, "cleared")

    def clear(self) -> int:
        """Drop everything, also what is being made; how many values went."""
        self._changes += 1
        self._changed.clear()
        self._forgotten = self._changes
        gone = tuple(self._held)
        for key in gone:
            self._drop(key, "cleared")
        return len(gone)

    def held(self) -> list[tuple[K, Held[V]]]:
        """Everything that is kept, asked for last first."""
        return list(reversed(self._held.items()))

    def _drop(self, key: K, reason: str) -> None:
        held = self._held.pop(key)
        self.size_bytes -= held.size_bytes
        self.dropped[reason] += 1
        CACHE_DROPPED.labels(reason).inc()
        CACHE_BYTES.set(self.size_bytes)
        for tag in held.tags:
            keys = self._under[tag]
            keys.discard(key)
            if not keys:
                del self._under[tag]


ENTRY_BYTES = 600  # what an entry costs beside its value: measured, rounded up
TAG_BYTES = 150

"""A topic with those who listen to it. Listeners that want the same are one group and cost one loop.

A connection that has room stands in `ready` of its groups, and a message is written to it without a question. One that
has none stands in `waiting`; it is not touched by messages at all, and catches up from the topic's ring when it has
room again. So only slow connections cost more than a write.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from truecast.api.stream_connection import Connection
from truecast.api.stream_frame import Encoding, Frame
from truecast.api.stream_protocol import EVERYTHING, QUOTES, Filter
from truecast.kit.bus import Message, Unsubscribe
from truecast.kit.limits import STREAM_RING_BYTES_MAX, STREAM_RING_MESSAGES_MAX, STREAM_RING_PRICES_MAX
from truecast.kit.metrics import STREAM_DELIVERIES

GroupKey = tuple[Filter, float | None]


class Subscription:
    """One connection in one group. `next` is the offset it needs next while it waits."""

    __slots__ = ("group", "next", "reset", "topic")

    def __init__(self, topic: "Topic", group: "Group", next_: int) -> None:
        self.topic = topic
        self.group = group
        self.next = next_
        self.reset = False  # the numbers began anew while it waited, which it has not been told


class Group:
    """Those who want the same of a topic, at the same pace."""

    def __init__(self, kind: str, key: GroupKey, sent: int) -> None:
        self.filter, self.interval_s = key
        self.sent = sent  # offset of what was written last
        self.ready: dict[Encoding, dict[Connection, Callable[[Any], None]]] = {}
        self.waiting: dict[Connection, Subscription] = {}
        self._kind = kind
        self._latest: Frame | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._sent_s = float("-inf")

    def __bool__(self) -> bool:
        return bool(self.waiting) or any(self.ready.values())

    def accepts(self, frame: Frame) -> bool:
        """Whether its members want it."""
        return self.filter is EVERYTHING or self.filter.accepts(frame.model, frame.interval)

    def take(self, frames: Sequence[Frame]) -> None:
        """Write them to everybody who has room, or keep the latest until it is time."""
        if self.interval_s is None:
            self.sent = frames[-1].offset
            self._write([frame for frame in frames if self.accepts(frame)], loose=False)
            return
        self._latest = frames[-1]
        if self._timer is None:
            loop = asyncio.get_running_loop()
            wait_s = self._sent_s + self.interval_s - loop.time()
            if wait_s <= 0:
                self._flush()
            else:
                self._timer = loop.call_later(wait_s, self._flush)

    def event(self, event: dict[str, Any]) -> None:
        """Write an event to everybody who has room."""
        for encoding, writers in self.ready.items():
            write_all(writers.values(), encoding.event(event))

    def snapshot(self, frame: Frame) -> None:
        """Write a snapshot to everybody who has room."""
        self._write([frame], loose=True)

    def admit(self, connection: Connection) -> None:
        """It has room: it is written to directly."""
        self.waiting.pop(connection, None)
        self.ready.setdefault(connection.encoding, {})[connection] = connection.write

    def set_aside(self, connection: Connection, subscription: Subscription) -> None:
        """It has no room: it catches up later."""
        if self._remove(connection):
            subscription.next = self.sent + 1
            self.waiting[connection] = subscription

    def drop(self, connection: Connection) -> None:
        """It listens no more."""
        self._remove(connection)
        self.waiting.pop(connection, None)
        if not self and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _remove(self, connection: Connection) -> bool:
        writers = self.ready.get(connection.encoding)
        return writers is not None and writers.pop(connection, None) is not None

    def _flush(self) -> None:
        self._timer = None
        frame, self._latest = self._latest, None
        if frame is not None:
            self.sent = frame.offset
            self._sent_s = asyncio.get_running_loop().time()
            self._write([frame], loose=True)

    def _write(self, frames: Sequence[Frame], *, loose: bool) -> None:
        for encoding, writers in self.ready.items():
            if writers and frames:
                encode = encoding.loose if loose else encoding.message
                data = [frame.encoded(encode) for frame in frames]
                STREAM_DELIVERIES.labels(self._kind).inc(len(writers) * len(frames))
                for written in data if encoding.join is None or len(data) == 1 else [encoding.join(data)]:
                    write_all(writers.values(), written)


class Topic:
    """A topic somebody listens to, or did a moment ago. `floor_seq`: what came up to there is not in the ring."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.kind = name.partition(":")[0]
        self.conflates = self.kind == QUOTES  # the latest is all that anybody wants
        self.epoch = ""
        self.offset = 0
        self.floor_seq = 0
        self.ring: deque[Frame] = deque()
        self.groups: dict[GroupKey, Group] = {}
        self.users = 0  # subscriptions, and those about to become one
        self.early: list[Message] | None = []  # what came before we knew how far the topic is
        self.opened = asyncio.Event()
        self.leave: Unsubscribe = _nothing
        self.lingering: asyncio.TimerHandle | None = None
        self._ring_bytes = 0

    def begin(self, epoch: str, offset: int, floor_seq: int) -> None:
        """The ring is empty and stands right behind `offset`."""
        self.epoch, self.offset, self.floor_seq = epoch, offset, floor_seq
        self.ring.clear()
        self._ring_bytes = 0

    def keep(self, frame: Frame) -> None:
        """Add the next message to the ring."""
        self.offset = frame.offset
        self.ring.append(frame)
        self._ring_bytes += len(frame.json)
        messages_max = STREAM_RING_PRICES_MAX if self.conflates else STREAM_RING_MESSAGES_MAX
        while len(self.ring) > 1 and (len(self.ring) > messages_max or self._ring_bytes > STREAM_RING_BYTES_MAX):
            gone = self.ring.popleft()
            self._ring_bytes -= len(gone.json)
            self.floor_seq = gone.seq

    def deliver(self, frames: Sequence[Frame]) -> None:
        """Messages that follow each other, to every group."""
        for group in tuple(self.groups.values()):
            group.take(frames)

    def holds(self, offset: int) -> bool:
        """Whether nothing from `offset` on is lost."""
        first = self.ring[0].offset if self.ring else self.offset + 1
        return first <= offset <= self.offset + 1

    def frame(self, offset: int) -> Frame | None:
        """The message at `offset`, which the ring holds, or None behind the last one."""
        return None if offset > self.offset else self.ring[offset - self.ring[0].offset]

    def after(self, seq: int) -> int:
        """The offset of the first message behind a place among all topics."""
        return next((frame.offset for frame in self.ring if frame.seq > seq), self.offset + 1)

    def group(self, key: GroupKey) -> Group:
        """The group of those who want the same."""
        if key not in self.groups:
            self.groups[key] = Group(self.kind, key, self.offset)
        return self.groups[key]

    def drop(self, connection: Connection, group: Group) -> None:
        """The connection leaves the group, which ends with its last member."""
        group.drop(connection)
        if not group:
            self.groups.pop((group.filter, group.interval_s), None)


def write_all(writers: Iterable[Callable[[Any], None]], data: Any) -> None:
    """Write the same to all. A transport that is gone says so to its protocol; here it only must not stop the others.

    The copy is needed: a write may take its own connection out of the group.
    """
    left = iter(tuple(writers))
    while True:
        try:
            for write in left:
                write(data)
        except (RuntimeError, OSError):
            continue  # with the next one
        return


def _nothing() -> None:
    """Not subscribed yet."""

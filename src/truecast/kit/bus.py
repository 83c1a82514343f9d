"""News inside the process: publish on a topic, be told in order.

A message says that something happened and where to look; the store stays the only truth. So a lost message costs
freshness, never data.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from truecast.kit.clock import Clock
from truecast.kit.ids import uuid7
from truecast.kit.logs import get_logger
from truecast.kit.metrics import BUS_FAILURES, BUS_MESSAGES

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Message:
    """One piece of news. `offset` counts from 1 within `topic`; a new `epoch` means that counting began anew.

    `seq` is its place among the messages of all topics, where processes share the bus; 0 in a bus of one process.
    """

    topic: str
    epoch: str
    offset: int
    ts: datetime
    data: Mapping[str, Any]
    seq: int = 0


@dataclass(frozen=True, slots=True)
class Past:
    """How far a topic has come, and the last messages of it, oldest first, as far as the bus still has them.

    `seq` is how far all topics have come together, where the bus counts that.
    """

    epoch: str
    offset: int
    messages: tuple[Message, ...] = ()
    seq: int = 0


@dataclass(frozen=True, slots=True)
class BusState:
    """Whether other processes are heard. A bus of one process has nobody to miss."""

    shared: bool
    connected: bool
    last_error: str | None = None


Handler = Callable[[Message], Awaitable[None]]

# What kept answers are about, and no candle, price or score tells: `changed:series`, `changed:forecasts` and
# `changed:scores` with the `symbols`, `changed:evidence`. Small, so that telling costs little where nobody listens.
CHANGED = "changed:"
Unsubscribe = Callable[[], None]
Make = Callable[[], Awaitable[Sequence[Mapping[str, Any]]]]


class Bus(Protocol):
    """Publish and subscribe."""

    async def publish(self, topic: str, data: Mapping[str, Any]) -> Message:
        """Tell everybody who listens; in one process, returns when they have been told."""

    async def publish_all(self, topic: str, count: int, make: Make) -> None:
        """Publish `count` messages that cost something to make: they are made only if somebody listens."""

    def subscribe(self, pattern: str, handler: Handler) -> Unsubscribe:
        """Be told of every message whose topic is `pattern`, or begins with it where it ends in `*`."""

    def heard(self, topic: str) -> bool:
        """Whether anybody may listen."""

    async def settled(self) -> None:
        """Return once every subscription made so far is in force."""

    async def past(self, topic: str) -> Past:
        """How far the topic has come."""

    @property
    def state(self) -> BusState:
        """Whether it works."""

    async def close(self) -> None:
        """Let go of connections. May be called twice."""


class InProcessBus:
    """Handlers are awaited one after the other, in the order in which they subscribed.

    Messages of one topic reach every handler in the order of their offsets. A handler that fails is logged and
    counted and stops neither the others nor the publisher. A handler may publish: when the topic is being delivered
    at that moment, the message waits its turn and `publish` returns before it is delivered, since waiting for
    oneself would never end.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._epoch = uuid7(clock.now()).hex
        self._offsets: defaultdict[str, int] = defaultdict(int)
        self._exact: defaultdict[str, dict[int, tuple[str, Handler]]] = defaultdict(dict)
        self._prefixes: dict[int, tuple[str, Handler]] = {}
        self._subscription_next = 0
        self._waiting: defaultdict[str, deque[Message]] = defaultdict(deque)
        self._busy: dict[str, asyncio.Lock] = {}
        self.failures = 0

    async def publish(self, topic: str, data: Mapping[str, Any]) -> Message:
        """Number the message, then deliver it."""
        self._offsets[topic] += 1
        message = Message(topic, self._epoch, self._offsets[topic], self._clock.now(), data)
        BUS_MESSAGES.labels(_kind(topic)).inc()
        self._waiting[topic].append(message)
        busy = self._busy.setdefault(topic, asyncio.Lock())
        if busy.locked() and _inside_delivery.get():
            return message  # whoever delivers this topic at the moment delivers it too
        inside = _inside_delivery.set(True)
        try:
            async with busy:
                while self._waiting[topic]:
                    await self.deliver(self._waiting[topic].popleft())
        finally:
            _inside_delivery.reset(inside)
        return message

    async def publish_all(self, topic: str, count: int, make: Make) -> None:
        """See Bus. What nobody hears is counted."""
        if not self.heard(topic):
            self.skip(topic, count)
            return
        for data in await make():
            await self.publish(topic, data)
            await asyncio.sleep(0)  # many messages at once must not hold up everybody else

    def subscribe(self, pattern: str, handler: Handler) -> Unsubscribe:
        """Add the handler behind those already there. The answer takes it away again; twice is harmless."""
        number = self._subscription_next
        self._subscription_next += 1
        kept = self._prefixes if pattern.endswith("*") else self._exact[pattern]
        kept[number] = (pattern, handler)

        def leave() -> None:
            kept.pop(number, None)
            if not kept and self._exact.get(pattern) is kept:
                del self._exact[pattern]

        return leave

    def skip(self, topic: str, count: int) -> None:
        """Count messages that were not made."""
        self._offsets[topic] += count

    def begin_anew(self) -> None:
        """Count from 1 again, under a new epoch."""
        self._epoch = uuid7(self._clock.now()).hex
        self._offsets.clear()

    def heard(self, topic: str) -> bool:
        """Whether anybody listens."""
        return bool(self._listening(topic))

    @property
    def patterns(self) -> list[str]:
        """What anybody listens to."""
        exact = [pattern for pattern, handlers in self._exact.items() if handlers]
        return sorted({*exact, *(pattern for pattern, _ in self._prefixes.values())})

    async def settled(self) -> None:
        """At once: nobody else is asked."""

    async def past(self, topic: str) -> Past:
        """Nothing is kept: whoever wants to read again has to listen."""
        return Past(self._epoch, self._offsets.get(topic, 0))

    @property
    def state(self) -> BusState:
        """There is nothing that could fail."""
        return BusState(shared=False, connected=True)

    async def close(self) -> None:
        """Nothing to let go of."""

    async def deliver(self, message: Message) -> None:
        """Tell the handlers of a message that is numbered already."""
        for pattern, handler in self._listening(message.topic):
            try:
                await handler(message)
            except Exception:  # noqa: BLE001 one listener's fault is not the publisher's; counted and logged
                self.failures += 1
                BUS_FAILURES.labels(_kind(message.topic)).inc()
                _log.exception("bus handler failed", topic=message.topic, offset=message.offset, pattern=pattern)

    def _listening(self, topic: str) -> list[tuple[str, Handler]]:
        """In the order in which they subscribed."""
        found = dict(self._exact.get(topic, {}))
        found |= {number: one for number, one in self._prefixes.items() if topic.startswith(one[0][:-1])}
        return [found[number] for number in sorted(found)]


def _kind(topic: str) -> str:
    return topic.partition(":")[0]


# True while the current task runs inside a handler, so that two handlers that publish on each other's topics
# cannot wait for each other.
_inside_delivery: ContextVar[bool] = ContextVar("inside_delivery", default=False)

"""News inside the process: publish on a topic, be told in order.

A message says that something happened and where to look; the store stays the only truth. So a lost message costs
freshness, never data.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping
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
    """One piece of news. `offset` counts from 1 within `topic`; a new `epoch` means that counting began anew."""

    topic: str
    epoch: str
    offset: int
    ts: datetime
    data: Mapping[str, Any]


Handler = Callable[[Message], Awaitable[None]]
Unsubscribe = Callable[[], None]


class Bus(Protocol):
    """Publish and subscribe."""

    async def publish(self, topic: str, data: Mapping[str, Any]) -> Message:
        """Tell everybody who listens; returns when they have been told."""

    def subscribe(self, pattern: str, handler: Handler) -> Unsubscribe:
        """Be told of every message whose topic is `pattern`, or begins with it where it ends in `*`."""


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
        self._subscriptions: dict[int, tuple[str, Handler]] = {}
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
                    await self._deliver(self._waiting[topic].popleft())
        finally:
            _inside_delivery.reset(inside)
        return message

    def subscribe(self, pattern: str, handler: Handler) -> Unsubscribe:
        """Add the handler behind those already there. The answer takes it away again; twice is harmless."""
        number = self._subscription_next
        self._subscription_next += 1
        self._subscriptions[number] = (pattern, handler)
        return lambda: void(self._subscriptions.pop(number, None))

    async def _deliver(self, message: Message) -> None:
        for pattern, handler in tuple(self._subscriptions.values()):
            if not _matches(pattern, message.topic):
                continue
            try:
                await handler(message)
            except Exception:  # noqa: BLE001 one listener's fault is not the publisher's; counted and logged
                self.failures += 1
                BUS_FAILURES.labels(_kind(message.topic)).inc()
                _log.exception("bus handler failed", topic=message.topic, offset=message.offset, pattern=pattern)


def void(_: object) -> None:
    """Drop a result."""


def _matches(pattern: str, topic: str) -> bool:
    return topic.startswith(pattern[:-1]) if pattern.endswith("*") else topic == pattern


def _kind(topic: str) -> str:
    return topic.partition(":")[0]


# True while the current task runs inside a handler, so that two handlers that publish on each other's topics
# cannot wait for each other.
_inside_delivery: ContextVar[bool] = ContextVar("inside_delivery", default=False)

"""The bus of a process that works for another one: it has no listeners of its own and tells the other everything.

    relay = RelayBus(clock, say)         in the worker: say() sends a mapping to the other process
    await relayed(bus, news)             there: what it said, published on the bus that has the listeners

What nobody listened to when the work began is not made, but counted: offsets go on, so that who comes meanwhile sees
that something is missing.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from truecast.kit.bus import BusState, Handler, InProcessBus, Make, Message, Past, Unsubscribe
from truecast.kit.clock import Clock


class RelayBus:
    """The worker's end. `listened`: patterns that the other process listens to, set with each piece of work."""

    def __init__(self, clock: Clock, say: Callable[[Mapping[str, Any]], None]) -> None:
        self._clock = clock
        self._say = say
        self.listened: Collection[str] = ()

    async def publish(self, topic: str, data: Mapping[str, Any]) -> Message:
        """Send it on; it is numbered where it is told."""
        self._say({"topic": topic, "data": data})
        return Message(topic, "", 0, self._clock.now(), data)

    async def publish_all(self, topic: str, count: int, make: Make) -> None:
        """See Bus."""
        if not self.heard(topic):
            self._say({"topic": topic, "count": count})
            return
        for data in await make():
            await self.publish(topic, data)

    def subscribe(self, pattern: str, handler: Handler) -> Unsubscribe:  # noqa: ARG002 its signature
        """Nothing is ever delivered here."""
        return lambda: None

    def heard(self, topic: str) -> bool:
        """Whether the other process listened when the work began."""
        return any(topic == one or (one.endswith("*") and topic.startswith(one[:-1])) for one in self.listened)

    async def settled(self) -> None:
        """At once."""

    async def past(self, topic: str) -> Past:  # noqa: ARG002 its signature
        """Nothing is kept."""
        return Past("", 0)

    @property
    def state(self) -> BusState:
        """The other process knows."""
        return BusState(shared=False, connected=True)

    async def close(self) -> None:
        """Nothing to let go of."""


async def relayed(bus: InProcessBus, news: Mapping[str, Any]) -> None:
    """One thing that a RelayBus said, published here."""
    if "count" in news:
        bus.skip(news["topic"], news["count"])
    else:
        await bus.publish(news["topic"], news["data"])

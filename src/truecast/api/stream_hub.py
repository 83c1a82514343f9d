"""The hub: takes messages from the bus and hands them to everybody who listens, each encoded once.

A topic is subscribed to on the bus while somebody listens, and a while longer for those who come back. Nothing is ever
missing in silence: whoever cannot be given the next message is told `reset`, or closed, and comes back with the offset
he has.
"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any

from truecast.api import stream_room as room
from truecast.api.stream_connection import Connection
from truecast.api.stream_frame import Frame
from truecast.api.stream_joining import Joining, Snapshots, resumed, retry_s, unbroken
from truecast.api.stream_protocol import (
    EVERYTHING,
    Filter,
    ServerRestarts,
    SlowConsumer,
    Subscribe,
    TooManyStreams,
    TooManySubscriptions,
    error_event,
)
from truecast.api.stream_rights import Holders, Rights
from truecast.api.stream_topic import Group, Subscription, Topic
from truecast.api.stream_turns import Turns
from truecast.kit.bus import Bus, Message
from truecast.kit.clock import Clock, iso
from truecast.kit.errors import TruecastError
from truecast.kit.limits import (
    STREAM_CONNECTIONS_MAX,
    STREAM_HEARTBEAT_S,
    STREAM_LINGER_S,
    STREAM_SLOW_S_MAX,
    STREAM_SUBSCRIPTIONS_MAX,
    STREAM_TOPICS_LINGERING_MAX,
)
from truecast.kit.logs import get_logger
from truecast.kit.metrics import STREAM_CLOSED, STREAM_CONNECTIONS

_log = get_logger(__name__)


class Hub:
    """All streams of one process."""

    def __init__(self, bus: Bus, clock: Clock, snapshots: Snapshots, holders: Holders) -> None:
        self._bus = bus
        self._clock = clock
        self._snapshots = snapshots
        self._topics: dict[str, Topic] = {}
        self._connections: dict[Connection, dict[str, Subscription]] = {}
        self._slow: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._watching: asyncio.Task[None] | None = None
        self._rights = Rights(holders, self.close)
        self.turns = Turns()
        self._seq = 0
        self._epoch = ""
        self.draining = False

    # Connections

    def attach(self, connection: Connection) -> None:
        """Begin. Raises TooManyStreams, ServerRestarts."""
        if self.draining:
            raise ServerRestarts(retry_after_s=retry_s())
        if len(self._connections) >= STREAM_CONNECTIONS_MAX:
            raise TooManyStreams(limit=STREAM_CONNECTIONS_MAX, retry_after_s=retry_s())
        self._connections[connection] = {}
        self._rights.enter(connection)
        STREAM_CONNECTIONS.labels(connection.skin).inc()
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch(), name="streams")

    def detach(self, connection: Connection) -> None:
        """End. Twice is harmless."""
        subscriptions = self._connections.pop(connection, None)
        connection.closed = True
        self._slow.discard(connection)
        if subscriptions is None:
            return
        self._rights.leave(connection)
        STREAM_CONNECTIONS.labels(connection.skin).dec()
        for subscription in subscriptions.values():
            subscription.topic.drop(connection, subscription.group)
            self._release(subscription.topic)

    def close(self, connection: Connection, error: TruecastError) -> None:
        """End it from our side."""
        if connection in self._connections:
            STREAM_CLOSED.labels(error.code).inc()
            self.detach(connection)
            connection.outlet.close(error)

    @property
    def place(self) -> str:
        """How far all topics have come."""
        return f"{self._epoch}:{self._seq}"

    def count(self) -> int:
        """Open streams."""
        return len(self._connections)

    def topics(self, connection: Connection) -> list[str]:
        """What it listens to."""
        return list(self._connections.get(connection, ()))

    # Subscriptions

    async def subscribe(self, connection: Connection, said: Subscribe, *, since_place: str | None = None) -> list[str]:
        """Answer `subscribed`, then what is missing or a snapshot, then every message; returns the topics.

        `since_place` is what `Last-Event-ID` said. Raises TooManySubscriptions; what is wrong with single topics is
        said in the answer.
        """
        async with connection.lock:
            found = await self._snapshots.resolve(said.topics)
            errors = [error_event(e, topic=text) for text, e in found.items() if isinstance(e, TruecastError)]
            names = {name: text for text, name in found.items() if isinstance(name, str)}
            had = self._connections.get(connection, {})
            asked = len(had.keys() | names.keys())
            if asked > STREAM_SUBSCRIPTIONS_MAX:
                raise TooManySubscriptions(limit=STREAM_SUBSCRIPTIONS_MAX, asked=asked)
            opened: list[Topic] = []
            try:
                for name in names:
                    opened.append(await self._open(name))  # noqa: PERF401 those opened are released, whatever happens
                place = since_place or self.place
                joining = [await self._joining(topic, names[topic.name], said, since_place) for topic in opened]
                if connection in self._connections:
                    self._join(connection, said, joining, errors, place)
            finally:
                for topic in opened:
                    self._release(topic)
        return list(names)

    async def position(self, name: str) -> tuple[str, int]:
        """Epoch and offset of a topic. It is kept for a while, so that whoever reads this can go on from there."""
        topic = await self._open(name)
        self._release(topic)
        return topic.epoch, topic.offset

    async def unsubscribe(self, connection: Connection, topics: Sequence[str] | None) -> list[str]:
        """Leave these topics, or all; which were left."""
        async with connection.lock:
            subscriptions = self._connections.get(connection, {})
            if topics is None:
                names = list(subscriptions)
            else:
                found = await self._snapshots.resolve(topics)
                names = [name for name in found.values() if isinstance(name, str) and name in subscriptions]
            for name in names:
                self._leave(connection, name)
        return names

    async def _joining(self, topic: Topic, asked: str, said: Subscribe, since_place: str | None) -> Joining:
        since, mark, epoch = said.since.get(asked), topic.offset, topic.epoch
        recovered, first = resumed(topic, since, since_place, self._seq)
        snapshot = None
        if not recovered and said.snapshot:
            snapshot = await self._snapshot(topic.name, said.filter)
        return Joining(topic, asked, epoch, mark, recovered, first, snapshot)

    async def _snapshot(self, name: str, wanted: Filter) -> Any:
        try:
            return await self._snapshots.of(name, wanted)
        except TruecastError as error:  # a topic whose past cannot be read can still be listened to
            _log.warning("no snapshot", topic=name, code=error.code)
            return None

    def _join(
        self,
        connection: Connection,
        said: Subscribe,
        joining: Sequence[Joining],
        errors: Sequence[Mapping[str, Any]],
        place: str,
    ) -> None:
        """Everything from here on happens at once, so that no message comes in between."""
        self.turns.flush()
        event: dict[str, Any] = {"event": "subscribed", "id": said.id, "place": place, "errors": errors}
        event["topics"] = [
            {
                "topic": one.topic.name,
                "asked": one.asked,
                "epoch": one.epoch,
                "offset": one.first - 1,
                "recovered": one.recovered,
                "snapshot": one.snapshot is not None,
                "interval_s": said.interval_s,
            }
            for one in joining
        ]
        connection.send(event)
        for one in joining:
            self._leave(connection, one.topic.name)
            if one.snapshot is not None:
                message = Message(one.topic.name, one.epoch, one.mark, self._clock.now(), one.snapshot)
                frame = Frame(message, one.topic.kind, self._seq, 0.0, snapshot=True)
                connection.write(frame.encoded(connection.encoding.loose))
            group = one.topic.group((said.filter if said.filter != EVERYTHING else EVERYTHING, said.interval_s))
            subscription = Subscription(one.topic, group, one.first)
            subscription.reset = one.epoch != one.topic.epoch  # it began anew while the snapshot was made
            group.waiting[connection] = subscription
            one.topic.users += 1
            self._connections[connection][one.topic.name] = subscription
        self._pump(connection)

    def _leave(self, connection: Connection, name: str) -> None:
        before = self._connections[connection].pop(name, None)
        if before is not None:
            before.topic.drop(connection, before.group)
            self._release(before.topic)

    # Topics

    async def _open(self, name: str) -> Topic:
        """The topic, from where the bus has it. To be released."""
        while (topic := self._topics.get(name)) is not None:
            topic.users += 1
            if topic.lingering is not None:
                topic.lingering.cancel()
                topic.lingering = None
            await topic.opened.wait()
            if self._topics.get(name) is topic:
                return topic  # else whoever opened it was cancelled
        topic = self._topics[name] = Topic(name)
        topic.users += 1
        try:
            topic.leave = self._bus.subscribe(name, self._take)
            await self._bus.settled()
            past = await self._bus.past(name)
        except BaseException:
            self._drop(topic)
            raise
        finally:
            topic.opened.set()
        self._seed(topic, past.epoch, past.offset, past.seq, past.messages)
        return topic

    def _seed(self, topic: Topic, epoch: str, offset: int, seq: int, messages: Sequence[Message]) -> None:
        self._seq = max(self._seq, seq) if epoch == self._epoch else seq or self._seq
        self._epoch = epoch
        run = unbroken(messages, offset)
        floor_seq = seq or self._seq
        if run:
            floor_seq = 0 if run[0].offset == 1 else run[0].seq - 1
        elif offset == 0:
            floor_seq = 0
        topic.begin(epoch, offset - len(run), floor_seq)
        for message in run:
            topic.keep(self._frame(topic, message))
        early, topic.early = topic.early or [], None
        for message in early:
            self._accept(topic, message)

    def _release(self, topic: Topic) -> None:
        topic.users -= 1
        if topic.users or self._topics.get(topic.name) is not topic:
            return
        topic.lingering = asyncio.get_running_loop().call_later(STREAM_LINGER_S, self._drop, topic)
        lingering = [one for one in self._topics.values() if not one.users]
        if len(lingering) > STREAM_TOPICS_LINGERING_MAX:
            self._drop(lingering[0])

    def _drop(self, topic: Topic) -> None:
        if topic.lingering is not None:
            topic.lingering.cancel()
        topic.leave()
        if self._topics.get(topic.name) is topic:
            del self._topics[topic.name]

    # Messages

    async def _take(self, message: Message) -> None:
        topic = self._topics.get(message.topic)
        if topic is None:
            return
        if topic.early is not None:
            topic.early.append(message)
            return
        self._accept(topic, message)

    def _accept(self, topic: Topic, message: Message) -> None:
        same = message.epoch == topic.epoch
        if same and message.offset <= topic.offset:
            return  # caught up with already
        frame = self._frame(topic, message)
        if not same or message.offset != topic.offset + 1:
            self._begin_anew(topic, frame)
        topic.keep(frame)
        self.turns.add(topic, frame)

    def _frame(self, topic: Topic, message: Message) -> Frame:
        if message.epoch != self._epoch:
            self._epoch, self._seq = message.epoch, message.seq - 1 if message.seq else self._seq
        seq = message.seq or self._seq + 1
        self._seq = max(self._seq, seq)
        return Frame(message, topic.kind, seq, asyncio.get_running_loop().time())

    def _begin_anew(self, topic: Topic, frame: Frame) -> None:
        """Something is missing, or the numbers are others: say so, and send what is known after it."""
        self.turns.flush()
        topic.begin(frame.epoch, frame.offset - 1, frame.seq - 1)
        event = room.reset(topic)
        for group in topic.groups.values():
            group.sent = topic.offset
            group.event(event)
            for subscription in group.waiting.values():
                subscription.reset, subscription.next = True, frame.offset
            if group:
                self._spawn(self._tell_snapshot(topic, group))

    async def _tell_snapshot(self, topic: Topic, group: Group) -> None:
        data = await self._snapshot(topic.name, group.filter)
        if data is not None:
            self.turns.flush()
            message = Message(topic.name, topic.epoch, topic.offset, self._clock.now(), data)
            group.snapshot(Frame(message, topic.kind, self._seq, 0.0, snapshot=True))

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Room

    def paused(self, connection: Connection) -> None:
        """It has no room: it leaves the loops of its groups."""
        had_room, connection.has_room = connection.has_room, False
        if had_room and connection in self._connections:
            room.set_aside(connection, self._connections[connection].values())
            self._slow.add(connection)

    def resumed(self, connection: Connection) -> None:
        """It has room again."""
        self.turns.flush()  # else it would be given twice what waits for its turn
        connection.has_room = True
        if connection in self._connections:
            self._pump(connection)

    def _pump(self, connection: Connection) -> None:
        try:
            caught_up = room.pump(connection, self._connections[connection].values())
        except SlowConsumer as error:
            self.close(connection, error)
            return
        if caught_up:
            self._slow.discard(connection)

    async def _watch(self) -> None:
        """Close who takes nothing, and say now and then that we are there."""
        loop = asyncio.get_running_loop()
        beat_s = loop.time() + STREAM_HEARTBEAT_S
        while True:
            await asyncio.sleep(STREAM_SLOW_S_MAX / 14)
            now_s = loop.time()
            for connection in tuple(self._slow):
                if room.is_stuck(connection, self._connections[connection].values(), now_s):
                    self.close(connection, SlowConsumer())
            if now_s >= beat_s:
                beat_s = now_s + STREAM_HEARTBEAT_S
                self.tell({"event": "heartbeat", "ts": iso(self._clock.now())})

    def tell(self, event: Mapping[str, Any]) -> None:
        """Say the same to everybody who has room."""
        encoded: dict[Any, Any] = {}
        for connection in tuple(self._connections):
            if connection.has_room:
                encoding = connection.encoding
                if encoding not in encoded:
                    encoded[encoding] = encoding.event(event)
                try:
                    connection.write(encoded[encoding])
                except (RuntimeError, OSError):
                    continue  # gone; its protocol says so

    # The end

    async def drain(self) -> None:
        """Tell everybody that the server restarts, each with a moment of its own to come back, and close."""
        self.draining = True
        self.turns.stop()
        for connection in tuple(self._connections):
            self.close(connection, ServerRestarts(retry_after_s=retry_s()))
        await asyncio.sleep(0)

    async def stop(self) -> None:
        """Drain, and let go of the bus."""
        await self.drain()
        self._rights.stop()
        for task in (*self._tasks, *([self._watching] if self._watching else [])):
            task.cancel()
        self._watching = None
        for topic in tuple(self._topics.values()):
            self._drop(topic)

"""News between processes: one Redis numbers, keeps for a while and passes on what any of them publishes.

Every process counts alike, because Redis counts: one script numbers a message, keeps it and publishes it, so nobody
comes in between. Redis holds the only copy of nothing. While it is away each process goes on with its own news, under
an epoch of its own; when it is back, what was missed is caught up as far as Redis still has it.
"""

import asyncio
import contextlib
import math
import secrets
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson

from truecast.kit.bus import BusState, Handler, InProcessBus, Make, Message, Past, Unsubscribe
from truecast.kit.clock import Clock, from_us, to_us
from truecast.kit.ids import uuid7
from truecast.kit.limits import (
    BUS_PAST_MESSAGES,
    BUS_PAST_S,
    BUS_RETRY_S_MAX,
    BUS_SILENT_S_MAX,
    BUS_TIMEOUT_S,
    BUS_TOPICS_REMEMBERED_MAX,
)
from truecast.kit.logs import get_logger
from truecast.kit.metrics import BUS_CONNECTED

_log = get_logger(__name__)

_ROOT = "truecast:bus:"
_POSITIONS = f"{_ROOT}positions"  # one hash, so that it is lost as a whole or not at all: "#epoch", "#seq", offsets
_RETRY_S_FIRST = 0.05
_CONTROL = f"{_ROOT}control"  # nothing is published there; whoever hears nothing else is subscribed to it

# KEYS: positions, past of the topic. ARGV: mode, topic, channel, an epoch in case there is none, time, body, messages
# to keep, seconds to keep them, how many messages, and then the keys that say that somebody listens.
# Modes: `publish` one; `ask`: count them, which says that nobody wants them, unless somebody does; `past`.
SCRIPT = """
local positions, past = KEYS[1], KEYS[2]
local mode, topic, channel, fresh, at, body, keep, keep_s, count = unpack(ARGV, 1, 9)
if redis.call('HSETNX', positions, '#epoch', fresh) == 1 then redis.call('DEL', past) end
local epoch = redis.call('HGET', positions, '#epoch')
if mode == 'past' then
  local said = redis.call('HMGET', positions, topic, '#seq')
  return {epoch, said[1] or '0', redis.call('LRANGE', past, 0, -1), said[2] or '0'}
end
if mode == 'ask' and redis.call('EXISTS', unpack(ARGV, 10)) > 0 then return {epoch, 0, 0} end
local offset = redis.call('HINCRBY', positions, topic, count)
local seq = redis.call('HINCRBY', positions, '#seq', count)
if mode == 'ask' then
  redis.call('DEL', past)
else
  local message = table.concat({offset, seq, epoch, at, topic}, ' ') .. '\\n' .. body
  redis.call('RPUSH', past, message)
  redis.call('LTRIM', past, -tonumber(keep), -1)
  redis.call('EXPIRE', past, keep_s)
  redis.call('PUBLISH', channel, message)
end
return {epoch, offset, seq}
"""


class RedisBus:
    """The bus of processes that share a Redis. The handlers of this process are told in the order of Redis."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._url = url
        self._clock = clock
        self._local = InProcessBus(clock)  # has the handlers; numbers what is published while Redis is away
        self._patterns: dict[str, int] = {}  # how often each is subscribed to
        self._confirmed: set[str] = set()
        self._changed = asyncio.Event()  # something was confirmed, or Redis was lost
        self._seen: OrderedDict[str, tuple[str, int]] = OrderedDict()
        self._pongs: dict[str, asyncio.Future[None]] = {}
        self._redis: Any = None
        self._script: Any = None
        self._pubsub: Any = None
        self._reader: asyncio.Task[None] | None = None
        self._listening: asyncio.Task[None] | None = None
        self._sending: set[asyncio.Task[None]] = set()
        self._connected = False
        self._last_error: str | None = None

    async def publish(self, topic: str, data: Mapping[str, Any]) -> Message:
        """Returns when Redis has it; while Redis is away, when this process has been told."""
        await self._started()
        if self._connected:
            try:
                return await self._publish(topic, data)
            except _errors() as error:
                self._lose(error)
        return await self._local.publish(topic, data)

    async def publish_all(self, topic: str, count: int, make: Make) -> None:
        """See Bus. What nobody in any process hears is counted, in one call."""
        await self._started()
        wanted = True
        if self._connected:
            try:
                _, offset, _ = await self._run("ask", topic, self._clock.now(), b"", count)
                wanted = not int(offset)
            except _errors() as error:
                self._lose(error)
        if not self._connected:
            await self._local.publish_all(topic, count, make)
        elif wanted:
            for data in await make():
                await self.publish(topic, data)

    def subscribe(self, pattern: str, handler: Handler) -> Unsubscribe:
        """See Bus. In force a moment later; see `settled`."""
        leave = self._local.subscribe(pattern, handler)
        self._patterns[pattern] = self._patterns.get(pattern, 0) + 1
        if self._patterns[pattern] == 1:
            self._tell("subscribe", pattern)
        left = False

        def unsubscribe() -> None:
            nonlocal left
            leave()
            if left:
                return
            left = True
            self._patterns[pattern] -= 1
            if not self._patterns[pattern]:
                del self._patterns[pattern]
                self._confirmed.discard(pattern)
                self._tell("unsubscribe", pattern)

        return unsubscribe

    def heard(self, topic: str) -> bool:
        """Who listens elsewhere is not known here: somebody may."""
        return self._connected or self._local.heard(topic)

    async def settled(self) -> None:
        """At once while Redis is away."""
        await self._started()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BUS_TIMEOUT_S):
                while self._connected and not self._confirmed.issuperset(self._patterns):
                    self._changed.clear()
                    await self._changed.wait()

    async def past(self, topic: str) -> Past:
        """What Redis keeps; nothing while it is away."""
        await self._started()
        if self._connected:
            try:
                return await self._past(topic)
            except _errors() as error:
                self._lose(error)
        return await self._local.past(topic)

    @property
    def state(self) -> BusState:
        """Whether Redis answers."""
        return BusState(shared=True, connected=self._connected, last_error=self._last_error)

    async def close(self) -> None:
        """Stop listening and close the connections."""
        if self._reader is not None:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader
            self._reader = None
        self._connected = False
        await self._disconnect()

    async def _started(self) -> None:
        """The reader, made at the first use, because only then there is a loop. Waits for its first try to connect."""
        if self._reader is None:
            first = asyncio.Event()
            self._reader = asyncio.create_task(self._read(first), name="bus")
            await first.wait()

    async def _publish(self, topic: str, data: Mapping[str, Any]) -> Message:
        now = self._clock.now()
        epoch, offset, seq = await self._run("publish", topic, now, orjson.dumps(data))
        return Message(topic, epoch.decode(), int(offset), now, data, int(seq))

    async def _past(self, topic: str) -> Past:
        epoch, offset, kept, seq = await self._run("past", topic, self._clock.now(), b"")
        await self._heard_all()
        self._remember(topic, epoch.decode(), int(offset))  # so that it is caught up with even if nothing came yet
        messages = [_decoded(raw) for raw in kept]
        return Past(epoch.decode(), int(offset), tuple(m for m in messages if m.epoch == epoch.decode()), int(seq))

    async def _heard_all(self) -> None:
        """Return once everything that Redis has said up to now has been delivered here: its answer comes behind it."""
        token = secrets.token_hex(8)
        answered = self._pongs[token] = asyncio.get_running_loop().create_future()
        try:
            await self._pubsub.ping(token)
            async with asyncio.timeout(BUS_TIMEOUT_S):
                await answered
        finally:
            self._pongs.pop(token, None)

    async def _run(self, mode: str, topic: str, now: datetime, body: bytes, count: int = 1) -> Any:
        wanted = [f"{_ROOT}want:{pattern}" for pattern in (topic, f"{topic.partition(':')[0]}:*", "*")]
        at, fresh = to_us(now), uuid7(now).hex
        arguments = [mode, topic, _ROOT + topic, fresh, at, body, BUS_PAST_MESSAGES, int(BUS_PAST_S), count]
        return await self._script(keys=[_POSITIONS, f"{_ROOT}past:{topic}"], args=[*arguments, *wanted])

    # The connection on which we listen

    async def _read(self, first: asyncio.Event) -> None:
        """For ever: connect, listen, and when the connection is lost, again."""
        wait_s = _RETRY_S_FIRST
        try:
            while True:
                try:
                    await self._connect()
                    first.set()
                    wait_s = _RETRY_S_FIRST
                    self._listening = asyncio.create_task(self._listen(), name="bus listens")
                    await asyncio.wait([self._listening])
                    if not self._listening.cancelled():  # else somebody saw the loss before us
                        self._listening.result()
                except _errors() as error:
                    self._lose(error)
                first.set()
                await self._disconnect()
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, BUS_RETRY_S_MAX)
        finally:
            if self._listening is not None:
                self._listening.cancel()

    async def _connect(self) -> None:
        # Most installations have no Redis and never load its client.
        import redis.asyncio  # noqa: PLC0415
        from redis.asyncio.retry import Retry  # noqa: PLC0415
        from redis.backoff import NoBackoff  # noqa: PLC0415

        self._redis = redis.asyncio.from_url(
            self._url,
            socket_timeout=BUS_TIMEOUT_S,
            socket_connect_timeout=BUS_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),  # a connection that breaks must be noticed: what came meanwhile is missing
        )
        self._script = self._redis.register_script(SCRIPT)
        self._pubsub = self._redis.pubsub()
        await self._pubsub.subscribe(_CONTROL)
        for pattern in tuple(self._patterns):
            await self._send("subscribe", pattern)
        self._connected = True
        self._last_error = None
        BUS_CONNECTED.set(1)
        _log.info("bus connected")

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        heard_s = refreshed_s = loop.time()
        catching_up = tuple(self._seen.items())  # what we knew before the connection was lost
        held: list[Mapping[str, Any]] = []  # what comes before the rest is caught up with
        while True:
            said = await self._pubsub.get_message(timeout=BUS_SILENT_S_MAX / 3)
            now_s = loop.time()
            if said is None:
                if now_s - heard_s > BUS_SILENT_S_MAX:
                    raise TimeoutError("Redis is silent")
                await self._pubsub.ping()
            else:
                heard_s = now_s
                if said["type"] in ("subscribe", "psubscribe"):
                    self._confirm(said["channel"].decode())
                elif catching_up:
                    held.append(said)
                else:
                    await self._hear(said)
            if catching_up and self._confirmed.issuperset(self._patterns):
                await self._catch_up(catching_up)
                catching_up = ()
                for before in held:
                    await self._hear(before)
            if now_s - refreshed_s > BUS_PAST_S / 3:
                refreshed_s = now_s
                await self._want(self._patterns)

    async def _hear(self, said: Mapping[str, Any]) -> None:
        raw = said["data"]
        if said["type"] == "pong":
            token = raw.decode() if isinstance(raw, bytes) else raw
            if (waiting := self._pongs.get(token)) is not None and not waiting.done():
                waiting.set_result(None)
        elif said["type"] in ("message", "pmessage"):
            try:
                message = _decoded(raw)
            except ValueError:  # somebody else publishes under our names
                _log.warning("bus message not understood", bytes=len(raw))
                return
            await self._deliver(message)

    async def _catch_up(self, seen: Iterable[tuple[str, tuple[str, int]]]) -> None:
        """Deliver what was published while we did not listen, of the topics that somebody here listens to.

        In the order of all topics, for streams whose one place stands for several: so only up to where the first answer
        says that all topics were; what came later is told us anyway.
        """
        missed, up_to = list[Message](), None
        for topic, (epoch, offset) in seen:
            if not self._local.heard(topic):
                self._seen.pop(topic, None)
                continue
            epoch_now, _, kept, seq = await self._run("past", topic, self._clock.now(), b"")
            up_to = int(seq) if up_to is None else up_to
            of_topic = [m for m in map(_decoded, kept) if m.epoch == epoch_now.decode() and m.seq <= up_to]
            missed += [m for m in of_topic if m.epoch != epoch or m.offset > offset]
        for message in sorted(missed, key=lambda one: one.seq):
            await self._deliver(message)

    async def _deliver(self, message: Message) -> None:
        epoch, offset = self._seen.get(message.topic, ("", 0))
        if epoch == message.epoch and message.offset <= offset:
            return  # heard already, by a pattern beside the exact topic, or caught up with
        self._remember(message.topic, message.epoch, message.offset)
        await self._local.deliver(message)

    def _remember(self, topic: str, epoch: str, offset: int) -> None:
        """How far a topic was heard. Never backwards."""
        before = self._seen.get(topic, ("", 0))
        self._seen[topic] = (epoch, max(offset, before[1]) if before[0] == epoch else offset)
        self._seen.move_to_end(topic)
        if len(self._seen) > BUS_TOPICS_REMEMBERED_MAX:
            self._seen.popitem(last=False)

    def _confirm(self, channel: str) -> None:
        pattern = channel.removeprefix(_ROOT)
        if pattern in self._patterns:
            self._confirmed.add(pattern)
            self._changed.set()

    def _tell(self, what: str, pattern: str) -> None:
        """Have Redis told of a change, if it is there; a new connection says everything anyway."""
        if not self._connected:
            return
        task = asyncio.ensure_future(self._sent(what, pattern))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _sent(self, what: str, pattern: str) -> None:
        try:
            if (what == "subscribe") == (pattern in self._patterns):  # not overtaken by the opposite
                await self._send(what, pattern)
        except _errors() as error:
            self._lose(error)

    async def _send(self, what: str, pattern: str) -> None:
        prefix = "p" if pattern.endswith("*") else ""
        if what == "subscribe":
            await self._want([pattern])
        await getattr(self._pubsub, prefix + what)(_ROOT + pattern)

    async def _want(self, patterns: Iterable[str]) -> None:
        """Say that somebody listens, for a while."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for pattern in patterns:
                pipe.set(f"{_ROOT}want:{pattern}", 1, ex=math.ceil(BUS_PAST_S))
            await pipe.execute()

    def _lose(self, error: BaseException) -> None:
        """Go on alone, under a new epoch, so that nobody takes our counting for that of Redis."""
        self._last_error = f"{type(error).__name__}: {error}"[:200]
        self._confirmed.clear()
        self._changed.set()
        BUS_CONNECTED.set(0)
        if self._connected:
            self._connected = False
            self._local.begin_anew()
            _log.warning("bus alone", reason=self._last_error)
        if self._listening is not None:
            self._listening.cancel()  # wherever the loss was seen

    async def _disconnect(self) -> None:
        pubsub, client = self._pubsub, self._redis
        self._pubsub = self._redis = None
        for connection in (pubsub, client):
            if connection is not None:
                with contextlib.suppress(*_errors()):
                    await connection.aclose()


def _decoded(raw: bytes) -> Message:
    head, _, body = raw.partition(b"\n")
    offset, seq, epoch, at, topic = head.decode().split(" ", 4)
    return Message(topic, epoch, int(offset), from_us(int(at)), orjson.loads(body), int(seq))


def _errors() -> tuple[type[BaseException], ...]:
    """What happens when Redis is away."""
    import redis.exceptions  # noqa: PLC0415 loaded with the client

    return (OSError, TimeoutError, redis.exceptions.RedisError)

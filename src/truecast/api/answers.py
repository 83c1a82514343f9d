"""The answers that this process keeps, and what makes it drop them: news on the bus, ticks, another set of models.

They are kept in memory. With Redis they are shared, too, so that one process makes what all of them answer; except
prices, which every process has on a board of its own, and which cost less to make than to fetch.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fastapi import Request
from prometheus_client import Counter
from starlette.types import Scope

from truecast import __version__
from truecast.api.ready import Ready, unpacked
from truecast.kit.bus import CHANGED, Message, Unsubscribe
from truecast.kit.cache import Cache
from truecast.kit.cache_redis import RedisCache
from truecast.kit.flights import Flights
from truecast.kit.limits import CACHE_ANSWER_BYTES_MAX
from truecast.kit.logs import get_logger
from truecast.kit.metrics import CACHE_ANSWERS
from truecast.kit.settings import CACHE_AGES_S, ages_of
from truecast.services import Services

Make = Callable[[], Awaitable[Ready | None]]
ALONE = frozenset({"prices"})  # kinds that are not shared
_RENEW = 0.75  # of the age limit
HOW = ("hit", "shared", "joined", "miss")

_log = get_logger(__name__)


class Question(NamedTuple):
    """What was asked: two are the same if they have the same words."""

    path: str
    query: bytes


class Asked(NamedTuple):
    """What kind of answer it has, and the template of the route that makes it."""

    kind: str
    template: str


@dataclass(slots=True)
class Kept:
    """An answer with what goes with it each time it is sent.

    The first who asks after `renew_at_s` makes it anew, while the others still get it: nobody has to wait for what is
    asked for all the time.
    """

    ready: Ready
    asked: Asked
    hits: Counter
    renew_at_s: float
    renewing: bool = False


class Answers:
    """Kept answers by question. None is served that is older than its kind allows, whatever was heard or not."""

    def __init__(self, services: Services) -> None:
        settings = services.settings
        self.memory: Cache[tuple[str, bytes], Kept] = Cache(settings.cache_bytes)
        self.ages_s = {kind: age_s if settings.cache_bytes else 0.0 for kind, age_s in ages_of(settings).items()}
        name = f"{__version__}|{services.db.where}|{services.clock.kind}"
        self.shared = None if settings.redis_url is None else RedisCache(settings.redis_url, name)
        self.counts = {(kind, how): CACHE_ANSWERS.labels(kind, how) for kind in CACHE_AGES_S for how in HOW}
        self._before = {key: _value(counter) for key, counter in self.counts.items()}  # counters outlive apps
        self._flights: Flights[Question, tuple[Ready | None, bool]] = Flights()
        self.remake: Callable[[Question, Asked, Scope], Awaitable[bool]] | None = (
            None  # who makes answers puts himself here
        )
        self._sharing: set[asyncio.Task[None]] = set()
        bus = services.bus
        self._leave: tuple[Unsubscribe, ...] = (
            bus.subscribe("bars:*", self._bars),
            bus.subscribe(f"{CHANGED}*", self._changed),
        )
        services.board.on_change(self._ticked)
        services.models.listeners.append(self._bound)

    def at_hand(self, question: tuple[str, bytes], now_us: int) -> Kept | None:
        """What is kept in this process and still true, unless it is time to make it anew."""
        kept = self.memory.get(question)
        if kept is None or not kept.ready.holds(now_us):
            return None
        return None if not kept.renewing and self.memory.now_s() >= kept.renew_at_s else kept

    def kept(self, question: Question, now_us: int) -> Ready | None:
        """As `at_hand`; who is told None makes it anew."""
        kept = self.at_hand(question, now_us)
        if kept is None:
            if (known := self.memory.get(question)) is not None:
                known.renewing = True
            return None
        kept.hits.inc()
        return kept.ready

    async def of(self, question: Question, asked: Asked, now_us: int, make: Make) -> Ready | None:
        """The answer that another process keeps, or `make` makes: once for all who ask the same meanwhile.

        None where there is none that could be kept, such as an error.
        """
        while True:
            mine = False

            async def fly() -> tuple[Ready | None, bool]:
                nonlocal mine
                mine = True
                return await self._made(question, asked, now_us, make)

            ready, sound = await self._flights.share(question, fly)
            if mine:
                return ready
            if sound:  # else something has changed since its making began, perhaps before we asked
                self.counts[asked.kind, "joined"].inc()
                return ready

    def keeps(self, kind: str) -> bool:
        """Whether answers of that kind are kept at all."""
        return self.ages_s[kind] > 0

    def touch(self, *tags: str) -> int:
        """What is under these tags has changed; how many answers in memory went."""
        if self.shared is not None:
            for tag in tags:
                self.shared.touch(tag)
        return sum(self.memory.touch(tag) for tag in tags)

    def keep(self, question: Question, asked: Asked, ready: Ready, *, since: int) -> bool:
        """Keep an answer in this process, made within `memory.making()`; whether it is kept."""
        return self._keep(question, asked, ready, age_s=self.ages_s[asked.kind], since=since)

    def count(self, kind: str, how: str) -> int:
        """How many questions of that kind were answered so, since this app was made."""
        return int(_value(self.counts[kind, how]) - self._before[kind, how])

    async def drop(self, kind: str, tags: Sequence[str] | None) -> int:
        """Drop the answers of a kind, of those only what is under one of the tags; and with them what is shared."""
        gone = [
            key
            for key, one in self.memory.held()
            if one.kind == kind and (tags is None or not set(tags).isdisjoint(one.tags))
        ]
        for key in gone:
            self.memory.forget(key)
        if self.shared is not None:  # which does not know kinds
            await self.shared.clear()
        return len(gone)

    async def make_anew(self, path: str, query: bytes, asked: Asked, scope: Scope) -> bool:
        """Make an answer anew, for the request of that scope; whether there is one."""
        assert self.remake is not None, "the app has its layers from the first request on"
        return await self.remake(Question(path, query), asked, scope)

    async def clear(self) -> int:
        """Drop everything, also what is shared; how many answers in memory went."""
        gone = self.memory.clear()
        if self.shared is not None:
            await self.shared.clear()
        return gone

    async def close(self) -> None:
        """Hear of nothing more, and let go of Redis."""
        for leave in self._leave:
            leave()
        for task in self._sharing:
            task.cancel()
        await asyncio.gather(*self._sharing, return_exceptions=True)
        if self.shared is not None:
            await self.shared.close()

    async def _made(self, question: Question, asked: Asked, now_us: int, make: Make) -> tuple[Ready | None, bool]:
        """The answer, and whether nothing that it is about has changed while it was made."""
        kind, age_s, since_shared = asked.kind, self.ages_s[asked.kind], None
        shared = self.shared if kind not in ALONE and age_s > 0 else None
        with self.memory.making() as since:
            if shared is not None:
                found = await shared.get(_key(question))
                since_shared = found.since
                if found.data is not None and (ready := _unpacked(found.data)) is not None and ready.holds(now_us):
                    self._keep(question, asked, ready, age_s=min(found.left_s, age_s), since=since)
                    self.counts[kind, "shared"].inc()
                    return ready, self.memory.unchanged(ready.tags, since)
            self.counts[kind, "miss"].inc()
            ready = await make()
            if ready is None:
                return None, True
            sound = self.memory.unchanged(ready.tags, since)
            if not sound or ready.until_us <= ready.made_us or ready.size_bytes > CACHE_ANSWER_BYTES_MAX:
                return ready, sound
            kept = self._keep(question, asked, ready, age_s=age_s, since=since)
        if shared is not None and since_shared is not None and kept:
            task = asyncio.create_task(shared.keep(_key(question), ready.packed(), ready.tags, age_s, since_shared))
            self._sharing.add(task)
            task.add_done_callback(self._sharing.discard)
        return ready, True

    def _keep(self, question: Question, asked: Asked, ready: Ready, *, age_s: float, since: int) -> bool:
        size = ready.size_bytes + len(question.path) + len(question.query)
        kept = Kept(ready, asked, self.counts[asked.kind, "hit"], self.memory.now_s() + _RENEW * age_s)
        return self.memory.keep(
            question, kept, kind=asked.kind, size_bytes=size, tags=ready.tags, age_s=age_s, since=since
        )

    def _ticked(self, symbol: str) -> None:
        self.memory.touch(f"quotes:{symbol}")

    def _bound(self) -> None:
        self.touch("models")

    async def _bars(self, message: Message) -> None:
        symbol = message.data.get("symbol")
        if isinstance(symbol, str):
            self._touch_of("series", [symbol])

    async def _changed(self, message: Message) -> None:
        what = message.topic.removeprefix(CHANGED)
        symbols = message.data.get("symbols", ())
        self._touch_of(what, [one for one in symbols if isinstance(one, str)])

    def _touch_of(self, what: str, symbols: Iterable[str]) -> None:
        self.touch(what, *(f"{what}:{symbol}" for symbol in symbols))


def answers_of(request: Request) -> Answers:
    """The answers that this app keeps."""
    answers = request.app.state.answers
    assert isinstance(answers, Answers)
    return answers


def _value(counter: Counter) -> float:
    return next(sample.value for metric in counter.collect() for sample in metric.samples if "_total" in sample.name)


def _key(question: Question) -> bytes:
    return question.path.encode("utf-8", "surrogatepass") + b"?" + question.query


def _unpacked(data: bytes) -> Ready | None:
    """What another process keeps; None for what this one does not understand."""
    try:
        return unpacked(data)
    except (ValueError, TypeError, AttributeError):
        _log.warning("kept answer not understood", bytes=len(data))
        return None

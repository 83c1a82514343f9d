"""How the sources do in every process of an installation: each tells the others, so that any of them can show it all.

A process asks sources through guards of its own, so its breakers and counts are its own; see kit/guard.py. It writes
what changed into its rows every few seconds, and that it lives a little less often. Rows of a process that has not been
heard of are not shown; whoever tells next removes them.
"""

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

import sqlalchemy as sa

from truecast.kit.breaker import State
from truecast.kit.clock import Clock, from_us, to_us
from truecast.kit.db import Database, metadata, upsert
from truecast.kit.errors import TruecastError
from truecast.kit.guard import Guard
from truecast.kit.ids import uuid7
from truecast.kit.limits import SOURCES_ALIVE_S, SOURCES_LOST_S, SOURCES_TOLD_S
from truecast.kit.logs import get_logger

_log = get_logger(__name__)

# `told_at` in microseconds since the epoch.
source_standings = sa.Table(
    "source_standings",
    metadata,
    sa.Column("source", sa.String(64), primary_key=True),
    sa.Column("process", sa.String(128), primary_key=True),
    sa.Column("told_at", sa.BigInteger, nullable=False),
    sa.Column("standing", sa.Text, nullable=False),  # JSON of a SourceStanding
)
_c = source_standings.c
_TIMES = ("told_at", "asks_again_at", "last_success_at", "last_error_at")


@dataclass(frozen=True, slots=True)
class SourceStanding:
    """How a source does in one process, at one moment. Counts are since the process began; see kit/guard.py.

    `asks_again_at`: from when its breaker lets a probe through, None while it is closed; `probing`: one is under way.
    `failures` among the latest `outcomes`; `opened` so many times.
    """

    source: str
    process: str
    told_at: datetime
    asks_again_at: datetime | None
    probing: bool
    failures: int
    outcomes: int
    opened: int
    calls: int
    attempts: int
    retries: int
    shared: int
    batched: int
    batches: int
    over_budget: int
    resting: int
    ended: dict[str, int]  # questions by what became of them
    latency_s: float | None
    time_limit_s: float
    last_success_at: datetime | None
    last_error_at: datetime | None
    last_error: str | None
    key_refused: str | None

    @property
    def was_asked(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.calls or self.attempts or self.resting or self.over_budget or self.last_error)

    def state(self, now: datetime) -> State:
        """Of its breaker."""
        if self.asks_again_at is None:
            return "closed"
        return "open" if now < self.asks_again_at else "half_open"

    def wait_s(self, now: datetime) -> float | None:
        """For how long it will not ask; None when it would."""
        if self.asks_again_at is None:
            return None
        left_s = (self.asks_again_at - now).total_seconds()
        return left_s if left_s > 0 else 1.0 if self.probing else None

    def as_json(self) -> str:
        """To be kept in a row."""
        return json.dumps({k: to_us(v) if isinstance(v, datetime) else v for k, v in asdict(self).items()})

    @classmethod
    def from_json(cls, text: str) -> "SourceStanding":
        """What `as_json` gave."""
        row: dict[str, Any] = json.loads(text)
        return cls(**row | {name: None if row[name] is None else from_us(row[name]) for name in _TIMES})


def standing_of(guard: Guard, process: str, now: datetime) -> SourceStanding:
    """As of now, in this process."""
    usage, breaker = guard.usage, guard.breaker
    return SourceStanding(
        source=guard.name,
        process=process,
        told_at=now,
        asks_again_at=breaker.until,
        probing=breaker.probing,
        failures=breaker.failures,
        outcomes=breaker.outcomes,
        opened=breaker.opened,
        calls=usage.calls,
        attempts=usage.attempts,
        retries=usage.retries,
        shared=usage.shared,
        batched=usage.batched,
        batches=usage.batches,
        over_budget=usage.over_budget,
        resting=usage.resting,
        ended=dict(usage.outcomes),
        latency_s=guard.time_limit.latency_s,
        time_limit_s=guard.time_limit.seconds,
        last_success_at=usage.last_success_at,
        last_error_at=usage.last_error_at,
        last_error=usage.last_error,
        key_refused=guard.key_refused,
    )


class Guards(Protocol):
    """What has them."""

    @property
    def guards(self) -> Mapping[str, Guard]:
        """Of the sources that were asked for so far."""


class Told:
    """`run` tells the others; `standings` is what all told, and this process as of now. `process` is its name."""

    def __init__(self, db: Database, clock: Clock, sources: Guards) -> None:
        self._db = db
        self._clock = clock
        self._sources = sources
        self._written: dict[str, SourceStanding] = {}
        self._alive_at: datetime | None = None
        self.process = f"{socket.gethostname()[:64]}:{os.getpid()}:{uuid7(from_us(0)).hex[-12:]}"

    async def run(self) -> None:
        """Until cancelled; then this process is no longer shown."""
        try:
            while True:
                await asyncio.sleep(SOURCES_TOLD_S)
                try:
                    await self.tell()
                except TruecastError as error:  # told again in a moment
                    _log.warning("sources not told", code=error.code)
        finally:
            if self._written:
                with contextlib.suppress(TruecastError):  # then it is missed after a while
                    await self._remove(_c.process == self.process)

    async def tell(self) -> None:
        """Write what changed; and everything, where the others would begin to miss this process."""
        now = self._clock.now()
        due = self._alive_at is None or now - self._alive_at >= timedelta(seconds=SOURCES_ALIVE_S)
        found = {one.source: one for one in self._own(now) if one.was_asked}
        changed = {key: one for key, one in found.items() if due or not _same(one, self._written.get(key))}
        if not changed:
            return
        rows = [
            {"source": key, "process": self.process, "told_at": to_us(now), "standing": one.as_json()}
            for key, one in changed.items()
        ]
        async with self._db.write() as conn:
            await conn.execute(upsert(conn, source_standings, ["source", "process"], ["told_at", "standing"]), rows)
        self._written |= changed
        if due:
            self._alive_at = now
            await self._remove(_c.told_at < to_us(now - timedelta(seconds=SOURCES_LOST_S)))

    async def standings(self) -> dict[str, list[SourceStanding]]:
        """By source: this process first, then the others that live, by name."""
        now = self._clock.now()
        listed: dict[str, list[SourceStanding]] = {one.source: [one] for one in self._own(now)}
        lives = _c.told_at >= to_us(now - timedelta(seconds=SOURCES_LOST_S))
        others = sa.select(_c.standing).where(_c.process != self.process, lives).order_by(_c.source, _c.process)
        async with self._db.read() as conn:
            for text in await conn.scalars(others):
                one = SourceStanding.from_json(text)
                listed.setdefault(one.source, []).append(one)
        return listed

    def _own(self, now: datetime) -> list[SourceStanding]:
        return [standing_of(guard, self.process, now) for guard in self._sources.guards.values()]

    async def _remove(self, which: sa.ColumnElement[bool]) -> None:
        async with self._db.write() as conn:
            await conn.execute(sa.delete(source_standings).where(which))


def _same(one: SourceStanding, before: SourceStanding | None) -> bool:
    return before is not None and replace(one, told_at=before.told_at) == before


def worst(standings: Sequence[SourceStanding], now: datetime) -> tuple[SourceStanding, bool]:
    """The one whose breaker keeps its process most from asking, the first of equals; and whether the source rests.

    A breaker that only waits for a probe says nothing any more when another process had an answer since.
    """

    def weight(one: SourceStanding) -> int:
        state = one.state(now)
        others = [other.last_success_at for other in standings if other is not one and other.last_success_at]
        healed = one.last_error_at is not None and bool(others) and max(others) > one.last_error_at
        return 3 if state == "open" else 1 if state == "closed" else 0 if healed else 2

    found = max(standings, key=weight)
    return found, weight(found) > 1


def latest_error(standings: Sequence[SourceStanding]) -> SourceStanding | None:
    """Where something went wrong last; None where nothing did."""
    failed = [one for one in standings if one.last_error_at is not None]
    return max(failed, key=lambda one: to_us(one.last_error_at or one.told_at), default=None)

"""Replaying the sample, and everything that came out of it as bytes."""

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.forecasts.house import House, Some, a_house
from truecast.domain.bar import Bars
from truecast.domain.interval import Interval
from truecast.forecasts import tables
from truecast.jobs.schedule import Cron, Schedule
from truecast.kit.clock import Clock, FixedClock
from truecast.kit.db import Database
from truecast.migrations.upgrade import upgrade
from truecast.providers.base import Provider
from truecast.providers.sample.adapter import Sample

FIRST = datetime(2021, 1, 4, tzinfo=UTC)
LAST = datetime(2021, 3, 31, 23, tzinfo=UTC)
RECENT = datetime(2008, 1, 1, tzinfo=UTC)
TWICE_A_DAY = Schedule((Cron("0 8,22 * * *"),))


class Recent(Some):
    """Some series of the sample, those of months since RECENT only: a century of them takes ten times as long."""

    async def bars(self, symbol: str, interval: Interval, since: datetime | None) -> Bars:
        if since is None and interval.seconds > Interval.W1.seconds:
            since = RECENT
        return await super().bars(symbol, interval, since)


def sample(*wanted: tuple[str, Interval]) -> Callable[[Clock], Provider]:
    """Some series of the sample, on whatever clock."""
    return lambda clock: Recent(Sample(clock), *wanted)


@asynccontextmanager
async def replayed(
    path: Path, source: Callable[[Clock], Provider], until: datetime, *, when: Schedule | None = None
) -> AsyncIterator[House]:
    """A house in which the time from FIRST to `until` has gone by as if live."""
    db = Database.open(f"sqlite:///{path}", synchronous="NORMAL")
    try:
        await upgrade(db)
        clock = FixedClock(FIRST)
        async with a_house(db, clock) as house:
            await house.scheduler(source(clock), when=when).run(until)
            yield house
    finally:
        await db.close()


async def dump(db: Database) -> dict[str, str]:
    """Every row of the ledger and its projections, hashed, by table."""
    digests = {}
    async with db.read() as conn:
        for table in (tables.ledger, tables.forecasts, tables.scores, tables.pending):
            digest = hashlib.sha256()
            order = ", ".join(column.name for column in table.primary_key)
            for row in await conn.exec_driver_sql(f"SELECT * FROM {table.name} ORDER BY {order}"):
                digest.update(repr(tuple(row)).encode())
            digests[table.name] = digest.hexdigest()
    return digests


async def chain(house: House, kind: str | None = None) -> list[tuple]:
    """The rows of the chain: seq, kind, ref, recorded_at, body, hash."""
    where = "" if kind is None else f"WHERE kind = '{kind}'"
    sql = f"SELECT seq, kind, ref, recorded_at, body, hash FROM ledger {where} ORDER BY seq"
    async with house.db.read() as conn:
        return [tuple(row) for row in await conn.exec_driver_sql(sql)]

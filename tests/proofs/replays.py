"""Replaying the sample, and everything that came out of it as bytes."""

import hashlib
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from tests.forecasts.house import House, Some, a_house
from truecast.domain.interval import Interval
from truecast.forecasts import tables
from truecast.kit.clock import FixedClock
from truecast.kit.db import Database
from truecast.migrations.upgrade import upgrade
from truecast.providers.base import Provider
from truecast.providers.sample.adapter import Sample

Wanted = tuple[tuple[str, Interval], ...]


@asynccontextmanager
async def replayed(path: Path, first: datetime, until: datetime, wanted: Wanted, source: Provider | None = None):
    """A house in which the time from `first` to `until` has gone by as if live."""
    db = Database.open(f"sqlite:///{path}", synchronous="NORMAL")
    try:
        await upgrade(db)
        clock = FixedClock(first)
        async with a_house(db, clock) as house:
            provider = source or Some(Sample(clock), *wanted)
            if source is not None:
                source._clock = clock
            await house.scheduler(provider).run(until)
            yield house
    finally:
        await db.close()


async def dump(house: House) -> dict[str, str]:
    """Every row of the ledger and its projections, hashed, by table."""
    digests = {}
    async with house.db.read() as conn:
        for table in (tables.ledger, tables.forecasts, tables.scores, tables.pending):
            digest = hashlib.sha256()
            order = ", ".join(column.name for column in table.primary_key)
            for row in await conn.exec_driver_sql(f"SELECT * FROM {table.name} ORDER BY {order}"):
                digest.update(repr(tuple(row)).encode())
            digests[table.name] = digest.hexdigest()
    return digests


async def bodies(house: House, kind: str, recorded_until: int) -> list[tuple]:
    """What the chain says up to a moment."""
    sql = f"SELECT seq, ref, body, hash FROM ledger WHERE kind = '{kind}' AND recorded_at <= {recorded_until} ORDER BY seq"
    async with house.db.read() as conn:
        return [tuple(row) for row in await conn.exec_driver_sql(sql)]

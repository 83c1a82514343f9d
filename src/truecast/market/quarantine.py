"""Rows that were refused, kept with the reason: nothing a source sent is silently lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from truecast.domain.interval import Interval
from truecast.kit.db import upsert
from truecast.market.tables import instruments, quarantine, series
from truecast.market.validate import Refused, time_text


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A refusal as it is kept. `row` is the JSON text of what came, numbers exactly as they were."""

    symbol: str
    interval: Interval
    source: str
    start: str  # ISO; a bare number of microseconds where no calendar has such a date
    reason: str
    row: str
    received_at: datetime


async def keep_refused(conn: AsyncConnection, series_id: int, refused: Sequence[Refused], received_at: datetime) -> int:
    """Keep what is not kept yet, for a source repeats its mistakes at every download; how many rows those are."""
    rows = [
        {"series_id": series_id, "start": r.start_us, "reason": r.reason, "row": r.row, "received_at": received_at}
        for r in refused
    ]
    if not rows:
        return 0
    count = sa.select(sa.func.count()).where(quarantine.c.series_id == series_id)
    before = await conn.scalar(count) or 0
    await conn.execute(upsert(conn, quarantine, ["series_id", "start", "reason", "row"], []), rows)
    return (await conn.scalar(count) or 0) - before


async def list_quarantined(conn: AsyncConnection, symbol: str | None, limit: int) -> list[Quarantined]:
    """Latest first."""
    query = (
        sa.select(quarantine, instruments.c.symbol, series.c.interval, series.c.source)
        .join(series, series.c.id == quarantine.c.series_id)
        .join(instruments, instruments.c.id == series.c.instrument_id)
        .order_by(quarantine.c.id.desc())
        .limit(limit)
    )
    if symbol is not None:
        query = query.where(instruments.c.symbol == symbol)
    return [
        Quarantined(r.symbol, Interval(r.interval), r.source, time_text(r.start), r.reason, r.row, r.received_at)
        for r in await conn.execute(query)
    ]

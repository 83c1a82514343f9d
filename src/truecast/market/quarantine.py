"""Rows that were refused, kept with the reason: nothing a source sent is silently lost."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from truecast.domain.bar import Bar
from truecast.domain.interval import Interval
from truecast.kit.clock import iso
from truecast.market.registry import upsert
from truecast.market.tables import instruments, quarantine, series


@dataclass(frozen=True, slots=True)
class Refused:
    """A row and why it is not a bar."""

    bar: Bar
    reason: str


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A refusal as it is kept. `row` is the JSON text of what came, numbers exactly as they were."""

    symbol: str
    interval: Interval
    source: str
    start: datetime
    reason: str
    row: str
    received_at: datetime


async def keep_refused(conn: AsyncConnection, series_id: int, refused: Sequence[Refused], received_at: datetime) -> int:
    """Keep the refusals that are not kept yet (a source repeats its mistakes at every download); how many those are."""
    rows = [
        {
            "series_id": series_id,
            "start": r.bar.start,
            "reason": r.reason,
            "row": row_json(r.bar),
            "received_at": received_at,
        }
        for r in refused
    ]
    if not rows:
        return 0
    count = sa.select(sa.func.count()).where(quarantine.c.series_id == series_id)
    before = await conn.scalar(count)
    await conn.execute(upsert(conn, quarantine, ["series_id", "start", "reason", "row"], []), rows)
    return int(await conn.scalar(count) or 0) - int(before or 0)


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
        Quarantined(r.symbol, Interval(r.interval), r.source, r.start, r.reason, r.row, r.received_at)
        for r in await conn.execute(query)
    ]


def row_json(bar: Bar) -> str:
    """The refused row as strict JSON; what JSON has no number for is text."""
    values: dict[str, Any] = {
        "start": iso(bar.start),
        "known_at": iso(bar.known_at),
        "open": bar.open,
        "high": bar.high,
        "low": bar.low,
        "close": bar.close,
        "volume": bar.volume,
        "final": bar.final,
    }
    return json.dumps({k: str(v) if isinstance(v, float) and not math.isfinite(v) else v for k, v in values.items()})

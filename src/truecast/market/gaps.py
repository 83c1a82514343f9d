"""The gap ledger: runs of bars that a calendar expects and no source has delivered."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from truecast.domain.bar import IntArray
from truecast.domain.interval import Interval
from truecast.market.tables import gaps, instruments, series

State = Literal["open", "filled", "accepted"]
Expected = Callable[[int, int, Interval], IntArray]  # every bar start that should exist in [first, last]


@dataclass(frozen=True, slots=True)
class Gap:
    """`missing` bars that should start from `first` to `last`, both included, and did not come."""

    id: int
    symbol: str
    interval: Interval
    source: str
    first: datetime
    last: datetime
    missing: int
    cause: str
    attempts: int
    state: State
    opened_at: datetime
    closed_at: datetime | None


async def list_gaps(conn: AsyncConnection, symbol: str | None, interval: Interval | None) -> list[Gap]:
    """Oldest missing bar first."""
    query = (
        sa.select(gaps, instruments.c.symbol, series.c.interval, series.c.source)
        .join(series, series.c.id == gaps.c.series_id)
        .join(instruments, instruments.c.id == series.c.instrument_id)
        .order_by(gaps.c.first, gaps.c.id)
    )
    if symbol is not None:
        query = query.where(instruments.c.symbol == symbol)
    if interval is not None:
        query = query.where(series.c.interval == interval.value)
    return [
        Gap(
            id=r.id,
            symbol=r.symbol,
            interval=Interval(r.interval),
            source=r.source,
            first=r.first,
            last=r.last,
            missing=r.missing,
            cause=r.cause,
            attempts=r.attempts,
            state=r.state,
            opened_at=r.opened_at,
            closed_at=r.closed_at,
        )
        for r in await conn.execute(query)
    ]

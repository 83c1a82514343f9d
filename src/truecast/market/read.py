"""Bars out of the store: as known at a moment, from the best source there is for each of them, every bar labelled."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from truecast.domain.bar import COLUMNS, Bars
from truecast.domain.interval import Interval
from truecast.kit.clock import to_us
from truecast.market.bulk import Window, fetch, read_latest


class _Kept(NamedTuple):
    id: int
    source: str


_KEPT = (
    "SELECT s.priority, s.derived IS NOT NULL, s.source, s.id FROM series s "
    "JOIN instruments i ON i.id = s.instrument_id WHERE i.symbol = $1 AND s.interval = $2 AND s.bars > 0"
)


async def read_bars(
    conn: AsyncConnection,
    symbol: str,
    interval: Interval,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int | None = None,
    as_of: datetime | None = None,
    source: str | None = None,
) -> Bars:
    """See BarStore.read."""
    chosen = [kept for kept in await _kept(conn, symbol, interval) if source in (None, kept.source)]
    window = Window(
        series_id=0,
        first_us=None if start is None else to_us(start),
        until_us=None if end is None else to_us(end),
        as_of_us=None if as_of is None else to_us(as_of),
        limit=limit,
    )
    empty = Bars.empty(symbol, interval)
    parts = [
        await read_latest(conn, replace(window, series_id=kept.id), replace(empty, sources=(kept.source,)))
        for kept in chosen
    ]
    return best_of(parts, limit) if parts else empty


async def _kept(conn: AsyncConnection, symbol: str, interval: Interval) -> list[_Kept]:
    """The series that have bars, in the order of `list_series`."""
    rows = sorted(await fetch(conn, _KEPT, symbol, interval.value))
    return [_Kept(number, source) for _, _, source, number in rows]


def best_of(parts: Sequence[Bars], limit: int | None = None) -> Bars:
    """Per start the bar of the first part that has one: the last `limit` of them, labelled with its source."""
    if len(parts) == 1:
        return parts[0]
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS}
    rank = np.concatenate([np.full(len(part), i, np.int16) for i, part in enumerate(parts)])
    order = np.lexsort((rank, columns["start"]))
    start = columns["start"][order]
    best = order[np.concatenate(([True], start[1:] != start[:-1]))] if len(order) else order
    best = best if limit is None else best[max(len(best) - limit, 0) :]
    sources = tuple(part.sources[0] for part in parts)
    together = Bars(parts[0].symbol, parts[0].interval, **columns, source=rank, sources=sources)
    return together[best]

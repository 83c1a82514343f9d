"""Bars out of the store: as known at a moment, from the best source there is for each of them, every bar labelled."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from truecast.domain.bar import COLUMNS, Bars
from truecast.domain.interval import Interval
from truecast.kit.clock import to_us
from truecast.market.bulk import Window, read_latest
from truecast.market.registry import SeriesInfo, list_series


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
    chosen = await list_series(conn, symbol, interval, source)
    window = Window(
        series_id=0,
        first_us=None if start is None else to_us(start),
        until_us=None if end is None else to_us(end),
        as_of_us=None if as_of is None else to_us(as_of),
        limit=limit,
    )
    parts = [await _read_one(conn, info, window) for info in chosen if info.bars]
    return best_of(parts, limit) if parts else Bars.empty(symbol, interval)


async def _read_one(conn: AsyncConnection, info: SeriesInfo, window: Window) -> Bars:
    like = replace(Bars.empty(info.symbol, info.interval), sources=(info.source,))
    return await read_latest(conn, replace(window, series_id=info.id), like)


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

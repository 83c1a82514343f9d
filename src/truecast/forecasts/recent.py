"""The last bars of each series, kept from one round of forecasts to the next, so that only new ones are read.

What is kept is checked against the store's receipts: one that reaches back before the end (a correction, a bar that
came late) drops the series and it is read anew. So what comes out is what reading everything would give, whichever
process wrote.
"""

from collections import OrderedDict
from dataclasses import replace
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from truecast.domain.bar import COLUMNS, Bars
from truecast.kit.clock import to_us
from truecast.kit.limits import RECENT_SERIES_MAX
from truecast.market import tables
from truecast.market.bulk import Window, fetch, read_latest
from truecast.market.registry import SeriesInfo

# PostgreSQL numbers a receipt before it is committed, so that one may appear behind a later one.
_LOOK_BACK = 200


class Recent:
    """Bars by series. One reader at a time."""

    def __init__(self, series_max: int = RECENT_SERIES_MAX) -> None:
        self._kept: OrderedDict[tuple[int, int], Bars] = OrderedDict()  # by series and limit
        self._series_max = series_max
        self._seen: frozenset[int] = frozenset()  # receipts that were looked at, the last _LOOK_BACK of them
        self._news = 0

    async def refresh(self, conn: AsyncConnection) -> int:
        """Drop what is no longer the end of its series. The answer changes whenever a bar came since the last time."""
        if self._seen and await self._nothing_new(conn):
            return self._news
        a = tables.appends.c
        query = select(a.id, a.series_id, a.first)
        if self._seen:
            query = query.where(a.id > max(self._seen) - _LOOK_BACK)
        else:
            query = query.order_by(a.id.desc()).limit(_LOOK_BACK)
        receipts = [row for row in await conn.execute(query) if row.id not in self._seen]
        if receipts:
            self._news += 1
            seen = self._seen | {row.id for row in receipts}
            self._seen = frozenset(i for i in seen if i > max(seen) - _LOOK_BACK)
        for _, series_id, first in receipts:
            for key in [key for key in self._kept if key[0] == series_id]:
                if to_us(first) <= int(self._kept[key].start[-1]):
                    del self._kept[key]
        return self._news

    async def _nothing_new(self, conn: AsyncConnection) -> bool:
        """Whether the last receipts are those that were looked at; far cheaper than reading them."""
        since = max(self._seen) - _LOOK_BACK
        ((last, n),) = await fetch(conn, f"SELECT max(id), count(*) FROM appends WHERE id > {since}")  # noqa: S608 ours
        return bool(last == max(self._seen) and n == len(self._seen))

    async def read(self, conn: AsyncConnection, info: SeriesInfo, limit: int, as_of_us: int) -> Bars:
        """The last `limit` bars of the series as known at `as_of_us`."""
        key = (info.id, limit)
        kept = self._kept.get(key)
        like = replace(Bars.empty(info.symbol, info.interval), sources=(info.source,))
        if kept is None:
            bars = await read_latest(conn, Window(info.id, as_of_us=as_of_us, limit=limit), like)
        else:
            since = int(kept.start[-1]) + 1
            bars = joined(kept, await read_latest(conn, Window(info.id, first_us=since, as_of_us=as_of_us), like))
            bars = bars[max(0, len(bars) - limit) :]
        if len(bars):
            self._kept[key] = bars
            self._kept.move_to_end(key)
        if len(self._kept) > self._series_max:
            self._kept.popitem(last=False)
        return bars


def joined(earlier: Bars, later: Bars) -> Bars:
    """Bars of one source, and then the later ones."""
    if not len(later):
        return earlier
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(earlier, name), getattr(later, name)]) for name in (*COLUMNS, "source")
    }
    return replace(earlier, **columns)

"""The store as it was at one moment, read through one transaction.

Looks like the store to whoever only reads, so that History works on it. A round of forecasts reads dozens of series:
one transaction makes them one state, and one list of series instead of one per read makes it quick.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from truecast.domain.bar import Bars
from truecast.domain.instrument import Instrument, Universe, canonical_spelling
from truecast.domain.interval import Interval
from truecast.forecasts.recent import Recent
from truecast.kit.clock import to_us
from truecast.market.bulk import Window, read_latest
from truecast.market.read import best_of
from truecast.market.registry import SeriesInfo, list_instruments, list_series
from truecast.market.store import BarStore


class Snapshot(BarStore):
    """Reads only. Not for concurrent tasks: one connection answers one question at a time."""

    def __init__(self, store: BarStore, conn: AsyncConnection, recent: Recent | None) -> None:
        super().__init__(store.db)
        self.conn = conn
        self._recent = recent
        self._listed: list[SeriesInfo] | None = None
        self._of: dict[str, list[SeriesInfo]] = {}
        self._universe: Universe | None = None

    def _reading(self) -> AbstractAsyncContextManager[AsyncConnection]:
        return nullcontext(self.conn)

    async def universe(self) -> Universe:
        """All instruments, as when first asked."""
        if self._universe is None:
            self._universe = Universe.of(await list_instruments(self.conn))
        return self._universe

    async def instrument(self, text: str) -> Instrument:
        """The one that `text` spells; of all of them only where it is not the symbol itself."""
        if self._universe is None:
            exact = await list_instruments(self.conn, canonical_spelling(text))
            if exact:
                return exact[0]
        return (await self.universe()).get(text)

    async def series(self, symbol: str | None = None) -> list[SeriesInfo]:
        """What is kept, as when first asked."""
        if symbol is not None and self._listed is None:  # one series is asked for, not a round
            if symbol not in self._of:
                self._of[symbol] = await list_series(self.conn, symbol)
            return self._of[symbol]
        if self._listed is None:
            self._listed = await list_series(self.conn)
        return self._listed if symbol is None else [info for info in self._listed if info.symbol == symbol]

    async def read(
        self,
        symbol: str,
        interval: Interval,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int | None = None,
        as_of: datetime | None = None,
        source: str | None = None,
    ) -> Bars:
        """As BarStore.read."""
        window = Window(
            series_id=0,
            first_us=None if start is None else to_us(start),
            until_us=None if end is None else to_us(end),
            as_of_us=None if as_of is None else to_us(as_of),
            limit=limit,
        )
        parts = [
            await self._read_one(info, replace(window, series_id=info.id))
            for info in await self.series(symbol)
            if info.interval is interval and info.bars and source in (None, info.source)
        ]
        return best_of(parts, limit) if parts else Bars.empty(symbol, interval)

    async def _read_one(self, info: SeriesInfo, window: Window) -> Bars:
        tail = window.first_us is None and window.until_us is None
        if self._recent is not None and tail and window.limit and window.as_of_us is not None:
            return await self._recent.read(self.conn, info, window.limit, window.as_of_us)
        like = replace(Bars.empty(info.symbol, info.interval), sources=(info.source,))
        return await read_latest(self.conn, window, like)


@asynccontextmanager
async def snapshot(store: BarStore, recent: Recent | None = None) -> AsyncIterator[Snapshot]:
    """The store from here to the end of the block. With `recent`, refreshed by the caller, ends of series are kept."""
    async with store.db.read() as conn:
        yield Snapshot(store, conn, recent)

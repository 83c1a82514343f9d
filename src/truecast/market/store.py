"""The store of bars: appends, corrections as new rows, and reads as of any moment."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from truecast.domain.bar import Bars
from truecast.domain.corporate import Factor
from truecast.domain.instrument import Instrument, Universe
from truecast.domain.interval import Interval
from truecast.kit.db import Database
from truecast.market import factors as factor_rows
from truecast.market import registry
from truecast.market.append import Appended, append_bars
from truecast.market.gaps import Gap, list_gaps
from truecast.market.quarantine import Quarantined, count_quarantined, list_quarantined
from truecast.market.read import read_bars
from truecast.market.registry import SeriesInfo
from truecast.providers.base import SeriesOffer

_QUARANTINED_ROWS = 200


class BarStore:
    """Bars of all instruments in one database. Symbols here are canonical; spelling is the Universe's business."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def _reading(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """The transaction that one question is answered in."""
        return self.db.read()

    async def add_instruments(self, instruments: Iterable[Instrument]) -> None:
        """Add them, or bring their description up to date."""
        async with self.db.write() as conn:
            await registry.add_instruments(conn, instruments)

    async def universe(self) -> Universe:
        """All instruments, findable by any spelling."""
        async with self._reading() as conn:
            return Universe.of(await registry.list_instruments(conn))

    async def add_series(self, offer: SeriesOffer, source: str, *, priority: int | None = None) -> None:
        """Keep this series of this source, and its instrument. Lower `priority` is read first; the sample is last."""
        await self.add_all_series([offer], source, priority=priority)

    async def add_all_series(self, offers: Iterable[SeriesOffer], source: str, *, priority: int | None = None) -> None:
        """`add_series` for everything a source offers, in one transaction."""
        async with self.db.write() as conn:
            for offer in offers:
                await registry.add_series(conn, offer, source, priority)

    async def series(self, symbol: str | None = None) -> list[SeriesInfo]:
        """What is kept, by symbol, interval and the order in which sources are read."""
        async with self._reading() as conn:
            return await registry.list_series(conn, symbol)

    async def append(self, bars: Bars, *, received_at: datetime) -> Appended:
        """Append what is new in `bars`, all or nothing. Repeating a batch changes nothing. Raises SeriesNotKept."""
        appended = Appended()
        async with self.db.write() as conn:
            for code in np.unique(bars.source).tolist():
                info = await registry.lock_series(conn, bars.symbol, bars.interval, bars.sources[code])
                part, _ = await append_bars(conn, info, bars[bars.source == code], received_at)
                appended += part
        return appended

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
        """Bars with `start` <= bar start < `end`, oldest first, the last `limit` of them; none where none are kept.

        Each is its latest version with `known_at` <= `as_of`. Where several sources have a bar, the first by priority
        gives it; every bar names its source.
        """
        async with self._reading() as conn:
            return await read_bars(
                conn, symbol, interval, start=start, end=end, limit=limit, as_of=as_of, source=source
            )

    async def add_factors(
        self, symbol: str, source: str, factors: Sequence[Factor], *, received_at: datetime
    ) -> Appended:
        """Append what is new in a source's complete list of factors."""
        async with self.db.write() as conn:
            return await factor_rows.add_factors(conn, symbol, source, factors, received_at)

    async def factors(self, symbol: str, as_of: datetime | None = None) -> tuple[Factor, ...]:
        """Factors as known at `as_of`, oldest first, all from the one source that is read first."""
        async with self._reading() as conn:
            return await factor_rows.read_factors(conn, symbol, as_of)

    async def quarantined(
        self, symbol: str | None = None, limit: int = _QUARANTINED_ROWS, before: int | None = None
    ) -> list[Quarantined]:
        """Refused rows, latest first; those with a number below `before`."""
        async with self._reading() as conn:
            return await list_quarantined(conn, symbol, limit, before)

    async def quarantine_counts(self, symbol: str | None = None) -> dict[tuple[str, str], int]:
        """Refused rows by reason and state."""
        async with self._reading() as conn:
            return await count_quarantined(conn, symbol)

    async def gaps(self, symbol: str | None = None, interval: Interval | None = None) -> list[Gap]:
        """The gap ledger, oldest first."""
        async with self._reading() as conn:
            return await list_gaps(conn, symbol, interval)

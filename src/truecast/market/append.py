"""Bars into one series: only what says something new, with a receipt."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from truecast.domain.bar import Bars, IntArray
from truecast.kit.clock import from_us, to_us
from truecast.kit.errors import EXIT_DATA, TruecastError
from truecast.market.bulk import Window, insert_bars, read_versions
from truecast.market.merge import merge
from truecast.market.registry import SeriesInfo
from truecast.market.tables import appends, series
from truecast.market.validate import conflicts

_INLINE_ROWS_MAX = 5_000

# Built once: making a statement takes longer than running it.
_SUMMARY = ("first", "last", "bars", "known_until", "received_at")
_RECEIPT = sa.insert(appends)
_OF = sa.update(series).where(series.c.id == sa.bindparam("of_series"))
_HEARD = _OF.values(received_at=sa.bindparam("new_received_at"))
_GREW = _OF.values({name: sa.bindparam(f"new_{name}") for name in _SUMMARY})


class BarsNotValid(TruecastError):
    """Rows that no table of bars may hold; `Ingest` would have put them into quarantine."""

    code = "bars_not_valid"
    status = 422
    title = "Bars not valid"
    template = "{rows} bars of {symbol} at {interval} lack a price, are known before they start or contradict another"
    exit_code = EXIT_DATA


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of the rows that arrived: first versions, further versions, repetitions."""

    inserted: int = 0
    corrected: int = 0
    unchanged: int = 0

    def __add__(self, other: "Appended") -> "Appended":
        return Appended(
            self.inserted + other.inserted, self.corrected + other.corrected, self.unchanged + other.unchanged
        )

    @property
    def changed(self) -> int:
        """Rows that were written."""
        return self.inserted + self.corrected


async def append_bars(
    conn: AsyncConnection, info: SeriesInfo, bars: Bars, received_at: datetime
) -> tuple[Appended, IntArray]:
    """Append `bars` (one source, any order) to a series locked by this transaction; the starts written, oldest first.

    A start is repeated when several versions of its bar were written.
    """
    if not len(bars):
        return Appended(), bars.start
    _check(bars)
    first_us, last_us = int(bars.start.min()), int(bars.start.max())
    stored = bars[:0]
    if info.last is not None and first_us <= to_us(info.last):
        stored = await read_versions(conn, Window(info.id, first_us, last_us + 1), bars)
    # Sorting many rows would hold up the event loop.
    many = len(bars) + len(stored) > _INLINE_ROWS_MAX
    received_us = to_us(received_at)
    merged = await asyncio.to_thread(merge, stored, bars, received_us) if many else merge(stored, bars, received_us)
    appended = Appended(merged.inserted, merged.corrected, merged.unchanged)
    await insert_bars(conn, info.id, merged.rows)
    await _receipt(conn, info, merged.rows, appended, received_at)
    return appended, merged.rows.start


def _check(bars: Bars) -> None:
    finite = np.isfinite(bars.open) & np.isfinite(bars.high) & np.isfinite(bars.low) & np.isfinite(bars.close)
    wrong = int((~finite | (bars.known_at < bars.start) | conflicts(bars)).sum())
    if wrong:
        raise BarsNotValid(rows=wrong, symbol=bars.symbol, interval=bars.interval.value)


async def _receipt(
    conn: AsyncConnection, info: SeriesInfo, rows: Bars, appended: Appended, received_at: datetime
) -> None:
    """A row in `appends` when something was written; the series' summary in any case, for "received at" to be true."""
    heard = {"of_series": info.id, "new_received_at": max(received_at, info.received_at or received_at)}
    if not len(rows):
        await conn.execute(_HEARD, heard)
        return
    first, last = from_us(rows.start[0]), from_us(rows.start[-1])
    known = from_us(rows.known_at.max())
    summary = {
        "new_first": min(first, info.first or first),
        "new_last": max(last, info.last or last),
        "new_bars": info.bars + appended.inserted,
        "new_known_until": max(known, info.known_until or known),
    }
    receipt = {
        "series_id": info.id,
        "received_at": received_at,
        "inserted": appended.inserted,
        "corrected": appended.corrected,
        "unchanged": appended.unchanged,
        "first": first,
        "last": last,
    }
    await conn.execute(_RECEIPT, receipt)
    await conn.execute(_GREW, {**heard, **summary})

"""Which of the arriving bars may go in: `quality` asked with what the store knows of the time around them."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from truecast.domain.bar import COLUMNS, Bars, FloatArray, IntArray
from truecast.domain.corporate import Factor
from truecast.domain.instrument import AssetClass
from truecast.domain.interval import Interval
from truecast.kit.clock import to_us
from truecast.market.bulk import Window, read_latest
from truecast.market.factors import read_factors
from truecast.market.quality import Around, Judged, judge, suspicious
from truecast.market.quarantine import Held, read_held, rule
from truecast.market.registry import SeriesInfo, list_series
from truecast.market.validate import Refused, as_refused

_BEFORE_BARS, _AFTER_BARS = 60, 5
_INLINE_ROWS_MAX = 5_000
_SPLIT = (AssetClass.EQUITY, AssetClass.ETF)
_BY = "later_bars"


@dataclass(frozen=True, slots=True)
class Admitted:
    """`good` to be appended, with what was held before and is believed now; `refused` to be kept apart.

    `still_out` are starts of held bars that were rejected now: they are no bars, though they came.
    """

    good: Bars
    refused: tuple[Refused, ...] = ()
    still_out: IntArray = field(default_factory=lambda: np.empty(0, np.int64))


async def admit(conn: AsyncConnection, info: SeriesInfo, bars: Bars, now: datetime) -> Admitted:
    """`bars` are valid and by start. Writes the rulings on bars that were held; the rest is the caller's to write."""
    if not len(bars) or info.signed or info.interval.seconds > Interval.W1.seconds:
        return Admitted(bars)
    if (bars.start[1:] == bars.start[:-1]).any():
        return Admitted(bars)  # several versions of a bar: a history with its revisions
    held = await read_held(conn, info.id, bars)
    waiting = held.bars[~np.isin(held.bars.start, bars.start)]
    batch = _joined(bars, waiting) if len(waiting) else bars
    before = await _before(conn, info, batch)
    factors = await _factors(conn, info, batch)
    many = len(batch) > _INLINE_ROWS_MAX
    look = await asyncio.to_thread(suspicious, batch, before, factors) if many else suspicious(batch, before, factors)
    if not look and not held.ids:
        return Admitted(bars)
    around = Around(
        before,
        await _after(conn, info, batch),
        factors,
        await _others(conn, info, before, batch),
        splits=info.asset_class in _SPLIT,
    )
    judged = await asyncio.to_thread(judge, batch, around) if many else judge(batch, around)
    return await _sorted(conn, batch, judged, held, now)


async def _sorted(conn: AsyncConnection, batch: Bars, judged: Judged, held: Held, now: datetime) -> Admitted:
    """Into those that go in and those that do not, with a ruling for each that was held and is not any more."""
    fine = np.array([not reason for reason in judged.reason], np.bool_)
    reason_at = dict(zip(batch.start.tolist(), judged.reason, strict=True))
    known = {(start, close) for start, close in zip(held.bars.start.tolist(), held.bars.close.tolist(), strict=True)}
    out, released, rejected = [], [], []
    came = dict(zip(batch.start.tolist(), batch.close.tolist(), strict=True))
    rows = zip(held.ids, held.bars.start.tolist(), held.bars.close.tolist(), held.reasons, strict=True)
    for number, start, close, reason in rows:
        if came[start] != close:
            rejected.append(number)  # its source says something else by now
        elif not reason_at[start]:
            released.append(number)
        elif reason_at[start] != reason and not judged.held[np.searchsorted(batch.start, start)]:
            rejected.append(number)
            out.append(start)
    await rule(conn, released, "released", _BY, now)
    await rule(conn, rejected, "rejected", _BY, now)
    good = batch[fine]
    late = np.isin(good.start, held.bars.start)
    known_at = np.where(late, np.maximum(good.known_at, to_us(now)), good.known_at)
    refused = [
        as_refused(batch, t, judged.reason[t])
        for t in np.flatnonzero(~fine).tolist()
        if (int(batch.start[t]), float(batch.close[t])) not in known
    ]
    return Admitted(replace(good, known_at=known_at), tuple(refused), np.array(out, np.int64))


async def _before(conn: AsyncConnection, info: SeriesInfo, batch: Bars) -> Bars:
    if info.first is None or to_us(info.first) >= batch.start[0]:
        return batch[:0]
    return await read_latest(conn, Window(info.id, until_us=int(batch.start[0]), limit=_BEFORE_BARS), batch[:0])


async def _after(conn: AsyncConnection, info: SeriesInfo, batch: Bars) -> Bars:
    """The first bars behind a batch that fills a hole."""
    if info.last is None or to_us(info.last) <= batch.start[-1]:
        return batch[:0]
    first_us = int(batch.start[-1]) + 1
    until_us = first_us + 10 * _AFTER_BARS * info.interval.seconds * 1_000_000
    return (await read_latest(conn, Window(info.id, first_us, until_us), batch[:0]))[:_AFTER_BARS]


async def _factors(conn: AsyncConnection, info: SeriesInfo, batch: Bars) -> tuple[Factor, ...]:
    return await read_factors(conn, batch.symbol, None) if info.asset_class in _SPLIT else ()


async def _others(
    conn: AsyncConnection, info: SeriesInfo, before: Bars, batch: Bars
) -> dict[str, tuple[IntArray, FloatArray]]:
    """Starts and closes of the same time by other sources along the same calendar."""
    found = {}
    first_us = int(before.start[-30:][0]) if len(before) else int(batch.start[0])
    for other in await list_series(conn, info.symbol, info.interval):
        if other.id != info.id and other.calendar == info.calendar and other.bars:
            bars = await read_latest(conn, Window(other.id, first_us, int(batch.start[-1]) + 1), batch[:0])
            found[other.source] = bars.start, bars.close
    return {source: columns for source, columns in found.items() if len(columns[0])}


def _joined(bars: Bars, waiting: Bars) -> Bars:
    columns: dict[str, Any] = {name: np.concatenate((getattr(bars, name), getattr(waiting, name))) for name in COLUMNS}
    source = np.full(len(bars) + len(waiting), bars.source[0], np.int16)
    together = replace(bars, **columns, source=source)
    return together[np.argsort(together.start)]

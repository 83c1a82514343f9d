"""The gap ledger: runs of bars that a calendar expects and no source has delivered."""

import asyncio
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from truecast.domain.bar import Bars, IntArray
from truecast.domain.interval import Interval
from truecast.kit.clock import from_us, to_us
from truecast.market.bulk import Window, read_latest
from truecast.market.registry import SeriesInfo
from truecast.market.tables import gaps, instruments, series

State = Literal["open", "filled", "accepted"]
Cause = Literal["not_delivered", "quarantined"]
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
    cause: Cause
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


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive expected bars that are missing."""

    first_us: int
    last_us: int
    missing: int


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a stretch of a series changed in the ledger."""

    opened: int = 0
    closed: int = 0


def runs_of_missing(expected: IntArray, present: IntArray) -> list[Run]:
    """Both ascending. Bars that follow each other in `expected`, and are not `present`, are one run."""
    at = np.flatnonzero(~np.isin(expected, present))
    if not len(at):
        return []
    pieces = np.split(at, np.flatnonzero(np.diff(at) > 1) + 1)
    return [Run(int(expected[p[0]]), int(expected[p[-1]]), len(p)) for p in pieces]


async def look_for_gaps(
    conn: AsyncConnection, info: SeriesInfo, written: IntArray, expected: Expected, *, refused: IntArray, now: datetime
) -> Look:
    """Bring the ledger up to date around the starts just `written` (ascending) to a series.

    `info` describes the series before that, `refused` are starts that came and were no bars.
    """
    if not len(written):
        return Look()
    first_us, last_us = await _stretch(conn, info, int(written[0]), int(written[-1]))
    present = np.unique(written)
    if info.bars:
        like = Bars.empty(info.symbol, info.interval)
        present = (await read_latest(conn, Window(info.id, first_us, last_us + 1), like)).start
    runs = runs_of_missing(await asyncio.to_thread(expected, first_us, last_us, info.interval), present)
    known = list(await conn.execute(_overlapping(info.id, first_us, last_us)))
    inside, new = _sort_out(known, runs)
    closed = await _settle(conn, known, inside, now)
    await _open(conn, info.id, new, refused, now)
    return Look(len(new), closed)


async def _stretch(conn: AsyncConnection, info: SeriesInfo, first_us: int, last_us: int) -> tuple[int, int]:
    """From the neighbour before to the neighbour after, over all gaps in between: the rest was looked at before."""
    if info.first is not None and info.last is not None:
        first_us = min(first_us, to_us(info.last))
        last_us = max(last_us, to_us(info.first))
    touched = list(await conn.execute(_overlapping(info.id, first_us, last_us)))
    return (
        min([first_us, *(to_us(gap.first) for gap in touched)]),
        max([last_us, *(to_us(gap.last) for gap in touched)]),
    )


def _sort_out(known: Sequence[sa.Row[Any]], runs: Sequence[Run]) -> tuple[dict[int, list[Run]], list[Run]]:
    """The runs inside each known gap, by its id, and those in none. Gaps are ascending and do not overlap."""
    firsts = [to_us(gap.first) for gap in known]
    inside: dict[int, list[Run]] = defaultdict(list)
    new = []
    for run in runs:
        i = bisect_right(firsts, run.first_us) - 1
        if i >= 0 and run.last_us <= to_us(known[i].last):
            inside[known[i].id].append(run)
        else:
            new.append(run)
    return inside, new


async def _settle(
    conn: AsyncConnection, known: Sequence[sa.Row[Any]], inside: dict[int, list[Run]], now: datetime
) -> int:
    """Close gaps that are filled and shrink those that are filled in part. How many were closed."""
    closed = 0
    for gap in known:
        left = inside.get(gap.id, [])
        this = sa.update(gaps).where(gaps.c.id == gap.id)
        if not left:
            await conn.execute(this.values(state="filled", closed_at=now))
            closed += 1
        elif gap.state == "open" and sum(run.missing for run in left) < gap.missing:
            await conn.execute(this.values(_extent(left[0])))
            rest = {"cause": gap.cause, "attempts": gap.attempts, "state": "open", "opened_at": gap.opened_at}
            for run in left[1:]:
                await conn.execute(sa.insert(gaps).values(series_id=gap.series_id, **rest, **_extent(run)))
    return closed


async def _open(conn: AsyncConnection, series_id: int, new: Sequence[Run], refused: IntArray, now: datetime) -> None:
    rows = [
        {
            "series_id": series_id,
            **_extent(run),
            "cause": _cause(run, refused),
            "attempts": 0,
            "state": "open",
            "opened_at": now,
        }
        for run in new
    ]
    if rows:
        await conn.execute(sa.insert(gaps), rows)


def _cause(run: Run, refused: IntArray) -> Cause:
    inside = np.unique(refused[(refused >= run.first_us) & (refused <= run.last_us)])
    return "quarantined" if len(inside) >= run.missing else "not_delivered"


def _extent(run: Run) -> dict[str, Any]:
    return {"first": from_us(run.first_us), "last": from_us(run.last_us), "missing": run.missing}


def _overlapping(series_id: int, first_us: int, last_us: int) -> sa.Select[Any]:
    overlaps = sa.and_(gaps.c.first <= from_us(last_us), gaps.c.last >= from_us(first_us))
    unfilled = sa.and_(gaps.c.series_id == series_id, gaps.c.state != "filled")
    return sa.select(gaps).where(unfilled, overlaps).order_by(gaps.c.first)

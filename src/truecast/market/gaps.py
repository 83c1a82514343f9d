"""The gap ledger: runs of bars that a calendar expects and a source has not delivered.

A gap belongs to one series. It is `open` until its bars came from that source or from another one (`filled`, and
`filled_by` says who), `filling` while somebody asks for it, and `unfillable`, with the reason, once every source that
has such bars has said often enough that it has none.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, get_args

import numpy as np
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from truecast.domain.bar import Bars, IntArray
from truecast.domain.interval import Interval
from truecast.kit.clock import from_us, to_us
from truecast.market.bulk import Window, fetch, read_latest
from truecast.market.registry import SeriesInfo
from truecast.market.tables import gaps, instruments, series

State = Literal["open", "filling", "filled", "unfillable"]
Cause = Literal["not_delivered", "quarantined", "disconnect", "source_away", "asked", "history"]
Expected = Callable[[int, int, Interval], IntArray]  # every bar start that should exist in [first, last]

CAUSES: tuple[Cause, ...] = get_args(Cause)
STATES: tuple[State, ...] = get_args(State)

_NO_STARTS = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Gap:
    """`missing` bars that should start from `first` to `last`, both included, and did not come.

    `attempts` counts how often sources were asked for them, `empties` how often all of them said that they have none;
    `reason` is what they said last. It is asked for again at `retry_at`. `filled_by` is the other source that has them,
    None where the series' own delivered after all.
    """

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
    empties: int = 0
    reason: str | None = None
    tried_at: datetime | None = None
    retry_at: datetime | None = None
    filled_by: str | None = None


async def list_gaps(
    conn: AsyncConnection,
    symbol: str | None,
    interval: Interval | None,
    state: State | None = None,
) -> list[Gap]:
    """Oldest missing bar first."""
    query = _GAPS.order_by(gaps.c.first, gaps.c.id)
    if symbol is not None:
        query = query.where(instruments.c.symbol == symbol)
    if interval is not None:
        query = query.where(series.c.interval == interval.value)
    if state is not None:
        query = query.where(gaps.c.state == state)
    return [gap_of(row) for row in await conn.execute(query)]


async def due_gaps(conn: AsyncConnection, now: datetime, limit: int, symbol: str | None = None) -> list[Gap]:
    """Those to be asked for, the newest missing bar first: open and due, or left `filling` by a process that died."""
    due = sa.or_(gaps.c.retry_at.is_(None), gaps.c.retry_at <= now)
    waiting = sa.and_(gaps.c.state.in_(("open", "filling")), due)
    query = _GAPS.where(waiting).order_by(gaps.c.last.desc(), gaps.c.id).limit(limit)
    if symbol is not None:
        query = query.where(instruments.c.symbol == symbol)
    return [gap_of(row) for row in await conn.execute(query)]


_GAPS = (
    sa.select(gaps, instruments.c.symbol, series.c.interval, series.c.source)
    .join(series, series.c.id == gaps.c.series_id)
    .join(instruments, instruments.c.id == series.c.instrument_id)
)


async def live_gaps(conn: AsyncConnection, series_id: int, first_us: int, last_us: int) -> list[Gap]:
    """Those that stand for bars the series itself lacks in that stretch, oldest first."""
    overlaps = sa.and_(gaps.c.first <= from_us(last_us), gaps.c.last >= from_us(first_us))
    query = _GAPS.where(gaps.c.series_id == series_id, sa.text(_LIVE), overlaps).order_by(gaps.c.first)
    return [gap_of(row) for row in await conn.execute(query)]


def gaps_known(found: Sequence[Gap], as_of: datetime) -> list[Gap]:
    """As they stood at `as_of`: those that had begun, up to then, and still open where they were closed later."""

    def then(gap: Gap) -> Gap:
        closed = gap.closed_at is not None and gap.closed_at <= as_of
        return replace(gap, last=min(gap.last, as_of), state=gap.state if closed else "open")

    return [then(gap) for gap in found if gap.first < as_of]


def gap_of(row: Any) -> Gap:
    """A row as a value."""
    return Gap(
        id=row.id,
        symbol=row.symbol,
        interval=Interval(row.interval),
        source=row.source,
        first=row.first,
        last=row.last,
        missing=row.missing,
        cause=row.cause,
        attempts=row.attempts,
        state=row.state,
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        empties=row.empties,
        reason=row.reason,
        tried_at=row.tried_at,
        retry_at=row.retry_at,
        filled_by=row.filled_by,
    )


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
    return runs_at(expected, ~np.isin(expected, present))


def runs_at(expected: IntArray, missing: Any) -> list[Run]:
    """Runs of neighbours in `expected` where `missing` holds."""
    at = np.flatnonzero(missing)
    if not len(at):
        return []
    pieces = np.split(at, np.flatnonzero(np.diff(at) > 1) + 1)
    return [Run(int(expected[p[0]]), int(expected[p[-1]]), len(p)) for p in pieces]


async def look_for_gaps(
    conn: AsyncConnection,
    info: SeriesInfo,
    written: IntArray,
    expected: Expected,
    *,
    refused: IntArray,
    now: datetime,
    cause: Cause = "not_delivered",
) -> Look:
    """Bring the ledger up to date around the starts just `written` (ascending) to a series.

    `info` describes the series before that, `refused` are starts that came and were no bars.
    """
    if not len(written):
        return Look()
    first_us, last_us = int(written[0]), int(written[-1])
    before, after = _ends(info)
    if after is not None and before is not None:
        first_us, last_us = min(first_us, after), max(last_us, before)
    touched = await _touched(conn, info.id, first_us, last_us)
    if touched is not None:
        first_us, last_us = min(first_us, touched[0]), max(last_us, touched[1])
    due = await _expect(expected, first_us, last_us, info.interval)
    present = await _present(conn, info, written, first_us, last_us)
    if touched is None and np.isin(due, present).all():
        return Look()  # the usual news: what follows what was there
    known = [] if touched is None else list(await conn.execute(overlapping(info.id, first_us, last_us)))
    inside, new = _sort_out(known, due, present)
    closed = await _settle(conn, known, inside, now)
    await open_runs(conn, info.id, new, now=now, refused=refused, cause=cause)
    return Look(len(new), closed)


def _ends(info: SeriesInfo) -> tuple[int | None, int | None]:
    """First and last bar of the series before the write."""
    return (None if info.first is None else to_us(info.first), None if info.last is None else to_us(info.last))


async def _expect(expected: Expected, first_us: int, last_us: int, interval: Interval) -> IntArray:
    """Long stretches take a thread, short ones less time than the way there."""
    if (last_us - first_us) // 1_000_000 <= _INLINE_BARS_MAX * interval.seconds:
        return expected(first_us, last_us, interval)
    return await asyncio.to_thread(expected, first_us, last_us, interval)


async def _present(conn: AsyncConnection, info: SeriesInfo, written: IntArray, first_us: int, last_us: int) -> IntArray:
    """Starts that are there in the stretch. What follows the series, or precedes it, needs no reading."""
    first, last = _ends(info)
    if first is None or last is None:
        return np.unique(written)
    if first_us >= last or last_us <= first:
        return np.unique(np.concatenate((written, [first, last])))
    like = Bars.empty(info.symbol, info.interval)
    return (await read_latest(conn, Window(info.id, first_us, last_us + 1), like)).start


async def _touched(conn: AsyncConnection, series_id: int, first_us: int, last_us: int) -> tuple[int, int] | None:
    """From where to where gaps reach that overlap the stretch; None when there are none."""
    select = (
        f"SELECT min(first), max(last) FROM gaps WHERE series_id = {int(series_id)} AND {_LIVE} "  # noqa: S608
        f"AND first <= {int(last_us)} AND last >= {int(first_us)}"
    )
    ((first, last),) = await fetch(conn, select)
    return None if first is None else (int(first), int(last))


def _sort_out(
    known: Sequence[sa.Row[Any]], expected: IntArray, present: IntArray
) -> tuple[dict[int, list[Run]], list[Run]]:
    """The runs of what is missing inside each known gap, by its id, and those in none; a run ends where a gap does.

    Gaps are ascending and do not overlap.
    """
    missing = ~np.isin(expected, present)
    if not known:
        return {}, runs_at(expected, missing)
    firsts, lasts = (np.array([to_us(getattr(gap, side)) for gap in known]) for side in ("first", "last"))
    at = np.searchsorted(firsts, expected, "right") - 1
    owner = np.where((at >= 0) & (expected <= lasts[at]), at, -1)
    inside = {known[i].id: runs_at(expected, missing & (owner == i)) for i in np.unique(owner[missing]) if i >= 0}
    return inside, runs_at(expected, missing & (owner < 0))


async def _settle(
    conn: AsyncConnection, known: Sequence[sa.Row[Any]], inside: dict[int, list[Run]], now: datetime
) -> int:
    """Close gaps that are filled and shrink those that are filled in part. How many were closed."""
    closed = 0
    for gap in known:
        left = inside.get(gap.id, [])
        this = sa.update(gaps).where(gaps.c.id == gap.id)
        if not left:
            await conn.execute(this.values(state="filled", filled_by=None, closed_at=now, retry_at=None))
            closed += 1
        elif sum(run.missing for run in left) < gap.missing:
            await conn.execute(this.values(extent_of(left[0])))
            for run in left[1:]:
                await conn.execute(sa.insert(gaps).values(**rest_of(gap), **extent_of(run)))
    return closed


async def open_runs(
    conn: AsyncConnection,
    series_id: int,
    new: Sequence[Run],
    *,
    now: datetime,
    refused: IntArray = _NO_STARTS,
    cause: Cause = "not_delivered",
) -> None:
    """A row for each run. One whose every bar came and was refused says so."""
    rows = [
        {
            "series_id": series_id,
            **extent_of(run),
            "cause": "quarantined" if _all_refused(run, refused) else cause,
            "attempts": 0,
            "empties": 0,
            "state": "open",
            "opened_at": now,
        }
        for run in new
    ]
    if rows:
        await conn.execute(sa.insert(gaps), rows)


async def cover(
    conn: AsyncConnection, gap: Gap, expected: IntArray, given: Mapping[str, IntArray], now: datetime
) -> int:
    """Tell apart what other sources have of a gap (their starts, first source first) and what nobody has.

    The parts that somebody has become rows of their own, filled by that source. How many bars are left.
    """
    by = np.zeros(len(expected), np.int64)
    sources = list(given)
    for number, source in reversed(list(enumerate(sources, 1))):
        by[np.isin(expected, given[source])] = number
    if not by.any():
        return len(expected)
    row = (await conn.execute(sa.select(gaps).where(gaps.c.id == gap.id))).one()
    pieces = [(source, run) for n, source in enumerate(sources, 1) for run in runs_at(expected, by == n)]
    left = runs_at(expected, by == 0)
    closed = {"state": "filled", "closed_at": now, "retry_at": None}
    this = sa.update(gaps).where(gaps.c.id == gap.id)
    if left:
        await conn.execute(this.values(extent_of(left[0])))
        others = left[1:]
    else:
        source, run = pieces.pop(0)
        await conn.execute(this.values(**extent_of(run), **closed, filled_by=source))
        others = []
    for run in others:
        await conn.execute(sa.insert(gaps).values(**rest_of(row), **extent_of(run)))
    for source, run in pieces:
        await conn.execute(sa.insert(gaps).values(rest_of(row) | extent_of(run) | closed | {"filled_by": source}))
    return sum(run.missing for run in left)


def rest_of(gap: Any) -> dict[str, Any]:
    """What the parts of a gap have in common."""
    return {column.name: getattr(gap, column.name) for column in gaps.c if column.name not in _EXTENT}


def _all_refused(run: Run, refused: IntArray) -> bool:
    inside = np.unique(refused[(refused >= run.first_us) & (refused <= run.last_us)])
    return len(inside) >= run.missing


def extent_of(run: Run) -> dict[str, Any]:
    """The columns that say where."""
    return {"first": from_us(run.first_us), "last": from_us(run.last_us), "missing": run.missing}


def overlapping(series_id: int, first_us: int, last_us: int) -> sa.Select[Any]:
    """Gaps that stand for bars the series itself lacks in that stretch, oldest first."""
    overlaps = sa.and_(gaps.c.first <= from_us(last_us), gaps.c.last >= from_us(first_us))
    live = sa.and_(gaps.c.series_id == series_id, sa.text(_LIVE))
    return sa.select(gaps).where(live, overlaps).order_by(gaps.c.first)


# Rows that stand for bars the series itself still lacks: what it filled itself is history.
_LIVE = "(state <> 'filled' OR filled_by IS NOT NULL)"
_EXTENT = ("id", "first", "last", "missing")
_INLINE_BARS_MAX = 2_000

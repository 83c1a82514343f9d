"""Rows that were refused, kept with the reason: nothing a source sent is silently lost.

A row that is held (its reason begins with `unconfirmed_`) waits for a ruling: the next bar, another source or a person
releases it into the bars, or rejects it for good. Rulings are rows too, and none is ever changed.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from truecast.domain.bar import COLUMNS, Bars
from truecast.domain.interval import Interval
from truecast.kit.clock import to_us
from truecast.kit.db import upsert
from truecast.kit.errors import EXIT_DATA, EXIT_NOT_FOUND, TruecastError
from truecast.market.bulk import fetch
from truecast.market.quality import HELD
from truecast.market.tables import instruments, quarantine, rulings, series
from truecast.market.validate import Refused, time_text

RulingKind = Literal["released", "rejected"]
# What a person may let in: the others can be no bar. The first five are those of `quality`.
RELEASABLE = frozenset({"unit_error", "split_wrong", "split_missing", "spike", "stuck", "conflict"})

State = Literal["refused", "held", "released", "rejected"]


class UnknownQuarantine(TruecastError):
    """No refused row has that number."""

    code = "unknown_quarantine"
    status = 404
    title = "Unknown quarantined row"
    template = "No quarantined row has the number {number}"
    exit_code = EXIT_NOT_FOUND


class NotReleasable(TruecastError):
    """What was refused can be no bar whatever anybody says, or it is released already."""

    code = "not_releasable"
    status = 409
    title = "Row not releasable"
    template = "Row {number} cannot be released: {reason}"
    exit_code = EXIT_DATA


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A refusal as it is kept. `row` is the JSON text of what came, numbers exactly as they were."""

    symbol: str
    interval: Interval
    source: str
    start: str  # ISO; a bare number of microseconds where no calendar has such a date
    reason: str
    row: str
    received_at: datetime
    id: int = 0
    ruling: RulingKind | None = None
    ruled_by: str | None = None
    ruled_at: datetime | None = None
    note: str | None = None

    @property
    def state(self) -> State:
        """`held` waits for a ruling; `refused` is out unless a person releases it."""
        return state_of(self.reason, self.ruling)


def state_of(reason: str, ruling: RulingKind | None) -> State:
    """What a row with this reason and this ruling is."""
    return ruling or ("held" if reason.startswith(HELD) else "refused")


@dataclass(frozen=True, slots=True)
class Held:
    """Rows of one series that wait for a ruling, oldest first; `ids` and `reasons` are theirs."""

    ids: tuple[int, ...]
    reasons: tuple[str, ...]
    bars: Bars


async def keep_refused(conn: AsyncConnection, series_id: int, refused: Sequence[Refused], received_at: datetime) -> int:
    """Keep what is not kept yet, for a source repeats its mistakes at every download; how many rows those are."""
    rows = [
        {"series_id": series_id, "start": r.start_us, "reason": r.reason, "row": r.row, "received_at": received_at}
        for r in refused
    ]
    if not rows:
        return 0
    count = sa.select(sa.func.count()).where(quarantine.c.series_id == series_id)
    before = await conn.scalar(count) or 0
    await conn.execute(upsert(conn, quarantine, ["series_id", "start", "reason", "row"], []), rows)
    return (await conn.scalar(count) or 0) - before


async def read_held(conn: AsyncConnection, series_id: int, like: Bars) -> Held:
    """What waits for a ruling."""
    select = (
        "SELECT q.id, q.reason, q.row FROM quarantine q LEFT JOIN rulings r ON r.quarantine_id = q.id "  # noqa: S608
        f"WHERE q.series_id = {int(series_id)} AND q.reason LIKE '{HELD}%' AND r.id IS NULL ORDER BY q.start, q.id"
    )
    found = await fetch(conn, select)
    return Held(tuple(r[0] for r in found), tuple(r[1] for r in found), bars_of([r[2] for r in found], like))


async def rule(
    conn: AsyncConnection,
    ids: Sequence[int],
    ruling: RulingKind,
    by: str,
    at: datetime,
    *,
    note: str | None = None,
) -> None:
    """Write down what became of these rows."""
    if ids:
        rows = [{"quarantine_id": number, "at": at, "ruling": ruling, "by": by, "note": note} for number in ids]
        await conn.execute(sa.insert(rulings), rows)


async def list_quarantined(
    conn: AsyncConnection, symbol: str | None, limit: int, before: int | None = None
) -> list[Quarantined]:
    """Latest first; those with a number below `before`."""
    query = _QUERY.order_by(quarantine.c.id.desc()).limit(limit)
    if symbol is not None:
        query = query.where(instruments.c.symbol == symbol)
    if before is not None:
        query = query.where(quarantine.c.id < before)
    return [_quarantined(row) for row in await conn.execute(query)]


async def count_quarantined(conn: AsyncConnection, symbol: str | None) -> dict[tuple[str, str], int]:
    """Rows by reason and state."""
    query = (
        sa.select(quarantine.c.reason, _RULED.c.ruling, sa.func.count())
        .outerjoin(_RULED, _RULED.c.quarantine_id == quarantine.c.id)
        .group_by(quarantine.c.reason, _RULED.c.ruling)
    )
    if symbol is not None:
        of = sa.select(series.c.id).join(instruments).where(instruments.c.symbol == symbol)
        query = query.where(quarantine.c.series_id.in_(of))
    return {(reason, state_of(reason, ruling)): rows for reason, ruling, rows in await conn.execute(query)}


async def find_quarantined(conn: AsyncConnection, number: int) -> Quarantined:
    """By number. Raises UnknownQuarantine."""
    row = (await conn.execute(_QUERY.where(quarantine.c.id == number))).one_or_none()
    if row is None:
        raise UnknownQuarantine(number=number)
    return _quarantined(row)


_LATEST = sa.select(sa.func.max(rulings.c.id).label("id")).group_by(rulings.c.quarantine_id).subquery()
_RULED = sa.select(rulings).join(_LATEST, _LATEST.c.id == rulings.c.id).subquery()
_QUERY = (
    sa.select(
        quarantine,
        instruments.c.symbol,
        series.c.interval,
        series.c.source,
        _RULED.c.ruling,
        _RULED.c.by,
        _RULED.c.at,
        _RULED.c.note,
    )
    .join(series, series.c.id == quarantine.c.series_id)
    .join(instruments, instruments.c.id == series.c.instrument_id)
    .outerjoin(_RULED, _RULED.c.quarantine_id == quarantine.c.id)
)


def _quarantined(r: Any) -> Quarantined:
    return Quarantined(
        symbol=r.symbol,
        interval=Interval(r.interval),
        source=r.source,
        start=time_text(r.start),
        reason=r.reason,
        row=r.row,
        received_at=r.received_at,
        id=r.id,
        ruling=r.ruling,
        ruled_by=r.by,
        ruled_at=r.at,
        note=r.note,
    )


def bars_of(rows: Sequence[str], like: Bars) -> Bars:
    """Refused rows as bars again; every number is exactly what came. Raises ValueError for what is none."""
    values = [json.loads(row) for row in rows]
    columns: dict[str, Any] = {
        name: np.array([_value(name, value[name]) for value in values], getattr(like, name).dtype) for name in COLUMNS
    }
    return Bars(
        like.symbol, like.interval, **columns, source=np.zeros(len(rows), np.int16), sources=like.sources or ("",)
    )


def _value(name: str, value: Any) -> Any:
    if name in ("start", "known_at"):
        return int(value) if value.lstrip("-").isdecimal() else to_us(datetime.fromisoformat(value))
    return float("nan") if value is None else float(value) if name != "final" else value

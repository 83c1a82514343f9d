"""What was learned of each series and each class, as rows that are only added: a forecast about the past uses those
that were there then.

One row holds the evidence of one series at one interval up to one boundary (forecasts/predict.py), or what the series
of a class say together (models/evidence.py). Times are microseconds since the epoch.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import orjson
from sqlalchemy import BigInteger, Column, Index, String, Table, Text, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from truecast.domain.interval import Interval
from truecast.kit.clock import to_us
from truecast.kit.db import RowId, append_only, metadata
from truecast.kit.limits import RECORDS_KEPT_MAX
from truecast.market.bulk import fetch
from truecast.models.evidence import Band, Evidence, plain_bands, read_bands, read_evidence

Kind = Literal["series", "class"]

evidence = Table(
    "evidence",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("kind", String(8), nullable=False),  # "series" | "class"
    Column("name", String(64), nullable=False),  # symbol, or asset class
    Column("interval", String(8), nullable=False),
    Column("boundary", BigInteger, nullable=False),  # nothing that ended later went in
    Column("members", String(64), nullable=False),  # SHA-256 of their names and versions
    Column("recorded_at", BigInteger, nullable=False),
    Column("body", Text, nullable=False),  # JSON
    Index("ix_evidence_of", "kind", "name", "interval", "id"),
)
append_only(evidence)

_LATEST = (
    "SELECT id, recorded_at FROM evidence WHERE kind = $1 AND name = $2 AND interval = $3 AND recorded_at <= {} "
    "ORDER BY id DESC LIMIT 1"
)
_BODY = "SELECT body FROM evidence WHERE id = {}"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a series at a moment: of itself, and of its class. `own` is None where nothing was learned."""

    own: Evidence | None = None
    of_class: tuple[Band, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """Evidence to be recorded."""

    kind: Kind
    name: str
    interval: Interval
    boundary: int
    members: str
    body: bytes


class Book:
    """Reads rows as they were at a moment. What a row says is parsed once."""

    def __init__(self, kept_max: int = RECORDS_KEPT_MAX) -> None:
        self._read: OrderedDict[int, Any] = OrderedDict()
        self._kept_max = kept_max

    async def known(
        self, conn: AsyncConnection, symbol: str, asset_class: str, interval: Interval, as_of: datetime
    ) -> Known:
        """What was known at `as_of`."""
        own = await self._latest(conn, "series", symbol, interval, as_of)
        of_class = await self._latest(conn, "class", asset_class, interval, as_of)
        return Known(own, of_class or ())

    async def of_series(
        self, conn: AsyncConnection, symbols: Sequence[str], interval: Interval, as_of: datetime
    ) -> list[Evidence]:
        """What was known of each, where anything was."""
        found = [await self._latest(conn, "series", symbol, interval, as_of) for symbol in symbols]
        return [one for one in found if one is not None]

    async def _latest(self, conn: AsyncConnection, kind: Kind, name: str, interval: Interval, as_of: datetime) -> Any:
        rows = await fetch(conn, _LATEST.format(int(to_us(as_of))), kind, name, interval.value)
        if not rows:
            return None
        number = int(rows[0][0])
        if number not in self._read:
            ((body,),) = await fetch(conn, _BODY.format(number))
            said = orjson.loads(body)
            self._read[number] = read_evidence(said) if kind == "series" else read_bands(said)
            if len(self._read) > self._kept_max:
                self._read.popitem(last=False)
        self._read.move_to_end(number)
        return self._read[number]


async def boundaries(conn: AsyncConnection) -> dict[tuple[str, str], tuple[int, str]]:
    """For each series its last row's boundary, and the members it is about."""
    e = evidence.c
    last = select(func.max(e.id)).where(e.kind == "series").group_by(e.name, e.interval)
    query = select(e.name, e.interval, e.boundary, e.members).where(e.id.in_(last))
    return {(name, interval): (boundary, members) for name, interval, boundary, members in await conn.execute(query)}


async def append(conn: AsyncConnection, rows: Sequence[Row], recorded_at: datetime) -> None:
    """Add rows inside the caller's transaction."""
    if rows:
        at = to_us(recorded_at)
        await conn.execute(
            insert(evidence),
            [
                {
                    "kind": row.kind,
                    "name": row.name,
                    "interval": row.interval.value,
                    "boundary": row.boundary,
                    "members": row.members,
                    "recorded_at": at,
                    "body": row.body.decode(),
                }
                for row in rows
            ],
        )


def series_row(symbol: str, interval: Interval, boundary: int, members: str, found: Evidence) -> Row:
    """Evidence of a series as a row."""
    return Row("series", symbol, interval, boundary, members, orjson.dumps(found.plain()))


def class_row(asset_class: str, interval: Interval, boundary: int, bands: Sequence[Band]) -> Row:
    """Evidence of a class as a row."""
    return Row("class", asset_class, interval, boundary, "", orjson.dumps(plain_bands(bands)))

"""Is the ledger what it was? Walks the chain from the first row and compares every projection with it.

Everything is recomputed from the stored text: the hashes, and the rows of `forecasts` and `scores` that must follow
from it. Batches keep the memory flat; hashing runs on a thread.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from truecast.forecasts import body as bodies
from truecast.forecasts import outcome as outcomes
from truecast.forecasts import tables
from truecast.forecasts.chain import Head, Link, first_break
from truecast.kit.db import Database

_BATCH_ROWS = 500

Rows = Sequence[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found. `head` is the hash of the last row: keep it elsewhere, and even a cut-off end would show."""

    ok: bool
    rows: int
    head: str
    first_broken: int | None
    reason: str | None


async def verify(db: Database) -> Verification:
    """Check every row; stops at the first that is not what it was, and says why."""
    head = Head()
    async with db.read() as conn:
        total = (await conn.execute(select(func.max(tables.ledger.c.seq)))).scalar() or 0
        while links := await _links(conn, head.seq):
            until = links[-1].seq
            said = await _projection(conn, tables.forecasts, head.seq, until)
            scored = await _projection(conn, tables.scores, head.seq, until)
            broken = await asyncio.to_thread(_check, head, links, said, scored)
            if broken is not None:
                return Verification(False, total, head.hash, *broken)
            head = Head(until, links[-1].hash)
        broken = await _beyond(conn, head.seq)
    if broken is not None:
        return Verification(False, total, head.hash, *broken)
    return Verification(True, total, head.hash, None, None)


def _check(head: Head, links: Sequence[Link], forecasts: Rows, scores: Rows) -> tuple[int, str] | None:
    """The first break of the chain or of a projection among these rows."""
    broken = first_break(head, links)
    sound = [link for link in links if broken is None or link.seq < broken[0]]
    due_forecasts = [
        bodies.columns(link.seq, link.ref, link.recorded_at, link.body) for link in sound if link.kind == "forecast"
    ]
    due_scores = [row for link in sound if link.kind == "score" for row in outcomes.rows(link.seq, link.body)]
    last = sound[-1].seq if sound else head.seq
    found = [
        difference
        for table, due, have in (("forecasts", due_forecasts, forecasts), ("scores", due_scores, scores))
        if (difference := _difference(table, due, [row for row in have if row["seq"] <= last])) is not None
    ]
    return min([*found, *([broken] if broken else [])], default=None)


def _difference(table: str, due: Rows, have: Rows) -> tuple[int, str] | None:
    """The first chain row whose rows in a projection are not the ones that follow from it."""
    key = "step" if table == "scores" else "id"
    keyed_due = {(row["seq"], row.get("forecast_seq", 0), row[key]): row for row in due}
    keyed_have = {(row["seq"], row.get("forecast_seq", 0), row[key]): row for row in have}
    wrong = [k for k in keyed_due.keys() | keyed_have.keys() if keyed_due.get(k) != keyed_have.get(k)]
    if not wrong:
        return None
    first = min(wrong)
    if first not in keyed_have:
        return first[0], f"its row in {table} is missing"
    if first not in keyed_due:
        return first[0], f"{table} has a row that it does not say"
    fields = [name for name, value in keyed_due[first].items() if keyed_have[first][name] != value]
    return first[0], f"{table} says something else in {', '.join(sorted(fields))}"


async def _links(conn: AsyncConnection, after: int) -> list[Link]:
    chain = tables.ledger.c
    query = select(chain.seq, chain.kind, chain.ref, chain.recorded_at, chain.body, chain.prev_hash, chain.hash)
    rows = await conn.execute(query.where(chain.seq > after).order_by(chain.seq).limit(_BATCH_ROWS))
    return [Link(seq, kind, ref, at, body.encode(), prev, digest) for seq, kind, ref, at, body, prev, digest in rows]


async def _projection(conn: AsyncConnection, table: Any, after: int, until: int) -> Rows:
    rows = await conn.execute(select(table).where(table.c.seq > after, table.c.seq <= until))
    return [dict(row) for row in rows.mappings()]


async def _beyond(conn: AsyncConnection, last: int) -> tuple[int, str] | None:
    """A projection may not know more than the chain: the end of the chain was cut off."""
    for table in (tables.forecasts, tables.scores):
        first = (await conn.execute(select(func.min(table.c.seq)).where(table.c.seq > last))).scalar()
        if first is not None:
            return int(first), f"the row is missing, but {table.name} refers to it"
    return None

"""Is the ledger what it was? Walks the chain and compares every projection with it.

Everything is recomputed from the stored text: the hashes, and the rows of `forecasts` and `scores` that must follow
from it. Batches keep the memory flat; hashing runs on a thread.

A process that has walked the whole chain remembers the last row it found sound. From then on it reads what came since,
checks that the remembered row still has its hash, and goes round the older rows again, PATROL_ROWS at a time. Whoever
changes an old row and all hashes after it is found at once, whoever changes an old row alone when the round comes by
or when everything is read again (`full`).
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
from truecast.market.bulk import fetch

PATROL_ROWS = 250
_BATCH_ROWS = 500

Rows = Sequence[tuple[Any, ...]]
_Break = tuple[int, str]

_FORECASTS = tuple(tables.forecasts.c.keys())
_SCORES = outcomes.COLUMNS


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found. `head` is the hash of the last row: keep it elsewhere, and even a cut-off end would show.

    `known` rows were found sound earlier by the same process and were not all read again.
    """

    ok: bool
    rows: int
    head: str
    first_broken: int | None
    reason: str | None
    known: int = 0


class Verifier:
    """Remembers how far the chain was sound. One walk at a time: who comes meanwhile waits, and has little left."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._sound = Head()
        self._patrol = Head()  # up to here the present round has come
        self._lock = asyncio.Lock()

    async def verify(self, *, full: bool = True) -> Verification:
        """Check every row, or only what is new and a few of the old ones; says where and why the first break is."""
        async with self._lock, self._db.read() as conn:
            total = (await conn.execute(select(func.max(tables.ledger.c.seq)))).scalar() or 0
            known = Head() if full else self._sound
            head, broken = known, await _changed(conn, known)
            if broken is None and known.seq:
                self._patrol, broken = await self._patrolled(conn)
            if broken is None:
                head, broken = await _walked(conn, known, total)
            if broken is None:
                broken = await _beyond(conn, head.seq)
            # After a break the next call starts over: nothing is sound because it was so once.
            self._sound = Head() if broken else head
        first, reason = broken or (None, None)
        return Verification(broken is None, total, head.hash, first, reason, known.seq)

    async def _patrolled(self, conn: AsyncConnection) -> tuple[Head, _Break | None]:
        start = self._patrol if self._patrol.seq < self._sound.seq else Head()
        return await _walked(conn, start, min(start.seq + PATROL_ROWS, self._sound.seq))


async def verify(db: Database) -> Verification:
    """Check every row; stops at the first that is not what it was, and says why."""
    return await Verifier(db).verify()


async def _walked(conn: AsyncConnection, head: Head, until: int) -> tuple[Head, _Break | None]:
    """The last sound row of those after `head` up to row `until`, and the first break if there is one."""
    while head.seq < until:
        last = min(head.seq + _BATCH_ROWS, until)
        links = await _links(conn, head.seq, last)
        said = await _projection(conn, "forecasts", _FORECASTS, head.seq, last)
        scored = await _projection(conn, "scores", _SCORES, head.seq, last)
        broken = await asyncio.to_thread(_check, head, links, said, scored)
        if broken is not None:
            return head, broken
        if len(links) < last - head.seq:
            return head, ((links[-1].seq if links else head.seq) + 1, "the row is missing")
        head = Head(last, links[-1].hash)
    return head, None


async def _changed(conn: AsyncConnection, known: Head) -> _Break | None:
    """Whether the row that was last found sound is another now, or gone."""
    if not known.seq:
        return None
    found = await conn.execute(select(tables.ledger.c.hash).where(tables.ledger.c.seq == known.seq))
    now = found.scalar()
    if now is None:
        return known.seq, "the row is missing, and was there when it was last checked"
    return None if now == known.hash else (known.seq, "it has not the hash that it had when it was last checked")


def _check(head: Head, links: Sequence[Link], forecasts: Rows, scores: Rows) -> _Break | None:
    """The first break of the chain or of a projection among these rows."""
    broken = first_break(head, links)
    sound = [link for link in links if broken is None or link.seq < broken[0]]
    columns = (bodies.columns(k.seq, k.ref, k.recorded_at, k.body) for k in sound if k.kind == "forecast")
    due_forecasts = [tuple(row[name] for name in _FORECASTS) for row in columns]
    due_scores = [row for link in sound if link.kind == "score" for row in outcomes.tuples(link.seq, link.body)]
    last = sound[-1].seq if sound else head.seq
    found = [
        difference
        for table, names, due, have in (
            ("forecasts", _FORECASTS, due_forecasts, forecasts),
            ("scores", _SCORES, due_scores, scores),
        )
        if (difference := _difference(table, names, due, have, last)) is not None
    ]
    return min([*found, *([broken] if broken else [])], default=None)


def _difference(table: str, names: Sequence[str], due: Rows, have: Rows, last: int) -> _Break | None:
    """The first chain row up to `last` whose rows in a projection are not the ones that follow from it."""
    seq = names.index("seq")
    key = [seq, *(names.index(name) for name in names if name in ("forecast_seq", "step", "id"))]
    keyed_due, keyed_have = (
        {tuple(row[i] for i in key): row for row in rows} for rows in (due, [row for row in have if row[seq] <= last])
    )
    if keyed_due == keyed_have:
        return None
    wrong = [k for k in keyed_due.keys() | keyed_have.keys() if keyed_due.get(k) != keyed_have.get(k)]
    first = min(wrong)
    if first not in keyed_have:
        return first[0], f"its row in {table} is missing"
    if first not in keyed_due:
        return first[0], f"{table} has a row that it does not say"
    pairs = zip(names, keyed_due[first], keyed_have[first], strict=True)
    return first[0], f"{table} says something else in {', '.join(sorted(n for n, a, b in pairs if a != b))}"


async def _links(conn: AsyncConnection, after: int, until: int) -> list[Link]:
    rows = await fetch(
        conn,
        "SELECT seq, kind, ref, recorded_at, body, prev_hash, hash FROM ledger "  # noqa: S608 integers of ours
        f"WHERE seq > {after} AND seq <= {until} ORDER BY seq",
    )
    return [Link(seq, kind, ref, at, body.encode(), prev, digest) for seq, kind, ref, at, body, prev, digest in rows]


async def _projection(conn: AsyncConnection, table: str, names: Sequence[str], after: int, until: int) -> Rows:
    query = f"SELECT {', '.join(names)} FROM {table} WHERE seq > {after} AND seq <= {until}"  # noqa: S608 names of ours
    return await fetch(conn, query)


async def _beyond(conn: AsyncConnection, last: int) -> _Break | None:
    """A projection may not know more than the chain: the end of the chain was cut off."""
    for table in (tables.forecasts, tables.scores):
        first = (await conn.execute(select(func.min(table.c.seq)).where(table.c.seq > last))).scalar()
        if first is not None:
            return int(first), f"the row is missing, but {table.name} refers to it"
    return None

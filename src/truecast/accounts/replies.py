"""Answers kept under a key that the client chose, so that what is sent twice is done once (`Idempotency-Key`).

A key belongs to who asks. While its request is worked on the key is leased, and the lease is renewed; a process that
dies lets go of it with the lease, and the next one who sends the request does it. Only answers of requests that did
something are kept: a refusal changed nothing, and the key is free again. Where a try broke off or failed, it is not
known what it did: then the key stays with its request, and every further try has the same `seed`, by which what was
done can be found instead of being done again. The database's clock decides, as for leases.
"""

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from truecast.accounts.tables import replies
from truecast.kit.db import Database, upsert
from truecast.kit.errors import MalformedRequest, TruecastError
from truecast.kit.leases import database_us
from truecast.kit.limits import IDEMPOTENCY_ANSWER_BYTES_MAX, IDEMPOTENCY_KEPT_S, LEASE_S

_c = replies.c
_RETRY_S = 1


class IdempotencyKeyReused(MalformedRequest):
    """A key names one request."""

    code = "idempotency_key_reused"
    title = "Idempotency key reused"
    template = "This Idempotency-Key was used for another request; take a new one for each"


class RequestUnderWay(TruecastError):
    """The first one is not answered yet."""

    code = "request_under_way"
    status = 409
    title = "Request under way"
    template = "The request with this Idempotency-Key is being worked on; ask again in {retry_after_s} s"


class AnswerNotKept(TruecastError):
    """It was done, and its answer is not kept: it holds a secret, or is too large."""

    code = "answer_not_kept"
    status = 409
    title = "Answer not kept"
    template = "The request with this Idempotency-Key was done, but its answer is not kept: {reason}"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it was sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to do a request. `seed` is the same for every try of it, and for no other request."""

    id: str
    token: int
    seed: str


class Replies:
    """The kept answers of an installation."""

    def __init__(self, db: Database, *, lease_s: float = LEASE_S) -> None:
        self._db = db
        self._lease_us = int(lease_s * 1e6)

    async def take(self, principal: str, key: str, fingerprint: str) -> Turn | Reply:
        """The turn to do it, or the answer of who did. Raises IdempotencyKeyReused, RequestUnderWay, AnswerNotKept."""
        id_ = hashlib.sha256(f"{principal}\0{key}".encode()).hexdigest()
        async with self._db.write() as conn:
            now = await database_us(conn)
            fresh = {"fingerprint": fingerprint, "token": 1, "created_at": now, "until": now + self._lease_us}
            added = await conn.execute(upsert(conn, replies, ["id"], []).values(id=id_, **fresh))
            if added.rowcount:
                return Turn(id_, 1, f"{id_}:{now}")
            row = (await conn.execute(sa.select(replies).where(_c.id == id_))).mappings().one()
            if row["status"] is not None and row["until"] <= now:
                return await self._again(conn, row, now, {**_EMPTY, **fresh})  # kept long enough
            if row["fingerprint"] != fingerprint:
                raise IdempotencyKeyReused(reason="reused")
            if row["status"] is None:
                if row["until"] > now:
                    raise RequestUnderWay(retry_after_s=_RETRY_S)
                return await self._again(conn, row, now, {"until": fresh["until"]})  # whoever had it is dead
        if row["body"] is None:
            raise AnswerNotKept(**orjson.loads(row["headers"]))
        return Reply(row["status"], orjson.loads(row["headers"]), zlib.decompress(row["body"]))

    async def _again(self, conn: AsyncConnection, row: sa.RowMapping, now: int, values: Mapping[str, object]) -> Turn:
        token = row["token"] + 1
        mine = sa.and_(_c.id == row["id"], _c.token == row["token"], _c.until <= now)
        taken = await conn.execute(sa.update(replies).where(mine).values({**values, "token": token}))
        if not taken.rowcount:
            raise RequestUnderWay(retry_after_s=_RETRY_S)
        return Turn(row["id"], token, f"{row['id']}:{values.get('created_at', row['created_at'])}")

    async def renew(self, turn: Turn) -> None:
        """Say that it is still being worked on."""
        async with self._db.write() as conn:
            until = await database_us(conn) + self._lease_us
            await conn.execute(sa.update(replies).where(_mine(turn)).values(until=until))

    async def keep(self, turn: Turn, reply: Reply, *, secret_of: str | None = None) -> None:
        """Its answer; of one with a secret only the id of what was made is kept."""
        body: bytes | None = zlib.compress(reply.body, 1)
        headers: Mapping[str, object] = reply.headers
        if secret_of is not None:
            body, headers = None, {"reason": f"it held the secret of {secret_of}", "id": secret_of}
        elif len(reply.body) > IDEMPOTENCY_ANSWER_BYTES_MAX:
            body, headers = None, {"reason": f"it has more than {IDEMPOTENCY_ANSWER_BYTES_MAX} bytes"}
        async with self._db.write() as conn:
            until = await database_us(conn) + int(IDEMPOTENCY_KEPT_S * 1e6)
            said = {"status": reply.status, "headers": orjson.dumps(headers).decode(), "body": body, "until": until}
            await conn.execute(sa.update(replies).where(_mine(turn)).values(said))

    async def let_go(self, turn: Turn) -> None:
        """It may have done something, or a part: the next try begins at once, as the same request, with its seed."""
        async with self._db.write() as conn:
            await conn.execute(sa.update(replies).where(_mine(turn)).values(until=0))

    async def release(self, turn: Turn) -> None:
        """It did nothing: the key is free."""
        async with self._db.write() as conn:
            await conn.execute(sa.delete(replies).where(_mine(turn)))

    async def forget(self) -> int:
        """Drop what was kept long enough, and what a dead process left a day ago; how many."""
        async with self._db.write() as conn:
            now = await database_us(conn)
            old = sa.or_(_c.status.is_not(None), _c.created_at <= now - int(IDEMPOTENCY_KEPT_S * 1e6))
            gone = await conn.execute(sa.delete(replies).where(_c.until <= now, old))
        return int(gone.rowcount)


_EMPTY: Mapping[str, object] = {"status": None, "headers": None, "body": None}


def _mine(turn: Turn) -> sa.ColumnElement[bool]:
    return sa.and_(_c.id == turn.id, _c.token == turn.token, _c.status.is_(None))

"""Leases in the database: two processes never do the same thing at once, and a dead one's work is taken over.

A lease has a name, a holder and an end; its holder moves the end on every few seconds, and once it has passed anybody
may take the lease. The database's clock decides, so that machines need not agree on the time. The token counts the
holders: who writes on behalf of a lease can prove that nobody has taken it since.

A process that was stopped for longer than a lease must not go on as if nothing had happened: it also measures by its
own monotonic clock and treats its leases as lost when it could not renew them in time.
"""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from truecast.kit.clock import from_us
from truecast.kit.db import Database, metadata, upsert
from truecast.kit.errors import TruecastError
from truecast.kit.ids import uuid7
from truecast.kit.limits import LEASE_RENEW_S, LEASE_S
from truecast.kit.logs import get_logger
from truecast.kit.metrics import LEASES_HELD

_log = get_logger(__name__)

# Times in microseconds since the epoch by the database's clock.
leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.String(128), primary_key=True),
    sa.Column("holder", sa.String(128), nullable=False),
    sa.Column("token", sa.BigInteger, nullable=False),  # counts the holders
    sa.Column("since", sa.BigInteger, nullable=False),
    sa.Column("until", sa.BigInteger, nullable=False),
)
_c = leases.c


class LeaseLost(TruecastError):
    """Another process may have taken over what was being done here."""

    code = "lease_lost"
    status = 503
    title = "Lease lost"
    template = "The lease {name} could not be kept; another process may have taken over"


@dataclass(frozen=True, slots=True)
class Lease:
    """Who may do what until when. `token` counts the holders there were."""

    name: str
    holder: str
    token: int
    since: datetime
    until: datetime


class Leases:
    """The leases of one process."""

    def __init__(self, db: Database, *, lease_s: float = LEASE_S, renew_s: float = LEASE_RENEW_S) -> None:
        self._db = db
        self._lease_s = lease_s
        self.renew_s = renew_s
        pid = os.getpid()
        self.holder = f"{socket.gethostname()[:64]}:{pid}:{uuid7(from_us(0)).hex[-12:]}"
        self._valid_until_s: dict[str, float] = {}
        self._inside: set[str] = set()  # of the blocks of `hold`
        self._counted = 0

    def holds(self, name: str) -> bool:
        """Whether this process may still act as the holder."""
        return time.monotonic() < self._valid_until_s.get(name, 0.0)

    async def take(self, names: Collection[str]) -> frozenset[str]:
        """Take those that are free and renew those that are ours, in one transaction; the ones held now."""
        asked_s = time.monotonic()
        async with self._db.write() as conn:
            now_us = await database_us(conn)
            until = now_us + int(self._lease_s * 1e6)
            held = set()
            for name in sorted(names):
                mine = sa.and_(_c.name == name, _c.holder == self.holder, _c.until > now_us)
                renewed = await conn.execute(sa.update(leases).where(mine).values(until=until))
                if renewed.rowcount or await self._take(conn, name, now_us, until):
                    held.add(name)
        for name in names:
            if name in held:
                self._valid_until_s[name] = asked_s + self._lease_s
            else:
                self._valid_until_s.pop(name, None)
        self._count()
        return frozenset(held)

    async def release(self, names: Iterable[str]) -> None:
        """Give them back at once; harmless for those that are not ours."""
        listed = list(names)
        for name in listed:
            self._valid_until_s.pop(name, None)
        async with self._db.write() as conn:
            mine = sa.and_(_c.name.in_(listed), _c.holder == self.holder)
            await conn.execute(sa.update(leases).where(mine).values(until=0))
        self._count()

    @contextlib.asynccontextmanager
    async def hold(self, name: str) -> AsyncIterator[bool]:
        """The lease for the time of the block, renewed meanwhile. False when another process or block has it.

        Raises LeaseLost out of the block when it could not be kept.
        """
        if name in self._inside:
            yield False
            return
        self._inside.add(name)
        try:
            if name in await self.take([name]):
                async with self._kept(name):
                    yield True
            else:
                yield False
        finally:
            self._inside.discard(name)

    @contextlib.asynccontextmanager
    async def _kept(self, name: str) -> AsyncIterator[None]:
        """The block that ends when the lease does; the lease that ends when the block does."""
        try:
            async with asyncio.timeout(None) as scope:
                keeper = asyncio.create_task(self._keep(name, scope))
                try:
                    yield
                finally:
                    keeper.cancel()
                    await asyncio.wait([keeper])
        except TimeoutError:
            if scope.expired():
                raise LeaseLost(name=name) from None
            raise
        finally:
            with contextlib.suppress(TruecastError):  # then it ends by itself
                await self.release([name])

    async def listed(self) -> list[Lease]:
        """All that are in force, by name."""
        async with self._db.read() as conn:
            return await in_force(conn)

    async def _take(self, conn: AsyncConnection, name: str, now_us: int, until: int) -> bool:
        facts = {"holder": self.holder, "since": now_us, "until": until}
        free = sa.and_(_c.name == name, _c.until <= now_us)
        taken = await conn.execute(sa.update(leases).where(free).values(**facts, token=_c.token + 1))
        if taken.rowcount:
            return True
        known = await conn.scalar(sa.select(_c.name).where(_c.name == name))
        if known is not None:
            return False
        added = await conn.execute(upsert(conn, leases, ["name"], []).values(name=name, token=1, **facts))
        return bool(added.rowcount)

    async def _keep(self, name: str, scope: asyncio.Timeout) -> None:
        """Renew; where that fails for too long, end the block."""
        while True:
            await asyncio.sleep(self.renew_s)
            try:
                held = name in await self.take([name])
            except TruecastError as error:
                _log.warning("lease not renewed", name=name, code=error.code)
                held = self.holds(name)
            if not held:
                scope.reschedule(asyncio.get_running_loop().time())
                return

    def _count(self) -> None:
        held = sum(map(self.holds, self._valid_until_s))
        LEASES_HELD.inc(held - self._counted)
        self._counted = held


async def in_force(conn: AsyncConnection, prefix: str = "") -> list[Lease]:
    """Those in force whose name begins so, by name, whoever holds them."""
    rows = await conn.execute(
        sa.select(leases).where(_c.until > await database_us(conn), _c.name.startswith(prefix)).order_by(_c.name)
    )
    return [Lease(r.name, r.holder, r.token, from_us(r.since), from_us(r.until)) for r in rows]


async def database_us(conn: AsyncConnection) -> int:
    """The database's own clock."""
    if conn.dialect.name == "postgresql":
        asked = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
    else:
        asked = "SELECT CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"
    return int(await conn.scalar(sa.text(asked)) or 0)

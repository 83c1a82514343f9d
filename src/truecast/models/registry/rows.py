"""The register in the database: versions and events, as rows."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from truecast.kit.clock import from_us, to_us
from truecast.kit.db import Database
from truecast.market.tables import instruments
from truecast.models.registry.card import Card, digest
from truecast.models.registry.events import TOLD, Event, Key, Kind
from truecast.models.registry.tables import model_events, model_versions

_LOCK = 7274697662  # one writer of the register at a time, so that events become visible in the order of their ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A registered version."""

    model: str
    asset_class: str
    interval: str
    version: str
    created_at: datetime
    trained_until: datetime
    digest: str

    @property
    def key(self) -> Key:
        """Model and scope."""
        return self.model, (self.asset_class, self.interval)


@contextlib.asynccontextmanager
async def writing(db: Database) -> AsyncIterator[AsyncConnection]:
    """One transaction on the register, alone."""
    async with db.write() as conn:
        if db.dialect == "postgresql":
            await conn.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        yield conn


async def add_version(conn: AsyncConnection, card: Card) -> None:
    """Register a version that lies in its place."""
    body = card.encoded()
    facts = {
        "model": card.model,
        "asset_class": card.asset_class,
        "interval": card.interval,
        "version": card.version,
        "created_at": card.created_at,
        "trained_until": card.trained_until,
        "digest": digest(body),
        "card": body.decode(),
    }
    await conn.execute(insert(model_versions).values(facts))


async def add_event(
    conn: AsyncConnection,
    kind: Kind,
    key: Key,
    *,
    at: datetime,
    who: str,
    version: str | None = None,
    reason: str = "",
    evidence: Mapping[str, Any] | None = None,
) -> None:
    """Write down what happened. No event is of a time before the one before it: a clock may be set back."""
    latest = await conn.scalar(select(model_events.c.at).order_by(model_events.c.id.desc()).limit(1))
    model, (asset_class, interval) = key
    facts = {
        "at": max(to_us(at), latest or 0),
        "kind": kind,
        "model": model,
        "asset_class": asset_class,
        "interval": interval,
        "version": version,
        "who": who[:64],
        "reason": reason,
        "evidence": orjson.dumps(dict(evidence or {})).decode(),
    }
    await conn.execute(insert(model_events).values(facts))


async def told(conn: AsyncConnection) -> tuple[Event, ...]:
    """Every event that says what serves, oldest first, without the evidence."""
    e = model_events.c
    columns = [column for column in e if column.name != "evidence"]
    rows = await conn.execute(select(*columns).where(e.kind.in_(TOLD)).order_by(e.id))
    return tuple(_event(row) for row in rows)


async def listed(
    conn: AsyncConnection,
    *,
    model: str | None = None,
    before: int | None = None,
    who: str = "",
    limit: int,
) -> list[Event]:
    """Events with their evidence, latest first."""
    e = model_events.c
    query = select(model_events).order_by(e.id.desc()).limit(limit)
    if model is not None:
        query = query.where(e.model == model)
    if before is not None:
        query = query.where(e.id < before)
    if who:
        query = query.where(e.who == who)
    return [_event(row) for row in await conn.execute(query)]


async def versions(conn: AsyncConnection) -> list[Version]:
    """Every registered version, oldest first, without its card."""
    v = model_versions.c
    columns = [column for column in v if column.name != "card"]
    found = await conn.execute(select(*columns).order_by(v.created_at, v.version))
    return [_version(row) for row in found]


async def card_body(conn: AsyncConnection, version: Version) -> bytes:
    """The registered card."""
    v, (model, (asset_class, interval)) = model_versions.c, version.key
    where = (v.model == model, v.asset_class == asset_class, v.interval == interval, v.version == version.version)
    body = await conn.scalar(select(v.card).where(*where))
    return str(body).encode()


async def pulse(conn: AsyncConnection) -> tuple[int, ...]:
    """Numbers that change with what serves: the latest event that says so, and the latest instrument."""
    told_last = select(func.max(model_events.c.id)).where(model_events.c.kind.in_(TOLD))
    known = select(func.max(instruments.c.id), func.count())
    return int(await conn.scalar(told_last) or 0), *(int(n or 0) for n in (await conn.execute(known)).one())


def _event(row: Any) -> Event:
    facts = dict(row._mapping)  # noqa: SLF001 SQLAlchemy's public name for a row as a mapping
    evidence = orjson.loads(facts.pop("evidence", "{}"))
    return Event(**{**facts, "at": from_us(facts["at"])}, evidence=evidence)


def _version(row: Any) -> Version:
    facts = dict(row._mapping)  # noqa: SLF001 SQLAlchemy's public name for a row as a mapping
    return Version(**{**facts, "created_at": from_us(row.created_at), "trained_until": from_us(row.trained_until)})

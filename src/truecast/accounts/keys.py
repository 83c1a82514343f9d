"""API keys: made once and shown once, kept as hashes, revoked within a second in every process.

A key reads `tc_<id>_<secret>`: the id is public and names the key in lists and logs, the secret is 32 random bytes.
So much randomness needs no slow hash: SHA-256 of the whole key is what the database knows.
"""

import asyncio
import contextlib
import hashlib
import math
import re
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, insert, or_, select, update

from truecast.accounts.principal import Principal, Scope
from truecast.accounts.tables import api_keys, invitations
from truecast.kit.clock import Clock, from_us, to_us
from truecast.kit.db import Database
from truecast.kit.errors import EXIT_NOT_FOUND, Contradiction, MalformedRequest, TruecastError
from truecast.kit.limits import API_KEY_NAME_CHARS_MAX

KNOWN_S = 0.8  # how old what a process knows of the keys may be: a revocation takes effect within a second
REFRESH_S = 0.4  # when it asks again while keys are used, so that nobody has to wait for the answer
USED_EVERY_S = 60.0  # how exact `last_used_at` is
INVITATION_LIFE = timedelta(hours=1)

_ID_BYTES = 6
_SECRET_BYTES = 32
_FORM = re.compile(r"tc_[0-9a-f]{12}_[A-Za-z0-9_-]{43}")


class KeyMissing(TruecastError):
    """This server is asked with a key."""

    code = "key_missing"
    status = 401
    title = "Key missing"
    template = "Send an API key as `Authorization: Bearer tc_…`"


class KeyRefused(TruecastError):
    """Unknown, expired or revoked: which of them is not told."""

    code = "key_refused"
    status = 401
    title = "Key refused"
    template = "This API key is not accepted"


class ScopeMissing(TruecastError):
    """The key is good, but not for this."""

    code = "scope_missing"
    status = 403
    title = "Scope missing"
    template = "This needs a key with the scope {scope!r}; this one has {scopes}"


class UnknownKey(TruecastError):
    """No key has this id."""

    code = "unknown_key"
    status = 404
    title = "Unknown key"
    template = "There is no key {id!r}"
    exit_code = EXIT_NOT_FOUND


class InvitationRefused(TruecastError):
    """Unknown, used or too old: which of them is not told."""

    code = "invitation_refused"
    status = 403
    title = "Invitation refused"
    template = "This link has been used or is too old; start the server again for a new one, or use a key"


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """What may be shown of a key."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class Keys:
    """The API keys of an installation."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._known: Mapping[str, KeyInfo] = {}
        self._by_id: Mapping[str, KeyInfo] = {}
        self._principals: Mapping[str, Principal] = {}
        self._known_since = -math.inf
        self._changes = 0  # made by this process
        self._loading = asyncio.Lock()
        self._renewing: asyncio.Task[None] | None = None
        self._used: dict[str, datetime] = {}
        self._told_used_at = 0.0

    async def create(
        self, name: str, scopes: Iterable[Scope], expires_at: datetime | None, *, seed: str | None = None
    ) -> tuple[KeyInfo, str]:
        """A new key and its text, which cannot be had again.

        With the same `seed` it is the same key with another text: of a request that is made again because nobody got
        its answer, so that no key is left that nobody has.
        """
        info, text, row = self._made(name, scopes, expires_at, seed)
        async with self._db.write() as conn:
            if seed is not None:
                await conn.execute(delete(api_keys).where(api_keys.c.id == info.id))
            await conn.execute(insert(api_keys), row)
        self._outdated()
        return info, text

    async def all(self) -> list[KeyInfo]:
        """Every key there ever was, newest first."""
        async with self._db.read() as conn:
            rows = await conn.execute(select(api_keys).order_by(api_keys.c.created_at.desc(), api_keys.c.id))
        return [_info(row) for row in rows.mappings()]

    async def revoke(self, id: str) -> None:  # noqa: A002 the name users see
        """Let nobody in with it any more. Revoking again changes nothing; raises UnknownKey."""
        now = to_us(self._clock.now())
        async with self._db.write() as conn:
            known = await conn.scalar(select(api_keys.c.id).where(api_keys.c.id == id))
            if known is None:
                raise UnknownKey(id=id)
            changed = update(api_keys).where(api_keys.c.id == id, api_keys.c.revoked_at.is_(None))
            await conn.execute(changed.values(revoked_at=now))
        self._outdated()

    async def principal(self, text: str) -> Principal:
        """Whose key this is. Raises KeyRefused."""
        if _FORM.fullmatch(text) is None:
            raise KeyRefused
        found = (await self._fresh()).get(hash_of(text))
        now = self._clock.now()
        if found is None or not _works(found, now):
            raise KeyRefused
        self._used[found.id] = now
        return _principal(found)

    def at_once(self, hashed: str) -> Principal | None:
        """As `principal` for the hash of a key, where it is known without asking the database; else None."""
        age_s = time.monotonic() - self._known_since
        if age_s >= KNOWN_S:
            return None
        if age_s >= REFRESH_S and (self._renewing is None or self._renewing.done()):
            self._renewing = asyncio.create_task(self._renew(), name="keys")
        found = self._known.get(hashed)
        if found is None or (found.expires_at is not None and found.expires_at <= self._clock.now()):
            return None
        self._used[found.id] = self._clock.now()
        return self._principals[found.id]

    async def holder(self, id: str) -> Principal:  # noqa: A002 the name users see
        """Whose key has this id, and what it may now. Raises KeyRefused where it works no more; no use is noted."""
        await self._fresh(REFRESH_S)
        found = self._by_id.get(id)
        if found is None or not _works(found, self._clock.now()):
            raise KeyRefused
        return _principal(found)

    async def invitation(self) -> str | None:
        """The text of a one-time link, while no key of an administrator works; else None."""
        now = self._clock.now()
        if any(Scope.ADMIN in info.scopes for info in (await self._fresh()).values()):
            return None
        text = f"tci_{secrets.token_urlsafe(_SECRET_BYTES)}"
        row = {"hash": hash_of(text), "created_at": to_us(now), "expires_at": to_us(now + INVITATION_LIFE)}
        async with self._db.write() as conn:
            await conn.execute(insert(invitations), row)
        return text

    async def redeem(self, text: str) -> tuple[KeyInfo, str]:
        """The administrator's key that a one-time link stands for. Raises InvitationRefused."""
        info, key, row = self._made("first administrator", (Scope.ADMIN,), None)
        now = to_us(self._clock.now())
        i = invitations.c
        use = update(invitations).where(i.hash == hash_of(text), i.used_at.is_(None), i.expires_at > now)
        async with self._db.write() as conn:
            if (await conn.execute(use.values(used_at=now))).rowcount != 1:
                raise InvitationRefused
            await conn.execute(insert(api_keys), row)
        self._outdated()
        return info, key

    async def tell_use(self) -> None:
        """Write down when keys were used last."""
        used, self._used = self._used, {}
        async with self._db.write() as conn:
            for id_, at in used.items():
                k = api_keys.c
                older = or_(k.last_used_at.is_(None), k.last_used_at < to_us(at))
                await conn.execute(update(api_keys).where(and_(k.id == id_, older)).values(last_used_at=to_us(at)))

    async def _fresh(self, known_s: float = KNOWN_S) -> Mapping[str, KeyInfo]:
        """The keys that work, by hash; younger than `known_s`."""
        if time.monotonic() - self._known_since < known_s:
            return self._known
        async with self._loading:
            asked_at, changes = time.monotonic(), self._changes
            if asked_at - self._known_since < known_s:
                return self._known
            async with self._db.read() as conn:
                rows = await conn.execute(select(api_keys).where(api_keys.c.revoked_at.is_(None)))
            self._known = {row["hash"]: _info(row) for row in rows.mappings()}
            self._by_id = {info.id: info for info in self._known.values()}
            self._principals = {info.id: _principal(info) for info in self._known.values()}
            self._known_since = asked_at if changes == self._changes else -math.inf
            if self._used and asked_at >= self._told_used_at + USED_EVERY_S:
                self._told_used_at = asked_at
                await self.tell_use()
        return self._known

    async def _renew(self) -> None:
        """Ask again. Who comes when what is known has become too old is told why that failed."""
        with contextlib.suppress(TruecastError):
            await self._fresh(REFRESH_S)

    def _outdated(self) -> None:
        """What is known is no longer true, also what is being read just now."""
        self._changes += 1
        self._known_since = -math.inf

    def _made(
        self, name: str, scopes: Iterable[Scope], expires_at: datetime | None, seed: str | None = None
    ) -> tuple[KeyInfo, str, dict[str, Any]]:
        now = self._clock.now()
        name, wanted = name.strip(), tuple(sorted(set(scopes)))
        if not name or len(name) > API_KEY_NAME_CHARS_MAX or not name.isprintable():
            raise Contradiction(reason=f"a key needs a name of 1 to {API_KEY_NAME_CHARS_MAX} printable characters")
        if not wanted:
            raise MalformedRequest(reason="a key needs at least one scope")
        if expires_at is not None and expires_at <= now:
            raise Contradiction(reason="a key cannot expire in the past")
        id_ = secrets.token_hex(_ID_BYTES) if seed is None else hash_of(seed)[: 2 * _ID_BYTES]
        text = f"tc_{id_}_{secrets.token_urlsafe(_SECRET_BYTES)}"
        info = KeyInfo(id_, name, wanted, now, expires_at, None, None)
        row = {
            "id": id_,
            "hash": hash_of(text),
            "name": name,
            "scopes": ",".join(wanted),
            "created_at": to_us(now),
            "expires_at": None if expires_at is None else to_us(expires_at),
        }
        return info, text, row


def _works(info: KeyInfo, now: datetime) -> bool:
    return info.expires_at is None or info.expires_at > now


def _principal(info: KeyInfo) -> Principal:
    return Principal(id=info.id, name=info.name, scopes=frozenset(info.scopes))


def hash_of(text: str) -> str:
    """What the database knows of a key."""
    return hashlib.sha256(text.encode()).hexdigest()


def _info(row: Mapping[Any, Any]) -> KeyInfo:
    def at(name: str) -> datetime | None:
        return None if row[name] is None else from_us(row[name])

    scopes = tuple(Scope(scope) for scope in row["scopes"].split(","))
    return KeyInfo(
        row["id"],
        row["name"],
        scopes,
        from_us(row["created_at"]),
        at("expires_at"),
        at("last_used_at"),
        at("revoked_at"),
    )

"""Shapes of the answers about admin.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

from datetime import datetime

from truecast.client.shape import Shape


class Backup(Shape, frozen=True, kw_only=True):
    """A copy that was made."""

    path: str
    """On the machine of the server."""
    bytes: int
    ledger_rows: int
    checked: str
    """What the database says of its own integrity."""
    made_at: datetime


class CacheKind(Shape, frozen=True, kw_only=True):
    """Answers of one kind. The counts are of this process, since its start."""

    kind: str
    age_limit_s: float
    """None is served that was made longer ago; 0: they are not kept."""
    entries: int
    bytes: int
    hits: int
    shared: int
    """Answered with what another process had made."""
    joined: int
    """Answered with what was being made for somebody else."""
    misses: int
    hit_rate: float | None
    """Share that nothing had to be made for; null before the first."""


class SharedCache(Shape, frozen=True, kw_only=True):
    """The Redis in which processes share answers."""

    connected: bool
    """Whether it answered last; while it is away each process keeps its own."""
    last_error: str | None


class CacheShape(Shape, frozen=True, kw_only=True):
    """The answers that this process keeps in memory."""

    entries: int
    bytes: int
    bytes_max: int
    dropped: dict[str, int]
    """By reason, since the start."""
    shared: SharedCache | None
    """Null without Redis."""
    kinds: list[CacheKind]


class TableShape(Shape, frozen=True, kw_only=True):
    """One table. `bytes` is null where the database does not say it cheaply."""

    name: str
    rows: int
    bytes: int | None


class DatabaseShape(Shape, frozen=True, kw_only=True):
    """The database of this server."""

    dialect: str
    where: str
    """Without user and password."""
    pending: list[str]
    """Steps of the schema that it still lacks."""
    bytes: int
    tables: list[TableShape]


class Dropped(Shape, frozen=True, kw_only=True):
    """How many answers this process has dropped. With Redis, other processes do not serve theirs either."""

    dropped: int


class Refreshed(Shape, frozen=True, kw_only=True):
    """How many answers were made anew, and how many can no longer be given."""

    refreshed: int
    failed: int

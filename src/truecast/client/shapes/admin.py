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

"""Shapes of the answers about api keys.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

from datetime import datetime

from truecast.client.shape import Shape
from truecast.client.shapes.words import (
    Scope,
)


class KeyShape(Shape, frozen=True, kw_only=True):
    """A key, without what would let somebody use it."""

    id: str
    name: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    """Exact to a minute."""
    revoked_at: datetime | None


class KeyList(Shape, frozen=True, kw_only=True):
    """Every key, newest first, the revoked ones too."""

    items: list[KeyShape]


class NewKey(Shape, frozen=True, kw_only=True):
    """A key just made."""

    id: str
    name: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    """Exact to a minute."""
    revoked_at: datetime | None
    key: str
    """Shown this once."""

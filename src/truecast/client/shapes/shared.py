"""Shapes that several kinds of answers share.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

from datetime import datetime

from truecast.client.shape import Shape
from truecast.client.shapes.words import (
    Delay,
)


class Provenance(Shape, frozen=True, kw_only=True):
    """Where a number is from, of what time it is, and how old."""

    source: str
    """Key of the source, see `/symbols/{symbol}`."""
    as_of: datetime
    """Event time of the newest value."""
    received_at: datetime
    """When it reached this server."""
    age_s: float
    """Seconds from `as_of` to now (of this server's clock)."""
    stale: bool
    """Older than the instrument's own freshness limit."""
    delay: Delay
    """How late the source publishes."""
    derived: str | None
    """How it was computed from other series, if it was."""
    origin: str
    """The data's origin, in words."""

"""Shapes of the answers about system.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

from datetime import datetime

from truecast.client.shape import Shape
from truecast.client.shapes.words import (
    ClockKind,
    DatabaseKind,
    HealthStatus,
    LiveStatus,
)


class ClockShape(Shape, frozen=True, kw_only=True):
    """Whose time this server lives in. Anything but `system` deserves a banner."""

    kind: ClockKind
    now: datetime
    speed: float | None


class Component(Shape, frozen=True, kw_only=True):
    """One part of the server. `required`: while it is down the server is not ready."""

    name: str
    status: HealthStatus
    required: bool
    detail: str
    age_s: float | None
    last_error: str | None


class Health(Shape, frozen=True, kw_only=True):
    """All parts. `down` when a required one is, else `degraded` when any is not well."""

    status: HealthStatus
    ready: bool
    checked_at: datetime
    components: list[Component]


class HealthChange(Shape, frozen=True, kw_only=True):
    """A part became this."""

    at: datetime
    status: HealthStatus
    detail: str


class HealthTrend(Shape, frozen=True, kw_only=True):
    """One part: how often it was looked at, in what share of looks it was well, and when it changed."""

    name: str
    looked: int
    ok_share: float
    changes: list[HealthChange]


class HealthTrends(Shape, frozen=True, kw_only=True):
    """All parts, as this process saw them since `since`; null before the first look."""

    since: datetime | None
    items: list[HealthTrend]


class LoadingShape(Shape, frozen=True, kw_only=True):
    """How far the start is."""

    stage: str
    done: int
    total: int


class Info(Shape, frozen=True, kw_only=True):
    """What this server is."""

    name: str
    version: str
    clock: ClockShape
    database: DatabaseKind
    ready: bool
    loading: LoadingShape | None
    keys_required: bool
    """Whether requests need an API key."""


class Live(Shape, frozen=True, kw_only=True):
    """The process answers."""

    status: LiveStatus

"""Shapes of the answers about jobs.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

from datetime import datetime

from truecast.client.shape import Shape


class JobRunShape(Shape, frozen=True, kw_only=True):
    """One run of a job. `ended_at` and `outcome` (`ok`, `failed`, `skipped`) are null while it runs."""

    id: int
    job: str
    due_at: datetime
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    counts: dict[str, int]
    error: str | None


class JobRuns(Shape, frozen=True, kw_only=True):
    """One page of runs, newest first."""

    items: list[JobRunShape]
    next: str | None


class JobShape(Shape, frozen=True, kw_only=True):
    """A job and its last run. `next_due_at` is null when it is switched off."""

    id: str
    description: str
    schedule: str
    enabled: bool
    next_due_at: datetime | None
    last_run: JobRunShape | None


class Jobs(Shape, frozen=True, kw_only=True):
    """All jobs, in the order in which they run."""

    items: list[JobShape]

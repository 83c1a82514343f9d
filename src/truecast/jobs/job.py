"""What a job is: a name, a schedule, and work that says what it did."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from truecast.jobs.schedule import Schedule

Result = Literal["ok", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Done:
    """What a run did. `error` tells of the part that failed when the rest went well; `skipped` of nothing to do."""

    counts: Mapping[str, int] = field(default_factory=dict)
    error: str | None = None
    skipped: bool = False


Work = Callable[[datetime], Awaitable[Done]]  # is told the moment it was due
Wanted = Callable[[datetime], bool]  # whether there is anything to do at that moment; asked when its turn has come


@dataclass(frozen=True, slots=True)
class Job:
    """`rank` orders the jobs that are due at the same moment: lower first.

    One that is not `on_at_first` waits for somebody to switch it on. One that is not `wanted` when it is due does
    nothing and leaves no row: for what is looked at every minute and seldom has news.
    """

    name: str
    description: str
    schedule: Schedule
    rank: int
    work: Work
    on_at_first: bool = True
    wanted: Wanted | None = None


@dataclass(frozen=True, slots=True)
class JobRun:
    """One run. `ended_at` and `outcome` are None while it runs."""

    id: int
    job: str
    due_at: datetime
    started_at: datetime
    ended_at: datetime | None
    outcome: Result | None
    counts: Mapping[str, int]
    error: str | None


@dataclass(frozen=True, slots=True)
class JobInfo:
    """A job, its switch, when it is due next (None when switched off) and how the last run went.

    `is_ours`: this process runs it. Of a job of another one it is known when its last run says that it was due since.
    """

    name: str
    description: str
    schedule: str
    enabled: bool
    next_due_at: datetime | None
    last_run: JobRun | None
    is_ours: bool

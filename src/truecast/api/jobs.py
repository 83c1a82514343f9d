"""The jobs: what runs when, how it went, and the switches."""

from datetime import datetime
from typing import Annotated

from fastapi import Path

from truecast.api.deps import MarkDep, ServicesDep, resource
from truecast.api.errors import CursorInvalid, documented
from truecast.api.page import Page, decode_offset, encode_cursor
from truecast.api.params import PAGE_ITEMS_DEFAULT, CursorQuery, LimitQuery
from truecast.api.shapes import Output
from truecast.services import JobInfo, JobRun, Services

router = resource("jobs")

JobPath = Annotated[str, Path(max_length=64, description="Name of a job, see `/jobs`.", examples=["resolve"])]


class JobRunShape(Output):
    """One run of a job. `ended_at` and `outcome` (`ok`, `failed`, `skipped`) are null while it runs."""

    id: int
    job: str
    due_at: datetime
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    counts: dict[str, int]
    error: str | None


class JobShape(Output):
    """A job and its last run. `next_due_at` is null when it is switched off."""

    id: str
    description: str
    schedule: str
    enabled: bool
    next_due_at: datetime | None
    last_run: JobRunShape | None


class Jobs(Output):
    """All jobs, in the order in which they run."""

    items: list[JobShape]


class JobRuns(Page[JobRunShape]):
    """One page of runs, newest first."""


@router.get("/jobs", response_model=Jobs, responses=documented())
async def list_jobs(services: ServicesDep) -> Jobs:
    """All jobs with their last run."""
    return Jobs(items=[_job(info) for info in await services.jobs.jobs()])


@router.get("/jobs/{job}", response_model=JobShape, responses=documented(unknown_job=404))
async def get_job(services: ServicesDep, job: JobPath) -> JobShape:
    """One job."""
    return await _one(services, job)


@router.get("/jobs/{job}/runs", response_model=JobRuns, responses=documented(CursorInvalid, unknown_job=404))
async def list_runs(
    services: ServicesDep, job: JobPath, cursor: CursorQuery = None, limit: LimitQuery = PAGE_ITEMS_DEFAULT
) -> JobRuns:
    """Runs of a job, newest first."""
    before = None if cursor is None else decode_offset(f"runs:{job}", cursor)
    runs = await services.jobs.runs(job, before=before, limit=limit + 1)
    more = len(runs) > limit
    shown = runs[:limit]
    return JobRuns(
        items=[_run(run) for run in shown], next=encode_cursor(f"runs:{job}", shown[-1].id) if more else None
    )


@router.post("/jobs/{job}/run", response_model=JobRunShape, responses=documented(unknown_job=404))
async def run_job(services: ServicesDep, job: JobPath, mark: MarkDep) -> JobRunShape:
    """Run a job now, out of turn and even when it is switched off; answers when it has ended."""
    return _run(await services.jobs.run_now(job, mark=mark))


@router.post("/jobs/{job}/enable", response_model=JobShape, responses=documented(unknown_job=404))
async def enable_job(services: ServicesDep, job: JobPath) -> JobShape:
    """Let the schedule run it."""
    await services.jobs.switch(job, on=True)
    return await _one(services, job)


@router.post("/jobs/{job}/disable", response_model=JobShape, responses=documented(unknown_job=404))
async def disable_job(services: ServicesDep, job: JobPath) -> JobShape:
    """Keep the schedule from running it."""
    await services.jobs.switch(job, on=False)
    return await _one(services, job)


async def _one(services: Services, name: str) -> JobShape:
    await services.jobs.runs(name, limit=1)  # raises UnknownJob, which stands to the right of this package
    return next(_job(info) for info in await services.jobs.jobs() if info.name == name)


def _job(info: JobInfo) -> JobShape:
    return JobShape(
        id=info.name,
        description=info.description,
        schedule=info.schedule,
        enabled=info.enabled,
        next_due_at=info.next_due_at,
        last_run=None if info.last_run is None else _run(info.last_run),
    )


def _run(run: JobRun) -> JobRunShape:
    return JobRunShape(
        id=run.id,
        job=run.job,
        due_at=run.due_at,
        started_at=run.started_at,
        ended_at=run.ended_at,
        outcome=run.outcome,
        counts=dict(run.counts),
        error=run.error,
    )

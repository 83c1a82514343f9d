"""The jobs: what runs when, how it went, and the switches."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path

from truecast.api.deps import ServicesDep
from truecast.api.errors import documented
from truecast.api.page import Page
from truecast.api.params import PAGE_ITEMS_DEFAULT, CursorQuery, LimitQuery
from truecast.api.shapes import Output

router = APIRouter(tags=["jobs"])

JobPath = Annotated[str, Path(max_length=64, examples=["ingest:ecb"])]


class JobRun(Output):
    """One run of a job. `outcome` is null while it runs."""

    id: int
    job: str
    due_at: datetime
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    counts: dict[str, int]
    error: str | None


class Job(Output):
    """A job and its last run."""

    id: str
    description: str
    schedule: str
    enabled: bool
    next_due_at: datetime | None
    last_run: JobRun | None


class Jobs(Output):
    """All jobs."""

    items: list[Job]


class JobRuns(Page[JobRun]):
    """One page of runs, newest first."""


@router.get("/jobs", response_model=Jobs, responses=documented())
async def list_jobs(services: ServicesDep) -> Jobs:
    """All jobs with their last run."""


@router.get("/jobs/{job}", response_model=Job, responses=documented())
async def get_job(services: ServicesDep, job: JobPath) -> Job:
    """One job."""


@router.get("/jobs/{job}/runs", response_model=JobRuns, responses=documented())
async def list_runs(
    services: ServicesDep, job: JobPath, cursor: CursorQuery = None, limit: LimitQuery = PAGE_ITEMS_DEFAULT
) -> JobRuns:
    """Runs of a job, newest first."""


@router.post("/jobs/{job}/run", response_model=JobRun, responses=documented())
async def run_job(services: ServicesDep, job: JobPath) -> JobRun:
    """Run a job now, out of turn, and answer when it has ended."""


@router.post("/jobs/{job}/enable", response_model=Job, responses=documented())
async def enable_job(services: ServicesDep, job: JobPath) -> Job:
    """Let the schedule run it."""


@router.post("/jobs/{job}/disable", response_model=Job, responses=documented())
async def disable_job(services: ServicesDep, job: JobPath) -> Job:
    """Keep the schedule from running it."""

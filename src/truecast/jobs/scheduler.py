"""Runs the jobs when they are due, on whatever clock it is given: live, replayed and tested days are the same code.

One job at a time, in the order of rank and name, each with a row that says how it went. A job that fails stops
nothing else. What was due while the process was away, or while another job ran, is done once, not once per miss.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import datetime

from truecast.jobs import runs
from truecast.jobs.job import Done, Job, JobInfo, JobRun, Result
from truecast.kit.clock import Clock
from truecast.kit.db import Database
from truecast.kit.errors import EXIT_NOT_FOUND, TruecastError
from truecast.kit.logs import get_logger
from truecast.kit.metrics import JOB_RUNS, JOB_SECONDS

_log = get_logger(__name__)


class UnknownJob(TruecastError):
    """No job has that name."""

    code = "unknown_job"
    status = 404
    title = "Unknown job"
    template = "No job is called {job!r}; there are {known}"
    exit_code = EXIT_NOT_FOUND


class Scheduler:
    """The loop, the switches and the record of runs."""

    def __init__(self, db: Database, listed: Sequence[Job], clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._jobs: Mapping[str, Job] = {job.name: job for job in sorted(listed, key=lambda job: (job.rank, job.name))}
        self._due: dict[str, datetime] = {}
        self._busy = asyncio.Lock()
        self._registered = False

    async def run(self, until: datetime | None = None) -> None:
        """First everything once, to catch up; then what is due when it is due. Returns after `until`; never without."""
        await self._register()
        self._due = dict.fromkeys(self._jobs, self._clock.now())
        while self._due:
            moment = min(self._due.values())
            if until is not None and moment > until:
                return
            await self._clock.sleep_until(moment)
            await self._run_due(moment)

    async def run_now(self, name: str) -> JobRun:
        """Run a job at once, switched on or not, after the one that runs at the moment."""
        job, now = self._known(name), self._clock.now()
        await self._register()
        async with self._busy:
            (run_id,) = (await runs.begin(self._db, [name], now, now, forced=True)).values()
            await self._run_one(job, now, run_id)
        (run,) = await runs.list_runs(self._db, name, before=run_id + 1, limit=1)
        return run

    async def switch(self, name: str, *, on: bool) -> None:
        """Switch a job on or off; it survives a restart."""
        known = self._known(name)
        await self._register()
        await runs.switch(self._db, known.name, on)

    async def jobs(self) -> list[JobInfo]:
        """Every job in the order in which they run."""
        async with self._db.read() as conn:
            on, last = await runs.switches(conn), await runs.last_runs(conn)
        return [
            JobInfo(
                job.name,
                job.description,
                str(job.schedule),
                enabled=on.get(job.name, True),
                next_due_at=self._next_due(job) if on.get(job.name, True) else None,
                last_run=last.get(job.name),
            )
            for job in self._jobs.values()
        ]

    async def runs(self, name: str, *, before: int | None = None, limit: int = 50) -> list[JobRun]:
        """Runs of a job, latest first."""
        return await runs.list_runs(self._db, self._known(name).name, before=before, limit=limit)

    async def _register(self) -> None:
        if not self._registered:
            await runs.register(self._db, list(self._jobs.values()), self._clock.now())
            self._registered = True

    def _known(self, name: str) -> Job:
        if name not in self._jobs:
            raise UnknownJob(job=name[:64], known=sorted(self._jobs))
        return self._jobs[name]

    def _next_due(self, job: Job) -> datetime:
        return self._due.get(job.name) or job.schedule.after(self._clock.now())

    async def _run_due(self, moment: datetime) -> None:
        due = [name for name in self._jobs if self._due[name] <= moment]
        async with self._busy:
            begun = await runs.begin(self._db, due, moment, self._clock.now())
            for name, run_id in begun.items():
                await self._run_one(self._jobs[name], moment, run_id)
        for name in due:
            self._due[name] = self._jobs[name].schedule.after(max(moment, self._clock.now()))

    async def _run_one(self, job: Job, due: datetime, run_id: int) -> None:
        """One run, with its row. The only place where any error at all is caught: each leaves its row and a metric."""
        started, started_s = self._clock.now(), time.perf_counter()
        try:
            done = await job.work(due)
        except TruecastError as error:
            done = Done(error=f"{error.code}: {error.detail}")
        except Exception as error:  # noqa: BLE001 a job's own fault must not stop the others
            _log.exception("job failed", job=job.name, due=due.isoformat())
            done = Done(error=f"{type(error).__name__}: {error}")
        outcome: Result = "failed" if done.error is not None else "skipped" if done.skipped else "ok"
        JOB_SECONDS.labels(job.name).observe(time.perf_counter() - started_s)
        JOB_RUNS.labels(job.name, outcome).inc()
        await runs.end(self._db, run_id, started=started, ended=self._clock.now(), outcome=outcome, done=done)

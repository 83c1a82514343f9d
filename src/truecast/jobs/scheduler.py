"""Runs the jobs when they are due, on whatever clock it is given: live, replayed and tested days are the same code.

In the order of rank, each run with a row that says how it went. Jobs of one rank run beside each other, because they
wait for different sources: one that hangs delays neither the others nor, for long, the next rank. A job that fails
stops nothing else. What was due while the process was away, or while the job still ran, is done once, not per miss.

Where several processes share a database, a job belongs to the one that holds its lease; see lease.py. An embedded
database has one process and needs no leases.
"""

import asyncio
import contextlib
import functools
import itertools
import time
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from datetime import datetime

from truecast.jobs import runs
from truecast.jobs.job import Done, Job, JobInfo, JobRun, Result
from truecast.kit import telemetry
from truecast.kit.clock import Clock
from truecast.kit.db import Database
from truecast.kit.errors import EXIT_NOT_FOUND, EXIT_UNAVAILABLE, TruecastError
from truecast.kit.leases import Leases
from truecast.kit.limits import JOB_BUSY_WAIT_S, JOB_PATIENCE_S
from truecast.kit.logs import get_logger
from truecast.kit.metrics import JOB_ENDED_AT, JOB_RUNNING, JOB_RUNS, JOB_SECONDS

_log = get_logger(__name__)


class UnknownJob(TruecastError):
    """No job has that name."""

    code = "unknown_job"
    status = 404
    title = "Unknown job"
    template = "No job is called {job!r}; there are {known}"
    exit_code = EXIT_NOT_FOUND


class JobBusy(TruecastError):
    """It runs at the moment, in another process."""

    code = "job_busy"
    status = 409
    title = "Job busy"
    template = "{job} runs in another process at the moment"
    exit_code = EXIT_UNAVAILABLE


class Scheduler:
    """The loop, the switches and the record of runs. `leases` where other processes may run the same jobs."""

    def __init__(self, db: Database, listed: Sequence[Job], clock: Clock, leases: Leases | None = None) -> None:
        self._db = db
        self._clock = clock
        self._leases = leases
        self._jobs: Mapping[str, Job] = {job.name: job for job in sorted(listed, key=lambda job: (job.rank, job.name))}
        self._due: dict[str, datetime] = {}
        self._busy = asyncio.Lock()
        self._late: dict[str, asyncio.Task[None]] = {}  # runs that the loop no longer waits for
        self._changed = asyncio.Event()
        self._registered = False

    async def run(self, until: datetime | None = None) -> None:
        """First everything once, to catch up; then what is due when it is due. Returns after `until`; never without."""
        await self._register()
        if not self._jobs:
            return
        try:
            if self._leases is None:
                await self._gain(self._jobs)
                await self._loop(until)
            else:
                await self._refresh(self._leases)
                async with asyncio.TaskGroup() as group:
                    keeper = group.create_task(self._keep(self._leases))
                    await self._loop(until)
                    keeper.cancel()
        finally:
            await self._let_go()

    async def run_now(self, name: str, *, mark: str | None = None) -> JobRun:
        """Run a job at once, switched on or not, after those that run at the moment. Raises JobBusy.

        A run begins once under a mark. Who asks again gets it; one that a dead process left open is ended as failed.
        """
        job, now = self._known(name), self._clock.now()
        await self._register()
        async with self._busy:
            if (late := self._late.get(name)) is not None:
                await asyncio.wait([late])
            async with self._mine(name, wait_s=JOB_BUSY_WAIT_S) as mine:
                if not mine:
                    raise JobBusy(job=name)
                if mark is not None and (begun := await runs.marked(self._db, name, mark, now)) is not None:
                    return begun
                (run_id,) = (await runs.begin(self._db, [name], now, now, forced=True, mark=mark)).values()
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
                next_due_at=self._next_due(job, last.get(job.name)) if on.get(job.name, True) else None,
                last_run=last.get(job.name),
                is_ours=job.name in self._due or job.name in self._late,
            )
            for job in self._jobs.values()
        ]

    async def runs(self, name: str, *, before: int | None = None, limit: int = 50) -> list[JobRun]:
        """Runs of a job, latest first."""
        return await runs.list_runs(self._db, self._known(name).name, before=before, limit=limit)

    async def _register(self) -> None:
        if not self._registered:
            await runs.register(self._db, list(self._jobs.values()))
            self._registered = True

    def _known(self, name: str) -> Job:
        if name not in self._jobs:
            raise UnknownJob(job=name[:64], known=sorted(self._jobs))
        return self._jobs[name]

    def _next_due(self, job: Job, last: JobRun | None) -> datetime:
        """One that another process runs, and that leaves a row whenever it is due, was due after its last row."""
        if job.name in self._due:
            return self._due[job.name]
        seen = last is not None and job.wanted is None and job.name not in self._late
        return job.schedule.after(last.started_at if seen and last is not None else self._clock.now())

    async def _loop(self, until: datetime | None) -> None:
        while True:
            self._changed.clear()
            if not self._due:  # every job belongs to another process, or still runs
                await self._changed.wait()
                continue
            moment = min(self._due.values())
            if until is not None and moment > until:
                return
            if await self._reached(moment):
                await self._run_due(moment)

    async def _reached(self, moment: datetime) -> bool:
        """Wait for it; False when something changed before, so that another moment may come first."""
        if self._leases is None and not self._late:
            await self._clock.sleep_until(moment)
            return True
        sleep, change = asyncio.create_task(self._clock.sleep_until(moment)), asyncio.create_task(self._changed.wait())
        try:
            await asyncio.wait((sleep, change), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleep.cancel()
            change.cancel()
            await asyncio.wait((sleep, change))
        return not sleep.cancelled()

    async def _run_due(self, moment: datetime) -> None:
        due = [name for name in self._jobs if name in self._due and self._due[name] <= moment]
        async with self._busy:
            always = [name for name in due if self._jobs[name].wanted is None]
            begun = await runs.begin(self._db, always, moment, self._clock.now()) if always else {}
            for _, group in itertools.groupby(due, key=lambda name: self._jobs[name].rank):
                named = list(group)
                # Those before may have brought what these wait for.
                if wanted := [name for name in named if self._is_wanted(name, moment)]:
                    begun |= await runs.begin(self._db, wanted, moment, self._clock.now())
                await self._run_beside([name for name in named if name in begun], begun, moment)
        for name in due:
            if name in self._due and name not in self._late:
                self._due[name] = self._jobs[name].schedule.after(max(moment, self._clock.now()))

    def _is_wanted(self, name: str, moment: datetime) -> bool:
        wanted = self._jobs[name].wanted
        return wanted is not None and wanted(moment)

    async def _run_beside(self, names: Sequence[str], begun: Mapping[str, int], moment: datetime) -> None:
        """One rank. On a clock of its own the loop waits for all of them, since no time passes meanwhile."""
        if not names:
            return
        tasks = {name: asyncio.create_task(self._run_leased(self._jobs[name], moment, begun[name])) for name in names}
        patience_s = JOB_PATIENCE_S if self._clock.kind == "system" else None
        try:
            done, pending = await asyncio.wait(tasks.values(), timeout=patience_s)
        except asyncio.CancelledError:
            await _ended(tasks.values())
            raise
        for task in done:
            task.result()
        for name, task in tasks.items():
            if task in pending:
                _log.warning("job takes long, others go on", job=name)
                self._late[name] = task
                self._due.pop(name, None)
                task.add_done_callback(functools.partial(self._came_late, name))

    def _came_late(self, name: str, task: asyncio.Task[None]) -> None:
        del self._late[name]
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("job ended without its row", job=name, reason=str(error))
        if self._leases is None or self._leases.holds(_of_job(name)):
            self._due[name] = self._jobs[name].schedule.after(self._clock.now())
        self._changed.set()

    async def _run_leased(self, job: Job, due: datetime, run_id: int) -> None:
        async with self._mine(job.name) as mine:
            if mine:
                await self._run_one(job, due, run_id)
                return
        now = self._clock.now()
        await runs.end(self._db, run_id, started=now, ended=now, outcome="skipped", done=Done(error=JobBusy.title))

    async def _run_one(self, job: Job, due: datetime, run_id: int) -> None:
        """One run, with its row. The only place where any error at all is caught: each leaves its row and a metric."""
        started, started_s = self._clock.now(), time.perf_counter()
        with telemetry.span(f"job {job.name}", {"truecast.job": job.name, "truecast.due_at": due.isoformat()}) as span:
            with JOB_RUNNING.labels(job.name).track_inprogress():
                done = await _worked(job, due)
            outcome: Result = "failed" if done.error is not None else "skipped" if done.skipped else "ok"
            span.note({"truecast.outcome": outcome, **{f"truecast.{what}": n for what, n in done.counts.items()}})
            if done.error is not None:
                span.fail(done.error)
        JOB_SECONDS.labels(job.name).observe(time.perf_counter() - started_s)
        JOB_RUNS.labels(job.name, outcome).inc()
        JOB_ENDED_AT.labels(job.name, outcome).set(self._clock.now().timestamp())
        await runs.end(self._db, run_id, started=started, ended=self._clock.now(), outcome=outcome, done=done)

    @contextlib.asynccontextmanager
    async def _mine(self, name: str, *, wait_s: float = 0.0) -> AsyncIterator[bool]:
        """The lease of one run of a job: by hand and by schedule, it runs once at a time."""
        if self._leases is None:
            yield True
            return
        for _ in range(int(wait_s)):
            if await self._leases.take([_of_run(name)]):
                break
            await asyncio.sleep(1.0)
        async with self._leases.hold(_of_run(name)) as held:
            yield held

    async def _keep(self, leases: Leases) -> None:
        while True:
            await asyncio.sleep(leases.renew_s)
            try:
                await self._refresh(leases)
            except TruecastError as error:  # the database is away; what runs by itself ends when the lease does
                _log.warning("leases not renewed", code=error.code)
                self._lose([name for name in self._due if not leases.holds(_of_job(name))])

    async def _refresh(self, leases: Leases) -> None:
        held = await leases.take([_of_job(name) for name in self._jobs])
        mine = [name for name in self._jobs if _of_job(name) in held]
        self._lose([name for name in self._due if name not in mine])
        if new := [name for name in mine if name not in self._due and name not in self._late]:
            await self._gain(new)

    async def _gain(self, names: Collection[str]) -> None:
        """These are ours from now on: what a dead process left open is closed, and what it missed is done at once."""
        await runs.close_left_open(self._db, names, self._clock.now())
        self._due.update(dict.fromkeys(names, self._clock.now()))
        self._changed.set()

    def _lose(self, names: Collection[str]) -> None:
        for name in names:
            _log.warning("job belongs to another process now", job=name)
            del self._due[name]
            self._changed.set()

    async def _let_go(self) -> None:
        """So that another process takes over within seconds."""
        await _ended(self._late.values())
        if self._leases is not None:
            with contextlib.suppress(TruecastError):
                await self._leases.release([_of_job(name) for name in self._jobs])


async def _worked(job: Job, due: datetime) -> Done:
    """What the work came to, with what went wrong in it."""
    try:
        done = await job.work(due)
    except TruecastError as error:
        _log.exception("job failed", job=job.name, code=error.code, due=due.isoformat())
        return Done(error=f"{error.code}: {error.detail}")
    except Exception as error:  # noqa: BLE001 a job's own fault must not stop the others
        _log.exception("job failed", job=job.name, due=due.isoformat())
        return Done(error=f"{type(error).__name__}: {error}")
    if done.error is not None:
        _log.warning("job failed in part", job=job.name, due=due.isoformat(), reason=done.error)
    return done


def _of_job(name: str) -> str:
    return f"job:{name}"


def _of_run(name: str) -> str:
    return f"run:{name}"


async def _ended(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel them and wait until they are gone."""
    listed = list(tasks)
    for task in listed:
        task.cancel()
    if listed:
        await asyncio.wait(listed)

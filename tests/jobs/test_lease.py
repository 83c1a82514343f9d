"""Schedulers keep to their leases: each job runs in one process, and the work of a dead one is taken over."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.servers import free_port
from truecast.jobs.job import Done, Job
from truecast.jobs.schedule import HOURLY, Cron, Schedule
from truecast.jobs.scheduler import JobBusy, Scheduler
from truecast.kit.clock import FixedClock, SystemClock
from truecast.kit.db import Database
from truecast.kit.leases import Leases, leases
from truecast.kit.limits import LEASE_RENEW_S, LEASE_S

EVERY_MINUTE = Schedule((Cron("* * * * *"),))


async def test_of_two_schedulers_one_runs_each_job_and_the_other_takes_over(postgres_db: Database) -> None:
    said: list[str] = []

    def jobs_of(who: str) -> list[Job]:
        async def work(_due: object) -> Done:
            said.append(who)
            return Done({"things": 1})

        return [Job(name, "Does things", HOURLY, 0, work) for name in ("one", "two")]

    first, second = (
        Scheduler(postgres_db, jobs_of(who), SystemClock(), Leases(postgres_db, lease_s=1.0, renew_s=0.2))
        for who in ("first", "second")
    )
    running = asyncio.create_task(first.run())
    await until(lambda: len(said) == 2)
    standby = asyncio.create_task(second.run())
    await asyncio.sleep(1.5)
    assert said == ["first", "first"]
    running.cancel()
    await asyncio.wait([running])
    await until(lambda: said[2:] == ["second", "second"])
    standby.cancel()
    await asyncio.wait([standby])


async def test_a_job_runs_once_at_a_time_by_hand_and_by_schedule(postgres_db: Database, monkeypatch) -> None:
    monkeypatch.setattr("truecast.jobs.scheduler.JOB_BUSY_WAIT_S", 1.0)
    go, begun = asyncio.Event(), asyncio.Event()

    async def work(_due: object) -> Done:
        begun.set()
        await go.wait()
        return Done()

    job = Job("one", "Waits", HOURLY, 0, work)
    worker, server = (Scheduler(postgres_db, [job], SystemClock(), Leases(postgres_db)) for _ in range(2))
    running = asyncio.create_task(worker.run())
    await begun.wait()
    with pytest.raises(JobBusy):
        await server.run_now("one")
    go.set()
    await until_async(lambda: last_outcome(worker), "ok")
    assert (await server.run_now("one")).outcome == "ok"
    running.cancel()
    await asyncio.wait([running])


async def test_a_job_that_hangs_delays_neither_its_rank_nor_for_long_the_next(sqlite_db, monkeypatch) -> None:
    monkeypatch.setattr("truecast.jobs.scheduler.JOB_PATIENCE_S", 0.3)
    said: list[str] = []

    def job(name: str, rank: int, *, hangs: bool = False) -> Job:
        async def work(_due: object) -> Done:
            said.append(name)
            await asyncio.sleep(3600 * hangs)
            return Done()

        return Job(name, "Does things", HOURLY, rank, work)

    scheduler = Scheduler(sqlite_db, [job("a", 0, hangs=True), job("b", 0), job("c", 1)], SystemClock())
    running = asyncio.create_task(scheduler.run())
    async with asyncio.timeout(5):
        await until(lambda: said == ["a", "b", "c"])
    running.cancel()
    await asyncio.wait([running])


async def test_an_embedded_database_has_no_leases(sqlite_db: Database, clock: FixedClock) -> None:
    async def work(_due: object) -> Done:
        return Done()

    await Scheduler(sqlite_db, [Job("one", "Does it", HOURLY, 0, work)], clock).run(
        until=clock.now() + timedelta(hours=1)
    )
    async with sqlite_db.read() as conn:
        assert (await conn.execute(select(leases))).all() == []


@contextlib.asynccontextmanager
async def worker(url: str, folder: Path) -> AsyncIterator[subprocess.Popen[bytes]]:
    """`truecast work`, with one source that cannot be reached."""
    environment = {
        **os.environ,  # noqa: TID251 the process needs a PATH
        "DATABASE_URL": url,
        "TRUECAST_DATA_DIR": str(folder),
        "TRUECAST_SOURCES": "ecb",
        "TRUECAST_SOURCE_URLS": f"ecb=http://127.0.0.1:{free_port()}",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "truecast", "work"]
    with (folder / "stderr").open("ab") as said:
        process = subprocess.Popen(command, env=environment, stderr=said)  # noqa: ASYNC220
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def test_the_jobs_of_a_worker_killed_by_force_run_in_another_within_30_s(
    postgres_db: Database, tmp_path: Path
) -> None:
    url = postgres_db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    ours = Leases(postgres_db)

    async def holders() -> dict[str, set[str]]:
        by_pid: dict[str, set[str]] = {}
        for lease in await ours.listed():
            by_pid.setdefault(lease.holder.split(":")[1], set()).add(lease.name)
        return by_pid

    async with worker(url, tmp_path) as first:
        jobs = await until_async(lambda: _nonempty(holders, first.pid), None)
        async with worker(url, tmp_path) as second:
            await asyncio.sleep(8)
            assert set(await holders()) == {str(first.pid)}
            first.send_signal(signal.SIGKILL)
            killed_s = time.monotonic()
            taken = await until_async(lambda: _nonempty(holders, second.pid), None)
            took_s = time.monotonic() - killed_s
            assert {name for name in taken if name.startswith("job:")} == {n for n in jobs if n.startswith("job:")}
            assert took_s < 30
            assert LEASE_S + LEASE_RENEW_S < 30


async def _nonempty(holders, pid: int) -> set[str] | None:
    return (await holders()).get(str(pid))


async def last_outcome(scheduler: Scheduler) -> str | None:
    (info,) = await scheduler.jobs()
    return info.last_run and info.last_run.outcome


async def until(said) -> None:
    async with asyncio.timeout(40):
        while not said():
            await asyncio.sleep(0.02)


async def until_async(ask, wanted):
    async with asyncio.timeout(60):
        while not (found := await ask()) or wanted not in (None, found):
            await asyncio.sleep(0.1)
    return found

"""Facts about the runner: order, failures, switches, and one row for every run."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import insert

from tests.forecasts.house import HOUR, MONDAY
from truecast.jobs import tables
from truecast.jobs.job import Done, Job
from truecast.jobs.runs import ABANDONED, begin, list_runs, register
from truecast.jobs.schedule import HOURLY, Cron, Schedule
from truecast.jobs.scheduler import Scheduler, UnknownJob
from truecast.kit.clock import FixedClock, ReplayClock, to_us
from truecast.kit.errors import MalformedRequest
from truecast.kit.limits import IDEMPOTENCY_KEPT_S


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(MONDAY)


def a_job(name: str, said: list, *, rank: int = 0, schedule: Schedule = HOURLY, error: Exception | None = None) -> Job:
    async def work(due):
        said.append((name, due))
        if error is not None:
            raise error
        return Done({"things": len(said)}, skipped=name == "idle")

    return Job(name, f"Does {name}", schedule, rank, work)


async def test_under_a_mark_a_job_runs_once(db, clock):
    said = []
    scheduler = Scheduler(db, [a_job("one", said)], clock)
    first = await scheduler.run_now("one", mark="m")
    assert await scheduler.run_now("one", mark="m") == first
    assert (await scheduler.run_now("one", mark="other")).id != first.id
    assert len(said) == 2


async def test_a_marked_run_that_its_process_did_not_survive_is_told_as_failed_and_not_begun_again(db, clock):
    said = []
    scheduler = Scheduler(db, [a_job("one", said)], clock)
    await register(db, [a_job("one", said)])
    begun = await begin(db, ["one"], MONDAY, MONDAY, forced=True, mark="m")
    run = await scheduler.run_now("one", mark="m")
    assert (run.id, run.outcome, run.error) == (begun["one"], "failed", ABANDONED)
    assert (await scheduler.run_now("one", mark="m"), said) == (run, [])


async def test_jobs_due_at_once_run_by_rank_then_name(db, clock):
    said = []
    jobs = [a_job("b", said, rank=1), a_job("z", said), a_job("a", said, rank=1)]
    await Scheduler(db, jobs, clock).run(until=MONDAY + HOUR)
    assert said == [(name, due) for due in (MONDAY, MONDAY + HOUR) for name in ("z", "a", "b")]


async def test_a_failing_job_leaves_its_row_and_stops_nobody(db, clock):
    said = []
    jobs = [
        a_job("breaks", said, error=ValueError("surprise")),
        a_job("refuses", said, error=MalformedRequest(reason="no such thing")),
        a_job("works", said, rank=1),
        a_job("idle", said, rank=2),
    ]
    scheduler = Scheduler(db, jobs, clock)
    await scheduler.run(until=MONDAY + HOUR)
    assert len(said) == 8
    outcomes = {job.name: (job.last_run.outcome, job.last_run.error) for job in await scheduler.jobs()}
    assert outcomes == {
        "breaks": ("failed", "ValueError: surprise"),
        "refuses": ("failed", "malformed_request: no such thing"),
        "works": ("ok", None),
        "idle": ("skipped", None),
    }
    runs = await scheduler.runs("works")
    assert [(run.due_at, run.outcome, run.counts) for run in runs] == [
        (MONDAY + HOUR, "ok", {"things": 7}),
        (MONDAY, "ok", {"things": 3}),
    ]
    assert await scheduler.runs("works", before=runs[0].id) == runs[1:]


async def test_a_job_switched_off_does_not_run_and_stays_off(db, clock):
    said = []
    first = Scheduler(db, [a_job("one", said), a_job("two", said)], clock)
    await first.switch("one", on=False)
    await first.run(until=MONDAY)
    again = Scheduler(db, [a_job("one", said), a_job("two", said)], clock)
    await again.run(until=MONDAY)
    assert said == [("two", MONDAY)] * 2
    one, two = await again.jobs()
    assert (one.enabled, one.next_due_at, one.last_run) == (False, None, None)
    assert two.next_due_at == MONDAY + HOUR
    await again.switch("one", on=True)
    await again.run(until=MONDAY)
    assert said[2:] == [("one", MONDAY), ("two", MONDAY)]


async def test_a_job_can_be_run_now_even_when_switched_off(db, clock):
    said = []
    scheduler = Scheduler(db, [a_job("one", said)], clock)
    await scheduler.switch("one", on=False)
    run = await scheduler.run_now("one")
    assert (run.job, run.outcome, run.due_at) == ("one", "ok", MONDAY)
    with pytest.raises(UnknownJob):
        await scheduler.run_now("two")


async def test_what_was_missed_is_done_once(db, clock):
    said = []

    async def slow(due):
        said.append(due)
        clock.advance(timedelta(hours=5, minutes=10))
        return Done()

    await Scheduler(db, [Job("slow", "Takes long", HOURLY, 0, slow)], clock).run(until=MONDAY + 12 * HOUR)
    assert said == [MONDAY, MONDAY + 6 * HOUR, MONDAY + 12 * HOUR]


async def test_each_job_keeps_its_own_times(db, clock):
    said = []
    jobs = [a_job("hourly", said), a_job("half", said, rank=1, schedule=Schedule((Cron("30 * * * *"),)))]
    await Scheduler(db, jobs, clock).run(until=MONDAY + HOUR)
    half = timedelta(minutes=30)
    assert said == [("hourly", MONDAY), ("half", MONDAY), ("half", MONDAY + half), ("hourly", MONDAY + HOUR)]


async def test_a_run_left_open_by_a_dead_process_is_closed_as_failed(db, clock):
    said = []
    await Scheduler(db, [a_job("one", said)], clock).run(until=MONDAY)
    async with db.write() as conn:
        row = {"job": "one", "due_at": 0, "started_at": to_us(MONDAY), "counts": "{}"}
        await conn.execute(insert(tables.job_runs), row)
    restarted = Scheduler(db, [a_job("one", said)], clock)
    await restarted.run(until=MONDAY)
    latest, left, first = await restarted.runs("one")
    assert (left.outcome, left.error, left.ended_at) == ("failed", ABANDONED, MONDAY)
    assert (latest.outcome, first.outcome) == ("ok", "ok")


async def test_a_replay_clock_sees_every_hour_at_any_speed(db):
    said = []
    clock = ReplayClock(MONDAY, speed=1e8)
    await Scheduler(db, [a_job("one", said)], clock).run(until=MONDAY + 30 * HOUR)
    assert [due for _, due in said] == [MONDAY + h * HOUR for h in range(31)]


async def test_cancelling_ends_the_loop_between_two_moments(db):
    said = []
    scheduler = Scheduler(db, [a_job("one", said)], ReplayClock(MONDAY, speed=1.0))
    task = asyncio.create_task(scheduler.run())
    while not said:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_job_that_is_not_wanted_does_nothing_and_leaves_no_row(db, clock):
    said, news = [], []

    async def bring(due):
        news.append(due)
        return Done()

    bringing = Job("bring", "Brings", Schedule((Cron("0 */2 * * *"),)), 0, bring)
    waiting = replace(a_job("wait", said, rank=1), wanted=lambda _: bool(news) and not news.clear())
    await Scheduler(db, [bringing, waiting], clock).run(until=MONDAY + 3 * HOUR)
    # At the start and two hours later: what the one before brought is seen in the same round.
    assert [due for _, due in said] == [MONDAY, MONDAY + 2 * HOUR]
    assert len(await Scheduler(db, [waiting], clock).runs("wait")) == 2


async def test_old_runs_of_a_job_are_forgotten(sqlite_db, clock, monkeypatch):
    monkeypatch.setattr("truecast.jobs.runs.JOB_RUNS_KEPT_MAX", 50)
    await register(sqlite_db, [a_job("often", []), a_job("seldom", [])])
    await begin(sqlite_db, ["seldom"], MONDAY, MONDAY)
    marked = await begin(sqlite_db, ["often"], MONDAY, MONDAY, forced=True, mark="m")
    late = MONDAY + timedelta(seconds=IDEMPOTENCY_KEPT_S + 1)
    for _ in range(3 * 101):
        await begin(sqlite_db, ["often"], MONDAY, MONDAY)
    often = await list_runs(sqlite_db, "often", before=None, limit=1_000)
    assert 50 <= len(often) <= 50 + 101 + 1
    assert often[0].id == 2 + 3 * 101
    assert often[-1].id == marked["often"], "it may be asked for again"
    for _ in range(101):
        await begin(sqlite_db, ["often"], late, late)
    assert marked["often"] not in {run.id for run in await list_runs(sqlite_db, "often", before=None, limit=1_000)}
    assert len(await list_runs(sqlite_db, "seldom", before=None, limit=10)) == 1

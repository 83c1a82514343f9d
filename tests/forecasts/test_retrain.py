"""Challengers are trained when it is time or when the champion drifts, and serve only on evidence."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from tests.forecasts.house import MONDAY
from tests.models.registry.house import EQUITY, FX, World, registry
from truecast.domain.interval import Interval
from truecast.forecasts.drift import Check, latest_drift, record_checks
from truecast.forecasts.retrain import Retrained, Retrainer
from truecast.forecasts.watch import Found
from truecast.jobs.retrain import RETRAIN, retrain_job
from truecast.jobs.scheduler import Scheduler
from truecast.kit.clock import FixedClock
from truecast.kit.db import Database
from truecast.kit.limits import DRIFT_CHECK_S, TRAINING_FIRST_S
from truecast.migrations.upgrade import upgrade
from truecast.models.train_process import TrainingDied

WEEK_S = 604_800.0
FIRST = timedelta(seconds=TRAINING_FIRST_S)
DAY = timedelta(days=1)
OFF = Check("coverage", 0.2, 0.05, 250, "70.0 % of 250 outcomes were inside the 90 % interval, 1 ahead")


@dataclass
class Seen:
    """A watch that finds what it is told to find."""

    db: object
    clock: FixedClock
    checks: list = field(default_factory=list)
    looks: int = 0

    async def look(self):
        self.looks += 1
        found = [Found("lightgbm", FX, tuple(self.checks)), Found("ewma_walk", FX, (OFF,))]
        async with self.db.write() as conn:
            for one in found:
                await record_checks(conn, self.clock.now(), one.model, one.scope, one.checks)
        return found


@pytest.fixture
def clock():
    return FixedClock(MONDAY)


@pytest.fixture
def world():
    return World()


@pytest.fixture
async def made(db, tmp_path, clock, world):
    found = registry(db, tmp_path / "models", clock, world)
    await found.load()
    return found


@pytest.fixture
def retrainer(db, made, clock):
    return Retrainer(db, made, Seen(db, clock), clock, WEEK_S)


async def kinds(made):
    return [(e.kind, e.asset_class, e.who) for e in reversed(await made.events()) if e.kind != "loaded"]


async def test_nothing_is_trained_while_the_process_starts(retrainer, made, clock):
    assert await retrainer.run() == Retrained() and retrainer.watch.looks == 0
    clock.advance(FIRST - timedelta(seconds=1))
    assert await retrainer.run() == Retrained() and await kinds(made) == []


async def test_every_scope_is_trained_and_promoted_once_and_then_rests_for_the_interval(retrainer, made, clock):
    clock.advance(FIRST)
    done = await retrainer.run()
    assert (done.trained, done.promoted, done.failed) == (2, 2, 0)
    assert await kinds(made) == [
        (kind, scope, "retrain") for scope in ("equity", "fx") for kind in ("trained", "promoted")
    ]
    assert made.catalogue().status("lightgbm").status == "ready"
    clock.advance(timedelta(seconds=WEEK_S - 1))
    assert (await retrainer.run()).trained == 0
    clock.advance(timedelta(seconds=1))
    assert [due.reason for due in await retrainer.due()] == ["trained last on 2021-01-04"] * 2


async def test_a_challenger_that_nothing_speaks_for_leaves_the_champion_in_service(retrainer, made, clock):
    clock.advance(FIRST)
    await retrainer.run()
    champion = made.catalogue().status("lightgbm", FX).version
    clock.advance(timedelta(seconds=WEEK_S))  # not one bar came meanwhile: nothing can tell the two apart
    done = await retrainer.run()
    assert (done.trained, done.promoted, done.kept) == (2, 0, 2)
    assert made.catalogue().status("lightgbm", FX).version == champion
    assert (await kinds(made))[-1] == ("refused", "fx", "retrain")


async def test_drift_marks_the_champion_and_trains_its_scope_again(retrainer, made, clock, world):
    clock.advance(FIRST)
    await retrainer.run()
    first = made.catalogue().status("lightgbm", FX).version
    retrainer.watch.checks.append(OFF)
    world.bars += 100
    clock.advance(DAY)
    done = await retrainer.run()
    assert (done.checked, done.drifted, done.trained, done.promoted) == (2, 2, 1, 1)
    events = [e for e in await made.events() if e.kind == "stale"]
    assert [(e.key[1], e.reason) for e in events] == [(FX, OFF.detail)]
    assert made.catalogue().status("lightgbm", FX).version != first
    assert made.catalogue().status("lightgbm", FX).status == "ready"
    clock.advance(timedelta(hours=1))
    assert await retrainer.due() == []  # that alarm was answered


async def test_drift_does_not_train_a_scope_more_than_once_a_day(retrainer, clock):
    clock.advance(FIRST)
    await retrainer.run()
    retrainer.watch.checks.append(OFF)
    clock.advance(timedelta(hours=23))
    async with retrainer.db.write() as conn:
        await record_checks(conn, clock.now(), "lightgbm", FX, [OFF])
    assert await retrainer.due() == []
    clock.advance(timedelta(hours=1))
    assert [(due.key, due.reason) for due in await retrainer.due()] == [(("lightgbm", FX), OFF.detail)]


async def test_drift_is_looked_for_once_a_day(retrainer, clock):
    clock.advance(FIRST)
    for _ in range(48):
        await retrainer.run()
        clock.advance(timedelta(hours=1))
    assert retrainer.watch.looks == 2 and DRIFT_CHECK_S == 86_400
    async with retrainer.db.read() as conn:
        assert {(one.model, one.drifted) for one in await latest_drift(conn)} == {("ewma_walk", True)}


async def test_an_interval_of_zero_means_never(db, made, clock):
    never = Retrainer(db, made, Seen(db, clock), clock, 0.0)
    clock.advance(DAY)
    assert await never.run() == Retrained() and await kinds(made) == []


async def test_a_scope_with_too_little_is_tried_again_after_the_interval_only(retrainer, made, clock, world):
    world.bars = 100
    clock.advance(FIRST)
    done = await retrainer.run()
    assert (done.trained, done.refused) == (0, 2)
    clock.advance(timedelta(hours=1))
    assert await retrainer.due() == []
    clock.advance(timedelta(seconds=WEEK_S))
    assert len(await retrainer.due()) == 2


async def test_a_training_that_dies_is_told_and_does_not_stop_the_next(retrainer, made, clock, world):
    async def dies(request):
        if request.asset_class == "equity":
            raise TrainingDied(model=request.model, scope="equity 1d", status=-9, said="nothing")
        return await world.trainer(request)

    made._trainer = dies
    clock.advance(FIRST)
    done = await retrainer.run()
    assert (done.trained, done.failed) == (1, 1) and "status -9" in done.errors[0]
    assert made.catalogue().status("lightgbm", FX).status == "ready"


async def test_other_models_are_kept_up_to_date_once_somebody_trained_them(retrainer, made, clock):
    await made.train("random_forest", "fx", Interval.D1, who="somebody")
    clock.advance(FIRST)
    await retrainer.run()
    clock.advance(timedelta(seconds=WEEK_S))
    assert {due.key[0] for due in await retrainer.due()} == {"lightgbm", "random_forest"}


async def test_the_job_is_off_on_a_clock_that_is_not_real_and_runs_when_it_is_asked(db, retrainer, made, clock):
    scheduler = Scheduler(db, [retrain_job(retrainer, live=False)], clock)
    clock.advance(FIRST)
    await scheduler.run(until=clock.now() + 2 * DAY)
    (listed,) = await scheduler.jobs()
    assert (listed.name, listed.enabled, listed.last_run) == (RETRAIN, False, None) and await kinds(made) == []
    run = await scheduler.run_now(RETRAIN)
    assert run.outcome == "ok" and run.counts["trained"] == run.counts["promoted"] == 2


async def test_the_job_is_on_when_the_clock_is_real_and_rests_when_nothing_is_due(db, retrainer, clock):
    scheduler = Scheduler(db, [retrain_job(retrainer, live=True)], clock)
    await scheduler.run(until=MONDAY + timedelta(minutes=31))
    runs = await scheduler.runs(RETRAIN)
    assert [(run.due_at - MONDAY, run.outcome) for run in runs] == [
        (timedelta(minutes=30), "ok"), (timedelta(0), "skipped"),
    ]  # fmt: skip


async def test_the_same_world_gives_the_same_versions(tmp_path):
    versions = []
    for name in ("one", "two"):
        clock, db = FixedClock(MONDAY), Database.open(f"sqlite:///{tmp_path / name}.db")
        await upgrade(db)
        World.learned.clear()
        made = registry(db, tmp_path / name, clock, World())
        await made.load()
        retrainer = Retrainer(db, made, Seen(db, clock), clock, WEEK_S)
        clock.advance(FIRST)
        await retrainer.run()
        versions.append([made.catalogue().status("lightgbm", scope).version for scope in (FX, EQUITY)])
        await db.close()
    assert versions[0] == versions[1] and versions[0][0].startswith("20210104T001500Z-")

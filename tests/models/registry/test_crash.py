"""Killed at any moment, raced by another process, asked while it changes: the register stays whole."""

import asyncio
import os
import signal
import time
from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import update

from tests.forks import FORKS
from tests.models.registry import doomed
from tests.models.registry.house import FX, World, registry
from truecast.domain.interval import Interval
from truecast.kit.clock import FixedClock
from truecast.kit.db import Database
from truecast.kit.errors import TruecastError
from truecast.kit.leases import leases
from truecast.models.registry import folder
from truecast.models.registry.promotion import NothingToPromote, PromotionRefused
from truecast.models.registry.training import write_outcome

D1 = Interval.D1
KILLS = 20


def start(db, root, verb, day=0):
    talk, its = FORKS.Pipe()
    child = FORKS.Process(target=doomed.act, args=(f"sqlite:///{db.path}", root, verb, day, its), daemon=True)
    child.start()
    its.close()
    assert talk.recv() == "ready"
    return child, talk


def killed(child, talk, after_s):
    talk.send("go")
    time.sleep(after_s)
    child.kill()
    child.join()
    talk.close()


def said_of(child, talk):
    """Its last word."""
    with talk:
        said = talk.recv()
    child.join()
    return said


def forked(write):
    pid = os.fork()
    if pid == 0:
        write()
        os._exit(0)
    os.waitpid(pid, 0)


def written_until(root, card, files, flushes):
    """Write a version, and die at the flush of that number."""
    left = iter(range(flushes))

    def flushed(_handle):
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    folder.os.fsync = flushed
    folder.write(root, card, files)


@pytest.fixture
async def world():
    return World()


async def whole(db, root, clock, world):
    """A fresh look: everything registered can be read, and what serves answers."""
    fresh = registry(db, root, clock, world)
    await fresh.load()
    for version, loaded in fresh.versions("lightgbm"):
        assert loaded.status != "unavailable"
        folder.read(root, *version.key, version.version, version.digest)
    status = fresh.catalogue().status("lightgbm")
    assert status.status != "training" or "since" in str(status.reason)
    for one in await fresh.foreign("lightgbm"):  # whole, and told, though nobody serves it
        assert one.status == "unavailable"
    return fresh


async def test_kill_9_during_training_leaves_nothing_half(sqlite_db: Database, tmp_path, clock, world):
    """At KILLS points from the first write to the last; the lease of the dead runs out, and the next training works."""
    root = tmp_path / "models"
    write_outcome(await world.trainer_outcome(), root / "given")
    leases_of_the_dead = 0
    for point in range(KILLS):
        killed(*start(sqlite_db, root, "train", point), after_s=0.006 * point)
        await whole(sqlite_db, root, clock, world)
        async with sqlite_db.write() as conn:  # as after a minute
            leases_of_the_dead += (
                await conn.execute(update(leases).where(leases.c.until > 0).values(until=0))
            ).rowcount
    assert leases_of_the_dead > 0
    clock.advance(timedelta(days=60))
    made = registry(sqlite_db, root, clock, world)
    await made.load()
    (trained,) = await made.train("lightgbm", "fx", D1)
    assert trained.version and not list(root.glob("**/.partial-*"))


async def test_kill_9_while_files_are_written(sqlite_db: Database, tmp_path, clock, world):
    """Between any two files, and before and after the folder gets its name."""
    root = tmp_path / "models"
    made = registry(sqlite_db, root, clock, world)
    await made.load()
    outcome = await world.trainer_outcome()
    points = len(outcome.artifact.files()) + 3
    for point in range(points):
        forked(lambda point=point: written_until(root, world.card(outcome, point), outcome.artifact.files(), point))
        for place in root.glob("lightgbm/fx-1d/[12]*"):
            assert folder.read(root, "lightgbm", FX, place.name, world.seal(outcome, place.name)).card
    (trained,) = await made.train("lightgbm", "fx", D1)
    assert trained.version and not list(root.glob("**/.partial-*"))


async def test_kill_9_during_promotion_is_before_or_after(sqlite_db: Database, tmp_path, clock, world):
    root = tmp_path / "models"
    made = registry(sqlite_db, root, clock, world)
    await made.load()
    (trained,) = await made.train("lightgbm", "fx", D1)
    seen = set()
    for point in range(KILLS):
        killed(*start(sqlite_db, root, "promote"), after_s=0.006 * point)
        fresh = await whole(sqlite_db, root, clock, world)
        serving = fresh.catalogue().status("lightgbm", FX)
        assert serving.version in {None, trained.version}
        promoted = [e for e in await fresh.events("lightgbm") if e.kind == "promoted"]
        assert len(promoted) == (serving.version is not None)
        seen.add(serving.version)
        if serving.version:
            await fresh.rollback("lightgbm")
            async with sqlite_db.write() as conn:  # as if nothing had been decided yet
                for verb in ("update", "delete"):
                    await conn.exec_driver_sql(f"DROP TRIGGER model_events_refuses_{verb}")
                await conn.exec_driver_sql("DELETE FROM model_events WHERE kind IN ('promoted', 'rolled_back')")
                from truecast.kit.db import append_only_ddl

                for statement in append_only_ddl("model_events", "sqlite"):
                    await conn.exec_driver_sql(statement)


async def test_two_processes_that_promote_at_once_make_one_promotion(sqlite_db: Database, tmp_path, clock, world):
    root = tmp_path / "models"
    made = registry(sqlite_db, root, clock, world)
    await made.load()
    (trained,) = await made.train("lightgbm", "fx", D1)
    children = [start(sqlite_db, root, "promote") for _ in range(2)]
    for _, talk in children:
        talk.send("go")
    assert "done" in [said_of(child, talk) for child, talk in children]
    events = [e for e in await made.events("lightgbm") if e.kind == "promoted"]
    assert [e.version for e in events] == [trained.version]


async def test_two_that_promote_different_versions_leave_one_story(db, tmp_path, clock, world):
    """On both databases: whoever comes second is judged against the first, or told that it was late."""
    root = tmp_path / "models"
    one, two = (registry(db, root, clock, world) for _ in range(2))
    await one.load()
    (first,) = await one.train("lightgbm", "fx", D1)
    world.seed = 1
    clock.advance(timedelta(seconds=1))
    (second,) = await one.train("lightgbm", "fx", D1)
    await two.load()
    asked = (one.promote("lightgbm", first.version), two.promote("lightgbm", second.version))
    said = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(answer, list) for answer in said) == 1
    assert all(isinstance(answer, list | PromotionRefused | NothingToPromote) for answer in said)
    await one.load()
    serving = one.catalogue().status("lightgbm", FX).version
    winner = next(answer for answer in said if isinstance(answer, list))
    assert serving == winner[0].version


async def test_no_forecast_mixes_versions_while_they_change(sqlite_db: Database, tmp_path, clock: FixedClock, world):
    """Forecasts in threads while the champion is swapped forth and back: each is wholly of one version."""
    made = registry(sqlite_db, tmp_path / "models", clock, world)
    await made.load()
    (first,) = await made.train("lightgbm", "fx", D1)
    await made.promote("lightgbm")
    frame = world.after()

    def answer():
        model = made.catalogue().get("lightgbm", FX)
        before = model.version
        values = model.fit(frame).predict(5).quantiles.values.tobytes()
        assert model.version == before
        return before, values

    world.bars += 100
    clock.advance(timedelta(days=100))
    (second,) = await made.train("lightgbm", "fx", D1)
    alone = {}
    for version in (first.version, second.version):
        if version == second.version:
            await made.promote("lightgbm", second.version)
        name, values = answer()
        alone[name] = values
    assert len(set(alone.values())) == 2
    stop = asyncio.Event()

    async def ask():
        found = []
        while not stop.is_set():
            found.append(await asyncio.to_thread(answer))
        return found

    asking = [asyncio.create_task(ask()) for _ in range(3)]
    for _ in range(6):
        await made.rollback("lightgbm")
        await asyncio.sleep(0.05)
        await made.promote("lightgbm", second.version)
        await made.load(again=True)
        await asyncio.sleep(0.05)
    stop.set()
    answers = [one for found in await asyncio.gather(*asking) for one in found]
    assert {name for name, _ in answers} == set(alone) and len(answers) > 20
    assert all(values == alone[name] for name, values in answers)


async def test_a_damaged_champion_gives_way_to_the_one_before_it(sqlite_db: Database, tmp_path, clock, world):
    root = tmp_path / "models"
    made = registry(sqlite_db, root, clock, world, serves=True)
    await made.load()
    (first,) = await made.train("lightgbm", "fx", D1)
    await made.promote("lightgbm")
    said = made.catalogue().get("lightgbm", FX).fit(world.after()).predict(3).quantiles.values
    then = clock.now()
    world.bars += 100
    clock.advance(timedelta(days=100))
    (second,) = await made.train("lightgbm", "fx", D1)
    await made.promote("lightgbm")
    body = root / "lightgbm" / "fx-1d" / str(second.version) / "h1.txt"
    body.write_bytes(body.read_bytes()[:-10])
    status = made.catalogue().status("lightgbm")
    assert status.version == second.version  # what was verified and is in memory goes on serving
    loaded = await made.load(again=True)
    assert {(one.version, one.status) for one in loaded} == {(first.version, "ready"), (second.version, "unavailable")}
    status = made.catalogue().status("lightgbm")
    assert (status.status, status.version) == ("stale", first.version) and "checksum" in str(status.reason)
    again = made.catalogue().get("lightgbm", FX).fit(world.after()).predict(3).quantiles.values
    assert np.array_equal(said, again)
    statuses = {version.version: loaded.status for version, loaded in made.versions("lightgbm")}
    assert statuses == {first.version: "challenger", second.version: "unavailable"}
    assert (await made.events("lightgbm"))[0].kind == "failed"
    (root / "lightgbm" / "fx-1d" / str(first.version) / "card.json").unlink()
    await made.load(again=True)
    assert made.catalogue().status("lightgbm").status == "unavailable"
    with pytest.raises(TruecastError, match="refused"):
        made.catalogue(then).get("lightgbm")
    with pytest.raises(TruecastError):
        made.catalogue().get("lightgbm", FX)
    assert made.catalogue().get("ewma_walk")

"""Trainings in the background: under a mark every scope is trained once, whoever died meanwhile."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import update

from tests.models.registry.house import EQUITY, FX, World, registry
from truecast.domain.interval import Interval
from truecast.kit.leases import leases
from truecast.models.registry.answers import TrainingUnderWay
from truecast.models.registry.registry import Registry
from truecast.models.registry.runs import Run, Runs

D1 = Interval.D1


@pytest.fixture
async def made(db, tmp_path, clock) -> Registry:
    found = registry(db, tmp_path / "models", clock, World())
    await found.load()
    return found


async def begun(made: Registry, clock, asset_class: str | None = "fx", mark: str | None = "m") -> tuple[Run, Run]:
    """As it was answered, and as it ended, in a process of its own."""
    runs = Runs(made, clock)
    run = await runs.begin("lightgbm", asset_class, D1, who="api", mark=mark)
    while runs.last is not None and runs.last.state == "running":
        await asyncio.sleep(0.01)
    assert runs.last is not None
    return run, runs.last


def scopes(run: Run) -> list[tuple[str, str]]:
    return [(one.asset_class, one.interval) for one in run.trained]


async def test_under_a_mark_a_scope_is_trained_once(made, clock):
    first, ended = await begun(made, clock)
    assert (first.state, ended.state) == ("running", "done")
    again, _ = await begun(made, clock)
    assert (again.state, again.trained) == ("done", ended.trained)
    clock.advance(timedelta(days=1))
    other, _ = await begun(made, clock, mark="another")
    assert other.state == "running"
    assert [event.kind for event in await made.events("lightgbm")] == ["trained", "trained"]


async def test_what_is_left_of_several_scopes_is_trained(made, clock):
    await begun(made, clock)
    run, ended = await begun(made, clock, asset_class=None)
    assert (scopes(run), scopes(ended)) == ([FX], [FX, EQUITY])
    assert len(made.versions("lightgbm")) == 2


async def test_a_training_that_died_left_nothing_and_is_begun_again_when_its_lease_is_over(made, clock, db):
    runs, go = Runs(made, clock), asyncio.Event()
    learn = made._trainer

    async def waiting(request):
        go.set()
        await asyncio.Event().wait()

    made._trainer = waiting
    await runs.begin("lightgbm", "fx", D1, who="api", mark="m")
    await go.wait()
    made._trainer = learn
    await runs.close()
    async with db.write() as conn:  # it was killed
        await conn.execute(update(leases).values(holder="dead", until=2**52))
    with pytest.raises(TrainingUnderWay, match="fx 1d"):
        await begun(made, clock)
    async with db.write() as conn:
        await conn.execute(update(leases).values(until=0))
    _, ended = await begun(made, clock)
    assert scopes(ended) == [FX]
    assert len(made.versions("lightgbm")) == 1

"""The register at work, on both databases."""

import asyncio
import json
from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import update

from tests.models.registry.house import EQUITY, FX, World, registry
from truecast.domain.interval import Interval
from truecast.kit.leases import leases
from truecast.models.catalog import UnknownModel
from truecast.models.heavy import ModelUnavailable
from truecast.models.located import LOCATED_VERSION
from truecast.models.location.trees import OutOfScope
from truecast.models.registry.answers import NothingToRollBack, NotTrainable, TrainingUnderWay, UnknownVersion
from truecast.models.registry.promotion import NothingToPromote, PromotionRefused
from truecast.models.training import TooLittleToLearn

D1 = Interval.D1


@pytest.fixture
async def world():
    return World()


@pytest.fixture
async def made(db, tmp_path, clock, world):
    found = registry(db, tmp_path / "models", clock, world)
    await found.load()
    return found


def said(made, as_of=None):
    model = made.catalogue(as_of).get("lightgbm", FX)
    return model.version, model.fit(World().after()).predict(5).quantiles.values.tobytes()


async def newer(made, world, clock, by=100):
    """A version from more bars, in service."""
    world.bars += by
    clock.advance(timedelta(days=by))
    (trained,) = await made.train("lightgbm", "fx", D1)
    await made.promote("lightgbm", trained.version)
    return trained.version


async def test_a_new_version_waits_until_it_is_promoted(made, clock):
    (trained,) = await made.train("lightgbm", "fx", D1, who="test")
    status = made.catalogue().status("lightgbm", FX)
    assert status.status == "unavailable" and status.reason == "not promoted yet"
    with pytest.raises(ModelUnavailable, match="not promoted yet"):
        made.catalogue().get("lightgbm")
    (changed,) = await made.promote("lightgbm", who="test")
    assert (changed.version, changed.before) == (trained.version, None)
    status = made.catalogue().status("lightgbm")
    assert status.status == "ready" and status.version == trained.version
    assert said(made)[0] == f"{trained.version}.{LOCATED_VERSION}"
    with pytest.raises(OutOfScope):
        made.catalogue().get("lightgbm", EQUITY)
    promoted, learned = await made.events("lightgbm")
    assert (promoted.kind, learned.kind, promoted.who) == ("promoted", "trained", "test")
    assert promoted.evidence["walk"][0]["crps_ratio"] < 1 and promoted.evidence["champion"] is None
    with pytest.raises(NothingToPromote, match="serves already"):
        await made.promote("lightgbm")


async def test_the_card_tells_from_what_and_how_it_was_learned(made, world, clock):
    await made.train("lightgbm", "fx", D1)
    ((version, loaded),) = made.versions("lightgbm")
    card = await made.card(version)
    assert loaded.status == "challenger" and card.version == version.version
    assert card.symbols == [f"S{i}" for i in range(6)] and card.parameters["trees"] == 8
    assert card.trained_until == int(world.frames("fx")[0].end[-1]) and card.against is None
    assert set(card.files) == {"location.json", "h1.txt", "h5.txt"} and card.code_version
    on_disk = made.root / "lightgbm" / "fx-1d" / version.version / "card.json"
    assert json.loads(on_disk.read_bytes())["version"] == version.version


async def test_a_challenger_is_held_against_the_champion(made, world, clock):
    first = await newer(made, world, clock, 0)
    world.seed = 1
    with pytest.raises(PromotionRefused, match="nothing has come since") as refused:
        await newer(made, world, clock, 0)
    assert refused.value.facts["evidence"]["champion"] == first and refused.value.status == 409
    assert (await made.events("lightgbm"))[0].kind == "refused"
    second = await newer(made, world, clock)
    assert said(made)[0] == f"{second}.{LOCATED_VERSION}"
    (event, *_) = await made.events("lightgbm")
    versus = event.evidence["versus_champion"]
    assert event.evidence["champion"] == first and versus[0]["horizon"] == 1 and versus[0]["moments"] >= 50


async def test_what_is_worse_than_the_walk_is_not_promoted(db, tmp_path, clock):
    """Learned from series with a memory that turns into its opposite before the last tenth."""

    class Turned(World):
        def frames(self, asset_class):
            from tests.models.location.panels import remembering

            turned = []
            for i in range(10):
                before, after = remembering(i, 1000), remembering(i + 200, 1000, memory=-0.9)
                close = np.append(before.close[:900], before.close[899] * after.close[:100] / after.close[0])
                turned.append(type(before)(before.symbol, D1, before.end, *[close] * 4, before.volume))
            return turned

    made = registry(db, tmp_path / "models", clock, world := Turned(memory=-7.0))
    await made.load()
    await made.train("lightgbm", "fx", D1)
    with pytest.raises(PromotionRefused, match="worse than the walk without its trees") as refused:
        await made.promote("lightgbm")
    assert refused.value.facts["evidence"]["walk"][0]["worse"]
    assert made.catalogue().status("lightgbm").status == "unavailable" and world.bars == 1000


async def test_a_champion_promoted_meanwhile_is_met_on_what_came_after_both(made, world, clock):
    await newer(made, world, clock, 0)
    world.bars += 100
    (one,) = await made.train("lightgbm", "fx", D1)
    world.seed = 1
    clock.advance(timedelta(seconds=1))
    (two,) = await made.train("lightgbm", "fx", D1)
    await made.promote("lightgbm", one.version)
    with pytest.raises(PromotionRefused, match="nothing has come since"):
        await made.promote("lightgbm", two.version)
    world.bars += 30
    (changed,) = await made.promote("lightgbm", two.version)
    assert changed.before == one.version
    versus = (await made.events())[0].evidence["versus_champion"]
    assert versus[0]["against"] == one.version and 28 <= versus[0]["moments"] <= 30


async def test_rollback_restores_byte_identical_forecasts(made, world, clock):
    await newer(made, world, clock, 0)
    first = said(made)
    await newer(made, world, clock)
    second = said(made)
    assert second[0] != first[0] and second[1] != first[1]
    (changed,) = await made.rollback("lightgbm", who="test")
    assert said(made) == first and changed.version == first[0].removesuffix(f".{LOCATED_VERSION}")
    await made.promote("lightgbm", second[0].removesuffix(f".{LOCATED_VERSION}"))
    assert said(made) == second
    await made.rollback("lightgbm")
    await made.rollback("lightgbm")
    with pytest.raises(ModelUnavailable, match="rolled back"):
        made.catalogue().get("lightgbm")
    with pytest.raises(NothingToRollBack):
        await made.rollback("lightgbm")


async def test_as_of_gives_what_the_champion_of_then_said(made, world, clock, db, tmp_path):
    before = clock.now()
    clock.advance(timedelta(hours=1))
    await newer(made, world, clock, 0)
    then, first = clock.now(), said(made)
    await newer(made, world, clock)
    later, second = clock.now(), said(made)
    clock.advance(timedelta(hours=1))
    await made.rollback("lightgbm")
    fresh = registry(db, tmp_path / "models", clock, world)
    await fresh.load()
    for one in (made, fresh):
        assert said(one) == said(one, then) == first
        assert said(one, later) == second
        with pytest.raises(ModelUnavailable, match="not trained yet"):
            one.catalogue(before).get("lightgbm")
        assert one.catalogue(then) is one.catalogue(then)


async def test_another_process_sees_a_promotion_when_it_polls(made, world, clock, db, tmp_path):
    other = registry(db, tmp_path / "models", clock, world)
    await other.load()
    assert not await other.poll()
    version = await newer(made, world, clock, 0)
    assert other.catalogue().status("lightgbm").status == "unavailable"
    assert await other.poll() and said(other) == said(made)
    assert not await other.poll()
    await other.mark_stale("lightgbm", FX, "coverage of 90 % is 0.71", evidence={"measured": 0.71})
    assert await made.poll()
    status = made.catalogue().status("lightgbm")
    assert status.status == "stale" and "0.71" in str(status.reason) and status.version == version
    assert [e.evidence for e in made.marks()] == [{}] and made.marks()[0].who == "drift"
    assert not await other.mark_stale("lightgbm", FX, "coverage of 90 % is 0.71")
    await newer(made, world, clock)
    assert made.marks() == [] and made.catalogue().status("lightgbm").status == "ready"


async def test_a_version_that_was_not_renewed_for_long_is_stale(made, world, clock):
    await newer(made, world, clock, 0)
    clock.advance(timedelta(days=20))
    assert not await made.poll()
    clock.advance(timedelta(days=2))
    assert await made.poll()
    assert made.catalogue().status("lightgbm").status == "stale" and said(made)


async def test_training_is_seen_while_it_lasts_and_a_dead_trainer_is_forgotten(made, world, clock, db, tmp_path):
    other = registry(db, tmp_path / "models", clock, world)
    await other.load()
    go = asyncio.Event()

    async def waiting(request):
        await go.wait()
        return await world.trainer(request)

    made._trainer = waiting
    run = asyncio.create_task(made.train("lightgbm", "fx", D1))
    while made.catalogue().status("lightgbm").status != "training":
        await asyncio.sleep(0.01)
    assert await other.poll() and other.catalogue().status("lightgbm", FX).status == "training"
    with pytest.raises(TrainingUnderWay, match="fx 1d"):
        await other.train("lightgbm", "fx", D1)
    with pytest.raises(TrainingUnderWay):
        await made.train("lightgbm", "fx", D1)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert made.catalogue().status("lightgbm").status == "unavailable"
    async with db.write() as conn:
        await conn.execute(update(leases).values(holder="dead", until=2**52))
    await made.poll()
    assert made.catalogue().status("lightgbm").status == "training"
    made._trainer = world.trainer
    with pytest.raises(TrainingUnderWay):
        await made.train("lightgbm", "fx", D1)
    async with db.write() as conn:  # as after a minute
        await conn.execute(update(leases).values(until=0))
    await made.poll()
    assert made.catalogue().status("lightgbm").status == "unavailable"
    (trained,) = await made.train("lightgbm", "fx", D1)
    assert trained.version


async def test_all_scopes_at_once(made, world):
    done = await made.train("random_forest")
    assert [(one.asset_class, one.version is not None) for one in done] == [("equity", True), ("fx", True)]
    assert len(await made.promote("random_forest")) == 2
    assert set(made.catalogue().scopes("random_forest")) == {FX, EQUITY}


async def test_what_cannot_be_trained_is_refused_with_the_reason(made, world):
    with pytest.raises(TooLittleToLearn):
        await made.train("lightgbm", "fx", Interval.H1)
    (event,) = await made.events("lightgbm")
    assert event.kind == "refused" and event.interval == "1h" and "0 rows" in event.reason
    for ask in (made.train, made.promote, made.rollback):
        with pytest.raises(NotTrainable, match="lightgbm"):
            await ask("naive")
        with pytest.raises(UnknownModel):
            await ask("tcn")
    with pytest.raises(UnknownVersion):
        await made.promote("lightgbm", "../../etc")
    with pytest.raises(NothingToPromote, match="nothing was trained"):
        await made.promote("lightgbm")


async def test_processes_that_serve_write_down_what_they_loaded_once(made, world, clock, db, tmp_path):
    version = await newer(made, world, clock, 0)
    serving = registry(db, tmp_path / "models", clock, world, serves=True)
    await serving.load()
    await serving.load()
    kinds = [(e.kind, e.version) for e in await made.events("lightgbm")]
    assert kinds.count(("loaded", version)) == 1
    assert not await serving.poll()

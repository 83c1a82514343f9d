"""The keeper finds what is missing, asks again when it is time, and tells how things stand."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from tests.market.offers import HOUR, T0
from tests.market.test_backfill import World
from tests.market.test_backfill import world as world  # noqa: PLC0414 a fixture
from tests.market.test_chain import UNREACHABLE
from truecast.jobs.keeper import gaps_job
from truecast.kit.limits import GAP_FILLING_S_MAX, GAP_RETRY_S_FIRST
from truecast.market.backfill import NO_SOURCE
from truecast.market.keeper import Keeper
from truecast.market.tables import gaps


@pytest.fixture
def keeper(world: World) -> Keeper:
    return Keeper(world.store, world.backfill, world.chain, world.clock)


async def test_a_series_that_ends_too_early_has_a_gap_at_its_end(world: World, keeper: Keeper) -> None:
    await world.has("a", 0, 1, 2)
    assert await keeper.find() == 1
    gap = await world.gap()
    assert ((gap.first - T0) / HOUR, (gap.last - T0) / HOUR, gap.cause) == (3, 27, "source_away")  # two hours' grace
    assert await keeper.find() == 0
    world.clock.advance(HOUR)
    assert await keeper.find() == 1
    assert [g.missing for g in await world.store.gaps()] == [25, 1]


async def test_news_that_is_only_just_due_is_no_gap(world: World, keeper: Keeper) -> None:
    await world.has("a", *range(26, 29))
    assert await keeper.find() == 0


async def test_that_a_stand_in_has_nothing_more_is_no_gap(world: World, keeper: Keeper) -> None:
    await world.has("b", 0, 1, 2)
    assert await keeper.find() == 0


async def test_a_series_nobody_follows_any_more_has_no_gap_at_its_end(world: World, keeper: Keeper) -> None:
    await world.has("a", 0, 1, 2)
    world.fakes["a"].offers = list  # type: ignore[method-assign]
    assert await keeper.find() == 0


async def test_every_bar_is_looked_at_when_asked_for(world: World, keeper: Keeper) -> None:
    await world.has("a", *(hour for hour in range(30) if hour % 10 != 4))
    async with world.store.db.write() as conn:
        await conn.execute(sa.delete(gaps))  # as if the calendar had not been known then
    assert await keeper.find() == 0
    opened = await keeper.find(whole=True)
    assert opened == len(await world.store.gaps()) == 3


async def test_a_round_fills_what_is_due(world: World, keeper: Keeper) -> None:
    await world.has("a", 0, 1, 5, 6)
    done = await keeper.run()
    assert (done.found, done.tried, done.rows, done.left, done.errors) == (1, 2, 24, 0, ())
    standing = await keeper.standing()
    assert (standing.gaps, standing.bars) == ({"filled": 2}, {"filled": 24})
    assert (await keeper.run()).tried == 0


async def test_a_gap_is_asked_for_again_when_its_time_has_come_and_not_before(world: World, keeper: Keeper) -> None:
    await world.has("a", *range(3), *range(5, 29))
    for fake in world.fakes.values():
        fake.fails = UNREACHABLE
    assert (await keeper.fill()).tried == 1
    assert (await keeper.fill()).tried == 0
    world.clock.advance(timedelta(seconds=GAP_RETRY_S_FIRST))
    for fake in world.fakes.values():
        fake.fails = None
    assert (await keeper.fill()).rows == 2
    assert (await world.gap()).attempts == 1  # the one in vain


async def test_a_filler_that_died_is_taken_over(world: World, keeper: Keeper) -> None:
    await world.has("a", 0, 1, 5, 6)
    retry_at = world.clock.now() + timedelta(seconds=GAP_FILLING_S_MAX)
    async with world.store.db.write() as conn:
        await conn.execute(sa.update(gaps).values(state="filling", retry_at=retry_at))
    assert (await keeper.fill()).tried == 0
    world.clock.advance(timedelta(seconds=GAP_FILLING_S_MAX))
    assert (await keeper.fill()).rows == 3


async def test_a_gap_that_no_live_source_could_fill_waits_a_day_and_says_why(world: World, keeper: Keeper) -> None:
    await world.has("a", 0, 1, 5, 6)
    for guarded in world.sources.values():
        guarded.guard.key_missing = True
    assert (await keeper.fill()).left == 3
    gap = await world.gap()
    assert (gap.state, gap.reason, gap.attempts) == ("open", NO_SOURCE, 0)
    assert gap.retry_at == world.clock.now() + timedelta(days=1)


async def test_the_job_tells_what_it_did_and_is_off_in_a_replay(world: World, keeper: Keeper) -> None:
    await world.has("a", *range(3), *range(5, 29))
    job = gaps_job(keeper, live=False)
    assert not job.on_at_first
    done = await job.work(world.clock.now())
    assert (done.counts, done.error, done.skipped) == ({"found": 0, "tried": 1, "rows": 2, "left": 0}, None, False)
    assert (await job.work(world.clock.now())).skipped

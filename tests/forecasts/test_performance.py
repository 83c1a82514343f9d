"""Facts about track records: only what was sealed, each origin once, nothing where there is nothing."""

from datetime import timedelta

import pytest

from tests.forecasts.house import DAY, MONDAY, House, Made, a_house, a_walk, an_offer
from truecast.domain.horizon import HorizonOutOfRange
from truecast.domain.instrument import UnknownSymbol
from truecast.domain.interval import Interval
from truecast.forecasts.performance import UnknownPeriod
from truecast.kit.clock import FixedClock
from truecast.models.base import HistoryTooShort
from truecast.models.catalog import UnknownModel

NOW = MONDAY + timedelta(hours=1)
OFFER = an_offer()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
async def house(db, clock):
    async with a_house(db, clock, steps=3) as built:
        yield built


def made(clock) -> Made:
    return Made(clock, (OFFER, a_walk(OFFER, MONDAY - 400 * DAY, MONDAY + 60 * DAY)))


async def live(house: House, clock: FixedClock, days: int) -> None:
    """Days go by: bars come, forecasts are settled and issued."""
    source = made(clock)
    for _ in range(days):
        await house.take(source)
        await house.resolver.resolve()
        await house.issuer.forecast("EUR-USD", Interval.D1, house.steps, model="ewma_walk")
        clock.advance(DAY)


async def test_without_forecasts_there_is_nothing_and_it_says_so(house: House, clock):
    await house.take(made(clock))
    (row,) = await house.performance.summary("EUR-USD", interval=Interval.D1)
    assert (row.n, row.crps, row.coverage, row.direction) == (0, None, (), None)
    assert row.note == "no forecast has been issued yet"
    assert await house.performance.summary() == []


async def test_before_anything_matured_it_says_when_it_will(house: House, clock):
    await house.take(made(clock))
    await house.issuer.forecast("EUR-USD", Interval.D1, 3, model="ewma_walk")
    rows = await house.performance.summary("EUR-USD")
    assert [(r.model, r.horizon, r.n) for r in rows] == [(m, h, 0) for m in ("ewma_walk", "naive") for h in (1, 2, 3)]
    assert rows[1].first_matures_at == MONDAY + 2 * DAY
    assert "first matures at 2021-01-06T00:00:00Z" in rows[1].note


async def test_the_record_counts_what_matured(house: House, clock):
    await live(house, clock, 12)
    rows = {(r.model, r.horizon): r for r in await house.performance.summary("EUR-USD", period="all")}
    assert [rows["ewma_walk", h].n for h in (1, 2, 3)] == [11, 10, 9]
    naive, model = rows["naive", 1], rows["ewma_walk", 1]
    assert naive.crps == naive.crps_naive == model.crps_naive
    assert naive.crps_ratio == 1.0
    assert model.crps_ratio == pytest.approx(model.crps / model.crps_naive)
    assert [c.level for c in model.coverage] == [0.5, 0.8, 0.9, 0.95]
    assert all(0 < c.se < 1 and c.n == 11 for c in model.coverage)
    assert model.direction.lower <= model.direction.hit_rate <= model.direction.upper
    assert model.skill.verdict == "none"
    assert (model.note, model.first_matures_at) == (None, None)


async def test_a_period_ends_now(house: House, clock):
    await live(house, clock, 12)
    (row,) = await house.performance.summary("EUR-USD", "naive", horizon=1, period="7d")
    assert row.n == 7
    clock.advance(100 * DAY)
    (row,) = await house.performance.summary("EUR-USD", "naive", horizon=1, period="7d")
    assert row.n == 0


async def test_asking_often_does_not_count_twice(house: House, clock):
    source = made(clock)
    await house.take(source)
    for steps in (1, 2, 3):
        await house.issuer.forecast("EUR-USD", Interval.D1, steps, model="ewma_walk")
    clock.advance(DAY)
    await house.take(source)
    assert (await house.resolver.resolve()).scored == 6
    (row,) = await house.performance.summary("EUR-USD", "ewma_walk", horizon=1, period="all")
    assert row.n == 1


async def test_the_answer_is_kept_until_there_is_news(house: House, clock):
    await live(house, clock, 4)
    first = await house.performance.summary("EUR-USD")
    assert await house.performance.summary("EUR-USD") is first
    await live(house, clock, 1)
    assert await house.performance.summary("EUR-USD") is not first


async def test_walk_forward_says_that_it_is_one(house: House, clock):
    await house.take(made(clock))
    rows = await house.performance.walk_forward("EUR-USD", Interval.D1, origins=100)
    assert {r.period for r in rows} == {"walk_forward"}
    assert all("not in the ledger" in r.note for r in rows)
    assert rows[0].n == 100
    assert (await house.ledger.verify()).rows == 0
    assert await house.performance.walk_forward("EUR-USD", Interval.D1, origins=100) is rows


async def test_every_mistake_has_its_error(house: House, clock):
    await house.take(made(clock))
    with pytest.raises(UnknownPeriod):
        await house.performance.summary(period="2 weeks")
    with pytest.raises(UnknownSymbol):
        await house.performance.summary("NOBODY")
    with pytest.raises(UnknownModel):
        await house.performance.summary(model="oracle")
    with pytest.raises(HorizonOutOfRange):
        await house.performance.summary(horizon=0)
    with pytest.raises(HistoryTooShort):
        await house.performance.walk_forward("EUR-USD", Interval.MO1)

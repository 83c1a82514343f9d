"""Facts about settling: exact bars only, once only, in the anchor's units, and never invented."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from tests.forecasts.house import DAY, MONDAY, House, Made, Some, a_house, a_walk, an_offer
from truecast.domain.corporate import Factor
from truecast.domain.instrument import AssetClass
from truecast.domain.interval import Interval
from truecast.forecasts.resolve import NEVER_CAME, Resolved
from truecast.forecasts.score import score
from truecast.kit.clock import FixedClock, to_us
from truecast.providers.sample.adapter import Sample

NOW = MONDAY + timedelta(hours=1)
OFFER = an_offer()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
async def house(db, clock):
    async with a_house(db, clock, steps=3) as built:
        yield built


def made(clock, *, without: int | None = None, offer=OFFER, factors=()) -> Made:
    """A year of days and a month to come; one of them may never come."""
    bars = a_walk(offer, MONDAY - 400 * DAY, MONDAY + 30 * DAY)
    if without is not None:
        bars = bars[bars.start != to_us(MONDAY + without * DAY)]
    return Made(clock, (offer, bars), factors=factors)


def close_on(source: Made, day: datetime) -> float:
    ((_, bars),) = source.series.values()
    return float(bars.close[bars.start == to_us(day)][0])


async def rows(house: House, sql: str) -> list[tuple]:
    async with house.db.read() as conn:
        return [tuple(row) for row in await conn.exec_driver_sql(sql)]


async def test_a_step_is_scored_when_its_bar_comes_and_only_once(house: House, clock):
    source = made(clock)
    await house.take(source)
    said = await house.issuer.forecast("EUR-USD", Interval.D1, 3, model="ewma_walk")
    naive = (await house.ledger.latest(model="naive"))[0]
    assert await house.resolver.resolve() == Resolved(0, 0, 0)
    clock.advance(DAY)
    assert await house.resolver.resolve() == Resolved(0, 0, 2)  # due, but nobody has brought the bar yet
    await house.take(source)
    assert await house.resolver.resolve() == Resolved(2, 0, 0)
    assert await house.resolver.resolve() == Resolved(0, 0, 0)

    outcome = close_on(source, MONDAY)
    by_hand = score(
        np.array([outcome]),
        said.quantiles.values[:1],
        naive.quantiles.values[:1],
        np.array([said.anchor.price]),
    )
    ((got,),) = (await rows(house, "SELECT count(*) FROM scores WHERE step = 1 AND sealed"),)
    assert got == (2,)
    (step,) = await house.ledger.history("EUR-USD", Interval.D1, model="ewma_walk", step=1)
    assert step.outcome == pytest.approx(outcome, rel=1e-9)
    assert step.crps == pytest.approx(by_hand.crps[0], rel=1e-6)
    assert step.crps_naive == pytest.approx(by_hand.crps_naive[0], rel=1e-6)
    assert step.sealed
    assert (await house.ledger.verify()).ok


async def test_the_crps_of_the_random_walk_is_that_of_the_one_beside_it(house: House, clock):
    source = made(clock)
    await house.take(source)
    await house.issuer.forecast("EUR-USD", Interval.D1, 3, model="ewma_walk")
    clock.advance(3 * DAY)
    await house.take(source)
    assert (await house.resolver.resolve()).scored == 6
    for h in (1, 2, 3):
        (naive,) = await house.ledger.history("EUR-USD", Interval.D1, model="naive", step=h)
        (model,) = await house.ledger.history("EUR-USD", Interval.D1, model="ewma_walk", step=h)
        assert naive.crps == naive.crps_naive == model.crps_naive
        assert model.crps != model.crps_naive


async def test_a_bar_that_never_comes_makes_the_step_void_after_a_grace(house: House, clock):
    source = made(clock, without=1)
    await house.take(source)
    await house.issuer.forecast("EUR-USD", Interval.D1, 3, model="ewma_walk")
    clock.advance(5 * DAY)
    await house.take(source)
    assert await house.resolver.resolve() == Resolved(scored=4, void=0, waiting=2)
    clock.advance(4 * DAY)
    await house.take(source)
    assert await house.resolver.resolve() == Resolved(scored=0, void=2, waiting=0)
    assert await rows(house, "SELECT DISTINCT step, void, outcome, crps FROM scores WHERE void IS NOT NULL") == [
        (2, NEVER_CAME, None, None)
    ]
    assert (await house.ledger.verify()).ok


async def test_a_gap_filled_within_the_grace_is_scored(house: House, clock):
    await house.take(made(clock, without=1))
    await house.issuer.forecast("EUR-USD", Interval.D1, 3, model="ewma_walk")
    clock.advance(5 * DAY)
    await house.take(made(clock, without=1))
    assert (await house.resolver.resolve()).waiting == 2
    ((_, whole),) = made(clock).series.values()
    late = whole[whole.start == to_us(MONDAY + DAY)]
    await house.ingest.take(replace(late, known_at=np.array([to_us(clock.now())])))
    assert await house.resolver.resolve() == Resolved(scored=2, void=0, waiting=0)


async def test_a_series_that_ended_leaves_its_steps_waiting(house: House, clock):
    await house.take(made(clock))
    await house.issuer.forecast("EUR-USD", Interval.D1, 3, model="ewma_walk")
    clock.advance(300 * DAY)
    assert await house.resolver.resolve() == Resolved(scored=0, void=0, waiting=6)


async def test_a_forecast_recorded_after_its_target_ended_is_not_sealed(house: House, clock):
    source = made(clock)
    await house.take(source)
    clock.advance(timedelta(days=1, hours=5))  # the bars of yesterday and today have not been taken
    await house.issuer.forecast("EUR-USD", Interval.D1, 3, model="ewma_walk")
    clock.advance(2 * DAY)
    await house.take(source)
    await house.resolver.resolve()
    sealed = await rows(house, "SELECT DISTINCT step, sealed FROM scores ORDER BY step")
    assert [(step, bool(flag)) for step, flag in sealed] == [(1, False), (2, True), (3, True)]
    assert await house.performance.summary("EUR-USD", horizon=1, period="all") == []
    assert {row.n for row in await house.performance.summary("EUR-USD", horizon=2, period="all")} == {1}


@pytest.mark.parametrize("asset_class", [AssetClass.EQUITY, AssetClass.ETF])
async def test_a_split_between_anchor_and_target_is_brought_to_the_anchors_units(house: House, clock, asset_class):
    """Four new shares for one after Monday: the raw price falls to a quarter, what was owned is worth the same."""
    offer = an_offer("ACME", asset_class=asset_class)
    source = made(clock, offer=offer, factors=[Factor(date(2021, 1, 4), 1.0, 0.25)])
    ((_, bars),) = source.series.values()
    after = bars.start > to_us(MONDAY)
    columns = {
        name: np.where(after, getattr(bars, name) / 4, getattr(bars, name)) for name in ("open", "high", "low", "close")
    }
    source.series["ACME", Interval.D1] = (offer, replace(bars, **columns))
    await house.take(source)
    said = await house.issuer.forecast("ACME", Interval.D1, 3, model="ewma_walk")
    clock.advance(3 * DAY)
    await house.take(source)
    await house.resolver.resolve()
    for h in (1, 2, 3):
        (step,) = await house.ledger.history("ACME", Interval.D1, model="ewma_walk", step=h)
        raw = close_on(source, MONDAY + (h - 1) * DAY)
        assert step.outcome == pytest.approx(raw * (1 if h == 1 else 4), rel=1e-9)
        assert abs(step.outcome / said.anchor.price - 1) < 0.2


async def test_an_index_is_never_adjusted(house: House, clock):
    offer = an_offer("^IDX", asset_class=AssetClass.INDEX)
    source = made(clock, offer=offer)
    await house.take(source)
    await house.issuer.issue_news(3)
    clock.advance(DAY)
    await house.take(source)
    await house.resolver.resolve()
    (step,) = await house.ledger.history("^IDX", Interval.D1, model="naive", step=1)
    assert step.outcome == pytest.approx(close_on(source, MONDAY), rel=1e-9)


async def test_two_resolvers_at_once_score_each_step_once(house: House, clock, db):
    source = made(clock)
    await house.take(source)
    await house.issuer.forecast("EUR-USD", Interval.D1, 3, model="ewma_walk")
    clock.advance(3 * DAY)
    await house.take(source)
    async with a_house(db, clock) as other:
        import asyncio

        done = await asyncio.gather(house.resolver.resolve(), other.resolver.resolve())
    assert sum(d.scored for d in done) == 6
    assert (await house.ledger.verify()).ok


@pytest.mark.parametrize(
    ("symbol", "first", "days"),
    [
        ("SPY", datetime(2021, 3, 5, 22, tzinfo=UTC), 26),  # summer time begins on 14 March
        ("SPY", datetime(2020, 12, 18, 22, tzinfo=UTC), 30),  # Christmas, New Year, Martin Luther King
        ("EUR-USD", datetime(2021, 3, 19, 16, tzinfo=UTC), 30),  # summer time on 28 March, Easter
        ("AAPL", datetime(2020, 8, 21, 22, tzinfo=UTC), 30),  # four for one on 31 August
    ],
)
async def test_real_daily_forecasts_settle_across_clock_changes_holidays_and_splits(sqlite_db, symbol, first, days):
    clock = FixedClock(first)
    source = Some(Sample(clock), (symbol, Interval.D1))
    async with a_house(sqlite_db, clock) as house:
        await house.take(source)
        said = await house.issuer.forecast(symbol, Interval.D1, 15, model="ewma_walk")
        clock.advance(days * DAY)
        await house.take(source)
        done = await house.resolver.resolve()
        assert done == Resolved(scored=30, void=0, waiting=0)
        for h in range(1, 16):
            (step,) = await house.ledger.history(symbol, Interval.D1, model="ewma_walk", step=h)
            assert step.sealed
            assert abs(step.outcome / said.anchor.price - 1) < 0.35

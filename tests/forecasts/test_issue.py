"""Facts about issuing: what is said, what is recorded, and every way in which a request can be wrong."""

from datetime import timedelta

import numpy as np
import pytest

from tests.forecasts.house import DAY, MONDAY, House, Made, a_house, a_walk, an_offer
from truecast.domain.horizon import HorizonOutOfRange
from truecast.domain.instrument import AmbiguousSymbol, UnknownSymbol
from truecast.domain.interval import Interval
from truecast.forecasts.body import seal
from truecast.forecasts.issue import Issued
from truecast.kit.clock import FixedClock
from truecast.kit.errors import MalformedRequest
from truecast.kit.metrics import REGISTRY
from truecast.market.history import AsOfInFuture, IntervalNotAvailable
from truecast.models.base import HistoryTooShort
from truecast.models.catalog import UnknownModel

NOW = MONDAY + timedelta(hours=1)
OFFER = an_offer()
SHORT = an_offer("NEW-USD")


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
async def house(db, clock):
    async with a_house(db, clock, steps=5) as built:
        await built.take(made(clock))
        yield built


def made(clock) -> Made:
    last = MONDAY + 30 * DAY
    return Made(
        clock,
        (OFFER, a_walk(OFFER, MONDAY - 400 * DAY, last)),
        (SHORT, a_walk(SHORT, MONDAY - 10 * DAY, last)),
    )


async def test_a_forecast_says_everything_about_itself(house: House):
    said = await house.issuer.forecast("eur/usd", Interval.D1, "3", model="ewma_walk")
    assert (said.symbol, said.model, said.mode, said.horizon.steps) == ("EUR-USD", "ewma_walk", "replay", 3)
    assert said.targets == (MONDAY, MONDAY + DAY, MONDAY + 2 * DAY)
    assert said.target_ends[-1] == MONDAY + 3 * DAY
    assert said.issued_at == said.as_of == NOW
    assert said.anchor.bar_start == MONDAY - DAY
    assert not said.anchor.stale
    assert said.quantiles.values.shape[0] == 3
    assert said.coverage
    assert len(said.data_fingerprint) == 64


async def test_the_random_walk_is_recorded_beside_it(house: House):
    await house.issuer.forecast("EUR-USD", Interval.D1, 3, model="ewma_walk")
    assert [f.model for f in await house.ledger.latest()] == ["ewma_walk", "naive"]


async def test_asking_twice_gives_the_same_sealed_forecast(house: House, clock):
    first = await house.issuer.forecast("EUR-USD", Interval.D1, 3)
    clock.advance(timedelta(minutes=7))
    again = await house.issuer.forecast("EUR-USD", Interval.D1, 3)
    assert (again.id, again.issued_at) == (first.id, first.issued_at)


async def test_a_forecast_about_the_past_is_computed_but_not_recorded(house: House):
    said = await house.issuer.forecast("EUR-USD", Interval.D1, 3, as_of=NOW - 20 * DAY)
    assert said.id == ""
    assert said.anchor.bar_start == MONDAY - 21 * DAY
    assert await house.ledger.latest() == []


async def test_as_of_gives_what_was_issued_then(house: House, clock):
    issued = await house.issuer.forecast("EUR-USD", Interval.D1, 5)
    clock.advance(9 * DAY)
    await house.take(made(clock))
    then = await house.issuer.forecast("EUR-USD", Interval.D1, 5, as_of=NOW)
    assert as_said_at(then, issued) == as_said_at(issued, issued)


def as_said_at(forecast, issued) -> bytes:
    """The body, with the time at which it was issued."""
    from dataclasses import replace

    from truecast.forecasts.body import Draft

    return seal(Draft(replace(forecast, issued_at=issued.issued_at), 1.0, np.zeros(0)), None)[1]


async def test_not_recording_is_possible(house: House):
    assert (await house.issuer.forecast("EUR-USD", Interval.D1, 3, record=False)).id == ""
    assert (await house.ledger.verify()).rows == 0


async def test_a_stale_series_is_forecast_and_marked(house: House, clock):
    clock.advance(100 * DAY)
    said = await house.issuer.forecast("EUR-USD", Interval.D1, 3)
    assert said.anchor.stale
    assert said.id


async def test_the_naive_model_can_be_asked_for(house: House):
    assert (await house.issuer.forecast("EUR-USD", Interval.D1, 3, model="naive")).model == "naive"
    assert len(await house.ledger.latest()) == 1


async def test_a_resampled_interval_can_be_forecast(house: House):
    said = await house.issuer.forecast("EUR-USD", Interval.W1, 2)
    assert said.targets[0] == MONDAY
    assert said.anchor.bar_start == MONDAY - 7 * DAY


@pytest.mark.parametrize("steps", [0, 169, 1.5, "x", True, None, "1e1", -1])
async def test_a_horizon_that_is_none_is_an_error(house: House, steps):
    with pytest.raises(HorizonOutOfRange):
        await house.issuer.forecast("EUR-USD", Interval.D1, steps)


async def test_every_other_mistake_has_its_error(house: House):
    ask = house.issuer.forecast
    with pytest.raises(UnknownSymbol):
        await ask("EUR-USX", Interval.D1, 3)
    with pytest.raises(IntervalNotAvailable):
        await ask("EUR-USD", Interval.H1, 3)
    with pytest.raises(AsOfInFuture):
        await ask("EUR-USD", Interval.D1, 3, as_of=NOW + DAY)
    with pytest.raises(UnknownModel):
        await ask("EUR-USD", Interval.D1, 3, model="oracle")
    with pytest.raises(HistoryTooShort):
        await ask("NEW-USD", Interval.D1, 3)
    with pytest.raises(HistoryTooShort):
        await ask("EUR-USD", Interval.D1, 3, as_of=NOW - 1000 * DAY)
    with pytest.raises(MalformedRequest):
        await ask("EUR-USD", Interval.D1, 3, as_of=NOW.replace(tzinfo=None))
    assert (await house.ledger.verify()).rows == 0


async def test_an_ambiguous_symbol_lists_its_candidates(house: House, clock):
    await house.store.add_series(an_offer("EURU-SD"), "made")
    with pytest.raises(AmbiguousSymbol) as caught:
        await house.issuer.forecast("EURUSD", Interval.D1, 3)
    assert caught.value.facts["candidates"] == ["EUR-USD", "EURU-SD"]


async def test_a_round_issues_the_choice_and_the_walk_on_what_is_new_and_fresh(house: House):
    """On a random walk the choice is the random walk, which is recorded once."""
    assert await house.issuer.issue_news(5) == Issued(forecasts=1, series=1, stale=0, short=1)
    assert await house.issuer.issue_news(5) == Issued()


async def test_a_round_of_several_panels_seals_what_each_series_says_alone(house: House, clock):
    offers = [an_offer(f"M{i:03}-USD") for i in range(70)]
    walks = [(offer, a_walk(offer, MONDAY - 60 * DAY, MONDAY, seed=i)) for i, offer in enumerate(offers)]
    await house.take(Made(clock, *walks))
    assert (await house.issuer.issue_news(5)).series == 1 + len(offers)
    for number in (0, 63, 64, 69):
        symbol = f"M{number:03}-USD"
        sealed = await house.issuer.forecast(symbol, Interval.D1, 5)
        alone = await house.issuer.forecast(symbol, Interval.D1, 5, as_of=NOW)
        assert sealed.id and not alone.id
        assert np.array_equal(sealed.quantiles.values, alone.quantiles.values)
        assert sealed.explanation == alone.explanation


async def test_a_round_after_a_restart_issues_nothing_twice(house: House, clock, db):
    await house.issuer.issue_news(5)
    async with a_house(db, clock) as restarted:
        assert (await restarted.issuer.issue_news(5)).forecasts == 0


async def test_a_round_leaves_stale_series_alone(house: House, clock):
    clock.advance(100 * DAY)
    assert await house.issuer.issue_news(5) == Issued(stale=2)


async def test_every_step_says_when_its_outcome_is_due(house: House, db):
    await house.issuer.issue_news(5)
    async with db.read() as conn:
        rows = (await conn.exec_driver_sql("SELECT due, target_end FROM pending")).all()
    assert len(rows) == 5
    assert all(due >= target_end for due, target_end in rows)


async def test_what_was_recorded_is_counted_once(house: House):
    def issued() -> float:
        labels = {"model": "ewma_walk", "interval": "1d"}
        return REGISTRY.get_sample_value("truecast_forecasts_issued_total", labels) or 0

    before = issued()
    await house.issuer.forecast("EUR-USD", Interval.D1, 3, model="ewma_walk")
    assert issued() == before + 1
    labels = {"symbol": "EUR-USD", "interval": "1d"}
    assert REGISTRY.get_sample_value("truecast_forecast_issued_timestamp_seconds", labels) == NOW.timestamp()
    house.clock.advance(timedelta(minutes=1))
    await house.issuer.forecast("EUR-USD", Interval.D1, 3, model="ewma_walk")  # sealed already
    await house.issuer.forecast("EUR-USD", Interval.D1, 3, model="ewma_walk", as_of=NOW)  # not recorded
    assert issued() == before + 1

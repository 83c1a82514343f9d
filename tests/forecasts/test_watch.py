"""The watch reads the ledger and the series of each scope, and writes down what every check said."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from tests.forecasts.house import MONDAY, Made, a_house, a_walk, an_offer
from tests.models import walks
from truecast.domain.interval import Interval
from truecast.features.frame import frame_of_closes
from truecast.forecasts.drift import latest_drift
from truecast.forecasts.watch import Watch
from truecast.kit.clock import FixedClock, to_us
from truecast.models.catalog import UNTRAINED, catalogue_of
from truecast.models.location.boosted import LightGbm
from truecast.models.training import train

DAY = timedelta(days=1)
SCOPE = ("fx", "1d")


@pytest.fixture
async def house(db):
    async with a_house(db, FixedClock(MONDAY), steps=5) as made:
        yield made


def watch(house, catalogue=UNTRAINED):
    return Watch(house.db, house.store, house.history, house.issuer._compute, house.clock, lambda: catalogue)


def series(first, days, calm_from=None):
    """Two made-up pairs; from `calm_from` on they hardly move any more, so that intervals are far too wide."""
    found = []
    for seed, symbol in enumerate(("EUR-USD", "GBP-USD"), 1):
        offer = an_offer(symbol)
        bars = a_walk(offer, first, first + timedelta(days=days), seed=seed)
        if calm_from is not None:
            move = np.diff(np.log(bars.close), prepend=np.log(bars.close[0]))
            move[bars.start >= to_us(calm_from)] *= 1e-3
            close = 100 * np.exp(np.cumsum(move))
            bars = replace(bars, open=close, high=close, low=close, close=close)
        found.append((offer, bars))
    return found


async def test_sealed_outcomes_of_a_scope_are_checked_and_written_down(house):
    source = Made(house.clock, series(MONDAY - 100 * DAY, 200)[0])
    for _ in range(64):
        house.clock.advance(DAY)
        await house.take(source)
        await house.resolver.resolve()
        await house.issuer.forecast("EUR-USD", Interval.D1, 5, model="ewma_walk")
    found = {one.model: one for one in await watch(house).look()}
    assert [check.trigger for check in found["naive"].checks] == ["coverage"]
    assert [check.trigger for check in found["ewma_walk"].checks] == ["coverage", "crps"]
    assert all(one.scope == SCOPE and not one.drifted for one in found.values())
    assert found["ewma_walk"].checks[0].n in range(60, 65) and "1 ahead" in found["ewma_walk"].checks[0].detail
    async with house.db.read() as conn:
        rows = [row for row in await latest_drift(conn) if row.model == "ewma_walk"]
    assert [(row.trigger, row.drifted, row.at) for row in rows] == [
        (trigger, False, house.clock.now()) for trigger in ("coverage", "crps")
    ]


async def test_nothing_in_the_ledger_is_nothing_to_say(house):
    assert await watch(house).look() == []


def bound(trained_until, memory_of=walks.clustered):
    frames = [
        frame_of_closes(memory_of(seed, 1500), symbol=symbol) for seed, symbol in enumerate(("EUR-USD", "GBP-USD"))
    ]
    artifact = train(LightGbm(trees=3), frames, asset_class="fx", anchors=(1, 5))
    artifact = replace(artifact, trained_until=to_us(trained_until))
    return catalogue_of({"lightgbm": {SCOPE: ("v1", artifact)}}, {"EUR-USD": "fx", "GBP-USD": "fx"})


async def test_what_a_trained_model_reads_since_its_training_is_checked_for_novelty(house):
    calm = MONDAY - 100 * DAY
    await house.take(Made(house.clock, *series(MONDAY - 500 * DAY, 500)))
    (found,) = await watch(house, bound(calm)).look()
    (check,) = found.checks
    assert (found.model, found.scope, check.trigger, check.drifted) == ("lightgbm", SCOPE, "novelty", False)
    assert 2 * 95 <= check.n <= 2 * 101  # bars of both series since then


async def test_a_market_that_became_another_is_new(house):
    calm = MONDAY - 100 * DAY
    await house.take(Made(house.clock, *series(MONDAY - 500 * DAY, 500, calm_from=MONDAY - 60 * DAY)))
    (found,) = await watch(house, bound(calm)).look()
    assert found.checks[0].measured > 0.03


async def test_bars_from_before_the_training_are_not_new(house):
    await house.take(Made(house.clock, *series(MONDAY - 500 * DAY, 500)))
    (found,) = await watch(house, bound(MONDAY - 20 * DAY)).look()
    assert found.checks == ()

"""What the ledger says about one version of a model in its scope, on both databases."""

from datetime import timedelta

import numpy as np
from sqlalchemy import select

from tests.forecasts.house import MONDAY, Made, a_house, a_walk, an_offer
from truecast.domain.instrument import AssetClass
from truecast.domain.interval import Interval
from truecast.forecasts import tables
from truecast.forecasts.live import live_of
from truecast.kit.clock import FixedClock, to_us
from truecast.models.catalog import MODELS, version_of

DAY = timedelta(days=1)


async def test_sealed_outcomes_of_a_version_are_read_by_step_and_series(db):
    model = MODELS["drift"]
    artifact = model.version.removesuffix(version_of(""))
    async with a_house(db, FixedClock(MONDAY), steps=5) as house:
        offers = [an_offer("EUR-USD"), an_offer("GBP-USD"), an_offer("ACME", asset_class=AssetClass.EQUITY)]
        series = [(o, a_walk(o, MONDAY - 100 * DAY, MONDAY + 20 * DAY, seed=i)) for i, o in enumerate(offers)]
        source = Made(house.clock, *series)
        for _ in range(8):
            house.clock.advance(DAY)
            await house.take(source)
            await house.resolver.resolve()
            for offer in offers:
                await house.issuer.forecast(offer.instrument.symbol, Interval.D1, 5, model="drift")
        found = await live_of(db, "drift", ("fx", "1d"), [artifact, "never trained"])
        assert found["never trained"][0].moments == 0 and [one.step for one in found[artifact]] == [1, 5, 24]
        one, five, far = found[artifact]
        assert (one.moments, len(one.crps), far.moments) == (7, 14, 0) and five.moments == 3
        assert sorted(set(one.series.tolist())) == [0, 1], "the share is of another class"
        f, s = tables.forecasts.c, tables.scores.c
        async with db.read() as conn:
            query = (
                select(s.crps, s.crps_naive, f.anchor_start)
                .join_from(tables.forecasts, tables.scores, s.forecast_seq == f.seq)
                .where(f.model == "drift", f.symbol == "GBP-USD", s.step == 1)
                .order_by(f.seq)
            )
            rows = list(await conn.execute(query))
        mine = one.series == one.series[one.moment == to_us(MONDAY + 0 * DAY)][1]
        assert [tuple(row) for row in rows] == list(
            zip(one.crps[mine].tolist(), one.crps_naive[mine].tolist(), one.moment[mine].tolist(), strict=True)
        )
        assert one.moment.dtype == np.int64

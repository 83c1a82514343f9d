"""The replay proof: the same past gives the same ledger, byte by byte, and `as_of` gives what was issued then.

Three months of days are looked at twice a day, before and after all markets closed, to keep the test short;
benchmarks/replay.py does all series of the sample every hour.
"""

from datetime import datetime, timedelta

import numpy as np
import pytest

from tests.forecasts.test_issue import as_said_at
from tests.proofs.replays import FIRST, LAST, TWICE_A_DAY, chain, dump, replayed, sample
from truecast.domain.interval import Interval
from truecast.forecasts.body import read
from truecast.jobs.schedule import HOURLY, Schedule

D1, H1 = Interval.D1, Interval.H1
DAILY = (("EUR-USD", D1), ("SPY", D1), ("AAPL", D1), ("WTI", D1), ("^VIX", D1), ("US.CPI", Interval.MO1))
HOURLY_SERIES = (("EUR-USD", H1), ("SOL-USDT", H1), ("SPY", H1))


@pytest.mark.parametrize(
    ("wanted", "when", "until"),
    [
        pytest.param(DAILY, TWICE_A_DAY, LAST, id="three months of days"),
        pytest.param(HOURLY_SERIES, HOURLY, FIRST + timedelta(days=1), id="a day of hours"),
    ],
)
async def test_replaying_twice_gives_identical_ledgers_and_as_of_what_was_issued(
    tmp_path, wanted, when: Schedule, until: datetime
):
    async with replayed(tmp_path / "one.db", sample(*wanted), until, when=when) as house:
        first, head = await dump(house.db), (await house.ledger.head()).hash
        verification = await house.ledger.verify()
        assert verification.ok
        assert verification.head == head
        issued = [read(seq, ref, body).forecast for seq, _, ref, _, body, _ in await chain(house, "forecast")]
        assert {(f.symbol, f.horizon.interval) for f in issued} == set(wanted)
        assert len(issued) > 100
        for forecast in np.random.default_rng(5).choice(np.array(issued, object), 12, replace=False):
            again = await house.issuer.forecast(
                forecast.symbol,
                forecast.horizon.interval,
                forecast.horizon.steps,
                model=forecast.model,
                as_of=forecast.as_of,
            )
            assert as_said_at(again, forecast) == as_said_at(forecast, forecast)
    async with replayed(tmp_path / "two.db", sample(*wanted), until, when=when) as house:
        assert (await house.ledger.head()).hash == head
        assert await dump(house.db) == first

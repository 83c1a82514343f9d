"""The replay proof: the same past gives the same ledger, byte by byte, and `as_of` gives what was issued then."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tests.forecasts.test_issue import as_said_at
from tests.proofs.replays import bodies, dump, replayed
from truecast.domain.interval import Interval
from truecast.forecasts.body import read
from truecast.kit.clock import to_us

FIRST = datetime(2021, 1, 4, tzinfo=UTC)
LAST = datetime(2021, 3, 31, 23, tzinfo=UTC)
D1, H1 = Interval.D1, Interval.H1

DAILY = (("EUR-USD", D1), ("SPY", D1), ("AAPL", D1), ("WTI", D1), ("^VIX", D1), ("US.CPI", Interval.MO1))
HOURLY = (("EUR-USD", H1), ("SOL-USDT", H1), ("AAPL", H1))


@pytest.mark.parametrize(
    ("wanted", "until"),
    [pytest.param(DAILY, LAST, id="three months of days"), pytest.param(HOURLY, FIRST + timedelta(days=4), id="hours")],
)
async def test_replaying_twice_gives_identical_ledgers_and_as_of_what_was_issued(tmp_path, wanted, until):
    async with replayed(tmp_path / "one.db", FIRST, until, wanted) as house:
        first, head = await dump(house), (await house.ledger.head()).hash
        verification = await house.ledger.verify()
        assert verification.ok
        assert verification.head == head
        issued = [read(seq, ref, body).forecast for seq, ref, body, _ in await bodies(house, "forecast", to_us(until))]
        assert {(f.symbol, f.horizon.interval) for f in issued} == set(wanted)
        assert len(issued) > 200
        for forecast in np.random.default_rng(5).choice(np.array(issued, object), 24, replace=False):
            again = await house.issuer.forecast(
                forecast.symbol,
                forecast.horizon.interval,
                forecast.horizon.steps,
                model=forecast.model,
                as_of=forecast.as_of,
            )
            assert as_said_at(again, forecast) == as_said_at(forecast, forecast)
    async with replayed(tmp_path / "two.db", FIRST, until, wanted) as house:
        assert (await house.ledger.head()).hash == head
        assert await dump(house) == first

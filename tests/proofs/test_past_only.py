"""The past-only proof: whatever happens later, no forecast and no score up to now would have been another.

Every bar after a moment is changed, by five to thirty-five per cent, and a dividend and a split are thrown in: as much as
ingest believes. Up to that moment the chain must be the same, hash by hash; after it, it must differ, or nothing was
proved.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import pytest

from tests.forecasts.house import a_house
from tests.forecasts.test_issue import as_said_at
from tests.proofs.replays import FIRST, LAST, TWICE_A_DAY, Recent, chain, replayed, sample
from truecast.domain.bar import Bars
from truecast.domain.corporate import Factor
from truecast.domain.interval import Interval
from truecast.forecasts.issue import AUTO_MODEL, NAIVE
from truecast.kit.clock import FixedClock, to_us
from truecast.kit.db import Database
from truecast.migrations.upgrade import upgrade
from truecast.providers.base import Provider
from truecast.providers.hours import label_us
from truecast.providers.sample.adapter import Sample

D1, H1 = Interval.D1, Interval.H1
WANTED = (("EUR-USD", D1), ("AAPL", D1), ("WTI", D1), ("SOL-USDT", H1), ("US.CPI", Interval.MO1))
SPLIT = "AAPL"
UNTIL = FIRST + timedelta(days=24)


class Upset(Recent):
    """The sample, in which everything that becomes known after a moment comes out differently."""

    def __init__(self, provider: Provider, moment: datetime) -> None:
        super().__init__(provider, *WANTED)
        self._moment = moment

    async def bars(self, symbol: str, interval: Interval, since: datetime | None) -> Bars:
        bars = await super().bars(symbol, interval, since)
        later = bars.known_at > to_us(self._moment)
        if not later.any():
            return bars
        hours = (bars.start - to_us(self._moment)) / 3.6e9
        factor = np.where(later, 1.2 + 0.15 * np.sin(hours / 17), 1.0)
        if symbol == SPLIT:
            factor = np.where(bars.start > label_us(self._split_day()), 0.5 * factor, factor)
        return replace(bars, **{name: getattr(bars, name) * factor for name in ("open", "high", "low", "close")})

    async def factors(self, symbol: str) -> Sequence[Factor]:
        factors = list(await super().factors(symbol))
        if symbol != SPLIT or self._clock_now() <= self._moment + timedelta(days=3):
            return factors
        return [*factors, Factor(self._split_day(), 0.9, 0.5)]

    def _split_day(self) -> date:
        return self._moment.date() + timedelta(days=2)

    def _clock_now(self) -> datetime:
        return self._provider._clock.now()


async def test_changing_the_future_changes_nothing_said_before(tmp_path):
    async with replayed(tmp_path / "as it was.db", sample(*WANTED), UNTIL, when=TWICE_A_DAY) as house:
        untouched = await chain(house)
    for days in (0, 9, 17):
        moment = FIRST + timedelta(days=days, hours=17)

        def upset(clock, moment=moment):
            return Upset(Sample(clock), moment)

        async with replayed(tmp_path / f"{days}.db", upset, UNTIL, when=TWICE_A_DAY) as house:
            changed = await chain(house)
        before, after = (
            [[row for row in rows if (row[3] <= to_us(moment)) is early] for rows in (untouched, changed)]
            for early in (True, False)
        )
        assert before[0] == before[1]
        assert len(before[0]) > 0
        assert {row[5] for row in after[0]}.isdisjoint(row[5] for row in after[1])
        assert len(after[1]) > 0


ASKED = (
    ("EUR-USD", D1),
    ("EUR-USD", Interval.W1),
    ("AAPL", D1),
    ("AAPL", Interval.MO1),
    ("WTI", D1),
    ("SOL-USDT", H1),
    ("SOL-USDT", Interval.H4),
    ("SOL-USDT", D1),
    ("US.CPI", Interval.MO1),
)


@pytest.mark.parametrize("model", [NAIVE, AUTO_MODEL])
async def test_a_store_that_knows_the_future_says_the_same_about_the_past(tmp_path, model):
    """Here the future is in the store all along, and only `as_of` keeps it out."""
    moment = FIRST + timedelta(days=31, hours=17)
    said = []
    for name in ("as it was", "upset"):
        db = Database.open(f"sqlite:///{tmp_path}/{name}.db", synchronous="NORMAL")
        await upgrade(db)
        clock = FixedClock(LAST)
        async with a_house(db, clock) as house:
            real = Sample(clock)
            await house.take(Upset(real, moment) if name == "upset" else Recent(real, *WANTED))
            said.append(
                [
                    as_said_at(forecast, forecast)
                    for symbol, interval in ASKED
                    for as_of in (moment, moment - timedelta(days=3))
                    for forecast in [await house.issuer.forecast(symbol, interval, 24, model=model, as_of=as_of)]
                ]
            )
            now = await house.issuer.forecast("AAPL", D1, 24, model=model)
            said[-1].append(now.data_fingerprint)
        await db.close()
    *past, present = zip(*said, strict=True)
    assert [one == other for one, other in past] == [True] * len(past)
    assert present[0] != present[1], "nothing was changed: nothing was proved"

"""Facts about taking news from a source."""

from datetime import timedelta

import numpy as np
import pytest

from tests.forecasts.house import DAY, MONDAY, House, Made, Some, a_house, a_walk, an_offer
from truecast.domain.interval import Interval
from truecast.jobs.ingest import Intake
from truecast.kit.clock import FixedClock, to_us
from truecast.kit.errors import TruecastError
from truecast.providers.sample.adapter import Sample


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(MONDAY + timedelta(hours=1))


@pytest.fixture
async def house(db, clock):
    async with a_house(db, clock) as built:
        yield built


OFFERS = [an_offer(f"X{i}-USD") for i in range(5)]


class Broken(Made):
    """A source some of whose series fail."""

    failing: frozenset[str] = frozenset()

    async def bars(self, symbol, interval, since):
        if symbol in self.failing:
            raise SourceAway(symbol=symbol)
        return await super().bars(symbol, interval, since)


class SourceAway(TruecastError):
    code = "source_away"
    template = "{symbol} is away"


def made(clock, kind=Made) -> Made:
    return kind(clock, *((o, a_walk(o, MONDAY - 40 * DAY, MONDAY + 9 * DAY, seed=i)) for i, o in enumerate(OFFERS)))


def intake(house: House, source) -> Intake:
    return Intake(source, house.store, house.ingest, house.clock)


async def test_the_first_time_everything_known_is_taken_then_only_news(house: House, clock):
    way = intake(house, made(clock))
    assert (await way.take_news()).counts["inserted"] == 5 * 40
    assert (await way.take_news()).skipped
    clock.advance(2 * DAY)
    assert (await way.take_news()).counts["inserted"] == 5 * 2
    assert (await intake(house, made(clock)).take_news()).skipped  # another process knows where the store ends


async def test_progress_is_told_series_by_series(house: House, clock):
    told = []
    await intake(house, made(clock)).take_news(lambda *step: told.append(step))
    assert told == [("data", i, 5) for i in range(1, 6)]


async def test_one_failing_series_does_not_stop_the_others(house: House, clock):
    source = made(clock, Broken)
    source.failing = frozenset({"X1-USD", "X3-USD"})
    done = await intake(house, source).take_news()
    assert (done.counts["series"], done.counts["failed"]) == (3, 2)
    assert "X1-USD 1d: source_away: X1-USD is away" in done.error


async def test_a_source_that_fails_three_times_in_a_row_is_left_alone(house: House, clock):
    source = made(clock, Broken)
    source.failing = frozenset({"X0-USD", "X1-USD", "X2-USD"})
    done = await intake(house, source).take_news()
    assert (done.counts["series"], done.counts["failed"]) == (0, 3)


async def test_what_failed_is_taken_the_next_time(house: House, clock):
    source = made(clock, Broken)
    source.failing = frozenset({"X1-USD"})
    way = intake(house, source)
    await way.take_news()
    source.failing = frozenset()
    assert (await way.take_news()).counts["inserted"] == 40


async def test_a_bad_bar_is_kept_out_and_counted(house: House, clock):
    source = made(clock)
    _, bars = source.series["X2-USD", Interval.D1]
    bars.high[5] = bars.low[5] / 2
    done = await intake(house, source).take_news()
    assert done.counts["quarantined"] == 1
    assert done.counts["inserted"] == 5 * 40 - 1


async def test_a_factor_is_there_before_the_first_bar_after_it(sqlite_db):
    clock = FixedClock(MONDAY.replace(year=2020, month=8, day=28))
    source = Some(Sample(clock), ("AAPL", Interval.D1))
    async with a_house(sqlite_db, clock) as house:
        way = intake(house, source)
        await way.take_news()
        clock.advance(5 * DAY)
        await way.take_news()
        instrument = (await house.store.universe()).get("AAPL")
        raw = (await house.history.bars(instrument, Interval.D1, limit=4)).bars
        fair = (await house.history.bars(instrument, Interval.D1, limit=4, adjust="all")).bars
    before = raw.start < to_us(MONDAY.replace(year=2020, month=8, day=31))
    assert np.allclose(fair.close[before] / raw.close[before], 0.25)
    assert (fair.close[~before] == raw.close[~before]).all()

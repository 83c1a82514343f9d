"""Times as the world has them, through the door of the store: clock changes, half days, weekends, disorder, other units."""

from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pytest

from tests.market.moments import at, said, us
from tests.market.offers import offer
from truecast.domain.bar import Bars, IntArray
from truecast.domain.interval import Interval
from truecast.kit.bus import InProcessBus
from truecast.kit.clock import FixedClock
from truecast.kit.db import Database
from truecast.market.calendar import calendar
from truecast.market.ingest import Ingest, Ingested
from truecast.market.store import BarStore

H1, M30, D1 = Interval.H1, Interval.M30, Interval.D1


@dataclass
class Door:
    store: BarStore
    ingest: Ingest
    clock: FixedClock

    async def take(self, starts: IntArray, along: str, interval: Interval) -> Ingested:
        await self.store.add_series(replace(offer("EUR-USD", interval), calendar=along), "test")
        return await self.ingest.take(bars_at(starts, along, interval))

    async def missing(self) -> list[str]:
        return [f"{said([us(g.first.isoformat()[:19])])[0]} x{g.missing}" for g in await self.store.gaps()]


def bars_at(starts: IntArray, along: str, interval: Interval) -> Bars:
    n = len(starts)
    close = 1.2 + 0.001 * np.sin(np.arange(n))
    known = calendar(along).known_at(starts, interval)
    return Bars(
        "EUR-USD", interval, starts, known, close, close + 0.01, close - 0.01, close, np.arange(1.0, n + 1),
        np.ones(n, np.bool_), np.zeros(n, np.int16), ("test",),
    )  # fmt: skip


@pytest.fixture
def door(sqlite_db: Database) -> Door:
    store, clock = BarStore(sqlite_db), FixedClock(at("2026-11-20"))
    return Door(store, Ingest(store, InProcessBus(clock), clock), clock)


# Calendar, interval, stretch, how many bars it has, and one of them in the night, or on the day, that is special.
SPECIAL = [
    ("FX", H1, "2021-03-12T12:00", "2021-03-16T00:00", 10 + 28, "2021-03-14T21:00"),  # New York's clocks go on
    ("FX", H1, "2021-11-05T12:00", "2021-11-09T00:00", 9 + 27, "2021-11-07T22:00"),  # and back
    ("24/7", H1, "2021-03-28T00:00", "2021-03-28T23:00", 24, "2021-03-28T01:00"),  # Europe's: no hour is lost
    ("24/7", H1, "2021-10-31T00:00", "2021-10-31T23:00", 24, "2021-10-31T01:00"),  # nor doubled
    ("XNYS", M30, "2021-03-12T00:00", "2021-03-16T00:00", 26, "2021-03-15T13:30"),  # opens an hour earlier in UTC
    (
        "XNYS",
        M30,
        "2020-11-25T00:00",
        "2020-12-01T00:00",
        13 + 7 + 13,
        "2020-11-27T17:30",
    ),  # half a day after a holiday
    ("XNYS", D1, "2020-11-23T00:00", "2020-12-01T00:00", 6, "2020-11-27T00:00"),
    ("XLON", M30, "2021-12-23T00:00", "2021-12-30T00:00", 17 + 9 + 17, "2021-12-24T12:00"),
    ("TARGET", D1, "2021-03-26T00:00", "2021-04-07T00:00", 7, "2021-04-06T00:00"),  # Easter
]


@pytest.mark.parametrize(("along", "interval", "first", "last", "count", "special"), SPECIAL)
async def test_a_whole_stretch_has_no_gap_and_one_bar_less_is_one_gap(
    door: Door, along: str, interval: Interval, first: str, last: str, count: int, special: str
) -> None:
    expected = calendar(along).expected(us(first), us(last), interval)
    assert len(expected) == count and us(special) in expected, said(expected)
    taken = await door.take(expected[expected != us(special)], along, interval)
    inner = us(special) not in (expected[0], expected[-1])
    assert (taken.quarantined, await door.missing()) == (0, [f"{said([us(special)])[0]} x1"] if inner else [])
    taken = await door.take(np.array([us(special)]), along, interval)
    assert (taken.appended.inserted, taken.gaps_closed) == (1, int(inner))
    assert {gap.state for gap in await door.store.gaps()} <= {"filled"}


async def test_candles_out_of_order_are_the_same_candles(door: Door) -> None:
    starts = calendar("24/7").expected(us("2021-01-04T00:00"), us("2021-01-06T00:00"), H1)
    whole = bars_at(starts, "24/7", H1)
    shuffled = np.random.default_rng(3).permutation(len(starts))
    await door.store.add_series(offer("EUR-USD"), "test")
    taken = await door.ingest.take(whole[shuffled])
    assert (taken.appended.inserted, taken.quarantined, await door.store.gaps()) == (len(starts), 0, [])
    stored = await door.store.read("EUR-USD", H1)
    assert np.array_equal(stored.start, whole.start) and np.array_equal(stored.close, whole.close)


async def test_older_candles_after_newer_ones_fill_their_place(door: Door) -> None:
    starts = calendar("24/7").expected(us("2021-01-04T00:00"), us("2021-01-06T00:00"), H1)
    for part in (starts[30:], starts[:10], starts[20:30], starts[10:20]):
        await door.take(part, "24/7", H1)
    assert len(await door.store.read("EUR-USD", H1)) == len(starts)
    assert {gap.state for gap in await door.store.gaps()} == {"filled"}


async def test_a_time_in_a_finer_unit_lies_in_the_future_and_is_refused(door: Door) -> None:
    starts = np.array([us("2021-01-04T00:00") * 1_000])
    whole = bars_at(np.array([us("2021-01-04T00:00")]), "24/7", H1)
    await door.store.add_series(offer("EUR-USD"), "test")
    taken = await door.ingest.take(replace(whole, start=starts, known_at=starts))
    assert (taken.quarantined, [q.reason for q in await door.store.quarantined()]) == (1, ["starts_in_future"])


async def test_a_time_in_a_coarser_unit_is_on_no_grid(door: Door) -> None:
    whole = bars_at(np.array([us("2021-01-04T01:00")]), "24/7", H1)
    start = whole.start // 1_000
    await door.store.add_series(offer("EUR-USD"), "test")
    await door.ingest.take(replace(whole, start=start, known_at=start))
    assert [q.reason for q in await door.store.quarantined()] == ["misaligned"]


async def test_a_clock_that_is_a_little_ahead_is_no_fault_and_one_that_is_far_ahead_is(door: Door) -> None:
    for ahead, quarantined in ((timedelta(minutes=4), 0), (timedelta(minutes=6), 1)):
        clock = FixedClock(at("2026-11-21") - ahead)
        ingest = Ingest(door.store, InProcessBus(clock), clock)
        await door.store.add_series(offer("EUR-USD"), "test")
        taken = await ingest.take(bars_at(np.array([us("2026-11-21T00:00")]), "24/7", H1))
        assert taken.quarantined == quarantined

"""The gap ledger."""

from datetime import datetime

import numpy as np
import pytest
import sqlalchemy as sa

from tests.market.offers import HOUR, NOW, T0, bar, bars, offer
from truecast.domain.bar import IntArray
from truecast.domain.interval import Interval
from truecast.kit.bus import InProcessBus
from truecast.kit.clock import FixedClock, to_us
from truecast.kit.db import Database
from truecast.market.calendar import Calendar, calendar
from truecast.market.gaps import Gap, Run, runs_of_missing
from truecast.market.ingest import Ingest
from truecast.market.sessions import BeyondCalendar
from truecast.market.store import BarStore
from truecast.market.tables import gaps


@pytest.fixture
async def store(db: Database) -> BarStore:
    store = BarStore(db)
    await store.add_series(offer(), "test")
    return store


@pytest.fixture
def ingest(store: BarStore) -> Ingest:
    clock = FixedClock(NOW)
    return Ingest(store, InProcessBus(clock), clock)


async def ledger(store: BarStore) -> list[tuple[float, float, int, str]]:
    """Hours of the first and last missing bar, how many, and the state."""
    return [(hour(g.first), hour(g.last), g.missing, g.state) for g in await store.gaps("EUR-USD")]


def hour(at: datetime) -> float:
    return (at - T0) / HOUR


async def take(ingest: Ingest, *hours: int) -> tuple[int, int]:
    taken = await ingest.take(bars([bar(h) for h in hours]))
    return taken.gaps_opened, taken.gaps_closed


async def test_what_the_calendar_expects_inside_a_batch_and_did_not_come_is_a_gap(
    store: BarStore, ingest: Ingest
) -> None:
    assert await take(ingest, 0, 1, 4, 5, 9) == (2, 0)
    assert await ledger(store) == [(2, 3, 2, "open"), (6, 8, 3, "open")]
    (first, _) = await store.gaps()
    assert first == Gap(
        id=first.id,
        symbol="EUR-USD",
        interval=Interval.H1,
        source="test",
        first=T0 + 2 * HOUR,
        last=T0 + 3 * HOUR,
        missing=2,
        cause="not_delivered",
        attempts=0,
        state="open",
        opened_at=NOW,
        closed_at=None,
    )


async def test_a_gap_between_batches_is_found_on_either_side(store: BarStore, ingest: Ingest) -> None:
    await take(ingest, 10, 11)
    assert await take(ingest, 14) == (1, 0)
    assert await take(ingest, 7) == (1, 0)
    assert await ledger(store) == [(8, 9, 2, "open"), (12, 13, 2, "open")]


async def test_nothing_is_missing_before_the_first_bar_or_after_the_last(store: BarStore, ingest: Ingest) -> None:
    assert await take(ingest, 5) == (0, 0)
    assert await take(ingest, 6) == (0, 0)
    assert await ledger(store) == []


async def test_a_gap_closes_when_its_bars_arrive(store: BarStore, ingest: Ingest) -> None:
    await take(ingest, 0, 3)
    assert await take(ingest, 1, 2) == (0, 1)
    (gap,) = await store.gaps()
    assert (gap.state, gap.closed_at) == ("filled", NOW)


async def test_a_gap_filled_in_part_shrinks(store: BarStore, ingest: Ingest) -> None:
    await take(ingest, 0, 9)
    assert await take(ingest, 4) == (0, 0)
    assert await ledger(store) == [(1, 3, 3, "open"), (5, 8, 4, "open")]
    assert await take(ingest, 1, 2) == (0, 0)
    assert await ledger(store) == [(3, 3, 1, "open"), (5, 8, 4, "open")]
    assert await take(ingest, 3, 5, 6, 7, 8) == (0, 2)


async def test_a_gap_nobody_can_fill_is_not_opened_again_and_shrinks_when_bars_come_after_all(
    store: BarStore, ingest: Ingest
) -> None:
    await take(ingest, 0, 5)
    async with store.db.write() as conn:
        await conn.execute(sa.update(gaps).values(state="unfillable"))
    assert await take(ingest, 2) == (0, 0)
    assert await take(ingest, 6) == (0, 0)
    assert await ledger(store) == [(1, 1, 1, "unfillable"), (3, 4, 2, "unfillable")]


async def test_hearing_the_same_again_changes_nothing(store: BarStore, ingest: Ingest) -> None:
    await take(ingest, 0, 5)
    before = await store.gaps()
    assert await take(ingest, 0, 5) == (0, 0)
    assert await store.gaps() == before


async def test_a_closed_market_is_no_gap(db: Database) -> None:
    store, clock = BarStore(db), FixedClock(NOW)
    week = offer("SPY", Interval.D1)
    await store.add_series(type(week)(week.instrument, Interval.D1, "XNYS", "eod", None, "test"), "test")
    days = [bar(24 * d) for d in (0, 1, 2, 3, 4, 7, 8, 10)]  # 2021-01-04 is a Monday; Wednesday the 13th is missing
    taken = await Ingest(store, InProcessBus(clock), clock).take(bars(days, symbol="SPY", interval=Interval.D1))
    assert taken.gaps_opened == 1
    (gap,) = await store.gaps("SPY", Interval.D1)
    assert (gap.first, gap.missing) == (T0 + 24 * 9 * HOUR, 1)
    assert await store.gaps("EUR-USD") == []


async def test_a_refused_bar_leaves_a_gap_that_says_so(store: BarStore, ingest: Ingest) -> None:
    taken = await ingest.take(bars([bar(0), bar(1, -5.0), bar(2), bar(4)]))
    assert (taken.quarantined, taken.gaps_opened) == (1, 2)
    assert [g.cause for g in await store.gaps()] == ["quarantined", "not_delivered"]


async def test_every_source_has_its_own_gaps(store: BarStore, ingest: Ingest) -> None:
    await store.add_series(offer(), "other")
    await take(ingest, 0, 1, 2)
    await ingest.take(bars([bar(0), bar(2)], "other"))
    assert [(g.source, g.missing) for g in await store.gaps()] == [("other", 1)]


async def test_where_the_calendar_does_not_reach_no_gap_is_invented_and_none_is_closed(store: BarStore) -> None:
    class Short:
        def ends(self, start: IntArray, interval: Interval) -> IntArray:
            return calendar("24/7").ends(start, interval)

        def expected(self, first_us: int, last_us: int, interval: Interval) -> IntArray:
            if first_us < to_us(T0):
                raise BeyondCalendar(calendar="short", first=T0, last=NOW, asked=T0)
            return calendar("24/7").expected(first_us, last_us, interval)

    def short(_: str) -> Calendar:
        return Short()  # type: ignore[return-value]

    clock = FixedClock(NOW)
    ingest = Ingest(store, InProcessBus(clock), clock, short)
    await take(ingest, 0, 5)
    assert await take(ingest, -9) == (0, 0)
    assert await ledger(store) == [(1, 4, 4, "open")]


async def test_only_the_neighbourhood_of_what_was_written_is_looked_at(store: BarStore) -> None:
    asked: list[tuple[float, float]] = []

    class Watched:
        def ends(self, start: IntArray, interval: Interval) -> IntArray:
            return calendar("24/7").ends(start, interval)

        def expected(self, first_us: int, last_us: int, interval: Interval) -> IntArray:
            asked.append(((first_us - to_us(T0)) / 3.6e9, (last_us - to_us(T0)) / 3.6e9))
            return calendar("24/7").expected(first_us, last_us, interval)

    clock = FixedClock(NOW)
    ingest = Ingest(store, InProcessBus(clock), clock, lambda _: Watched())  # type: ignore[arg-type,return-value]
    await take(ingest, *range(100))
    await take(ingest, 100)
    await take(ingest, 50)
    assert asked == [(0, 99), (99, 100)]


def test_runs_are_consecutive_in_what_is_expected() -> None:
    expected = np.array([10, 20, 50, 60, 70, 90], np.int64)
    assert runs_of_missing(expected, np.array([10, 70], np.int64)) == [Run(20, 60, 3), Run(90, 90, 1)]
    assert runs_of_missing(expected, expected) == []
    assert runs_of_missing(expected[:0], expected) == []

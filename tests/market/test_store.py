"""The store, the same facts on SQLite and PostgreSQL."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy.exc import DBAPIError

from tests.market.offers import HOUR, NOW, T0, bar, bars, instrument, offer, rows_of, walk
from truecast.domain.interval import Interval
from truecast.kit.db import Database
from truecast.market.append import Appended, BarsNotValid
from truecast.market.registry import SeriesNotKept
from truecast.market.store import BarStore

H1 = Interval.H1


@pytest.fixture
async def store(db: Database) -> BarStore:
    store = BarStore(db)
    await store.add_series(offer(), "test")
    return store


async def test_gives_back_what_it_was_given(store: BarStore) -> None:
    given = [bar(0, 1.1, volume=5.0), bar(1, 1 / 3, volume=None), bar(2, 1e-300, volume=0.0), bar(3, -37.63)]
    assert await store.append(bars(given), received_at=NOW) == Appended(inserted=4)
    found = await store.read("EUR-USD", H1)
    assert rows_of(found) == given
    assert found.sources == ("test",) and found.symbol == "EUR-USD" and found.interval is H1


async def test_keeps_ten_thousand_rows_exactly(store: BarStore) -> None:
    given = walk(60_001)
    await store.append(given, received_at=NOW)
    found = await store.read("EUR-USD", H1)
    for name in ("start", "known_at", "open", "high", "low", "close", "volume", "final"):
        np.testing.assert_array_equal(getattr(found, name), getattr(given, name))


async def test_a_repeated_batch_changes_nothing_even_when_known_later(store: BarStore) -> None:
    given = [bar(0), bar(1, volume=2.0)]
    await store.append(bars(given), received_at=NOW)
    later = [replace(b, known_at=b.known_at + HOUR) for b in given]
    assert await store.append(bars(given), received_at=NOW) == Appended(unchanged=2)
    assert await store.append(bars(later), received_at=NOW) == Appended(unchanged=2)
    assert rows_of(await store.read("EUR-USD", H1)) == given
    assert (await store.series())[0].bars == 2


async def test_a_correction_is_a_new_row_and_the_old_one_is_read_as_of_then(store: BarStore) -> None:
    first, second = bar(0, 1.0, known=1), bar(0, 2.0, known=5)
    await store.append(bars([first]), received_at=NOW)
    assert await store.append(bars([second]), received_at=NOW) == Appended(corrected=1)
    assert rows_of(await store.read("EUR-USD", H1)) == [second]
    assert rows_of(await store.read("EUR-USD", H1, as_of=T0 + 5 * HOUR)) == [second]
    assert rows_of(await store.read("EUR-USD", H1, as_of=T0 + 5 * HOUR - timedelta(microseconds=1))) == [first]
    assert rows_of(await store.read("EUR-USD", H1, as_of=T0)) == []


async def test_other_values_under_the_same_known_at_are_known_when_received(store: BarStore) -> None:
    await store.append(bars([bar(0, 1.0)]), received_at=NOW)
    changed = bars([bar(0, 2.0)])
    assert await store.append(changed, received_at=NOW + HOUR) == Appended(corrected=1)
    assert await store.append(changed, received_at=NOW + 2 * HOUR) == Appended(unchanged=1)
    assert rows_of(await store.read("EUR-USD", H1, as_of=NOW)) == [bar(0, 1.0)]
    assert rows_of(await store.read("EUR-USD", H1)) == [replace(bar(0, 2.0), known_at=NOW + HOUR)]


async def test_yesterdays_file_again_does_not_undo_a_correction(store: BarStore) -> None:
    await store.append(bars([bar(0, 1.0)]), received_at=NOW)
    await store.append(bars([bar(0, 2.0)]), received_at=NOW + HOUR)
    assert await store.append(bars([bar(0, 1.0)]), received_at=NOW + 2 * HOUR) == Appended(unchanged=1)
    assert (await store.read("EUR-USD", H1)).close.tolist() == [2.0]


async def test_a_later_download_does_not_claim_that_a_late_bar_was_known_earlier(store: BarStore) -> None:
    late = bar(0, known=50)
    await store.append(bars([late]), received_at=NOW)
    assert await store.append(bars([bar(0, known=1)]), received_at=NOW) == Appended(unchanged=1)
    assert rows_of(await store.read("EUR-USD", H1, as_of=T0 + 49 * HOUR)) == []


async def test_an_older_vintage_may_arrive_later(store: BarStore) -> None:
    newest, oldest = bar(0, 3.0, known=30), bar(0, 1.0, known=10)
    await store.append(bars([newest]), received_at=NOW)
    await store.append(bars([oldest]), received_at=NOW)
    assert rows_of(await store.read("EUR-USD", H1, as_of=T0 + 29 * HOUR)) == [oldest]
    assert rows_of(await store.read("EUR-USD", H1)) == [newest]


async def test_one_batch_may_be_unordered_and_hold_duplicates_and_vintages(store: BarStore) -> None:
    batch = [bar(2), bar(0, 2.0, known=9), bar(1), bar(0, 1.0, known=1), bar(2), bar(0, 2.0, known=12)]
    assert await store.append(bars(batch), received_at=NOW) == Appended(inserted=3, corrected=1, unchanged=2)
    assert rows_of(await store.read("EUR-USD", H1)) == [bar(0, 2.0, known=9), bar(1), bar(2)]
    assert await store.append(bars(batch), received_at=NOW + HOUR) == Appended(unchanged=6)


async def test_becoming_final_is_a_change(store: BarStore) -> None:
    forming = replace(bar(0, known=0.5), final=False)
    await store.append(bars([forming]), received_at=NOW)
    assert await store.append(bars([bar(0)]), received_at=NOW) == Appended(corrected=1)
    assert (await store.read("EUR-USD", H1)).final.tolist() == [True]


async def test_start_is_inclusive_end_exclusive_and_limit_takes_the_last(store: BarStore) -> None:
    await store.append(bars([bar(h) for h in range(10)]), received_at=NOW)

    async def hours(**window: object) -> list[int]:
        found = await store.read("EUR-USD", H1, **window)  # type: ignore[arg-type]
        return [(b.start - T0) // HOUR for b in rows_of(found)]

    assert await hours(start=T0 + 2 * HOUR, end=T0 + 5 * HOUR) == [2, 3, 4]
    assert await hours(limit=3) == [7, 8, 9]
    assert await hours(limit=3, end=T0 + 5 * HOUR) == [2, 3, 4]
    assert await hours(limit=99, start=T0 + 8 * HOUR) == [8, 9]
    assert await hours(limit=2, as_of=T0 + 5 * HOUR) == [3, 4]
    assert await hours(start=T0 + 5 * HOUR, end=T0 + 5 * HOUR) == []
    assert await hours(limit=0) == []


async def test_limit_counts_bars_not_versions(store: BarStore) -> None:
    versions = [bar(h, 1.0 + v, known=20 + v) for h in range(6) for v in range(4)]
    await store.append(bars(versions), received_at=NOW)
    found = await store.read("EUR-USD", H1, limit=5)
    assert rows_of(found) == [bar(h, 4.0, known=23) for h in range(1, 6)]
    found = await store.read("EUR-USD", H1, limit=5, as_of=T0 + 21 * HOUR)
    assert rows_of(found) == [bar(h, 2.0, known=21) for h in range(1, 6)]


async def test_a_bar_comes_from_the_source_of_highest_priority_and_says_so(store: BarStore) -> None:
    await store.add_series(offer(), "sample")
    await store.add_series(offer(), "first", priority=1)
    await store.append(bars([bar(0, 1.0), bar(1, 1.0), bar(2, 1.0), bar(3, 1.0)], "sample"), received_at=NOW)
    await store.append(bars([bar(1, 2.0), bar(2, 2.0)], "test"), received_at=NOW)
    await store.append(bars([bar(2, 3.0)], "first"), received_at=NOW)
    found = await store.read("EUR-USD", H1)
    assert found.close.tolist() == [1.0, 2.0, 3.0, 1.0]
    assert [found.source_of(t) for t in range(4)] == ["sample", "test", "first", "sample"]
    found = await store.read("EUR-USD", H1, limit=2)
    assert [found.source_of(t) for t in range(2)] == ["first", "sample"]
    only = await store.read("EUR-USD", H1, source="sample")
    assert only.close.tolist() == [1.0] * 4 and only.sources == ("sample",)
    # What the better source knew only later does not hide what was known then.
    early = await store.read("EUR-USD", H1, as_of=T0 + 2 * HOUR)
    assert [early.source_of(t) for t in range(2)] == ["sample", "test"]


async def test_derived_numbers_come_after_original_ones_of_equal_priority(store: BarStore) -> None:
    await store.add_series(offer(derived="A / B"), "a-derived")
    assert [s.source for s in await store.series("EUR-USD")] == ["test", "a-derived"]


async def test_one_batch_may_hold_several_sources(store: BarStore) -> None:
    await store.add_series(offer(), "other", priority=1)
    both = replace(bars([bar(0, 1.0), bar(1, 2.0)]), source=np.array([1, 0], np.int16), sources=("test", "other"))
    assert await store.append(both, received_at=NOW) == Appended(inserted=2)
    assert [s.bars for s in await store.series()] == [1, 1]


async def test_a_batch_is_all_or_nothing(store: BarStore) -> None:
    both = replace(bars([bar(0), bar(1)]), source=np.array([0, 1], np.int16), sources=("test", "nobody"))
    with pytest.raises(SeriesNotKept):
        await store.append(both, received_at=NOW)
    assert len(await store.read("EUR-USD", H1)) == 0
    assert (await store.series())[0].received_at is None


@pytest.mark.parametrize(
    "wrong", [{"known_at": T0}, {"close": np.nan}, {"open": np.inf}, {"high": -np.inf}, {"low": np.nan}]
)
async def test_refuses_what_no_store_of_bars_may_hold(store: BarStore, wrong: dict[str, object]) -> None:
    with pytest.raises(BarsNotValid, match="1 bars of EUR-USD"):
        await store.append(bars([bar(0), replace(bar(1), **wrong)]), received_at=NOW)  # type: ignore[arg-type]


async def test_refuses_bars_of_a_series_that_is_not_kept(store: BarStore) -> None:
    with pytest.raises(SeriesNotKept, match="EUR-USD at 1h from nobody"):
        await store.append(bars([bar(0)], "nobody"), received_at=NOW)


async def test_refuses_a_batch_that_contradicts_itself(store: BarStore) -> None:
    with pytest.raises(BarsNotValid, match="2 bars"):
        await store.append(bars([bar(0, 1.0), bar(1), bar(0, 2.0)]), received_at=NOW)


async def test_what_is_not_kept_reads_as_no_bars(store: BarStore) -> None:
    assert len(await store.read("EUR-USD", Interval.D1)) == 0
    assert len(await store.read("GBP-USD", H1)) == 0


async def test_a_series_tells_how_much_there_is(store: BarStore) -> None:
    (empty,) = await store.series()
    assert (empty.first, empty.last, empty.bars, empty.received_at) == (None, None, 0, None)
    await store.append(bars([bar(5), bar(3)]), received_at=NOW)
    await store.append(bars([bar(3, 9.0, known=90), bar(4)]), received_at=NOW + HOUR)
    (info,) = await store.series("EUR-USD")
    assert (info.first, info.last, info.bars) == (T0 + 3 * HOUR, T0 + 5 * HOUR, 3)
    assert (info.known_until, info.received_at) == (T0 + 90 * HOUR, NOW + HOUR)
    assert (info.delay, info.calendar, info.origin, info.derived) == ("eod", "24/7", "made up for a test", None)


async def test_hearing_nothing_new_still_counts_as_hearing(store: BarStore) -> None:
    await store.append(bars([bar(0)]), received_at=NOW)
    await store.append(bars([bar(0)]), received_at=NOW + HOUR)
    assert (await store.series())[0].received_at == NOW + HOUR


async def test_instruments_round_trip_and_their_description_may_change(store: BarStore) -> None:
    assert (await store.universe()).instruments == (instrument(),)
    renamed = replace(instrument(), name="Euro", aliases=("eurodollar",), signed=True)
    await store.add_instruments([renamed, instrument("GBP-USD")])
    assert (await store.universe()).get("eurodollar") == renamed
    await store.add_series(offer(), "test")
    assert len(await store.series()) == 1


@pytest.mark.parametrize("table", ["bars", "appends", "quarantine", "factors"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET {}"])
async def test_the_database_itself_refuses_changes(store: BarStore, table: str, statement: str) -> None:
    await store.append(bars([bar(0)]), received_at=NOW)
    await _fill(store)
    column = {
        "bars": "close = 9",
        "appends": "inserted = 9",
        "quarantine": "reason = ''",
        "factors": "split_factor = 9",
    }
    with pytest.raises(DBAPIError, match="append-only"):
        async with store.db.write() as conn:
            await conn.exec_driver_sql(statement.format(table, column[table]))


async def _fill(store: BarStore) -> None:
    async with store.db.write() as conn:
        await conn.exec_driver_sql(
            "INSERT INTO quarantine (series_id, start, reason, row, received_at) VALUES (1, 0, 'r', '{}', 0)"
        )
        await conn.exec_driver_sql("INSERT INTO factors VALUES (1, 's', '2020-01-01', 0, 1, 1)")


async def test_a_stored_bar_cannot_be_replaced_in_sqlite(sqlite_db: Database) -> None:
    store = BarStore(sqlite_db)
    await store.add_series(offer(), "test")
    await store.append(bars([bar(0)]), received_at=NOW)
    with pytest.raises(DBAPIError, match="append-only"):
        async with sqlite_db.write() as conn:
            await conn.exec_driver_sql("INSERT OR REPLACE INTO bars SELECT * FROM bars")

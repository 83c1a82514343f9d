"""Bars coming in."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.market.offers import HOUR, NOW, T0, bar, bars, offer
from truecast.domain.bar import Bars
from truecast.domain.corporate import Factor
from truecast.domain.interval import Interval
from truecast.kit.bus import InProcessBus, Message
from truecast.kit.clock import FixedClock
from truecast.kit.db import Database
from truecast.kit.metrics import REGISTRY
from truecast.market.append import Appended
from truecast.market.ingest import Ingest, Ingested
from truecast.market.registry import SeriesNotKept
from truecast.market.store import BarStore

H1 = Interval.H1
LAST = {
    "start": "2021-01-04T01:00:00Z",
    "end": "2021-01-04T02:00:00Z",
    "open": bar(1).open,
    "high": bar(1).high,
    "low": bar(1).low,
    "close": bar(1).close,
    "volume": bar(1).volume,
    "final": True,
    "source": "test",
}


class Desk:
    """A store, its door, and what was heard on the bus with how many bars could be read at that moment."""

    def __init__(self, db: Database) -> None:
        self.store, self.clock = BarStore(db), FixedClock(NOW)
        self.bus = bus = InProcessBus(self.clock)
        self.ingest = Ingest(self.store, bus, self.clock)
        self.heard: list[tuple[Message, int]] = []
        bus.subscribe("bars:*", self._hear)

    async def _hear(self, message: Message) -> None:
        self.heard.append((message, len(await self.store.read("EUR-USD", H1))))


@pytest.fixture
async def desk(db: Database) -> Desk:
    desk = Desk(db)
    await desk.store.add_series(offer(), "test")
    return desk


async def test_good_rows_are_kept_and_bad_ones_are_quarantined_with_the_reason(desk: Desk) -> None:
    taken = await desk.ingest.take(bars([bar(0), replace(bar(1), high=0.1), bar(2)]))
    assert taken == Ingested(Appended(inserted=2), quarantined=1, gaps_opened=1)
    (kept,) = await desk.store.quarantined("EUR-USD")
    assert (kept.reason, kept.start, kept.source) == ("ohlc_crossing", "2021-01-04T01:00:00Z", "test")
    assert (kept.interval, kept.received_at) == (H1, NOW)
    assert json.loads(kept.row)["high"] == 0.1


async def test_the_same_mistake_is_kept_once(desk: Desk) -> None:
    wrong = bars([replace(bar(1), high=0.1), bar(2, np.nan)])
    assert (await desk.ingest.take(wrong)).quarantined == 2
    assert (await desk.ingest.take(wrong)).quarantined == 0
    assert (await desk.ingest.take(bars([replace(bar(1), high=0.2)]))).quarantined == 1
    assert len(await desk.store.quarantined()) == 3
    assert len(await desk.store.quarantined(limit=2)) == 2
    assert await desk.store.quarantined("GBP-USD") == []


async def test_the_news_is_told_once_it_is_kept(desk: Desk) -> None:
    await desk.ingest.take(bars([bar(0), bar(1)]))
    ((message, readable),) = desk.heard
    assert message.topic == "bars:EUR-USD:1h" and readable == 2
    assert message.data == {
        "symbol": "EUR-USD",
        "interval": "1h",
        "start": "2021-01-04T00:00:00Z",
        "rows": 2,
        "last": LAST,
    }


async def test_the_newest_candle_is_told_once_it_is_kept(desk: Desk) -> None:
    told: list[Message] = []

    async def hear(message: Message) -> None:
        told.append(message)

    desk.bus.subscribe("candles:*", hear)
    await desk.ingest.take(bars([bar(0), bar(1)]))
    (message,) = told
    assert message.topic == "candles:EUR-USD:1h"
    of = {"symbol": "EUR-USD", "interval": "1h", "since": "2021-01-04T00:00:00Z", "rows": 2}
    assert message.data == of | LAST


async def test_no_news_is_not_told(desk: Desk) -> None:
    await desk.ingest.take(bars([bar(0)]))
    await desk.ingest.take(bars([bar(0)]))
    await desk.ingest.take(bars([bar(1, np.nan)]))
    await desk.ingest.take(bars([]))
    assert len(desk.heard) == 1


async def test_a_correction_is_news(desk: Desk) -> None:
    await desk.ingest.take(bars([bar(0), bar(1)]))
    taken = await desk.ingest.take(bars([bar(0), bar(1, 9.0)]))
    assert taken.appended == Appended(corrected=1, unchanged=1)
    assert desk.heard[1][0].data["start"] == "2021-01-04T01:00:00Z"


async def test_a_batch_that_fails_leaves_nothing_behind_and_is_not_told(desk: Desk) -> None:
    both = replace(bars([bar(0), bar(1, np.nan), bar(2)]), source=np.array([0, 0, 1], np.int16), sources=("test", "?"))
    with pytest.raises(SeriesNotKept):
        await desk.ingest.take(both)
    assert len(await desk.store.read("EUR-USD", H1)) == 0
    assert await desk.store.quarantined() == [] and await desk.store.gaps() == [] and desk.heard == []


async def test_a_signed_instrument_may_go_below_zero(desk: Desk) -> None:
    await desk.store.add_series(offer("WTI", signed=True), "test")
    assert (await desk.ingest.take(bars([bar(0, -36.98)], symbol="WTI"))).appended.inserted == 1
    assert (await desk.ingest.take(bars([bar(0, -36.98)]))).quarantined == 1


async def test_a_large_batch_takes_the_same_way(desk: Desk) -> None:
    n = 6_000
    many = bars([bar(h, 1.0 + h / n) for h in range(n)])
    wrong = replace(many, close=np.where(many.start % 7 == 0, np.nan, many.close))
    taken = await desk.ingest.take(wrong)
    bad = int((many.start % 7 == 0).sum())
    assert taken.appended.inserted == n - bad and taken.quarantined == bad
    assert (await desk.ingest.take(many)).appended == Appended(inserted=bad, unchanged=n - bad)


async def test_no_bars_of_a_kept_series_are_fine(desk: Desk) -> None:
    assert await desk.ingest.take(Bars.empty("EUR-USD", H1)) == Ingested()


async def test_factors_are_known_from_the_day_after_and_rescaled_as_a_whole(desk: Desk) -> None:
    store, day = desk.store, T0.date()
    first = [Factor(day, 0.5, 1.0), Factor(day.replace(day=6), 0.9, 1.0)]
    assert await store.add_factors("EUR-USD", "test", first, received_at=NOW) == Appended(inserted=2)
    assert await store.add_factors("EUR-USD", "test", first, received_at=NOW) == Appended(unchanged=2)
    assert await store.factors("EUR-USD") == tuple(first)
    assert await store.factors("EUR-USD", T0 + 24 * HOUR) == (first[0],)
    assert await store.factors("EUR-USD", T0) == ()
    rescaled = [Factor(day, 0.25, 1.0), Factor(day.replace(day=6), 0.45, 1.0), Factor(day.replace(day=7), 0.5, 1.0)]
    assert await store.add_factors("EUR-USD", "test", rescaled, received_at=NOW + HOUR) == Appended(1, 2, 0)
    assert await store.factors("EUR-USD", NOW) == tuple(first)
    assert await store.factors("EUR-USD", NOW + HOUR) == tuple(rescaled)
    assert await store.factors("nothing") == ()


async def test_factors_come_from_one_source_only(desk: Desk) -> None:
    await desk.store.add_series(offer(), "better", priority=1)
    for source, value in (("test", 0.5), ("better", 0.7), ("unlisted", 0.1)):
        await desk.store.add_factors("EUR-USD", source, [Factor(T0.date(), value, 1.0)], received_at=NOW)
    assert [f.price_factor for f in await desk.store.factors("EUR-USD")] == [0.7]


async def test_what_was_committed_is_counted(desk: Desk) -> None:
    def counted() -> list[float]:
        names = [("bars_ingested", {"result": "inserted"}), ("bars_quarantined", {}), ("gaps", {"change": "opened"})]
        return [
            REGISTRY.get_sample_value(f"truecast_{name}_total", {"source": "test", **labels}) or 0
            for name, labels in names
        ]

    before = counted()
    await desk.ingest.take(bars([bar(0), replace(bar(1), high=0.1), bar(2)]))
    assert [now - then for now, then in zip(counted(), before, strict=True)] == [2, 1, 1]
    with pytest.raises(SeriesNotKept):
        await desk.ingest.take(Bars.of("EUR-USD", Interval.D1, [bar(0)], "test"))
    assert [now - then for now, then in zip(counted(), before, strict=True)] == [2, 1, 1]

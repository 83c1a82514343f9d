"""The one fact about kept bars: they are what reading everything would give, whatever was appended in between."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.forecasts.house import DAY, MONDAY, a_house, a_walk, an_offer
from truecast.domain.bar import COLUMNS
from truecast.forecasts.recent import Recent
from truecast.forecasts.snapshot import snapshot
from truecast.kit.clock import FixedClock, to_us
from truecast.kit.db import Database
from truecast.migrations.upgrade import upgrade

OFFER = an_offer()
WHOLE = a_walk(OFFER, MONDAY - 60 * DAY, MONDAY + 60 * DAY)

# A batch: which bars of the walk arrive, and whether they come with other prices than before.
BATCHES = st.lists(st.tuples(st.integers(0, 110), st.integers(1, 10), st.booleans()), min_size=1, max_size=8)


@settings(max_examples=25)
@given(BATCHES)
async def test_kept_bars_are_what_reading_everything_gives(tmp_path_factory, batches):
    db = Database.open(f"sqlite:///{tmp_path_factory.mktemp('recent')}/truecast.db", synchronous="NORMAL")
    await upgrade(db)
    clock = FixedClock(MONDAY + 100 * DAY)
    async with a_house(db, clock) as house:
        await house.store.add_series(OFFER, "made")
        recent = Recent()
        for first, count, changed in batches:
            clock.advance(timedelta(hours=1))
            some = WHOLE[first : first + count]
            if changed:
                known = np.full(len(some), to_us(clock.now()))
                some = replace(some, close=some.close * 1.01, high=some.high * 1.01, known_at=known)
            await house.ingest.take(some)
            async with snapshot(house.store, recent) as kept:
                await recent.refresh(kept.conn)
                for limit in (5, 40):
                    got = await kept.read("EUR-USD", OFFER.interval, limit=limit, as_of=clock.now())
                    want = await house.store.read("EUR-USD", OFFER.interval, limit=limit, as_of=clock.now())
                    assert got.sources == want.sources
                    for name in (*COLUMNS, "source"):
                        assert np.array_equal(getattr(got, name), getattr(want, name), equal_nan=name == "volume"), name
    await db.close()


async def test_the_receipt_moves_only_when_bars_come(sqlite_db):
    clock = FixedClock(MONDAY + 100 * DAY)
    async with a_house(sqlite_db, clock) as house:
        await house.store.add_series(OFFER, "made")
        recent, seen = Recent(), []
        for some in (WHOLE[:40], WHOLE[:40], WHOLE[40:41]):
            await house.ingest.take(some)
            async with snapshot(house.store, recent) as kept:
                seen.append(await recent.refresh(kept.conn))
                await kept.read("EUR-USD", OFFER.interval, limit=5, as_of=clock.now())
        assert seen[0] == seen[1] < seen[2]

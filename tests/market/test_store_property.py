"""Any sequence of appends reads back as a plain list of versions would, as of any moment, on both databases."""

import asyncio
import itertools
from datetime import datetime

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.market.offers import HOUR, NOW, T0, bars, offer, rows_of
from tests.market.test_merge import Model, some_bars
from truecast.domain.bar import Bar
from truecast.domain.interval import Interval
from truecast.kit.db import Database
from truecast.market.append import Appended
from truecast.market.store import BarStore

H1 = Interval.H1


some_windows = st.tuples(
    st.integers(0, 3), st.integers(2, 6), st.none() | st.integers(0, 4), st.integers(0, 9) | st.just(10**5)
)


def test_any_appends_read_back_as_a_list_of_versions_would(db: Database) -> None:
    serial = itertools.count()
    # Examples run one after the other in an event loop of their own, and so with connections of their own.
    with asyncio.Runner() as runner:
        store = BarStore(Database.open(f"sqlite:///{db.path}" if db.path else db.where))

        # What the rules say is searched for in test_merge.py, fast; shrinking through a database would take minutes.
        @settings(max_examples=60 if db.dialect == "sqlite" else 40, phases=[Phase.explicit, Phase.generate])
        @given(st.lists(some_bars, min_size=1, max_size=4), st.lists(some_windows, max_size=4))
        def check(batches: list[list[Bar]], windows: list[tuple[int, int, int | None, int]]) -> None:
            runner.run(_compare(store, f"S{next(serial)}", batches, windows))

        try:
            check()
        finally:
            runner.run(store.db.close())


async def _compare(
    store: BarStore, symbol: str, batches: list[list[Bar]], windows: list[tuple[int, int, int | None, int]]
) -> None:
    model = Model()
    await store.add_series(offer(symbol), "test")
    for hours, batch in enumerate(batches):
        received_at = NOW + hours * HOUR
        arriving = bars(batch, symbol=symbol)
        assert await store.append(arriving, received_at=received_at) == model.append(batch, received_at)
        assert await store.append(arriving, received_at=NOW + 99 * HOUR) == Appended(unchanged=len(batch))
    for start, end, limit, as_of in windows:
        span = {"start": T0 + start * HOUR, "end": T0 + end * HOUR, "as_of": T0 + as_of * HOUR}
        found = await store.read(symbol, H1, limit=limit, **span)
        assert rows_of(found) == _read(model, limit, **span)
    (info,) = await store.series(symbol)
    assert info.bars == len({v.start for v in model.versions})
    assert info.last == max((v.start for v in model.versions), default=None)


def _read(model: Model, limit: int | None, start: datetime, end: datetime, as_of: datetime) -> list[Bar]:
    latest = {v.start: v for v in model.versions if v.known_at <= as_of and start <= v.start < end}
    found = list(latest.values())
    return found if limit is None else found[max(len(found) - limit, 0) :]

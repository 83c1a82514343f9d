"""How long does History take beside the database: a forecast's 2,000 daily bars, and bars made from finer ones?

    .venv/bin/python benchmarks/history.py

Bundled sample in a fresh SQLite file. For every reading the median of 41: the whole of `History.bars`, and in it the
calls to the store (SQL and building the columns); the difference is the work of calendars, resampling and adjustment.
"""

import asyncio
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from truecast.domain.interval import Interval
from truecast.kit.clock import FixedClock
from truecast.kit.db import Database
from truecast.market.history import History
from truecast.market.store import BarStore
from truecast.migrations.upgrade import upgrade
from truecast.providers.sample.adapter import Sample

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
ROUNDS = 41
READS = [
    ("AAPL", Interval.D1, 2_000, "all"),
    ("EUR-USD", Interval.D1, 2_000, "raw"),
    ("AAPL", Interval.W1, 500, "all"),
    ("SPY", Interval.H4, 2_000, "all"),
    ("SOL-USDT", Interval.D1, 2_000, "raw"),
]


class TimedStore(BarStore):
    """Adds up the time spent in the calls that History makes."""

    spent_s = 0.0

    async def series(self, *args, **kwargs):
        return await self._timed(super().series(*args, **kwargs))

    async def read(self, *args, **kwargs):
        return await self._timed(super().read(*args, **kwargs))

    async def factors(self, *args, **kwargs):
        return await self._timed(super().factors(*args, **kwargs))

    async def _timed(self, call):
        begin = time.perf_counter()
        try:
            return await call
        finally:
            self.spent_s += time.perf_counter() - begin


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        db = Database.open(f"sqlite:///{Path(folder) / 'bench.db'}")
        await upgrade(db)
        store, sample = TimedStore(db), Sample(FixedClock(NOW))
        for offer in sample.offers():
            symbol = offer.instrument.symbol
            if symbol in {read[0] for read in READS}:
                await store.add_series(offer, "sample")
                await store.append(await sample.bars(symbol, offer.interval, None), received_at=NOW)
                await store.add_factors(symbol, "sample", await sample.factors(symbol), received_at=NOW)
        universe, history = await store.universe(), History(store, FixedClock(NOW))
        print("| reading | bars | whole ms | beside the store ms |")
        print("|---|---|---|---|")
        for symbol, interval, limit, how in READS:
            whole, beside = [], []
            for _ in range(ROUNDS):
                store.spent_s = 0.0
                begin = time.perf_counter()
                seen = await history.bars(universe.get(symbol), interval, limit=limit, adjust=how)
                whole.append(1e3 * (time.perf_counter() - begin))
                beside.append(whole[-1] - 1e3 * store.spent_s)
            made = f" from {seen.resampled_from.value}" if seen.resampled_from else ""
            medians = statistics.median(whole), statistics.median(beside)
            print(
                f"| {symbol} {interval.value}{made}, {how} | {len(seen.bars):,} | {medians[0]:.1f} | {medians[1]:.1f} |"
            )
        await db.close()


if __name__ == "__main__":
    asyncio.run(main())

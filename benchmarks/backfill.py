"""A million bars through the backfill: `python benchmarks/backfill.py [--bars N] [--write]`.

Candles of one minute from the wire server on this machine, through the Binance adapter, the HTTP client, the guard and
its budget, the chain, quality, and the store (SQLite, synchronous=FULL), in the product's own batches. Told apart: the
store's side alone (`Ingest.take` of the same batches, which validates, judges, appends and looks for gaps), the whole
way, and what the published limits would allow. Beside it what a small piece of news costs.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.wire import wire_server  # noqa: E402
from tests.wire.market import go_live  # noqa: E402

from truecast.domain.bar import Bars  # noqa: E402
from truecast.domain.interval import Interval  # noqa: E402
from truecast.kit.bus import InProcessBus  # noqa: E402
from truecast.kit.clock import FixedClock, from_us, to_us  # noqa: E402
from truecast.kit.db import Database  # noqa: E402
from truecast.kit.limits import BACKFILL_BATCH_BARS  # noqa: E402
from truecast.market.backfill import Backfill  # noqa: E402
from truecast.market.chain import Chain  # noqa: E402
from truecast.market.ingest import Ingest  # noqa: E402
from truecast.market.store import BarStore  # noqa: E402
from truecast.migrations.upgrade import upgrade  # noqa: E402
from truecast.providers.base import Reach  # noqa: E402
from truecast.providers.catalog import build_provider, source_info  # noqa: E402
from truecast.providers.guarded import Guarded, guard_of  # noqa: E402

RESULT = Path(__file__).parent / "results" / "backfill.md"
NOW = datetime(2026, 11, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SYMBOL = "BTC-USDT"
PAGE_BARS, PAGE_WEIGHT, LIMIT_WEIGHT = 1_000, 2, 6_000  # of Binance's klines, and a minute's limit
JOB_SHARE = 0.8


def walk(bars: int) -> Bars:
    """Candles of one minute that end now."""
    start = to_us(NOW) - 60_000_000 * np.arange(bars, 0, -1, dtype=np.int64)
    close = 70_000 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 4e-4, bars)))
    open_ = np.concatenate(([70_000.0], close[:-1]))
    return Bars(
        SYMBOL, Interval.M1, start, start + 60_000_000, open_, np.maximum(open_, close) * 1.0002,
        np.minimum(open_, close) * 0.9998, close, np.random.default_rng(2).random(bars), np.ones(bars, np.bool_),
        np.zeros(bars, np.int16), ("binance",),
    )  # fmt: skip


class World:
    """A fresh store with the Binance adapter before it."""

    def __init__(self, db: Database, base_url: str) -> None:
        self.clock = FixedClock(NOW)
        info = source_info("binance")
        guard = guard_of(info, self.clock, timeout_s=20.0)
        reach = Reach(np.random.default_rng(1), base_url=base_url, timeout_s=20.0, guard=guard)
        self.binance = Guarded(build_provider("binance", self.clock, reach), guard)
        chain = Chain({"binance": self.binance}, self.clock)
        self.store = BarStore(db)
        self.ingest = Ingest(self.store, InProcessBus(self.clock), self.clock)
        self.backfill = Backfill(self.store, self.ingest, chain, self.clock)

    async def begin(self) -> None:
        await self.store.add_series(self.binance.offer(SYMBOL, Interval.M1), "binance")


@dataclass(frozen=True)
class Store:
    """Bars per second by the clock on the wall and by the processor's time; milliseconds of one bar of news."""

    by_wall: float
    by_processor: float
    news_ms: float
    news_processor_ms: float


async def store_side(folder: Path, bars: Bars) -> Store:
    """Into an empty store, the newest batch first; then news bar by bar."""
    db = Database.open(f"sqlite:///{folder}/store.db")
    await upgrade(db)
    world = World(db, "http://127.0.0.1:9")
    await world.begin()
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    for end in range(len(bars), 0, -BACKFILL_BATCH_BARS):
        await world.ingest.take(bars[max(end - BACKFILL_BATCH_BARS, 0) : end])
    took_s, took_cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
    took_ms, before_s = [], time.process_time()
    closes = bars[-200:]  # as if the last hours came again
    for minute in range(200):
        start = to_us(NOW) + minute * 60_000_000
        one = closes[199 - minute : 200 - minute]
        one = replace(one, start=np.array([start]), known_at=np.array([start + 60_000_000]))
        world.clock.advance(from_us(start + 60_000_000) - world.clock.now())
        began_s = time.perf_counter()
        await world.ingest.take(one)
        took_ms.append((time.perf_counter() - began_s) * 1e3)
    news_cpu_ms = (time.process_time() - before_s) * 1e3 / len(took_ms)
    return Store(len(bars) / took_s, len(bars) / took_cpu_s, median(took_ms), news_cpu_ms)


async def whole_way(folder: Path, bars: int) -> tuple[float, float, int]:
    """Bars per second from the wire, seconds that the limits would have taken, and requests."""
    db = Database.open(f"sqlite:///{folder}/whole.db")
    await upgrade(db)
    async with wire_server() as wire:
        go_live(wire, NOW.timestamp)
        world = World(db, wire.base_url("binance"))
        await world.begin()
        began_s = time.perf_counter()
        filled = await world.backfill.fill(SYMBOL, Interval.M1, NOW - bars * MINUTE, NOW, cause="history")
        took_s = time.perf_counter() - began_s
        assert (filled.rows, filled.left) == (bars, 0), filled
        waited_s = (world.clock.now() - NOW).total_seconds()
        requests = world.binance.guard.usage.attempts
        await world.binance.close()
    await db.close()
    return bars / took_s, waited_s, requests


def report(bars: int, runs: list[Store], wire_bars: int, whole: tuple[float, float, int]) -> str:
    """The page of results."""
    by_limit = LIMIT_WEIGHT * JOB_SHARE / PAGE_WEIGHT * PAGE_BARS / 60
    rate, waited_s, requests = whole
    by_wall, by_cpu, news_ms, news_cpu_ms = (
        median(getattr(run, name) for run in runs) for name in Store.__annotations__
    )
    rows = [
        (f"{bars:,} bars into SQLite, store's side (median of {len(runs)})", f"{by_wall:,.0f} bars/s", "≥ 100,000"),
        ("the same by the processor's time, all threads", f"{by_cpu:,.0f} bars/s", ""),
        ("the runs", ", ".join(f"{run.by_wall:,.0f}" for run in runs), ""),
        ("what Binance's limits allow a job", f"{by_limit:,.0f} bars/s", ""),
        ("requests sent, and seconds of virtual time waited for the budget", f"{requests}, {waited_s:.0f} s", ""),
        (
            f"{wire_bars:,} bars from the wire server to the store; it makes each candle in Python on the same core",
            f"{rate:,.0f} bars/s",
            "",
        ),
        ("one bar of news: validated, judged, appended, gaps looked at (median)", f"{news_ms:.1f} ms", ""),
        ("the same by the processor's time, all threads (mean)", f"{news_cpu_ms:.1f} ms", ""),
        ("load of the machine (2 cores) at the end", f"{os.getloadavg()[0]:.1f}", ""),
    ]
    table = [f"|{what}|{measured}|{goal}|" for what, measured, goal in rows]
    return "\n".join([_HEAD, "|what|measured|goal|", "|---|---|---|", *table, ""])


_HEAD = f"""# Backfill

Made by `python benchmarks/backfill.py --write` on a machine shared with others: 2 cores, SQLite with WAL and
synchronous=FULL, batches of {BACKFILL_BATCH_BARS:,} bars, the newest first, each in a transaction of its own. Where
the load is far above the two cores, the processor's time says what a machine of its own would reach.
"""


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=int, default=1_000_000)
    parser.add_argument("--wire-bars", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    bars, runs = walk(given.bars), list[Store]()
    for _ in range(given.repeats):
        with tempfile.TemporaryDirectory() as folder:
            runs.append(await store_side(Path(folder), bars))
    with tempfile.TemporaryDirectory() as folder:
        whole = await whole_way(Path(folder), given.wire_bars)
    text = report(given.bars, runs, given.wire_bars, whole)
    print(text)
    if given.write:
        RESULT.write_text(text)


if __name__ == "__main__":
    asyncio.run(main())

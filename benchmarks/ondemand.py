"""How long does one forecast take that somebody asks for, in a process that is warm, end to end inside the Issuer?

    python benchmarks/ondemand.py [--passes 6]

Every daily and hourly series of the sample, cut to 1,000 bars, in a fresh SQLite file (synchronous=FULL). `auto`, 24
steps, on bars nobody has asked about yet: read, evidence, forecast of the random walk and of what serves, explanation,
sealed in the ledger. Beside it, in the same run, the bare `ewma_walk.predict_many` of the same frames. CPU counts all
threads; on a busy machine it says more than the wall.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import numpy as np
import one_thread  # noqa: F401
from result_file import keep

from truecast.domain.bar import Bars
from truecast.domain.interval import Interval
from truecast.features.frame import frame_of
from truecast.forecasts.issue import Issuer
from truecast.forecasts.ledger import Ledger
from truecast.kit.bus import InProcessBus
from truecast.kit.clock import FixedClock
from truecast.kit.compute import Compute
from truecast.kit.db import Database
from truecast.market.calendar import calendar
from truecast.market.history import History
from truecast.market.ingest import Ingest
from truecast.market.store import BarStore
from truecast.migrations.upgrade import upgrade
from truecast.models.catalog import MODELS
from truecast.providers.base import SeriesOffer
from truecast.providers.sample.adapter import Sample

BARS, STEPS = 1_000, 24
Series = tuple[SeriesOffer, Bars]


class House:
    """A system without a server. The clock stands where every bar of the series is known."""

    def __init__(self, path: Path, now: datetime) -> None:
        self.db, self.clock = Database.open(f"sqlite:///{path}"), FixedClock(now)
        self.compute, self.store = Compute(), BarStore(self.db)
        history, ledger = History(self.store, self.clock), Ledger(self.db, self.clock)
        self.ingest = Ingest(self.store, InProcessBus(self.clock), self.clock)
        self.issuer = Issuer(self.store, history, ledger, self.compute, self.clock)

    async def take(self, series: Series) -> None:
        """Keep the series and its bars."""
        offer, bars = series
        await self.store.add_series(offer, "sample")
        await self.ingest.take(bars)

    async def ask(self, series: Series) -> None:
        """One forecast."""
        offer, _ = series
        await self.issuer.forecast(offer.instrument.symbol, offer.interval, STEPS)


class Times:
    """Wall and CPU milliseconds of many calls."""

    def __init__(self, what: str) -> None:
        self.what, self.wall, self.cpu = what, list[float](), list[float]()

    async def of(self, call: Callable[[], Awaitable[object]]) -> None:
        """Time one call."""
        wall, cpu = time.perf_counter(), time.process_time()
        await call()
        self.wall.append((time.perf_counter() - wall) * 1e3)
        self.cpu.append((time.process_time() - cpu) * 1e3)

    def row(self, bare: float) -> str:
        """One line of the table."""
        p50, p99 = np.percentile(self.wall, [50, 99])
        c50, c99 = np.percentile(self.cpu, [50, 99])
        return f"| {self.what} | {len(self.wall)} | {p50:.1f} | {p99:.1f} | {c50:.1f} | {c99:.1f} | {c50 / bare:.1f} |"


async def run(passes: int, folder: Path) -> list[str]:
    """All rows."""
    now = datetime(2026, 10, 31, tzinfo=UTC)
    listed = await cut(Sample(FixedClock(now)), passes)
    times = [*await with_evidence(House(folder / "known.db", now), listed, passes)]
    times += [await with_none(House(folder / "nothing.db", now), listed)]
    bare = alone(listed)
    head = "| `auto`, 24 steps, 1,000 bars | calls | wall p50 ms | p99 | CPU p50 ms | p99 | CPU over the bare one |"
    rows = [one.row(bare) for one in times]
    return [head, "|---|---|---|---|---|---|---|", *rows, f"| bare `ewma_walk` | | | | {bare:.1f} | | 1.0 |"]


async def with_evidence(house: House, listed: list[Series], passes: int) -> tuple[Times, Times, Times]:
    """The job has run: series it knows, series of a class it knows, and the same once more."""
    known, again = Times("evidence of the series there"), Times("asked again: sealed already")
    unseen = Times("unseen series, evidence of its class there")
    await upgrade(house.db)
    for offer, bars in listed:
        await house.take((offer, bars[:BARS]))
    await house.issuer.learn_news()
    for series in listed[:8]:
        await house.ask(series)  # warm
    for turn in range(passes):
        for _, bars in listed:
            await house.ingest.take(bars[BARS + turn : BARS + turn + 1])
        for series in listed:
            await known.of(partial(house.ask, series))
    for series in listed:
        await again.of(partial(house.ask, series))
    for i, (offer, bars) in enumerate(listed * 3):
        copy = renamed(offer, bars[i % passes : BARS + i % passes], i)
        await house.take(copy)
        await unseen.of(partial(house.ask, copy))
    await close(house)
    return known, unseen, again


async def with_none(house: House, listed: list[Series]) -> Times:
    """The job has never run."""
    times = Times("nothing known of series or class")
    await upgrade(house.db)
    for offer, bars in listed:
        await house.take((offer, bars[:BARS]))
    for series in listed[:8]:
        await house.ask(series)  # warm
    for series in listed[8:]:
        await times.of(partial(house.ask, series))
    await close(house)
    return times


async def cut(sample: Sample, passes: int) -> list[Series]:
    """The last bars of every daily and hourly series that has enough."""
    found = []
    for offer in sample.offers():
        if offer.interval in (Interval.D1, Interval.H1):
            bars = await sample.bars(offer.instrument.symbol, offer.interval, None)
            if len(bars) >= BARS + passes:
                found.append((offer, bars[len(bars) - BARS - passes :]))
    return found


def renamed(offer: SeriesOffer, bars: Bars, number: int) -> Series:
    """The same prices as another instrument."""
    symbol = f"Q{number:03}-USD"
    instrument = replace(offer.instrument, symbol=symbol, aliases=())
    return replace(offer, instrument=instrument), replace(bars, symbol=symbol)


def alone(listed: list[Series]) -> float:
    """Median CPU ms of the model alone."""
    model, times = MODELS["ewma_walk"], []
    for offer, bars in listed * 2:
        end = calendar(offer.calendar).ends(bars.start, bars.interval)
        frame = frame_of(bars[:BARS], end[:BARS], signed=offer.instrument.signed, calendar=offer.calendar)
        started = time.process_time()
        model.predict_many([frame], STEPS)
        times.append((time.process_time() - started) * 1e3)
    return float(np.median(times))


async def close(house: House) -> None:
    """Let go."""
    house.compute.close()
    await house.db.close()


def main() -> None:
    """Print the table and keep it."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--passes", type=int, default=6)
    with tempfile.TemporaryDirectory() as folder:
        rows = asyncio.run(run(arguments.parse_args().passes, Path(folder)))
    load = os.getloadavg()[0]
    keep(__file__, "A forecast on demand", f"2 cores shared with others: load {load:.1f} at the end.", rows, options="")
    print("\n".join(rows))


if __name__ == "__main__":
    main()

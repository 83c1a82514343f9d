"""How fast do the sources deliver: the bundled sample unpacked, a poll of it, and a CSV file imported?

    .venv/bin/python benchmarks/providers.py

Medians of 5 (polls: of 20,000), processor time beside wall time because the machine may be shared. The CSV has 500,000
rows of `time,open,high,low,close,volume`; beside our import stand, in the same run, the standard library's csv.reader
with float() and datetime.fromisoformat(), which only reads, and pandas.read_csv with its dates parsed.
"""

import asyncio
import csv
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from truecast.domain.instrument import Universe
from truecast.domain.interval import Interval
from truecast.kit.clock import SystemClock
from truecast.providers.csv_folder import Options, import_file
from truecast.providers.sample.adapter import Sample, sample_instruments

ROUNDS = 5
ROWS = 500_000


def timed(name: str, call: Callable[[], int]) -> None:
    walls, cpus, items = [], [], 0
    for _ in range(ROUNDS):
        wall, cpu = time.perf_counter(), time.process_time()
        items = call()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    wall, cpu = statistics.median(walls), statistics.median(cpus)
    print(f"{name:46} {items:>9,} {wall * 1e3:>9.1f} ms wall {cpu * 1e3:>9.1f} ms cpu {items / cpu:>13,.0f} per cpu s")


def whole_sample() -> int:
    sample = Sample(SystemClock())

    async def load() -> int:
        return sum([len(await sample.bars(o.instrument.symbol, o.interval, None)) for o in sample.offers()])

    return asyncio.run(load())


def one_series() -> int:
    return len(asyncio.run(Sample(SystemClock()).bars("EUR-USD", Interval.D1, None)))


def polls() -> int:
    sample, since, n = Sample(SystemClock()), datetime(2021, 1, 4, tzinfo=UTC), 20_000

    async def poll() -> int:
        for _ in range(n):
            await sample.bars("EUR-USD", Interval.H1, since)
        return n

    return asyncio.run(poll())


def write_csv(path: Path) -> None:
    rng = np.random.default_rng(1)
    prices = np.round(1.1 + np.cumsum(rng.normal(0, 1e-5, ROWS)), 5)
    minutes = np.datetime64("2015-01-01T00:00:00") + np.arange(ROWS).astype("timedelta64[m]")
    with path.open("w") as file:
        file.write("time,open,high,low,close,volume\n")
        for at, price, volume in zip(
            minutes.tolist(), prices.tolist(), rng.integers(1, 10**7, ROWS).tolist(), strict=True
        ):
            file.write(f"{at.isoformat()}Z,{price},{price + 0.0001:.5f},{price - 0.0001:.5f},{price},{volume}\n")


def standard_library(path: Path) -> int:
    with path.open() as file:
        next(rows := csv.reader(file))
        read = [(datetime.fromisoformat(r[0]), *map(float, r[1:])) for r in rows]
    return len(read)


def pandas(path: Path) -> int:
    from pandas import read_csv  # noqa: PLC0415 half a second, only for this line

    return len(read_csv(path, parse_dates=["time"]))


def main() -> None:
    timed("sample: every series, unpacked", whole_sample)
    timed("sample: EUR-USD 1d alone", one_series)
    timed("sample: polls of EUR-USD 1h", polls)
    options = Options(universe=Universe.of(sample_instruments().values()))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "EUR-USD_1m.csv"
        write_csv(path)
        timed("csv: import_file", lambda: import_file(path, options).report.rows)
        timed("csv: csv.reader, float, fromisoformat", lambda: standard_library(path))
        timed("csv: pandas.read_csv", lambda: pandas(path))


if __name__ == "__main__":
    main()

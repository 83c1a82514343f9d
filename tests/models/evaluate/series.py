"""A tiny folder of real series: the end of the bundled sample, as CSV files."""

import asyncio
import csv
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from truecast.domain.bar import Bars
from truecast.domain.interval import Interval
from truecast.features.frame import Frame, frame_of_closes
from truecast.kit.clock import FixedClock, from_us
from truecast.providers.sample.adapter import Sample

NOW = FixedClock(datetime(2030, 1, 1, tzinfo=UTC))


def bars(symbol: str, n: int) -> Bars:
    """The last n daily bars of the sample."""
    return asyncio.run(Sample(NOW).bars(symbol, Interval.D1, None))[-n:]


def frame(symbol: str, n: int) -> Frame:
    one = bars(symbol, n)
    return frame_of_closes(one.close, symbol=symbol, end=one.start + 86_400_000_000)


def write(folder: Path, *symbols: str, n: int = 260) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for symbol in symbols:
        one = bars(symbol, n)
        with (folder / f"{symbol}_1d.csv").open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["date", "open", "high", "low", "close"])
            for t in range(len(one)):
                prices = (one.open[t], one.high[t], one.low[t], one.close[t])
                table.writerow([f"{from_us(one.start[t]):%Y-%m-%d}", *(repr(float(price)) for price in prices)])
    return folder


def write_wide(path: Path, *symbols: str, n: int = 200) -> Path:
    columns = [bars(symbol, n) for symbol in symbols]
    dates = [f"{from_us(us):%Y-%m-%d}" for us in columns[0].start]
    assert all(np.array_equal(one.start, columns[0].start) for one in columns)
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["date", *(f"MADE{i}" for i in range(len(symbols)))])
        for t, date in enumerate(dates):
            table.writerow([date, *(repr(float(one.close[t])) for one in columns)])
    return path

"""Builds the bundled sample (data/*.npz and manifest.json) from a folder of source files. Same input, same bytes.

    python scripts/build_sample.py ../shared/data/ship

Prices stay exactly the sources' numbers (checked while packing). `known_at` comes from the market calendars: the
session's close, the end of the hour, the publication of a fixing or statistic; never before the bar's own end.
"""

import argparse
import csv
import datetime as dt
import gzip
import hashlib
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.domain.interval import Interval
from truecast.kit.clock import from_us, iso, to_us
from truecast.market.calendar import calendar
from truecast.providers.currencies import how_crossed
from truecast.providers.sample.codec import pack_numbers, pack_times, unpack_numbers, unpack_times

PACKAGE = Path(__file__).parent.parent / "src/truecast/providers/sample"
DAY_US = 86_400_000_000
OHLC = ("open", "high", "low", "close")


@dataclass(frozen=True)
class Table:
    """A source file: its columns as text, oldest first."""

    columns: dict[str, list[str]]
    sha256: str

    def numbers(self, *names: str) -> FloatArray:
        return np.array([[float(v) for v in self.columns[name]] for name in names])

    def starts(self) -> IntArray:
        stamps = next(self.columns[name] for name in ("time", "date") if name in self.columns)
        return np.array([to_us(as_utc(stamp)) for stamp in stamps], np.int64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ship", type=Path, help="folder of the source files named in universe.toml")
    parser.add_argument("--out", type=Path, default=PACKAGE, help="where to write; the package by default")
    args = parser.parse_args()
    ship, out = args.ship, args.out
    universe = tomllib.loads((PACKAGE / "universe.toml").read_text("utf-8"))
    data = out / "data"
    data.mkdir(exist_ok=True)
    for old in data.glob("*.npz"):
        old.unlink()
    built = build_rates(ship, universe, data)
    built += [build_series(ship, universe, row, data) for row in universe["series"]]
    manifest = {
        "known_last": max(row["known_last"] for row in built),
        "series": built,
        "factors": {row["symbol"]: factors(ship / row["factors"]) for row in universe["series"] if "factors" in row},
    }
    (out / "manifest.json").write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", "utf-8")
    size_bytes = sum(path.stat().st_size for path in data.iterdir())
    print(f"{len(built)} series, {sum(row['rows'] for row in built):,} rows, {size_bytes:,} bytes")


def build_rates(ship: Path, universe: dict[str, Any], data: Path) -> list[dict[str, Any]]:
    rates = universe["rates"]
    table = read(ship / rates["file"])
    start = table.starts()
    known_at = published(rates["calendar"], start, Interval.D1)
    quoted = {leg: np.array([v not in {"N/A", ""} for v in table.columns[leg.lower()]]) for leg in rates["legs"]}
    legs = np.array(
        [
            [float(v) if ok else 0.0 for v, ok in zip(table.columns[leg.lower()], quoted[leg], strict=True)]
            for leg in rates["legs"]
        ]
    )  # 0 stands for "not quoted": no currency is worth nothing
    write(data / "ecb_rates.npz", start, known_at, legs, None, legs=np.array(rates["legs"]))
    rows = []
    for symbol in rates["pairs"]:
        have = np.logical_and.reduce([quoted[code] for code in symbol.split("-") if code != "EUR"])
        facts = described(
            universe, rates, table, symbol=symbol, interval=Interval.D1, start=start[have], known_at=known_at[have]
        )
        derived = how_crossed(symbol, "EUR")
        rows.append({**facts, "derived": derived, "kind": "rates", "file": "ecb_rates.npz"})
    return rows


def build_series(ship: Path, universe: dict[str, Any], row: dict[str, Any], data: Path) -> dict[str, Any]:
    symbol, interval = row["symbol"], Interval(row["interval"])
    table = read(ship / row["file"])
    start = table.starts()
    keep = np.ones(len(start), bool)
    if "first" in row:
        keep &= start >= to_us(dt.datetime.combine(row["first"], dt.time(), dt.UTC))
    if "column" in row:
        filled = np.array([v != "" for v in table.columns[row["column"].lower()]])
        for empty in start[~filled]:
            print(f"{symbol} {iso(from_us(int(empty)))}: no value in the source, dropped")
        keep &= filled
        table = Table({row["column"]: pick(table.columns[row["column"].lower()], keep)}, table.sha256)
        prices = table.numbers(row["column"])
    else:
        table = Table({name: pick(values, keep) for name, values in table.columns.items()}, table.sha256)
        prices = table.numbers(*OHLC)
    start = start[keep]
    volume = table.numbers("volume") if "volume" in table.columns else None
    assert (np.diff(start) > 0).all(), f"{symbol}: out of order"
    if row.get("merge_sundays"):
        start, prices = merge_sundays(start, prices)
        known_at = np.maximum(published(row["calendar"], start, interval), start + DAY_US)  # the source's UTC day
    else:
        known_at = published(row["calendar"], start, interval)
    known_at = known_at + row.get("known_later_s", 0) * 1_000_000
    file = f"{symbol.removeprefix('^').replace('.', '-')}_{interval.value}.npz"
    write(data / file, start, known_at, prices, volume)
    facts = described(universe, row, table, symbol=symbol, interval=interval, start=start, known_at=known_at)
    kind = "ohlcv" if len(prices) == 4 else "value"
    return {**facts, "derived": None, "kind": kind, "file": file}


def described(
    universe: dict[str, Any],
    row: dict[str, Any],
    table: Table,
    *,
    symbol: str,
    interval: Interval,
    start: IntArray,
    known_at: IntArray,
) -> dict[str, Any]:
    origin = universe["origin"][row["origin"]]
    last = from_us(int(start[-1])).date().isoformat()
    note = f"; {row['note']}" if "note" in row else ""
    return {
        "symbol": symbol,
        "interval": interval.value,
        "calendar": row["calendar"],
        "delay": "realtime" if interval.is_intraday else "eod" if interval is Interval.D1 else "monthly",
        "origin": f"{origin['name']}, bundled extract to {last}{note}",
        "licence": origin["licence"],
        "upstream": origin["upstream"],
        "source_file": row["file"],
        "source_sha256": table.sha256,
        "rows": len(start),
        "first": iso(from_us(int(start[0]))),
        "last": iso(from_us(int(start[-1]))),
        "known_last": iso(from_us(int(known_at[-1]))),
    }


def published(name: str, start: IntArray, interval: Interval) -> IntArray:
    """The calendar's publication rule, with the promise that a later bar is never known before an earlier one."""
    known_at = calendar(name).known_at(start, interval)
    assert (known_at > start).all()
    return np.maximum.accumulate(known_at)


def merge_sundays(start: IntArray, prices: FloatArray) -> tuple[IntArray, FloatArray]:
    """Sunday's two trading hours belong to Monday's session: its open, and its extremes where they reach further."""
    weekday = (start // DAY_US + 3) % 7
    keep = np.ones(len(start), bool)
    merged = prices.copy()
    for t in np.flatnonzero(weekday == 6):
        keep[t] = False
        if start[t + 1] - start[t] != DAY_US:
            print(f"Sunday {from_us(int(start[t])):%Y-%m-%d} has no Monday: dropped, two hours are no session")
            continue
        merged[0, t + 1] = prices[0, t]
        merged[1, t + 1] = max(prices[1, t : t + 2])
        merged[2, t + 1] = min(prices[2, t : t + 2])
    return start[keep], merged[:, keep]


def write(
    path: Path, start: IntArray, known_at: IntArray, prices: FloatArray, volume: FloatArray | None, **more: np.ndarray
) -> None:
    arrays = more | pack_times(start, known_at) | pack_numbers("prices", prices)
    if volume is not None:
        arrays |= pack_numbers("volume", volume)
    np.savez_compressed(path, allow_pickle=False, **arrays)
    with np.load(path, allow_pickle=False) as packed:
        assert all((a == b).all() for a, b in zip(unpack_times(packed), (start, known_at), strict=True))
        assert (unpack_numbers(packed, "prices") == prices).all()
        assert volume is None or (unpack_numbers(packed, "volume") == volume).all()


def factors(path: Path) -> list[tuple[str, float, float]]:
    columns = read(path).columns
    triples = zip(columns["date"], columns["price_factor"], columns["split_factor"], strict=True)
    return [(day, float(price), float(split)) for day, price, split in triples]


def read(path: Path) -> Table:
    raw = path.read_bytes()
    text = gzip.decompress(raw) if path.suffix == ".gz" else raw
    header, *rows = csv.reader(text.decode("utf-8").splitlines())
    if rows[0][0] > rows[-1][0]:
        rows.reverse()  # the ECB's file is newest first
    columns = {name.lower(): [row[i] for row in rows] for i, name in enumerate(header) if name}
    return Table(columns, hashlib.sha256(raw).hexdigest())


def as_utc(stamp: str) -> dt.datetime:
    when = dt.datetime.fromisoformat(stamp)
    return when if when.tzinfo else when.replace(tzinfo=dt.UTC)


def pick(values: list[str], keep: np.ndarray) -> list[str]:
    return [v for v, ok in zip(values, keep, strict=True) if ok]


if __name__ == "__main__":
    main()

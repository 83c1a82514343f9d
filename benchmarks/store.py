"""How near the store comes to the bare drivers: `python benchmarks/store.py [--rows N] [--repeats N] [--write]`.

Every figure is a median over repeats in which ours and the reference take turns, so that both see the same machine.
SQLite: WAL and synchronous=FULL on both sides. PostgreSQL: a fresh server on this machine, fsync off on both sides.
"""

import argparse
import asyncio
import datetime as dt
import os
import platform
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg
import numpy as np
from result_file import keep

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.servers import postgres_server  # noqa: E402

from truecast.domain.bar import COLUMNS, Bars  # noqa: E402
from truecast.domain.instrument import AssetClass, Instrument  # noqa: E402
from truecast.domain.interval import Interval  # noqa: E402
from truecast.kit.db import Database  # noqa: E402
from truecast.market.store import BarStore  # noqa: E402
from truecast.migrations.upgrade import upgrade  # noqa: E402
from truecast.providers.base import SeriesOffer  # noqa: E402

NOW = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
TABLE = (
    "CREATE TABLE bare (series_id BIGINT NOT NULL, start BIGINT NOT NULL, known_at BIGINT NOT NULL, "
    "open DOUBLE PRECISION NOT NULL, high DOUBLE PRECISION NOT NULL, low DOUBLE PRECISION NOT NULL, "
    "close DOUBLE PRECISION NOT NULL, volume DOUBLE PRECISION, final BOOLEAN NOT NULL, "
    "PRIMARY KEY (series_id, start, known_at))"
)
SELECT = f"SELECT {', '.join(COLUMNS)} FROM bars WHERE series_id = 1 ORDER BY start, known_at"
Timed = Callable[[], Awaitable[float]]


def walk(symbol: str, n: int) -> Bars:
    """`n` bars of one minute."""
    rng = np.random.default_rng(1)
    close = 100 + np.cumsum(rng.standard_normal(n)) * 0.01
    start = np.arange(n, dtype=np.int64) * 60_000_000
    final, source = np.ones(n, np.bool_), np.zeros(n, np.int16)
    known_at = start + 60_000_000
    volume = rng.random(n)
    return Bars(
        symbol,
        Interval.M1,
        start,
        known_at,
        close,
        close + 1,
        close - 1,
        close + 0.5,
        volume,
        final,
        source,
        ("bench",),
    )


def tuples(bars: Bars) -> list[tuple[Any, ...]]:
    columns = [getattr(bars, name).tolist() for name in COLUMNS]
    return list(zip([1] * len(bars), *columns, strict=True))


async def fresh(url: str) -> BarStore:
    db = Database.open(url)
    await upgrade(db)
    return BarStore(db)


async def add(store: BarStore, symbol: str) -> None:
    instrument = Instrument(symbol, symbol, AssetClass.CRYPTO, "USD", Decimal("0.01"), "24/7")
    await store.add_series(SeriesOffer(instrument, Interval.M1, "24/7", "eod", None, "benchmark"), "bench")


async def timed(work: Awaitable[Any]) -> float:
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


async def turns(repeats: int, ours: Timed, bare: Timed) -> tuple[float, float]:
    pairs = [(await ours(), await bare()) for _ in range(repeats)]
    return median(p[0] for p in pairs), median(p[1] for p in pairs)


async def sqlite(folder: Path, append_rows: int, read_rows: int, repeats: int) -> list[str]:
    bars = walk("A", append_rows)
    rows = tuples(bars)
    serial = iter(range(10**6))

    async def append_ours() -> float:
        store = await fresh(f"sqlite:///{folder}/ours{next(serial)}.db")
        await add(store, "A")
        took = await timed(store.append(bars, received_at=NOW))
        await store.db.close()
        return took

    async def append_bare() -> float:
        connection = sqlite3.connect(folder / f"bare{next(serial)}.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(TABLE + " WITHOUT ROWID")
        began = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO bare VALUES (?,?,?,?,?,?,?,?,?)", rows)
        connection.execute("COMMIT")
        took = time.perf_counter() - began
        connection.close()
        return took

    appends = await turns(repeats, append_ours, append_bare)
    path = folder / "read.db"
    store = await fresh(f"sqlite:///{path}")
    await add(store, "A")
    await store.append(walk("A", read_rows), received_at=NOW)
    connection = sqlite3.connect(path)

    async def read_ours() -> float:
        return await timed(store.read("A", Interval.M1))

    async def read_bare() -> float:
        began = time.perf_counter()
        found = connection.execute(SELECT).fetchall()
        took = time.perf_counter() - began
        assert len(found) == read_rows
        return took

    reads = await turns(repeats, read_ours, read_bare)
    latest = await latest_ms(store)
    connection.close()
    await store.db.close()
    return [
        rate("SQLite append", append_rows, "bare executemany", appends, "rate >= 0.60"),
        took("SQLite read", read_rows, "bare fetchall", reads, "time <= 2.0"),
        latest_row("SQLite", read_rows, latest),
    ]


async def postgres(append_rows: int, read_rows: int, repeats: int) -> list[str]:
    with postgres_server() as url:
        store = await fresh(url)
        connection = await asyncpg.connect(url)
        await connection.execute(TABLE)
        serial = iter(range(10**6))
        rows = tuples(walk("A", append_rows))

        async def append_ours() -> float:
            symbol = f"S{next(serial)}"
            await add(store, symbol)
            return await timed(store.append(walk(symbol, append_rows), received_at=NOW))

        async def append_bare() -> float:
            await connection.execute("TRUNCATE bare")
            return await timed(connection.copy_records_to_table("bare", records=rows))

        appends = await turns(repeats, append_ours, append_bare)
        await add(store, "A")
        await store.append(walk("A", read_rows), received_at=NOW)
        series_id = await connection.fetchval("SELECT max(id) FROM series")
        await connection.execute("VACUUM ANALYZE bars")
        select = SELECT.replace("series_id = 1", f"series_id = {series_id}")

        async def read_ours() -> float:
            return await timed(store.read("A", Interval.M1))

        async def read_bare() -> float:
            async def keep(data: bytes) -> None:
                parts.append(data)

            parts: list[bytes] = []
            return await timed(connection.copy_from_query(select, output=keep, format="binary"))

        reads = await turns(repeats, read_ours, read_bare)
        latest = await latest_ms(store)
        await connection.close()
        await store.db.close()
    return [
        rate("PostgreSQL append", append_rows, "copy_records_to_table", appends, "rate >= 0.60"),
        took("PostgreSQL read", read_rows, "copy_from_query, bytes only", reads, "time <= 2.0"),
        latest_row("PostgreSQL", read_rows, latest),
    ]


async def latest_ms(store: BarStore) -> tuple[float, float]:
    times = [await timed(store.read("A", Interval.M1, limit=1_000)) * 1_000 for _ in range(200)]
    return float(np.percentile(times, 50)), float(np.percentile(times, 95))


def latest_row(database: str, rows: int, times: tuple[float, float]) -> str:
    p50, p95 = times
    return f"| {database} latest 1,000 of {rows:,} | {p50:.2f} ms p50 | {p95:.2f} ms p95 | | p50 <= 5 ms |"


def rate(what: str, rows: int, reference: str, times: tuple[float, float], target: str) -> str:
    ours, bare = rows / times[0], rows / times[1]
    figures = f"{ours:,.0f} rows/s | {reference}: {bare:,.0f} rows/s | {ours / bare:.2f}"
    return f"| {what}, {rows:,} rows | {figures} | {target} |"


def took(what: str, rows: int, reference: str, times: tuple[float, float], target: str) -> str:
    ours, bare = times
    figures = f"{ours:.3f} s | {reference}: {bare:.3f} s | {ours / bare:.2f}"
    return f"| {what}, {rows:,} rows into columns | {figures} | {target} |"


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--append-rows", type=int, default=300_000)
    options.add_argument("--read-rows", type=int, default=1_000_000)
    options.add_argument("--repeats", type=int, default=5)
    options.add_argument("--write", action="store_true", help="keep the table in benchmarks/results/store.md")
    asked = options.parse_args()
    load = os.getloadavg()[0]
    sizes = (asked.append_rows, asked.read_rows, asked.repeats)
    with tempfile.TemporaryDirectory() as folder:
        lines = asyncio.run(sqlite(Path(folder), *sizes))
    lines += asyncio.run(postgres(*sizes))
    about = (
        f"Median of {asked.repeats} repeats, ours and the reference in turns; latest bars: 200 reads. Load of the "
        f"machine at the start: {load:.1f} on {os.cpu_count()} cores. Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}, WAL, synchronous=FULL; PostgreSQL on the same machine, fsync off.\n\n"
        "The reference's rows are made before the clock starts; ours are numpy columns, merged with what is stored and "
        "written with a receipt. A read gives eight numpy columns, one row per bar, its latest version."
    )
    table = ["| what | ours | reference | ratio | target |", "|---|---|---|---|---|", *lines]
    print("\n".join([about, "", *table]))
    if asked.write:
        keep(__file__, "Store: bulk rows against the bare drivers", about, table)


if __name__ == "__main__":
    main()

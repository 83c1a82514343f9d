"""Bars in and out of the database as numpy columns, past SQLAlchemy's per-row cost.

Every value inlined into the SQL below is an integer of ours; text goes in as an argument.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from truecast.domain.bar import COLUMNS, Bars, BoolArray, IntArray
from truecast.kit.db import driver_of
from truecast.market import bulk_postgres, bulk_sqlite


@dataclass(frozen=True, slots=True)
class Window:
    """Which rows of one series: starts in [first, until), known by `as_of`, the last `limit` of them."""

    series_id: int
    first_us: int | None = None
    until_us: int | None = None
    as_of_us: int | None = None
    limit: int | None = None


async def fetch(conn: AsyncConnection, select: str, *args: str) -> list[tuple[Any, ...]]:
    """A few rows past SQLAlchemy, where its cost would be most of a read's. Arguments are written $1, $2."""
    module = bulk_postgres if conn.dialect.name == "postgresql" else bulk_sqlite
    rows: list[tuple[Any, ...]] = await module.fetch(await driver_of(conn), select, *args)
    return rows


async def insert_bars(conn: AsyncConnection, series_id: int, bars: Bars) -> None:
    """Add the rows as they are; they must not be there yet."""
    if len(bars):
        driver = await driver_of(conn)
        module = bulk_postgres if conn.dialect.name == "postgresql" else bulk_sqlite
        await module.insert_bars(driver, series_id, bars)


async def read_versions(conn: AsyncConnection, window: Window, like: Bars) -> Bars:
    """Every stored version of every bar in the window, by start, then by known_at. `like` gives symbol and interval."""
    return _bars(like, await _columns(conn, window, newest_first=False))


async def read_latest(conn: AsyncConnection, window: Window, like: Bars) -> Bars:
    """One row per start, the latest known by `as_of`, oldest start first."""
    if window.limit is None:
        found = await read_versions(conn, window, like)
        return found[_last_of_run(found.start)] if len(found) else found
    taken: list[bulk_sqlite.Columns] = []
    need = window.limit
    while need > 0:
        columns = await _columns(conn, replace(window, limit=need), newest_first=True)
        if not len(columns[0]):
            break
        newest = _first_of_run(columns[0])
        taken.append(tuple(c[newest] for c in columns))
        # Corrections take room in the limit; then fewer starts than wanted came back, and older ones are fetched.
        full = len(columns[0]) == need
        need -= int(newest.sum())
        window = replace(window, until_us=int(columns[0][-1]))
        if not full:
            break
    if not taken:
        return like[:0]
    return _bars(like, tuple(np.concatenate(parts)[::-1] for parts in zip(*taken, strict=True)))


async def _columns(conn: AsyncConnection, window: Window, *, newest_first: bool) -> bulk_sqlite.Columns:
    driver = await driver_of(conn)
    module = bulk_postgres if conn.dialect.name == "postgresql" else bulk_sqlite
    select = _select(window, newest_first=newest_first)
    columns: bulk_sqlite.Columns = await module.read_columns(driver, select, window.limit)
    return columns


def _select(window: Window, *, newest_first: bool) -> str:
    where = [f"series_id = {int(window.series_id)}"]
    until_us = window.until_us
    if window.first_us is not None:
        where.append(f"start >= {int(window.first_us)}")
    if window.as_of_us is not None:
        where.append(f"known_at <= {int(window.as_of_us)}")
        # Nothing is known before it starts, so newer bars need not be walked over.
        until_us = window.as_of_us + 1 if until_us is None else min(until_us, window.as_of_us + 1)
    if until_us is not None:
        where.append(f"start < {int(until_us)}")
    order = "start DESC, known_at DESC" if newest_first else "start, known_at"
    limit = "" if window.limit is None else f" LIMIT {int(window.limit)}"
    return f"SELECT {', '.join(COLUMNS)} FROM bars WHERE {' AND '.join(where)} ORDER BY {order}{limit}"  # noqa: S608


def _bars(like: Bars, columns: bulk_sqlite.Columns) -> Bars:
    start, known_at, open_, high, low, close, volume, final = columns
    source = np.zeros(len(start), np.int16)
    return Bars(
        like.symbol, like.interval, start, known_at, open_, high, low, close, volume, final, source, like.sources
    )


def _first_of_run(sorted_values: IntArray) -> BoolArray:
    return np.concatenate(([True], sorted_values[1:] != sorted_values[:-1]))


def _last_of_run(sorted_values: IntArray) -> BoolArray:
    return np.concatenate((sorted_values[1:] != sorted_values[:-1], [True]))

"""Bars through the SQLite driver itself: `executemany` from columns, `fetchmany` into columns."""

import asyncio
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from truecast.domain.bar import Bars

Columns = tuple[npt.NDArray[Any], ...]  # in the order of domain.bar.COLUMNS

_CHUNK_ROWS = 20_000  # bounds the memory taken by Python objects; larger is not faster
_INLINE_ROWS_MAX = 200  # converted at once: fewer rows than a hop to a thread costs
_DTYPES = (np.int64, np.int64, np.float64, np.float64, np.float64, np.float64, np.float64, np.bool_)
_INSERT = (
    "INSERT INTO bars (series_id, start, known_at, open, high, low, close, volume, final) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


async def insert_bars(driver: Any, series_id: int, bars: Bars) -> None:
    """`driver` is an aiosqlite connection; its thread pulls the rows, so the event loop converts nothing."""
    await (await driver.executemany(_INSERT, _rows(series_id, bars))).close()


async def read_columns(driver: Any, select: str) -> Columns:
    """The rows of `select` as columns. NULL volume becomes NaN."""
    parts: list[Columns] = []
    async with driver.execute(select) as cursor:
        while rows := await cursor.fetchmany(_CHUNK_ROWS):
            if len(rows) > _INLINE_ROWS_MAX:
                parts.append(await asyncio.to_thread(_columns, rows))
            else:
                parts.append(_columns(rows))
            if len(rows) < _CHUNK_ROWS:
                break
    if not parts:
        return tuple(np.empty(0, dtype) for dtype in _DTYPES)
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True)) if len(parts) > 1 else parts[0]


def _rows(series_id: int, bars: Bars) -> Iterator[tuple[Any, ...]]:
    """Plain tuples, a chunk of Python objects at a time. SQLite keeps a NaN as NULL, which is what we want."""
    return itertools.chain.from_iterable(_chunks(series_id, bars))


def _chunks(series_id: int, bars: Bars) -> Iterator[Iterable[tuple[Any, ...]]]:
    columns = (bars.start, bars.known_at, bars.open, bars.high, bars.low, bars.close, bars.volume, bars.final)
    for first in range(0, len(bars), _CHUNK_ROWS):
        lists = [column[first : first + _CHUNK_ROWS].tolist() for column in columns]
        yield zip(itertools.repeat(series_id), *lists, strict=False)


def _columns(rows: list[tuple[Any, ...]]) -> Columns:
    return tuple(np.array(column, dtype) for column, dtype in zip(zip(*rows, strict=True), _DTYPES, strict=True))

"""Bars through the SQLite driver itself: `executemany` from columns, `fetchmany` into columns."""

import asyncio
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from truecast.domain.bar import COLUMNS, Bars

Columns = tuple[npt.NDArray[Any], ...]  # in the order of domain.bar.COLUMNS

_CHUNK_ROWS = 20_000  # bounds the memory taken by Python objects; larger is not faster
_INLINE_ROWS_MAX = 1_000  # converted at once: fewer rows than a hop to a thread costs
_NOT_FLOAT: dict[str, npt.DTypeLike] = {"start": np.int64, "known_at": np.int64, "final": np.bool_}
_ROW = np.dtype([(name, _NOT_FLOAT.get(name, np.float64)) for name in COLUMNS])
_INSERT = (
    "INSERT INTO bars (series_id, start, known_at, open, high, low, close, volume, final) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


async def insert_bars(driver: Any, series_id: int, bars: Bars) -> None:
    """`driver` is an aiosqlite connection; its thread pulls the rows, so the event loop converts nothing."""
    await (await driver.executemany(_INSERT, _rows(series_id, bars))).close()


async def fetch(driver: Any, select: str, *args: Any) -> list[tuple[Any, ...]]:
    """A few rows in one round trip to the driver's thread. Arguments are written $1, $2."""
    return list(await driver.execute_fetchall(select.replace("$", "?"), args))


async def read_columns(driver: Any, select: str, rows_max: int | None) -> Columns:
    """The rows of `select` as columns; it returns no more than `rows_max`. NULL volume becomes NaN."""
    if rows_max is not None and rows_max <= _INLINE_ROWS_MAX:  # in one round trip to the driver's thread
        few = _array(await driver.execute_fetchall(select))
        return tuple(np.ascontiguousarray(few[name]) for name in COLUMNS)
    parts = [np.empty(0, _ROW)]
    async with driver.execute(select) as cursor:
        while rows := await cursor.fetchmany(_CHUNK_ROWS):
            if len(rows) > _INLINE_ROWS_MAX:
                parts.append(await asyncio.to_thread(_array, rows))
            else:
                parts.append(_array(rows))
            if len(rows) < _CHUNK_ROWS:
                break
    together = np.concatenate(parts)
    return tuple(np.ascontiguousarray(together[name]) for name in COLUMNS)


def _rows(series_id: int, bars: Bars) -> Iterator[tuple[Any, ...]]:
    """Plain tuples, a chunk of Python objects at a time. SQLite keeps a NaN as NULL, which is what we want."""
    return itertools.chain.from_iterable(_chunks(series_id, bars))


def _chunks(series_id: int, bars: Bars) -> Iterator[Iterable[tuple[Any, ...]]]:
    columns = [getattr(bars, name) for name in COLUMNS]
    for first in range(0, len(bars), _CHUNK_ROWS):
        lists = [column[first : first + _CHUNK_ROWS].tolist() for column in columns]
        yield zip(itertools.repeat(series_id), *lists, strict=False)


def _array(rows: list[tuple[Any, ...]]) -> npt.NDArray[np.void]:
    # Row by row into one structured array: transposing with zip(*rows) first takes three times as long.
    return np.fromiter(rows, _ROW, len(rows))

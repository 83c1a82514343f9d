"""Bars through PostgreSQL's binary COPY, built and parsed with numpy.

A row of fixed-width columns is itself fixed-width: field count, then length and value of each, all big-endian
(https://www.postgresql.org/docs/15/sql-copy.html#id-1.9.3.55.9.4). A NULL is a length of -1 with no value and would
break the width, so bars with and without a volume travel in two streams, and NULL is read back as NaN.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import numpy.typing as npt

from truecast.domain.bar import COLUMNS, Bars
from truecast.market.bulk_sqlite import Columns

_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)  # signature, no flags, no extension
_TRAILER = b"\xff\xff"
_CHUNK_ROWS = 50_000
_INLINE_ROWS_MAX = 5_000  # parsed at once: sooner done than handed to a thread
_TYPES = {"series_id": ">i8", "start": ">i8", "known_at": ">i8", "final": "i1"}
_NATIVE = {"start": np.int64, "known_at": np.int64, "final": np.bool_}


async def insert_bars(driver: Any, series_id: int, bars: Bars) -> None:
    """`driver` is an asyncpg connection inside a transaction."""
    unknown = np.isnan(bars.volume)
    for part, names in (
        (bars[~unknown], ("series_id", *COLUMNS)),
        (bars[unknown], ("series_id", *(c for c in COLUMNS if c != "volume"))),
    ):
        if len(part):
            stream = _stream(series_id, part, names)
            await driver.copy_to_table("bars", source=stream, columns=list(names), format="binary")


async def fetch(driver: Any, select: str, *args: Any) -> list[tuple[Any, ...]]:
    """A few rows. Arguments are written $1, $2."""
    return [tuple(row) for row in await driver.fetch(select, *args)]


async def read_columns(driver: Any, select: str, rows_max: int | None) -> Columns:
    """The rows of `select` as columns; it returns no more than `rows_max`."""
    parts: list[bytes] = []

    async def keep(data: bytes) -> None:
        parts.append(data)

    wanted = select.replace(" volume,", " coalesce(volume, 'NaN'::float8) AS volume,", 1)
    await driver.copy_from_query(wanted, output=keep, format="binary")
    few = rows_max is not None and rows_max <= _INLINE_ROWS_MAX
    return _parse(parts) if few else await asyncio.to_thread(_parse, parts)


async def _stream(series_id: int, bars: Bars, names: tuple[str, ...]) -> AsyncIterator[bytes]:
    yield _HEADER
    for first in range(0, len(bars), _CHUNK_ROWS):
        yield await asyncio.to_thread(_encode, series_id, bars[first : first + _CHUNK_ROWS], names)
    yield _TRAILER


def _encode(series_id: int, bars: Bars, names: tuple[str, ...]) -> bytes:
    rows = np.empty(len(bars), _row_type(names))
    rows["fields"] = len(names)
    for name in names:
        rows[f"{name}_bytes"] = rows.dtype[name].itemsize
        rows[name] = series_id if name == "series_id" else getattr(bars, name)
    return rows.tobytes()


def _parse(parts: list[bytes]) -> Columns:
    data = b"".join(parts)
    dtype = _row_type(COLUMNS)
    count = (len(data) - len(_HEADER) - len(_TRAILER)) // dtype.itemsize
    assert len(data) == len(_HEADER) + count * dtype.itemsize + len(_TRAILER), "every row has the same width"
    rows = np.frombuffer(data, dtype, count, len(_HEADER))
    return tuple(rows[name].astype(_NATIVE.get(name, np.float64)) for name in COLUMNS)


def _row_type(names: tuple[str, ...]) -> np.dtype[np.void]:
    fields: list[tuple[str, npt.DTypeLike]] = [("fields", ">i2")]
    for name in names:
        fields += [(f"{name}_bytes", ">i4"), (name, _TYPES.get(name, ">f8"))]
    return np.dtype(fields)

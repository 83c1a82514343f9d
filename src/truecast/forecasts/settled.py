"""Sealed steps that met their outcome, as arrays by series, model and step, kept up with the ledger.

The ledger only appends, so what was read once stays true: a refresh reads the rows of the chain that came since. Of
several forecasts on the same bar by the same model only the first counts, so that nobody improves a record by asking
twice.
"""

import asyncio
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from truecast.domain.bar import BoolArray, FloatArray
from truecast.kit.compute import Compute
from truecast.kit.db import Database
from truecast.kit.limits import SETTLED_ORIGINS_MAX
from truecast.market.bulk import fetch

Key = tuple[str, str, str, int]  # symbol, interval, model, step

_CHAIN_ROWS = 2_000  # read at once: bounds the Python objects that live together
_KEYS = "f.symbol, f.interval, f.model, s.step"
_NUMBERS = (
    "f.anchor_start, s.forecast_seq, s.target, s.resolved_at, f.mase_scale, s.crps, s.crps_naive, s.inside, s.pit, "
    "s.error, coalesce(CAST(s.hit AS INTEGER), -1)"
)


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """N origins of one series, model and step, ascending. Times are microseconds, exact in a double until 2255."""

    origin: FloatArray  # (N,) start of the bar that the forecast stood on
    forecast: FloatArray  # (N,) its row in the chain
    target: FloatArray  # (N,)
    resolved_at: FloatArray  # (N,)
    scale: FloatArray  # (N,) mean absolute one-step change of its history
    crps: FloatArray  # (N,)
    crps_naive: FloatArray  # (N,)
    inside: FloatArray  # (N,) bits, of STANDARD_LEVELS
    pit: FloatArray  # (N,)
    error: FloatArray  # (N,)
    hit: FloatArray  # (N,) 1, 0, or -1 where nothing moved

    def __len__(self) -> int:
        return len(self.origin)

    def __getitem__(self, rows: slice | BoolArray) -> "Settled":
        return Settled(*(getattr(self, name)[rows] for name in self.__slots__))

    def columns(self) -> FloatArray:
        """All of it. (C, N)"""
        return np.stack([getattr(self, name) for name in self.__slots__])


Groups = Mapping[Key, Settled]


class Settlement:
    """The groups so far. A group that did not change is the same object as before."""

    def __init__(self, db: Database, compute: Compute) -> None:
        self._db = db
        self._compute = compute
        self._seq = 0  # of the chain, read up to there
        self._groups: Groups = {}
        self._lock = asyncio.Lock()

    async def groups(self) -> tuple[int, Groups]:
        """The last row of the chain, and everything that is settled by it."""
        async with self._lock, self._db.read() as conn:
            ((head,),) = await fetch(conn, "SELECT coalesce(max(seq), 0) FROM ledger")
            if head > self._seq:
                found = [rows async for rows in _read(conn, self._seq, head)]
                if found:
                    self._groups = await self._compute.run(_merged, self._groups, found)
                self._seq = head
            return self._seq, self._groups


_Rows = list[tuple[Any, ...]]


async def _read(conn: AsyncConnection, after: int, until: int) -> Any:
    """Rows of scores that the chain says after row `after`, up to `until`. All of them are read in the order in which
    the database keeps them: by forecast.
    """
    by = "seq" if after else "forecast_seq"
    for first in range(after, until, _CHAIN_ROWS):
        last = min(first + _CHAIN_ROWS, until)
        rows = await fetch(
            conn,
            f"SELECT {_KEYS}, {_NUMBERS} FROM scores s JOIN forecasts f ON f.seq = s.forecast_seq "  # noqa: S608 ours
            f"WHERE s.{by} > {first} AND s.{by} <= {last} AND s.seq <= {until} AND s.void IS NULL AND s.sealed",
        )
        if rows:
            yield rows


def _merged(known: Groups, found: Iterable[_Rows]) -> Groups:
    """The groups with more rows; those without news are taken over as they are."""
    numbers: dict[Key, int] = {}
    parts = [_columns(rows, numbers) for rows in found]
    of = np.concatenate([part[0] for part in parts])
    columns = np.concatenate([part[1] for part in parts], axis=1)
    order = np.argsort(of, kind="stable")
    ends = np.cumsum(np.bincount(of, minlength=len(numbers)))
    groups = dict(known)
    for (key, number), end in zip(numbers.items(), ends.tolist(), strict=True):
        start = int(ends[number - 1]) if number else 0
        groups[key] = _joined(known.get(key), columns[:, order[start:end]])
    return groups


def _columns(rows: _Rows, numbers: dict[Key, int]) -> tuple[Any, FloatArray]:
    """The number of each row's group, and its columns. ((N,), (C, N))"""
    of = np.array([numbers.setdefault(row[:4], len(numbers)) for row in rows])
    flat = itertools.chain.from_iterable(row[4:] for row in rows)
    return of, np.fromiter(flat, np.float64).reshape(len(rows), -1).T


def _joined(known: Settled | None, columns: FloatArray) -> Settled:
    """In order of origin, the first forecast of each; the last SETTLED_ORIGINS_MAX of them."""
    if known is not None:
        columns = np.concatenate([known.columns(), columns], axis=1)
    columns = columns[:, np.lexsort((columns[1], columns[0]))]
    first = np.concatenate([[True], columns[0, 1:] != columns[0, :-1]])
    return Settled(*np.ascontiguousarray(columns[:, first][:, -SETTLED_ORIGINS_MAX:]))

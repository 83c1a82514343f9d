"""Which of the arriving rows say something new: the rules of an append-only series with corrections.

A stored version of a bar is in force from its `known_at` until the next version's. An arriving row is

- unchanged when it repeats the values in force at its own `known_at`, or when all that a batch claims to be older than
  the first version repeats that one (a later download must not rewrite what was known when);
- otherwise a new row. When a version with other values already holds exactly its `known_at` (a source republished a
  bar under its publication time), it is known from the moment it was received, unless it was said since then already:
  yesterday's file, delivered again, must not undo today's correction.
"""

import itertools
from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

from truecast.domain.bar import Bars, BoolArray, IntArray

_Values = tuple[float, float, float, float, float | None, bool]


@dataclass(frozen=True, slots=True)
class Merged:
    """`rows` are to be inserted, by start, then known_at; the counts add up to the rows that arrived."""

    rows: Bars
    inserted: int  # first versions
    corrected: int  # further versions
    unchanged: int


def merge(stored: Bars, arriving: Bars, received_us: int) -> Merged:
    """`stored` holds every version of every start that occurs in `arriving`, by start, then known_at."""
    rows = arriving[np.lexsort((arriving.known_at, arriving.start))]
    known_at = rows.known_at.copy()
    low = np.searchsorted(stored.start, rows.start, "left")
    versions = np.searchsorted(stored.start, rows.start, "right") - low
    repeated = _repeated(rows.start)

    keep = (versions == 0) & ~repeated  # never heard of
    simple = (versions == 1) & ~repeated
    at = low[simple]
    keep[simple] = ~_same(rows[simple], stored[at])
    collides = np.zeros(len(rows), np.bool_)
    collides[simple] = stored.known_at[at] == rows.known_at[simple]
    known_at[collides] = np.maximum(received_us, rows.known_at[collides] + 1)

    rest = np.flatnonzero(~((versions == 0) | (versions == 1)) | repeated)
    for t, placed in _place_each(stored, rows, rest, received_us).items():
        keep[t], known_at[t] = placed is not None, placed or 0

    new_start = keep & (versions == 0) & _first_kept(rows.start, keep)
    inserted = int(new_start.sum())
    kept = rows[keep]
    kept.known_at[:] = known_at[keep]
    kept = kept[np.lexsort((kept.known_at, kept.start))]
    return Merged(kept, inserted, len(kept) - inserted, len(rows) - len(kept))


def _place_each(stored: Bars, rows: Bars, which: IntArray, received_us: int) -> dict[int, int | None]:
    """For starts with several versions: the known_at each row is to be kept under, None when it is unchanged."""
    placed: dict[int, int | None] = {}
    for start, same_start in itertools.groupby(which.tolist(), key=lambda t: int(rows.start[t])):
        low, high = np.searchsorted(stored.start, [start, start + 1])
        history = [_version(stored, i) for i in range(low, high)]
        arriving = [(t, *_version(rows, t)) for t in same_start]
        older = [values for _, known_us, values in arriving if history and known_us < history[0][0]]
        repeats_first = all(values == history[0][1] for values in older)
        for t, known_us, values in arriving:
            if repeats_first and history and known_us < history[0][0]:
                placed[t] = None
            else:
                placed[t] = _place(history, known_us, values, received_us)
            if (kept_us := placed[t]) is not None:
                history.insert(bisect_right(history, kept_us, key=_known_at), (kept_us, values))
    return placed


def _place(history: list[tuple[int, _Values]], known_us: int, values: _Values, received_us: int) -> int | None:
    i = bisect_right(history, known_us, key=_known_at)
    if i == 0:
        return known_us
    if history[i - 1][1] == values:
        return None
    if history[i - 1][0] < known_us:
        return known_us
    if any(said == values for _, said in history[i:]):
        return None
    taken = {at for at, _ in history}
    known_us = max(received_us, known_us + 1)
    while known_us in taken:
        known_us += 1
    return known_us


def _known_at(version: tuple[int, _Values]) -> int:
    return version[0]


def _version(bars: Bars, t: int) -> tuple[int, _Values]:
    volume = float(bars.volume[t])
    return int(bars.known_at[t]), (
        float(bars.open[t]),
        float(bars.high[t]),
        float(bars.low[t]),
        float(bars.close[t]),
        None if np.isnan(volume) else volume,
        bool(bars.final[t]),
    )


def _same(a: Bars, b: Bars) -> BoolArray:
    prices = (a.open == b.open) & (a.high == b.high) & (a.low == b.low) & (a.close == b.close)
    volume = (a.volume == b.volume) | (np.isnan(a.volume) & np.isnan(b.volume))
    same: BoolArray = prices & volume & (a.final == b.final)
    return same


def _repeated(sorted_starts: IntArray) -> BoolArray:
    same = sorted_starts[1:] == sorted_starts[:-1]
    return np.concatenate((same, [False])) | np.concatenate(([False], same))


def _first_kept(sorted_starts: IntArray, keep: BoolArray) -> BoolArray:
    """True at the first kept row of each start."""
    first = np.zeros(len(keep), np.bool_)
    kept = np.flatnonzero(keep)
    starts = sorted_starts[kept]
    first[kept] = np.concatenate(([True], starts[1:] != starts[:-1])) if len(kept) else False
    return first

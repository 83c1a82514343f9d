"""The cross-section: what the other instruments of the group did, and where this one stands among them.

At the end of each bar every other instrument counts with its last bar known by then, if that is not older than
`BARS_OLD_MAX` bar lengths. The averages leave the instrument itself out; without PEERS_MIN others they are missing.
"""

from collections import defaultdict
from collections.abc import Sequence
from functools import partial

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.features.column import Column, Scale
from truecast.features.context import Context
from truecast.features.frame import Frame
from truecast.features.panel import Panel

LAGS = (1, 5, 20)  # of return_<lag>_scaled, which are compared
BASE = tuple(f"return_{lag}_scaled" for lag in LAGS)
BARS_OLD_MAX = 4  # a long weekend of daily bars
PEERS_MIN = 2
_NEVER = np.iinfo(np.int64).min // 2


def columns() -> tuple[Column, ...]:
    """The family. Their memory is that of the columns they compare; they are computed before the rest, over all."""
    made = []
    for lag, base in zip(LAGS, BASE, strict=True):
        mean, rank = f"peers_return_{lag}_scaled", f"rank_return_{lag}_scaled"
        said = f"Mean of `{base}` of the others in the group, each at its last bar known"
        place = f"Place of `{base}` in the group, 0 lowest to 1 highest"
        made += [
            Column(mean, said, Scale.FREE, 1, partial(_given, name=mean)),
            Column(rank, place, Scale.FREE, 1, partial(_given, name=rank)),
        ]
    return tuple(made)


def compared(
    frames: Sequence[Frame],
    ends: Sequence[IntArray],
    values: Sequence[FloatArray],
    known: Sequence[IntArray],
    of: Context,
) -> list[dict[str, FloatArray]]:
    """For every frame, at the moments `ends[s]` (N,), its columns of the cross-section, (N,) each.

    `values[s]` (T, len(BASE)) and `known[s]` (T,) are the bars that may be looked at. Frames of a group and interval
    are compared; a symbol that stands twice in the panel is compared with itself, as two.
    """
    groups = defaultdict(list)
    for s, frame in enumerate(frames):
        if frame.symbol in of.groups:
            groups[of.groups[frame.symbol], frame.interval].append(s)
    names = [column.name for column in columns()]
    out = [{name: np.full(len(at), np.nan) for name in names} for at in ends]
    for (_, interval), members in groups.items():
        grid = np.unique(np.concatenate([ends[s] for s in members]))
        oldest = BARS_OLD_MAX * interval.seconds * 1_000_000
        for b, lag in enumerate(LAGS):
            seen = np.stack([_at(grid, known[s], values[s][:, b], oldest) for s in members])  # (M, G)
            mean, rank = _mean_of_others(seen), _rank(seen)
            for m, s in enumerate(members):
                at = np.searchsorted(grid, ends[s])
                out[s][f"peers_return_{lag}_scaled"] = mean[m, at]
                out[s][f"rank_return_{lag}_scaled"] = rank[m, at]
    return out


def _given(panel: Panel, name: str) -> FloatArray:
    return panel.peers.get(name, np.full(panel.shape, np.nan))


def _at(grid: IntArray, known: IntArray, values: FloatArray, oldest: int) -> FloatArray:
    """The last value known at each moment of the grid, NaN where it is too old. (G,)"""
    row = np.searchsorted(known, grid, side="right") - 1
    since = np.where(row >= 0, known[row], _NEVER)
    return np.where(grid - since <= oldest, values[row], np.nan)


def _mean_of_others(seen: FloatArray) -> FloatArray:
    there = np.isfinite(seen)
    others = there.sum(axis=0) - there
    total = np.where(there, seen, 0.0)
    return np.where(others >= PEERS_MIN, (total.sum(axis=0) - total) / np.maximum(others, 1), np.nan)


def _rank(seen: FloatArray) -> FloatArray:
    """Lower ones and half of the equal ones, over all others. (M, G)"""
    rank = np.full(seen.shape, np.nan)
    ordered = np.sort(seen, axis=0)  # NaN last
    counts = np.isfinite(seen).sum(axis=0)
    for g in np.flatnonzero(counts > PEERS_MIN).tolist():
        column, among = seen[:, g], ordered[: counts[g], g]
        lower, upto = (np.searchsorted(among, column, side=side) for side in ("left", "right"))
        rank[:, g] = (lower + upto - 1) / (2 * (counts[g] - 1))
    return np.where(np.isfinite(seen), rank, np.nan)

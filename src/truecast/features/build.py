"""The one way to columns: training, backtest and live call `build` with a named, versioned feature set.

    build(frames, "tree/1").of(0)          # (T, F) of the first frame
    build_last(frames, "tree/1").values    # (S, F): the last row of each, without computing the others

A set never changes once a model names it; another choice of columns is another version.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from truecast.domain.bar import BoolArray, FloatArray, IntArray
from truecast.features import peers
from truecast.features.averages import PERIODS
from truecast.features.column import Column, Scale
from truecast.features.context import NOTHING, Context
from truecast.features.frame import Frame
from truecast.features.panel import STEP_BARS, Panel
from truecast.features.registry import COLUMNS, FAMILIES
from truecast.kit.errors import EXIT_NOT_FOUND, TruecastError

_BLOCK_CELLS = 131_072  # bars worked on at once, so that what columns share stays near the processor
_TAILS = (1, 64, 280, 544, 1_088)  # bars; columns whose memory fits into one of these share it in `build_last`

_CHARTED = (
    *(f"{kind}_{periods}" for kind in ("sma", "ema") for periods in PERIODS),
    *("macd", "macd_signal", "macd_histogram", "rsi_14", "bollinger_upper", "bollinger_lower", "atr_14", "momentum_10"),
    *("realised_5", "realised_20", "realised_60", "realised_250"),
    *("parkinson_20", "garman_klass_20", "rogers_satchell_20", "yang_zhang_20"),
)
_OF_BARS = tuple(
    column.name
    for family in ("returns", "momentum", "averages", "bands", "ranges", "volatility", "session")
    for column in FAMILIES[family]
    if column.scale is Scale.FREE
)
_OF_PEERS = tuple(column.name for column in FAMILIES["peers"])
_OF_THE_WORLD = tuple(column.name for family in ("macro", "sentiment") for column in FAMILIES[family])
FEATURE_SETS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "walk/1": ("level",),
        "indicators/1": _CHARTED,
        "tree/1": _OF_BARS,
        "tree-peers/1": _OF_BARS + _OF_PEERS,
        "tree-world/1": _OF_BARS + _OF_PEERS + _OF_THE_WORLD,
    }
)


class UnknownFeatureSet(TruecastError):
    """Nothing by that name."""

    code = "unknown_feature_set"
    status = 404
    title = "Unknown feature set"
    template = "No feature set is called {feature_set!r}; choose one of {choices}"
    exit_code = EXIT_NOT_FOUND


@dataclass(frozen=True, slots=True)
class FeatureMatrix:
    """F columns over the bars of S frames. The last bars stand together: a shorter frame has NaN before its first."""

    feature_set: str
    columns: tuple[str, ...]
    values: FloatArray  # (S, T, F), never infinite; contiguous per column
    lengths: IntArray  # (S,)

    @property
    def mask(self) -> BoolArray:
        """Where there is a value. (S, T, F)"""
        return np.isfinite(self.values)

    def of(self, s: int) -> FloatArray:
        """The rows of one frame, one for each of its bars. (T of s, F)"""
        return self.values[s, self.values.shape[1] - int(self.lengths[s]) :]


@dataclass(frozen=True, slots=True)
class FeatureRows:
    """F columns at the last bar of S frames."""

    feature_set: str
    columns: tuple[str, ...]
    values: FloatArray  # (S, F), never infinite

    @property
    def mask(self) -> BoolArray:
        """Where there is a value. (S, F)"""
        return np.isfinite(self.values)


def build(frames: Sequence[Frame], feature_set: str, context: Context = NOTHING) -> FeatureMatrix:
    """The columns of `feature_set` at every bar of every frame; raises UnknownFeatureSet."""
    columns = columns_of(feature_set)
    values = _every_row(frames, columns, context)
    lengths = np.array([len(frame) for frame in frames], np.int64)
    return FeatureMatrix(feature_set, FEATURE_SETS[feature_set], np.moveaxis(values, 0, -1), lengths)


def build_last(frames: Sequence[Frame], feature_set: str, context: Context = NOTHING) -> FeatureRows:
    """The last rows of `build`, the same bit by bit, from the few last bars that each column remembers."""
    columns = columns_of(feature_set)
    values = np.full((len(columns), len(frames)), np.nan)
    others = _peers_last(frames, columns, context)
    with np.errstate(invalid="ignore"):
        for rows in _blocks(frames, _TAILS[-1]):
            together = tuple(frames[s] for s in rows)
            given = {name: np.stack([others[s][name] for s in rows]) for name in others[rows[0]]}
            first = Panel(together, STEP_BARS + 1, context, last_only=True)
            for tail, of in _by_memory(columns).items():
                panel = Panel(together, tail, context, last_only=True, peers=given, last_step=first.step)
                for f in of:
                    values[f, rows] = columns[f].compute(panel)[:, -1]
    return FeatureRows(feature_set, FEATURE_SETS[feature_set], values.T)


def columns_of(feature_set: str) -> tuple[Column, ...]:
    """What a set is made of; raises UnknownFeatureSet."""
    if feature_set not in FEATURE_SETS:
        raise UnknownFeatureSet(feature_set=feature_set, choices=sorted(FEATURE_SETS))
    return tuple(COLUMNS[name] for name in FEATURE_SETS[feature_set])


def _every_row(frames: Sequence[Frame], columns: Sequence[Column], context: Context) -> FloatArray:
    """(F, S, T)"""
    longest = max(map(len, frames), default=0)
    values = np.empty((len(columns), len(frames), longest))
    others = _peers_everywhere(frames, columns, context)
    for s, frame in enumerate(frames):
        values[:, s, : longest - len(frame)] = np.nan
    with np.errstate(invalid="ignore"):
        for rows in _blocks(frames):
            panel = Panel(tuple(frames[s] for s in rows), context=context)
            panel.peers.update({name: np.stack([others[s][name] for s in rows]) for name in others[rows[0]]})
            first = longest - panel.shape[1]
            for f, column in enumerate(columns):
                values[f, rows, first:] = column.compute(panel)
    return values


def _blocks(frames: Sequence[Frame], tail: int | None = None) -> Iterator[list[int]]:
    """Frames that can be worked on together: of one kind and one length, at most so many."""
    alike: dict[object, list[int]] = defaultdict(list)
    for s, frame in enumerate(frames):
        length = len(frame) if tail is None else min(len(frame), tail)
        if length:
            alike[frame.interval, frame.signed, frame.calendar, length].append(s)
            if len(alike[frame.interval, frame.signed, frame.calendar, length]) * length >= _BLOCK_CELLS:
                yield alike.pop((frame.interval, frame.signed, frame.calendar, length))
    yield from alike.values()


def _by_memory(columns: Sequence[Column]) -> dict[int, list[int]]:
    """Which columns can be had from how many last bars."""
    by = defaultdict(list)
    for f, column in enumerate(columns):
        by[next(tail for tail in _TAILS if column.memory <= tail)].append(f)
    return by


def _compares(columns: Sequence[Column]) -> bool:
    return any(column.name in _OF_PEERS for column in columns)


def _known(frames: Sequence[Frame], context: Context) -> list[IntArray]:
    """When each bar can be looked at by others: a bar before which another is still unknown waits for it."""
    given = [frame.end for frame in frames] if context.known is None else context.known
    return [np.maximum.accumulate(known) for known in given]


def _peers_everywhere(
    frames: Sequence[Frame], columns: Sequence[Column], context: Context
) -> Sequence[Mapping[str, FloatArray]]:
    if not _compares(columns):
        return [{}] * len(frames)
    base = _every_row(frames, [COLUMNS[name] for name in peers.BASE], NOTHING)  # (B, S, T)
    values = [base[:, s, base.shape[2] - len(frame) :].T for s, frame in enumerate(frames)]
    return peers.compared(frames, [frame.end for frame in frames], values, _known(frames, context), context)


def _peers_last(
    frames: Sequence[Frame], columns: Sequence[Column], context: Context
) -> Sequence[Mapping[str, FloatArray]]:
    """Only bars that may still count at the earliest of the last bars are computed."""
    if not _compares(columns):
        return [{}] * len(frames)
    ends, known = [frame.end[-1:] for frame in frames], _known(frames, context)
    earliest = min((int(end[0]) for end in ends if len(end)), default=0)
    longest_bar = max((frame.interval.seconds for frame in frames), default=0)
    since = earliest - peers.BARS_OLD_MAX * longest_bar * 1_000_000
    counting = max((len(at) - int(np.searchsorted(at, since)) for at in known), default=0)
    tail = counting + max(COLUMNS[name].memory for name in peers.BASE)
    tails = [frame[max(len(frame) - tail, 0) :] for frame in frames]
    base = _every_row(tails, [COLUMNS[name] for name in peers.BASE], NOTHING)
    values = [base[:, s, base.shape[2] - len(cut) :].T for s, cut in enumerate(tails)]
    return peers.compared(tails, ends, values, [at[-len(cut) :] for at, cut in zip(known, tails, strict=True)], context)

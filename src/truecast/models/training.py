"""From a panel of frames to trained trees: what is learned, from which bars, and how much of it is believed.

    y[t, h] = (x[t + h] - x[t] - h d[t]) / (step[t] sqrt(h))           d: the drift that the calibrated walk expects

The last TAIL of the time span is kept for validation, an embargo of bars before it: nothing learned from has an outcome
there. How much of an anchor's trees is believed follows from the tail alone,

    shrink = slope of y on what the trees say x max(0, 1 - 4 / t2)     t2: squared t-statistic over blocks of time

so that trees that found nothing say nothing. Blocks are at least a horizon long, and all instruments of one moment are
in the same block: neighbours in time and kind are no independent witnesses.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, is_dataclass

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.features.build import FEATURE_SETS, build
from truecast.features.frame import Frame
from truecast.features.returns import level
from truecast.kit.errors import EXIT_DATA, TruecastError
from truecast.models.ewma_walk import EwmaWalk
from truecast.models.location.artifact import Artifact
from truecast.models.location.trees import Grower, step_of

ANCHORS = (1, 2, 3, 5, 7, 10, 15, 24, 48, 96, 168)
TAIL = 0.2  # of the time span
ROWS_MIN = 300  # learned from, at an anchor; a farther one is left out
BLOCKS_MIN = 10
WARM_BARS = 60  # of each frame, before most columns have values
RARE = 0.01  # of what was learned from lies outside the range that is kept of each column
RANGE_ROWS = 20_000  # looked at for it
Range = tuple[float | None, ...]
_BELIEVED = 4.0  # t2 below this proves nothing
_OUTLIER = 5.0  # y beyond it counts as that
_MEDIAN = 13  # of GRID
_DRIFT_RENEWED = 20


class TooLittleToLearn(TruecastError):
    """The panel has not enough bars for one horizon."""

    code = "too_little_to_learn"
    status = 409
    title = "Too little to learn from"
    template = "{model} cannot be trained on {frames} series: {rows} rows at horizon 1, it takes {need}"
    exit_code = EXIT_DATA


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """Frames of one interval, prepared once for all anchors. Every list has one entry per frame."""

    frames: Sequence[Frame]
    features: Sequence[FloatArray]  # (T, F) float32
    x: Sequence[FloatArray]
    step: Sequence[FloatArray]
    drift: Sequence[FloatArray]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """N examples of one anchor."""

    features: FloatArray  # (N, F)
    y: FloatArray  # (N,)
    end: IntArray  # (N,) of the origin, microseconds UTC
    resolved: IntArray  # (N,) when y became known


def train(
    grower: Grower,
    frames: Sequence[Frame],
    *,
    asset_class: str,
    seed: int = 0,
    feature_set: str = "tree/1",
    anchors: Sequence[int] = ANCHORS,
    embargo: int = 5,
) -> Artifact:
    """Learn every anchor from all frames, which are of one interval. Raises TooLittleToLearn, ModelUnavailable."""
    panel = prepared(frames, feature_set)
    if not panel.frames:
        raise TooLittleToLearn(model=grower.name, frames=len(frames), rows=0, need=ROWS_MIN)
    first = min(int(frame.end[0]) for frame in panel.frames)
    last = max(int(frame.end[-1]) for frame in panel.frames)
    cut = last - round(TAIL * (last - first))
    bar_us = frames[0].interval.seconds * 1_000_000
    kept, shrink, counts, bodies = list[int](), [], [], []
    lowest: Range = ()
    highest: Range = ()
    for anchor in sorted(anchors):
        rows = rows_of(panel, anchor)
        learn = rows.resolved <= cut - embargo * bar_us
        if int(learn.sum()) < ROWS_MIN:
            break
        body = grower.learned(rows.features[learn], rows.y[learn], seed + anchor)
        if not kept:
            lowest, highest = _ranges(rows.features[learn])
        tail = rows.end >= cut
        said = grower.reader(body)(rows.features[tail])
        block = rows.end[tail] // (bar_us * max(anchor, 5))
        kept.append(anchor)
        shrink.append(believed(said, rows.y[tail], block))
        counts.append(int(learn.sum()))
        bodies.append(body)
    if not kept:
        have = int((rows_of(panel, 1).resolved <= cut - embargo * bar_us).sum())
        raise TooLittleToLearn(model=grower.name, frames=len(frames), rows=have, need=ROWS_MIN)
    return Artifact(
        model=grower.name,
        version=grower.version,
        asset_class=asset_class,
        interval=frames[0].interval.value,
        feature_set=feature_set,
        columns=FEATURE_SETS[feature_set],
        anchors=tuple(kept),
        shrink=tuple(shrink),
        rows=tuple(counts),
        symbols=tuple(frame.symbol for frame in panel.frames),
        trained_from=first,
        trained_until=last,
        seed=seed,
        parameters=asdict(grower) if is_dataclass(grower) else {},
        bodies=tuple(bodies),
        lowest=lowest,
        highest=highest,
    )


def prepared(frames: Sequence[Frame], feature_set: str) -> Panel:
    """The frames that are long enough to learn from, with what every anchor needs."""
    frames = [frame for frame in frames if len(frame) > WARM_BARS]
    x = [level(frame) for frame in frames]
    features = [np.asarray(build([frame], feature_set).of(0), np.float32) for frame in frames]
    return Panel(
        frames,
        [np.asarray(one) for one in features],
        x,
        [step_of(one) for one in x],
        [_drift(frame, one) for frame, one in zip(frames, x, strict=True)],
    )


def rows_of(panel: Panel, anchor: int) -> Rows:
    """Examples of one anchor, every (anchor // 2)-th bar: those between say the same."""
    features, y, end, resolved = [], [], [], []
    for i, frame in enumerate(panel.frames):
        x, step = panel.x[i], panel.step[i]
        t = np.arange(WARM_BARS, len(frame) - anchor, max(1, anchor // 2))
        t = t[step[t] > 0]
        move = x[t + anchor] - x[t] - anchor * panel.drift[i][t]
        features.append(panel.features[i][t])
        y.append(np.clip(move / (step[t] * np.sqrt(anchor)), -_OUTLIER, _OUTLIER))
        end.append(frame.end[t])
        resolved.append(frame.end[t + anchor])
    return Rows(*(np.concatenate(one) for one in (features, y, end, resolved)))


def believed(said: FloatArray, y: FloatArray, block: IntArray) -> float:
    """What part of `said` to believe, from how it went with y (N,) in blocks of time (N,): 0 … 1."""
    _, number = np.unique(block, return_inverse=True)
    agreed, size = np.bincount(number, said * y), np.bincount(number, said * said)
    noise = float((agreed**2).sum())
    if len(agreed) < BLOCKS_MIN or not noise > 0 or not agreed.sum() > 0:
        return 0.0
    proof = max(0.0, 1 - _BELIEVED * noise / float(agreed.sum()) ** 2)
    return float(np.clip(agreed.sum() / size.sum(), 0.0, 1.0) * proof)


def _ranges(x: FloatArray) -> tuple[Range, Range]:
    """Of each column of x (N, F), between which values all but RARE of it lie; of at most RANGE_ROWS rows."""
    some = x[:: -(-len(x) // RANGE_ROWS)].astype(np.float64)
    found: list[tuple[float | None, float | None]] = []
    for column in some.T:
        known = column[np.isfinite(column)]
        low, high = np.quantile(known, [RARE / 2, 1 - RARE / 2]).tolist() if len(known) else (None, None)
        found.append((low, high))
    return tuple(low for low, _ in found), tuple(high for _, high in found)


def _drift(frame: Frame, x: FloatArray) -> FloatArray:
    """The median move over one step that the calibrated walk expects at each bar; 0 before it has a history. (T,)"""
    walk = EwmaWalk()
    origins = np.arange(walk.min_bars - 1, len(frame), _DRIFT_RENEWED)
    median = walk.walk(frame, origins, np.array([1]))[:, 0, _MEDIAN]
    expected = np.log(median) if x is not frame.close else median
    drift = np.zeros(len(frame))
    drift[walk.min_bars - 1 :] = np.repeat(expected - x[origins], _DRIFT_RENEWED)[: len(frame) - walk.min_bars + 1]
    return drift

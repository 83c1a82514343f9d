"""What models say about many series at once, and how each model did on each series, measured once in a while.

Two rules make a forecast a function of its bars alone, whoever asks and whatever is computed beside it:

- Quantiles are computed in panels of exactly PANEL_ROWS series, filled up with repeats. A matrix product rounds
  differently for another number of rows, and a sealed forecast must come out the same when it is asked for alone.
- Coverage and skill are measured on the RECORD_BARS bars up to the last boundary (midnight for hourly bars, Monday
  for daily ones), so that one measurement serves a day or a week. They move slowly and cost more than the forecast.
"""

import hashlib
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Sequence

import numpy as np

from truecast.domain.bar import FloatArray
from truecast.domain.forecast import Coverage, Skill
from truecast.domain.interval import Interval
from truecast.features.frame import Frame
from truecast.forecasts.canonical import significant_one
from truecast.kit.limits import RECORDS_KEPT_MAX
from truecast.models.base import Model

PANEL_ROWS = 4
RECORD_BARS = 1_600  # 500 origins behind a window of 1,000 outcomes, and room for the bars since the boundary

Measured = tuple[tuple[Coverage, ...], Skill]

_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US
_WEEK_US = 7 * _DAY_US
_MONDAY_US = 4 * _DAY_US  # 1970-01-05


def quantiles_of(model: Model, frames: Sequence[Frame], steps: int) -> list[FloatArray]:
    """The model's quantiles for the next `steps` bars of each frame: (steps, len(GRID)) each.

    Raises HistoryTooShort when a frame is.
    """
    alike: defaultdict[tuple[int, bool], list[int]] = defaultdict(list)
    for i, frame in enumerate(frames):
        alike[len(frame), frame.signed or bool((frame.close <= 0).any())].append(i)
    found: dict[int, FloatArray] = {}
    for members in alike.values():
        for first in range(0, len(members), PANEL_ROWS):
            rows = members[first : first + PANEL_ROWS]
            panel = [frames[rows[k % len(rows)]] for k in range(PANEL_ROWS)]
            found |= dict(zip(rows, model.predict_many(panel, steps), strict=False))
    return [found[i] for i in range(len(frames))]


class Records:
    """Coverage and skill of models on series, kept while their bars up to the boundary are the same."""

    def __init__(self, kept_max: int = RECORDS_KEPT_MAX) -> None:
        self._kept: OrderedDict[tuple[str, str, bytes], Measured] = OrderedDict()
        self._kept_max = kept_max
        self._lock = threading.Lock()  # several compute threads ask

    def of(self, model: Model, frame: Frame) -> Measured:
        """How the model did one step ahead on the bars before the frame's last boundary, rounded for the ledger."""
        past = until_boundary(frame)
        past = past if len(past) >= model.min_bars else frame
        digest = hashlib.sha256(past.close.tobytes()).digest()
        key = (model.name, model.version, digest)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        measured = _measure(model, past)
        with self._lock:
            self._kept[key] = measured
            if len(self._kept) > self._kept_max:
                self._kept.popitem(last=False)
        return measured


def until_boundary(frame: Frame) -> Frame:
    """The last RECORD_BARS bars that ended by the last boundary before the frame's end."""
    last = int(np.searchsorted(frame.end, boundary(int(frame.end[-1]), frame.interval), side="right"))
    return frame[max(0, last - RECORD_BARS) : last]


def boundary(end_us: int, interval: Interval) -> int:
    """The last full hour, midnight or Monday (UTC) by `end_us`; the moment itself for bars longer than a day."""
    if interval.seconds > Interval.D1.seconds:
        return end_us
    if interval is Interval.D1:
        return end_us - (end_us - _MONDAY_US) % _WEEK_US
    step = _HOUR_US if interval.seconds < Interval.M15.seconds else _DAY_US
    return end_us - end_us % step


def _measure(model: Model, past: Frame) -> Measured:
    said = model.fit(past).predict(1)
    coverage = tuple(Coverage(c.level, significant_one(c.measured), c.n) for c in said.coverage)
    ratio, p_value = (None if v is None else significant_one(v) for v in (said.skill.crps_ratio, said.skill.p_value))
    return coverage, Skill(said.skill.verdict, ratio, p_value, said.skill.n)

"""What models say about many series at once, and how each model did on each series, measured once in a while.

Two rules make a forecast a function of its bars alone, whoever asks and whatever is computed beside it:

- Quantiles of a series are the same to the last bit whatever stands beside it (models/walk.py), so that a forecast
  sealed in a round of thousands comes out the same when it is asked for alone.
- Coverage, skill and evidence are measured on the RECORD_BARS bars up to the last boundary (Monday for hourly bars,
  every fourth Monday for daily ones), so that one measurement serves a while. They move slowly and cost more than the
  forecast.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from truecast.domain.bar import FloatArray
from truecast.domain.forecast import Coverage, Skill
from truecast.domain.interval import Interval
from truecast.features.frame import Frame
from truecast.forecasts.canonical import significant_one
from truecast.kit.limits import RECORDS_KEPT_MAX
from truecast.models.base import Model
from truecast.models.evidence import Evidence, fit_members, learn
from truecast.models.located import FittedLocated
from truecast.models.walk import FittedWalk

RECORD_BARS = 1_600  # 500 origins behind a window of 1,000 outcomes, and room for the bars since the boundary

EVIDENCE_VERSION = "evidence/2"  # coverage at every horizon since 2: rows of before are renewed once

Measured = tuple[tuple[Coverage, ...], Skill]

_DAY_US = 86_400_000_000
_WEEK_US = 7 * _DAY_US
_MONDAY_US = 4 * _DAY_US  # 1970-01-05


def quantiles_of(model: Model, frames: Sequence[Frame], steps: int) -> list[FloatArray]:
    """The model's quantiles for the next `steps` bars of each frame: (steps, len(GRID)) each.

    Raises HistoryTooShort when a frame is.
    """
    return list(model.predict_many(frames, steps))


class Records:
    """How models did on series, kept while their bars up to the boundary are the same."""

    def __init__(self, kept_max: int = RECORDS_KEPT_MAX) -> None:
        self._kept: OrderedDict[tuple[str, ...], Measured | Evidence] = OrderedDict()
        self._kept_max = kept_max
        self._lock = threading.Lock()  # several compute threads ask

    def of(self, model: Model, frame: Frame) -> Measured:
        """How the model did one step ahead on the bars before the frame's last boundary, rounded for the ledger."""
        past = until_boundary(frame)
        past = past if len(past) >= model.min_bars else frame
        key = ("record", model.name, model.version, _digest(past))
        found = self._get(key)
        if found is None:
            found = self._keep(key, _measure(model, past))
        assert isinstance(found, tuple)
        return found

    def learned(self, members: Sequence[Model], frame: Frame) -> Evidence:
        """What the bars before the frame's last boundary say of the members, as the job would record it."""
        past = until_boundary(frame)
        past = past if len(past) >= members[0].min_bars else frame
        key = ("evidence", *(f"{model.name} {model.version}" for model in members), _digest(past))
        found = self._get(key)
        if found is None:
            found = self._keep(key, learn(fit_members(members, past), past))
        assert isinstance(found, Evidence)
        return found

    def _get(self, key: tuple[str, ...]) -> Measured | Evidence | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def _keep(self, key: tuple[str, ...], found: Measured | Evidence) -> Measured | Evidence:
        with self._lock:
            self._kept[key] = found
            if len(self._kept) > self._kept_max:
                self._kept.popitem(last=False)
        return found


def until_boundary(frame: Frame) -> Frame:
    """The last RECORD_BARS bars that ended by the last boundary before the frame's end."""
    last = int(np.searchsorted(frame.end, boundary(int(frame.end[-1]), frame.interval), side="right"))
    return frame[max(0, last - RECORD_BARS) : last]


def boundary(end_us: int, interval: Interval) -> int:
    """The last midnight, Monday or fourth Monday (UTC) by `end_us`; the moment itself for bars longer than a day."""
    if interval.seconds > Interval.D1.seconds:
        return end_us
    if interval.seconds < Interval.M15.seconds:
        return end_us - end_us % _DAY_US
    return end_us - (end_us - _MONDAY_US) % (4 * _WEEK_US if interval is Interval.D1 else _WEEK_US)


def signature(members: Sequence[Model]) -> str:
    """What evidence is about: a digest of the members' names and versions, and of what is asked of them."""
    named = (f"{model.name} {model.version}" for model in members)
    return hashlib.sha256("|".join((EVIDENCE_VERSION, *named)).encode()).hexdigest()


def _digest(frame: Frame) -> str:
    return hashlib.sha256(frame.close.tobytes()).hexdigest()


def _measure(model: Model, past: Frame) -> Measured:
    fitted = model.fit(past)
    walk = fitted.walk if isinstance(fitted, FittedLocated) else fitted
    if isinstance(walk, FittedWalk):
        measured, judged = walk.record()  # without a forecast that nobody reads
    else:
        said = fitted.predict(1)
        measured, judged = said.coverage, said.skill
    coverage = tuple(Coverage(c.level, significant_one(c.measured), c.n) for c in measured)
    ratio, p_value = (None if v is None else significant_one(v) for v in (judged.crps_ratio, judged.p_value))
    return coverage, Skill(judged.verdict, ratio, p_value, judged.n)

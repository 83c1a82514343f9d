"""Business time: how much of a market's movement each bar of the day carries, learned from the past only.

    factor of a bar = (sum of |move| in its slot so far + FEW x mean |move|) / ((n + FEW) x mean |move|)
    business time   = sum of factor^2, so that moves have about the same variance per unit of it

A slot is an hour of the day in UTC, and one more for the first bar after a gap: a night, a weekend.
Dacorogna et al. (1993) for the idea. Bars of a day and longer have no slots: business time counts bars.
"""

from dataclasses import dataclass

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.domain.interval import Interval
from truecast.features.frame import Frame

FEW = 10.0  # bars of a slot before it is believed as much as the average
FACTOR_LEAST, FACTOR_MOST = 0.2, 6.0
SLOTS_MAX = 24
WEEKS_MOST = 3
_HOUR_US, _DAY_US, _WEEK_US = 3_600_000_000, 86_400_000_000, 604_800_000_000


@dataclass(frozen=True, slots=True)
class Activity:
    """Of one series. `factor[t]` is what was expected of bar t's move before it came."""

    end: IntArray  # (T,)
    slot: IntArray  # (T,)
    moved: FloatArray  # (T,) absolute moves, 0 for the first bar
    factor: FloatArray  # (T,)
    time: FloatArray  # (T,) business time up to each bar
    position: IntArray  # (T,) bars since the last gap, at most a week of them

    def ahead(self, origins: IntArray, steps: int) -> FloatArray:
        """Business time from each origin to each of the `steps` bars after it, as expected there. (O, steps)

        The slots of the bars to come are those that followed the same moment one, two or three weeks earlier, over
        and over. Without such a moment every bar counts as much as the average so far.
        """
        earlier = self._same_moment(origins)
        period = np.maximum(origins - earlier, 1)
        bars = np.maximum(earlier, 0)[:, None] + 1 + np.arange(steps) % period[:, None]
        known = np.minimum(bars, origins[:, None])
        expected = np.take_along_axis(self._factors(origins), self.slot[known], axis=1) ** 2
        average = (self.time[origins] / (origins + 1))[:, None]
        return np.cumsum(np.where(earlier[:, None] >= 0, expected, average), axis=1)

    def _same_moment(self, origins: IntArray) -> IntArray:
        """The latest bar 1 to 3 weeks before each origin that ended within an hour of the same time of the week and
        stood as many bars after a gap (so that clocks may change and exchanges close for a day); -1 if none. (O,)
        """
        found = np.full(len(origins), -1)
        for weeks in range(WEEKS_MOST, 0, -1):
            wanted = self.end[origins] - weeks * _WEEK_US
            nearest = np.searchsorted(self.end, wanted, side="right") - 1
            for offset in (-1, 1, 0):  # the last one counts: exactly the same time, if it fits
                bar = np.clip(nearest + offset, 0, origins)
                fits = (np.abs(self.end[bar] - wanted) <= _HOUR_US) & (self.position[bar] == self.position[origins])
                found = np.where(fits, bar, found)
        return found

    def _factors(self, origins: IntArray) -> FloatArray:
        """The factor of every slot as known at each origin. (O, SLOTS_MAX + 1)"""
        order = np.argsort(origins, kind="stable")
        first_to_know = np.searchsorted(origins[order], np.arange(len(self.end)))
        cell = first_to_know * (SLOTS_MAX + 1) + self.slot
        cells = (len(origins) + 1) * (SLOTS_MAX + 1)
        known = slice(1, None)  # the first bar has no move
        shape = (len(origins) + 1, SLOTS_MAX + 1)
        total = np.bincount(cell[known], self.moved[known], cells).reshape(shape)[:-1].cumsum(axis=0)
        count = np.bincount(cell[known], None, cells).reshape(shape)[:-1].cumsum(axis=0)
        factors = np.empty(total.shape)
        factors[order] = _factor(total, count, total.sum(axis=1, keepdims=True), count.sum(axis=1, keepdims=True))
        return factors


def activity_of(frame: Frame, x: FloatArray) -> Activity | None:
    """The business time of an intraday frame whose level (log price or price) is x; None for longer bars."""
    if not frame.interval.is_intraday:
        return None
    slot = slots(frame.end, frame.interval)
    moved = np.abs(np.diff(x, prepend=x[:1]))
    factor = _causal_factors(slot, moved)
    return Activity(frame.end, slot, moved, factor, np.cumsum(factor**2), _position(slot, frame.interval))


def slots(end: IntArray, interval: Interval) -> IntArray:
    """The slot of each bar: its time of day, or SLOTS_MAX for the first bar after a gap. (T,)"""
    length_us = interval.seconds * 1_000_000
    slot_us = max(length_us, _DAY_US // SLOTS_MAX)
    after_gap = np.diff(end, prepend=end[:1]) > 1.5 * length_us
    return np.where(after_gap, SLOTS_MAX, (end - 1) % _DAY_US // slot_us)


def _position(slot: IntArray, interval: Interval) -> IntArray:
    bars, most = np.arange(len(slot)), int(_WEEK_US // (interval.seconds * 1_000_000))
    gap = np.maximum.accumulate(np.where(slot == SLOTS_MAX, bars, -most))
    return np.minimum(bars - gap, most)


def _causal_factors(slot: IntArray, moved: FloatArray) -> FloatArray:
    """The factor of each bar's slot from the bars before it. (T,)"""
    n_bars = len(slot)
    total, count = np.zeros(n_bars), np.zeros(n_bars)
    for one in np.unique(slot):  # each on its own, so that no rounding carries from one to another
        bars = np.flatnonzero(slot == one)
        total[bars] = np.concatenate([[0.0], np.cumsum(moved[bars])[:-1]])
        count[bars] = np.arange(len(bars)) - (bars[0] == 0) * (bars > 0)  # the first bar has no move
    before = np.concatenate([[0.0], np.cumsum(moved)[:-1]])
    return _factor(total, count, before, np.maximum(np.arange(n_bars) - 1.0, 0.0))


def _factor(total: FloatArray, count: FloatArray, total_all: FloatArray, count_all: FloatArray) -> FloatArray:
    mean = total_all / np.maximum(count_all, 1.0)
    expected = (count + FEW) * mean
    factor = np.divide(
        total + FEW * mean, expected, out=np.ones(np.broadcast(total, expected).shape), where=expected > 0
    )
    return np.asarray(np.clip(factor, FACTOR_LEAST, FACTOR_MOST))

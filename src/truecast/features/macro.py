"""Macro numbers by vintage: how much the last release surprised, as anybody could have known it when the bar ended.

Each slot takes a series of releases with the moment at which each was first seen. At every moment the columns stand on
the values published until then: a later correction changes later bars only.

    surprise = (change of the newest period - mean of the earlier changes) / their standard deviation
"""

from bisect import bisect_left
from functools import lru_cache, partial

import numpy as np

from truecast.domain.bar import BoolArray, FloatArray, IntArray
from truecast.features.column import Column, Scale
from truecast.features.context import Vintages
from truecast.features.panel import SPREAD_LEAST, Panel
from truecast.market.periods import DAY

SLOTS = {"inflation": "consumer prices", "growth": "gross domestic product", "rate": "the ten-year yield"}
CHANGES_MAX, CHANGES_MIN = 40, 8


def surprise(panel: Panel, slot: str) -> FloatArray:
    """The last release's; NaN before there are enough of them, or without the series. (S, T)"""
    out = np.full(panel.shape, np.nan)
    if (vintages := panel.context.macro.get(slot)) is not None:
        known, row = _as_of(vintages, panel.end)
        out[known] = _walked(vintages)[0][row]
    return out


def age(panel: Panel, slot: str) -> FloatArray:
    """Days since a new period was first published. (S, T)"""
    out = np.full(panel.shape, np.nan)
    if (vintages := panel.context.macro.get(slot)) is not None:
        known, row = _as_of(vintages, panel.end)
        out[known] = (panel.end[known] - _walked(vintages)[1][row]) / DAY
    return out


def columns() -> tuple[Column, ...]:
    """The family."""
    made = []
    for slot, text in SLOTS.items():
        name = f"macro_{slot}"
        said = f"Last change of {text} less the mean of the earlier changes, over their standard deviation, by vintage"
        days = f"Days since a new period of {text} was first published"
        made += [
            Column(f"{name}_surprise", said, Scale.FREE, 1, partial(surprise, slot=slot)),
            Column(f"{name}_age_days", days, Scale.FREE, 1, partial(age, slot=slot)),
        ]
    return tuple(made)


def _as_of(vintages: Vintages, end: IntArray) -> tuple[BoolArray, IntArray]:
    """Which bars ended when there was something to know, and the last row of the vintages seen by then."""
    row = np.searchsorted(vintages.first_seen, end, side="right") - 1
    known = row >= 0
    return known, row[known]


@lru_cache(maxsize=32)  # by identity: the vintages of a panel are the same for each of its blocks
def _walked(vintages: Vintages) -> tuple[FloatArray, IntArray]:
    """After each row as the last one seen: the surprise, and when the newest period was first published. (N,) each"""
    surprises = np.full(len(vintages.value), np.nan)
    newest = np.zeros(len(vintages.value), np.int64)
    periods: list[int] = []
    values: list[float] = []
    rows = zip(vintages.period.tolist(), vintages.first_seen.tolist(), vintages.value.tolist(), strict=True)
    for n, (period, seen, value) in enumerate(rows):
        at = bisect_left(periods, period)
        newest[n] = seen if at == len(periods) else newest[n - 1]
        if at < len(periods) and periods[at] == period:
            values[at] = value
        else:
            periods.insert(at, period)
            values.insert(at, value)
        surprises[n] = _surprise(np.array(values[-CHANGES_MAX - 2 :]))
    return surprises, newest


def _surprise(values: FloatArray) -> float:
    changes = np.diff(values)
    if len(changes) < CHANGES_MIN + 1:
        return float("nan")
    deviation = float(np.std(changes[:-1], ddof=1))
    if not deviation > SPREAD_LEAST * float(np.abs(values).max()):
        return float("nan")
    return float((changes[-1] - changes[:-1].mean()) / deviation)

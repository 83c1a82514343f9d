"""Sentiment by first sight: what had been read about an instrument when the bar ended.

A score counts from the moment it was first seen here, whatever date its text bears. Without a series for the symbol,
and in a window without a text, the mean is missing: silence is not a neutral opinion.
"""

from functools import partial

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.features.column import Column, Scale
from truecast.features.context import Scores
from truecast.features.panel import Panel
from truecast.market.periods import DAY

DAYS = (1, 7)


def mean(panel: Panel, days: int) -> FloatArray:
    """Of the scores first seen in the days before the bar ended. (S, T)"""
    out = np.full(panel.shape, np.nan)
    for s, scores in _present(panel):
        first, last = _window(scores, panel.end[s], days)
        totals = np.concatenate([[0.0], np.cumsum(scores.value)])
        out[s] = np.where(last > first, totals[last] - totals[first], np.nan) / np.maximum(last - first, 1)
    return out


def count(panel: Panel, days: int) -> FloatArray:
    """log(1 + number of scores first seen in the days before the bar ended); NaN before the first of all. (S, T)"""
    out = np.full(panel.shape, np.nan)
    for s, scores in _present(panel):
        first, last = _window(scores, panel.end[s], days)
        out[s] = np.where(last > 0, np.log1p(last - first), np.nan)
    return out


def columns() -> tuple[Column, ...]:
    """The family."""
    made = []
    for days in DAYS:
        span = "day" if days == 1 else f"{days} days"
        said = f"Mean of the scores first seen in the last {span}"
        number = f"log(1 + number of scores first seen in the last {span})"
        made += [
            Column(f"sentiment_{days}d", said, Scale.FREE, 1, partial(mean, days=days)),
            Column(f"sentiment_{days}d_count", number, Scale.FREE, 1, partial(count, days=days)),
        ]
    return tuple(made)


def _present(panel: Panel) -> list[tuple[int, Scores]]:
    of = panel.context.sentiment
    return [(s, of[symbol]) for s, symbol in enumerate(f.symbol for f in panel.frames) if symbol in of]


def _window(scores: Scores, end: IntArray, days: int) -> tuple[IntArray, IntArray]:
    """The rows (first, last) seen in (end - days, end]."""
    first, last = (np.searchsorted(scores.first_seen, at, side="right") for at in (end - days * DAY, end))
    return first, last

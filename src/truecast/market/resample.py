"""Coarser bars from finer ones, along a calendar. Pure.

Open of the first part, highest high, lowest low, close of the last part, sum of the known volumes.

A coarser bar is final once its period is over and nothing of it can be missing at the end: its last expected part is
there, or a part of a later period is (sources leave sessions out; what did not come by then will not come). It is known
when the part that proves it is known. Until then it is partial: `final` is False, and it is known as its parts are.
"""

from dataclasses import replace

import numpy as np

from truecast.domain.bar import Bars, BoolArray, FloatArray, IntArray
from truecast.domain.interval import Interval
from truecast.kit.errors import TruecastError
from truecast.market.calendar import Calendar

_ORDER = tuple(Interval)


class DoesNotNest(TruecastError):
    """The wanted bars are not made of whole given bars."""

    code = "interval_does_not_nest"
    status = 409
    title = "Interval does not nest"
    template = "{to} bars are not made of whole {interval} bars"


def nests(interval: Interval, to: Interval) -> bool:
    """Whether every `to` bar is made of whole `interval` bars: no week is part of one month.

    Years are taken where a source has them and never made: a market has too few to learn anything from.
    """
    if Interval.W1 is interval or Interval.Y1 is to:
        return to is interval
    return _ORDER.index(interval) <= _ORDER.index(to)


def resample(bars: Bars, to: Interval, calendar: Calendar, as_of_us: int) -> Bars:
    """`bars` at interval `to`, from what was known at `as_of_us`. Raises DoesNotNest."""
    if not nests(bars.interval, to):
        raise DoesNotNest(interval=bars.interval.value, to=to.value)
    known = bars.known_at <= as_of_us
    bars = bars if known.all() else bars[known]
    if not len(bars):
        return replace(bars, interval=to)
    bucket = calendar.buckets(bars.start, bars.interval, to)
    first = np.flatnonzero(np.concatenate(([True], bucket[1:] != bucket[:-1])))
    last = np.append(first[1:], len(bars)) - 1
    start = bucket[first]
    ends = calendar.ends(start, to)
    reached = calendar.ends(bars.start[last], bars.interval) >= ends
    known_at, final = _settled(bars, first, ends, reached, as_of_us)
    return replace(
        bars,
        interval=to,
        start=start,
        known_at=known_at,
        open=bars.open[first],
        high=np.maximum.reduceat(bars.high, first),
        low=np.minimum.reduceat(bars.low, first),
        close=bars.close[last],
        volume=_sum_known(bars.volume, first),
        final=final,
        source=bars.source[last],  # of several, the one that gave the close
    )


def _settled(
    parts: Bars, first: IntArray, ends: IntArray, reached: BoolArray, as_of_us: int
) -> tuple[IntArray, BoolArray]:
    """When each coarser bar was known, and whether it is final. `reached`: its parts go up to its end."""
    known_at = np.maximum.reduceat(parts.known_at, first)
    followed = np.arange(len(first)) < len(first) - 1
    whole = np.logical_and.reduceat(parts.final, first)
    final = whole & (ends <= as_of_us) & (reached | followed)
    proof = np.append(parts.known_at[first[1:]], 0)  # the first part of the next bar
    settled = np.maximum(np.where(reached, known_at, np.maximum(known_at, proof)), ends)
    return np.where(final, settled, known_at), final


def _sum_known(volume: FloatArray, first: IntArray) -> FloatArray:
    known = ~np.isnan(volume)
    total = np.add.reduceat(np.where(known, volume, 0.0), first)
    return np.where(np.logical_or.reduceat(known, first), total, np.nan)

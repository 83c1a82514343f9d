"""Parameters on a schedule: estimated after so many bars, kept until the next time, so that past and present agree.

Between two estimations a new bar costs a recursion. Which bars are estimation bars depends on their number only, never
on what is asked; what is said of a bar uses the last estimation by then. Estimates are rounded to DIGITS digits: prices
in another currency must not lead an optimiser to another optimum.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.domain.interval import Interval
from truecast.features.frame import Frame
from truecast.features.returns import uses_differences
from truecast.models.location.path import Path, path_of

FIRST = 30  # bars
GROWTH, GROWTH_SLOW = 2.0, 1.25  # from one estimation to the next; statistics are few and every one of them counts
WINDOW = 512  # last bars that an estimation reads
DIGITS = 5


class Estimated(Protocol):
    """A model of a path whose parameters are known."""

    def read(self, y: FloatArray, known: FloatArray | None) -> FloatArray:
        """What it remembers after each bar; `known` is that of the first bars. (T, C)"""

    def ahead(self, memory: FloatArray, y: FloatArray, bars: IntArray, horizons: IntArray) -> FloatArray:
        """Expected moves from paths at y (O,), from memories (O, C) after so many bars (O,). (O, H)"""


Estimate = Callable[[FloatArray, Interval], Estimated | None]  # of a path in units of its mean move; None: no opinion


@dataclass(frozen=True, slots=True, eq=False)
class Span:
    """From one estimation to the next. `memory` starts with bar `start` of the path."""

    since: int  # bars known at the estimation
    start: int
    unit: float
    origin: float
    model: Estimated | None
    memory: FloatArray  # (n, C)


@dataclass(frozen=True, slots=True, eq=False)
class Scheduled:
    """Of one series: a location (base.py) from any Estimate."""

    estimate: Estimate
    interval: Interval
    differences: bool
    path: Path
    spans: tuple[Span, ...]
    shaping: bool = True
    judged_from: int = 0

    def mu(self, origins: IntArray, horizons: IntArray) -> FloatArray:
        """Expected moves. (O, H)"""
        mu = np.zeros((len(origins), len(horizons)))
        of = np.searchsorted([span.since for span in self.spans], origins + 1, side="right") - 1
        for number, span in enumerate(self.spans):
            mine = np.flatnonzero(of == number)
            if span.model is None or not len(mine):
                continue
            bars = origins[mine] - span.start
            y = (self.path.y[origins[mine]] - span.origin) / span.unit
            mu[mine] = span.unit * span.model.ahead(span.memory[bars], y, bars + 1, horizons)
        return self.path.bounded(mu, origins, horizons)

    def carried(self, frame: Frame, x: FloatArray) -> "Scheduled":
        """Recursions go on from where they are; an estimation is made when it is due."""
        if uses_differences(frame) != self.differences:
            return scheduled(self.estimate, frame, x)
        return _spanned(self.estimate, frame, path_of(x), self.spans)


def scheduled(estimate: Estimate, frame: Frame, x: FloatArray) -> Scheduled:
    """Learn from a frame whose level is x."""
    return _spanned(estimate, frame, path_of(x), ())


def estimations(n_bars: int, interval: Interval) -> list[int]:
    """After how many bars parameters are estimated."""
    growth = GROWTH_SLOW if interval.seconds > Interval.W1.seconds else GROWTH
    found, due = [], float(FIRST)
    while due <= n_bars:
        found.append(int(due))
        due *= growth
    return found


def _spanned(estimate: Estimate, frame: Frame, path: Path, known: tuple[Span, ...]) -> Scheduled:
    due = estimations(len(path.y), frame.interval)
    spans = []
    for number, since in enumerate(due):
        until = due[number + 1] if number + 1 < len(due) else len(path.y)
        span = known[number] if number < len(known) else _begun(estimate, frame.interval, path, since)
        spans.append(_read_on(span, path, until))
    return Scheduled(estimate, frame.interval, uses_differences(frame), path, tuple(spans))


def _begun(estimate: Estimate, interval: Interval, path: Path, since: int) -> Span:
    start = max(0, since - WINDOW)
    y = path.y[start:since]
    unit, origin = float(np.abs(np.diff(y)).mean()), float(y[0])
    model = estimate((y - origin) / unit, interval) if unit > 0 else None
    return Span(since, start, unit, origin, model, np.empty((0, 0)))


def _read_on(span: Span, path: Path, until: int) -> Span:
    if span.model is None or len(span.memory) >= until - span.start:
        return span
    y = (path.y[span.start : until] - span.origin) / span.unit
    memory = span.model.read(y, span.memory if len(span.memory) else None)
    return Span(span.since, span.start, span.unit, span.origin, span.model, memory)


def rounded(values: object) -> FloatArray:
    """Estimates to DIGITS significant digits."""
    exact = np.asarray(values, np.float64)
    size = np.floor(np.log10(np.where(np.isfinite(exact) & (exact != 0), np.abs(exact), 1.0)))
    unit = 10.0 ** (DIGITS - 1 - size)
    return np.asarray(np.round(exact * unit) / unit, np.float64)

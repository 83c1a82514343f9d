"""What the portfolio would have done in markets' bad times, where its series reach so far back."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from truecast.kit.clock import to_us
from truecast.risk.drawdown import deepest
from truecast.risk.sample import Sample

_NEAR_US = 3 * 86_400_000_000  # over a weekend, or one bar where bars are longer: so near is at the window's end


@dataclass(frozen=True, slots=True)
class Window:
    """From the close of the first day to that of the last."""

    name: str
    text: str
    first: datetime
    last: datetime


def _window(name: str, text: str, first: str, last: str) -> Window:
    return Window(name, text, *(datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (first, last)))


WINDOWS = (
    _window("2008", "S&P 500 from its peak to its trough", "2007-10-09", "2009-03-09"),
    _window("2020-03", "The first weeks of the pandemic", "2020-02-19", "2020-03-23"),
    _window("2022", "Inflation, rising rates, war", "2022-01-03", "2022-10-12"),
)


@dataclass(frozen=True, slots=True)
class Stressed:
    """A window, and what happened in it; everything is None where the data do not reach it: see `reason`."""

    window: Window
    n: int
    change: float | None
    worst_bar: float | None
    max_drawdown: float | None
    reason: str | None


def stressed(sample: Sample) -> tuple[Stressed, ...]:
    """Every window."""
    return tuple(_one(sample, window) for window in WINDOWS)


def _one(sample: Sample, window: Window) -> Stressed:
    first_us, last_us = to_us(window.first), to_us(window.last)
    rows = np.flatnonzero((sample.start >= first_us) & (sample.start <= last_us))
    near_us = max(_NEAR_US, int(np.median(np.diff(sample.start))))
    if sample.start[0] > first_us + near_us:
        return _absent(window, "the history begins later")
    if sample.start[-1] < last_us - near_us:
        return _absent(window, "the history ends before the window does")
    if len(rows) < 2:
        return _absent(window, "no two bars of the portfolio lie in it")
    returns = sample.returns[rows[0] : rows[-1]]
    logs = np.log1p(returns)
    change = float(np.expm1(logs.sum()))
    return Stressed(window, len(returns), change, float(returns.min()), deepest(logs).depth, None)


def _absent(window: Window, reason: str) -> Stressed:
    return Stressed(window, 0, None, None, None, reason)

"""A panel: frames of one kind and length side by side, and what several columns of them have in common."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import cached_property, wraps
from typing import Any, TypeVar, cast

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.domain.interval import Interval
from truecast.features.context import NOTHING, Context
from truecast.features.frame import Frame
from truecast.features.rolling import lagged, window_rms

STEP_BARS = 20  # bars whose root mean square move is a step, the unit of every scaled column
SPREAD_LEAST = 1e-9  # of the price: below, a spread is rounding, and what is divided by it is missing

C = TypeVar("C", bound=Callable[..., FloatArray])


@dataclass(frozen=True)
class Panel:
    """S series of T bars each, of one interval, calendar and sign. Not slotted: it keeps what it has computed.

    `last_only`: nobody will look at any row but the last, so that a column may leave the others out: (S, 1).
    `peers` holds the columns of the cross-section, which are computed beforehand.
    """

    frames: tuple[Frame, ...]
    tail: int | None = None  # only so many last bars of each
    context: Context = NOTHING
    last_only: bool = False
    peers: dict[str, FloatArray] = field(default_factory=dict)
    last_step: FloatArray | None = None  # (S, 1) where it is known already
    memo: dict[Hashable, FloatArray] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int]:
        """(S, T)"""
        length = len(self.frames[0])
        return len(self.frames), length if self.tail is None else min(length, self.tail)

    @property
    def interval(self) -> Interval:
        """Of all frames."""
        return self.frames[0].interval

    @property
    def calendar(self) -> str:
        """Of all frames."""
        return self.frames[0].calendar

    @property
    def signed(self) -> bool:
        """Of all frames."""
        return self.frames[0].signed

    @property
    def wanted(self) -> int | None:
        """How many last rows are asked for; None: all."""
        return 1 if self.last_only else None

    @cached_property
    def end(self) -> IntArray:
        """(S, T)"""
        return np.asarray(self._stacked("end"), np.int64)

    @cached_property
    def open(self) -> FloatArray:
        """(S, T)"""
        return np.asarray(self._stacked("open"), np.float64)

    @cached_property
    def high(self) -> FloatArray:
        """(S, T)"""
        return np.asarray(self._stacked("high"), np.float64)

    @cached_property
    def low(self) -> FloatArray:
        """(S, T)"""
        return np.asarray(self._stacked("low"), np.float64)

    @cached_property
    def close(self) -> FloatArray:
        """(S, T)"""
        return np.asarray(self._stacked("close"), np.float64)

    @property
    def price(self) -> FloatArray:
        """The closes of the rows that are asked for. (S, T) or (S, 1)"""
        return self.close[:, -1:] if self.last_only else self.close

    @cached_property
    def level(self) -> FloatArray:
        """What moves are differences of: the log price, or the price itself of a signed series. (S, T)"""
        return self.levels(self.close)

    @cached_property
    def move(self) -> FloatArray:
        """Change of `level` over one bar. (S, T)"""
        return self.level - lagged(self.level, 1)

    @cached_property
    def step(self) -> FloatArray:
        """Root mean square move of the last STEP_BARS bars; NaN in a flat market. (S, T) or (S, 1)"""
        if self.last_step is not None:
            return self.last_step
        if not self.last_only:
            return self.spread(self.rms(STEP_BARS))
        level = self.levels(self.close[:, -STEP_BARS - 1 :])
        return self.spread(window_rms(level - lagged(level, 1), STEP_BARS)[:, -1:])

    @cached_property
    def step_price(self) -> FloatArray:
        """A step in units of the price. (S, T) or (S, 1)"""
        return self.step if self.signed else self.step * self.price

    def rms(self, window: int) -> FloatArray:
        """Root mean square move of the last `window` bars. (S, T)"""
        if window not in self.memo:
            self.memo[window] = window_rms(self.move, window)
        return self.memo[window]

    def levels(self, price: FloatArray) -> FloatArray:
        """Logs, or the prices themselves of a signed series. A price that has no log is missing."""
        if self.signed:
            return price
        if np.min(price, initial=1.0) > 0:
            return np.log(price)
        return np.log(np.where(price > 0, price, np.nan))

    def spread(self, width: FloatArray) -> FloatArray:
        """A width in units of `level`, fit to divide by: NaN where it is nothing but rounding."""
        least = SPREAD_LEAST * np.abs(self.close[:, -width.shape[1] :]) if self.signed else SPREAD_LEAST
        return np.where(width > least, width, np.nan)

    def _stacked(self, name: str) -> Any:
        count = self.shape[1]
        columns = [getattr(frame, name) for frame in self.frames]
        stacked = np.empty(self.shape, columns[0].dtype)
        for s, column in enumerate(columns):
            stacked[s] = column[len(column) - count :]
        return stacked


def kept(compute: C) -> C:
    """Compute once per panel and arguments: several columns stand on the same average. Callers change nothing in it."""

    @wraps(compute)
    def once(panel: Panel, *args: Hashable, **kwargs: Hashable) -> FloatArray:
        key = (compute, args, tuple(kwargs.values()))
        if key not in panel.memo:
            panel.memo[key] = compute(panel, *args, **kwargs)
        return panel.memo[key]

    return cast(C, once)

"""A frame: the adjusted bars of one series that were known at one moment, as a model sees them.

Whoever builds a frame has already cut it at `as_of`; nothing in `features/` or `models/` can look further.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from truecast.domain.bar import Bars, BoolArray, FloatArray, IntArray
from truecast.domain.interval import Interval


@dataclass(frozen=True, slots=True)
class Frame:
    """T bars, oldest first. `end` is when each bar's period was over (microseconds, UTC); `volume` may be NaN.

    `signed` says that values may be zero or negative, so that differences take the place of log returns.
    `calendar` names the sessions (market/calendar.py) by which the columns of time are read; empty: UTC days.
    """

    symbol: str
    interval: Interval
    end: IntArray  # (T,)
    open: FloatArray  # (T,)
    high: FloatArray  # (T,)
    low: FloatArray  # (T,)
    close: FloatArray  # (T,)
    volume: FloatArray  # (T,)
    signed: bool = False
    calendar: str = ""

    def __post_init__(self) -> None:
        assert len({len(getattr(self, name)) for name in _COLUMNS}) == 1, "columns differ in length"

    def __len__(self) -> int:
        return len(self.close)

    def __getitem__(self, rows: slice | BoolArray | IntArray) -> "Frame":
        return self._with([getattr(self, name)[rows] for name in _COLUMNS])

    def followed_by(self, later: "Frame") -> "Frame":
        """These bars and then the later ones."""
        return self._with([np.concatenate([getattr(self, name), getattr(later, name)]) for name in _COLUMNS])

    def _with(self, columns: Sequence[Any]) -> "Frame":
        end, opens, high, low, close, volume = columns
        return Frame(self.symbol, self.interval, end, opens, high, low, close, volume, self.signed, self.calendar)


def frame_of(bars: Bars, end: IntArray, *, signed: bool = False, calendar: str = "") -> Frame:
    """The frame of `bars`, whose periods end at `end`. Bars without a finite close are missing targets: left out."""
    prices = bars.open, bars.high, bars.low, bars.close
    whole = Frame(bars.symbol, bars.interval, end, *prices, bars.volume, signed, calendar)
    known = np.isfinite(bars.close)
    return whole if known.all() else whole[known]


def frame_of_closes(
    close: FloatArray,
    *,
    symbol: str = "",
    interval: Interval = Interval.D1,
    end: IntArray | None = None,
    signed: bool = False,
    calendar: str = "",
) -> Frame:
    """A frame of a series that has one value per period (a fixing, a macro series). Missing values are left out."""
    close = np.asarray(close, np.float64)
    if end is None:
        end = np.arange(1, len(close) + 1, dtype=np.int64) * interval.seconds * 1_000_000
    known = np.isfinite(close)
    close, end = close[known], end[known]
    return Frame(symbol, interval, end, close, close, close, close, np.full(len(close), np.nan), signed, calendar)


_COLUMNS = ("end", "open", "high", "low", "close", "volume")

"""Bars: one as a value, many as numpy columns."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

import numpy as np
import numpy.typing as npt

from truecast.domain.interval import Interval
from truecast.kit.clock import from_us, to_us

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of one series. `start` is the bar's open (UTC); `known_at` is when it could first be known.

    For a fixing or a macro observation open, high, low and close are the one published value, and `start` is the
    start of the period it describes. `volume` is None where the source has none.
    """

    start: datetime
    known_at: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float | None = None
    final: bool = True


@dataclass(frozen=True, slots=True)
class Bars:
    """T bars of one instrument and interval as columns, oldest first, at most one per start.

    Times are microseconds since the epoch, UTC. `volume` is NaN where unknown. `source[t]` indexes `sources`.
    """

    symbol: str
    interval: Interval
    start: IntArray  # (T,)
    known_at: IntArray  # (T,)
    open: FloatArray  # (T,)
    high: FloatArray  # (T,)
    low: FloatArray  # (T,)
    close: FloatArray  # (T,)
    volume: FloatArray  # (T,)
    final: BoolArray  # (T,)
    source: npt.NDArray[np.int16]  # (T,)
    sources: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.start)

    def __getitem__(self, rows: slice | BoolArray | IntArray) -> "Bars":
        return replace(self, **{name: getattr(self, name)[rows] for name in COLUMNS}, source=self.source[rows])

    @classmethod
    def of(cls, symbol: str, interval: Interval, bars: Sequence[Bar], source: str) -> Self:
        """Columns of the given bars, in the given order."""
        volumes = [np.nan if b.volume is None else b.volume for b in bars]
        return cls(
            symbol,
            interval,
            start=np.array([to_us(b.start) for b in bars], np.int64),
            known_at=np.array([to_us(b.known_at) for b in bars], np.int64),
            open=np.array([b.open for b in bars], np.float64),
            high=np.array([b.high for b in bars], np.float64),
            low=np.array([b.low for b in bars], np.float64),
            close=np.array([b.close for b in bars], np.float64),
            volume=np.array(volumes, np.float64),
            final=np.array([b.final for b in bars], np.bool_),
            source=np.zeros(len(bars), np.int16),
            sources=(source,),
        )

    @classmethod
    def empty(cls, symbol: str, interval: Interval) -> Self:
        """No bars."""
        return cls.of(symbol, interval, [], "")

    def row(self, t: int) -> Bar:
        """Bar number `t` as a value."""
        volume = float(self.volume[t])
        return Bar(
            start=from_us(self.start[t]),
            known_at=from_us(self.known_at[t]),
            open=float(self.open[t]),
            high=float(self.high[t]),
            low=float(self.low[t]),
            close=float(self.close[t]),
            volume=None if np.isnan(volume) else volume,
            final=bool(self.final[t]),
        )

    def source_of(self, t: int) -> str:
        """The source of bar number `t`."""
        return self.sources[int(self.source[t])]


COLUMNS = ("start", "known_at", "open", "high", "low", "close", "volume", "final")

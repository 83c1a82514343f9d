"""Series and bars to test with."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np

from truecast.domain.bar import Bar, Bars
from truecast.domain.instrument import AssetClass, Instrument
from truecast.domain.interval import Interval
from truecast.providers.base import SeriesOffer

T0 = datetime(2021, 1, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)
NOW = T0 + timedelta(days=3650)  # later than every bar used here


def instrument(symbol: str = "EUR-USD", *, signed: bool = False) -> Instrument:
    return Instrument(symbol, f"{symbol} test", AssetClass.FX, "USD", Decimal("0.0001"), "24/7", ("euro",), signed)


def offer(
    symbol: str = "EUR-USD", interval: Interval = Interval.H1, *, derived: str | None = None, signed: bool = False
) -> SeriesOffer:
    return SeriesOffer(instrument(symbol, signed=signed), interval, "24/7", "eod", derived, "made up for a test")


def bar(
    hour: float, close: float = 1.2, *, known: float | None = None, volume: float | None = None, final: bool = True
) -> Bar:
    """The hour's bar, by default known when it ended."""
    start = T0 + hour * HOUR
    known_at = start + HOUR if known is None else T0 + known * HOUR
    return Bar(start, known_at, close, close + 0.25, close - 0.25, close, volume, final)


def bars(rows: Sequence[Bar], source: str = "test", symbol: str = "EUR-USD", interval: Interval = Interval.H1) -> Bars:
    return Bars.of(symbol, interval, rows, source)


def walk(n: int, source: str = "test", seed: int = 0) -> Bars:
    """`n` hourly bars of a random walk, some without volume."""
    rng = np.random.default_rng(seed)
    close = 100 + np.cumsum(rng.standard_normal(n)) * 0.01
    start = np.arange(n, dtype=np.int64) * 3_600_000_000
    volume = np.where(rng.random(n) < 0.1, np.nan, rng.random(n))
    return Bars(
        "EUR-USD",
        Interval.H1,
        start,
        start + 3_600_000_000,
        close,
        close + 1,
        close - 1,
        close,
        volume,
        np.ones(n, np.bool_),
        np.zeros(n, np.int16),
        (source,),
    )


def rows_of(found: Bars) -> list[Bar]:
    return [found.row(t) for t in range(len(found))]

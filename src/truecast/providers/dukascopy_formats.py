"""Reads Dukascopy's .bi5 files: LZMA over big-endian records. Pure.

Ticks, 20 bytes: ms since the hour, ask, bid (points), ask and bid volume (float32, millions).
Minute candles, 24 bytes: seconds since 00:00Z, open, CLOSE, LOW, HIGH (points), volume (float32). While the market
rests, weekends included, the last close is repeated with volume 0: such minutes are no bars.
"""

import lzma
from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from truecast.domain.bar import FloatArray, IntArray
from truecast.domain.interval import Interval
from truecast.providers.candles import Asked, Read, Row, gathered
from truecast.providers.hours import SECOND_US
from truecast.providers.payload import malformed

KEY = "dukascopy"
_TICK = np.dtype([("ms", ">u4"), ("ask", ">u4"), ("bid", ">u4"), ("ask_volume", ">f4"), ("bid_volume", ">f4")])
_CANDLE = np.dtype(
    [("s", ">u4"), ("open", ">u4"), ("close", ">u4"), ("low", ">u4"), ("high", ">u4"), ("volume", ">f4")]
)
_UNPACKED_BYTES_MAX = 64_000_000
_HOUR_MS, _DAY_S = 3_600_000, 86_400


@dataclass(frozen=True, slots=True)
class Ticks:
    """T quotes, in order."""

    at: IntArray  # (T,) µs
    bid: FloatArray  # (T,)
    ask: FloatArray  # (T,)
    volume: FloatArray  # (T,) of both sides


@dataclass(frozen=True, slots=True)
class Minutes:
    """M minutes of one side that had quotes, in order."""

    start: IntArray  # (M,) µs
    prices: FloatArray  # (M, 4) open, high, low, close
    volume: FloatArray  # (M,)


def points(symbol: str) -> float:
    """How many points a unit of the quote currency has."""
    return 1e3 if symbol.split("-")[1] in ("JPY", "HUF", "RUB") else 1e5


def parse_ticks(body: bytes, hour_us: int, symbol: str) -> Ticks:
    """The ticks of one hour; an empty file is an hour without any."""
    rows = _records(body, _TICK)
    ms = rows["ms"].astype(np.int64)
    if (ms >= _HOUR_MS).any() or (np.diff(ms) < 0).any():
        raise malformed(KEY, "ticks out of order, or of another hour")
    volume = rows["ask_volume"].astype(np.float64) + rows["bid_volume"].astype(np.float64)
    if not np.isfinite(volume).all() or (volume < 0).any():
        raise malformed(KEY, "a volume that is none")
    bid, ask = (rows[side].astype(np.float64) / points(symbol) for side in ("bid", "ask"))
    if (ask < bid).any():
        raise malformed(KEY, "an ask below its bid")
    return Ticks(hour_us + ms * 1_000, bid, ask, volume)


def parse_minutes(body: bytes, day_us: int, symbol: str) -> tuple[Minutes, int]:
    """The minutes of one day and one side that had quotes, and how many had none."""
    rows = _records(body, _CANDLE)
    seconds = rows["s"].astype(np.int64)
    if (seconds >= _DAY_S).any() or (seconds % 60 != 0).any() or (np.diff(seconds) <= 0).any():
        raise malformed(KEY, "minutes out of order, or of another day")
    volume = rows["volume"].astype(np.float64)
    if not np.isfinite(volume).all() or (volume < 0).any():
        raise malformed(KEY, "a volume that is none")
    prices = np.column_stack([rows[name].astype(np.float64) for name in ("open", "high", "low", "close")])
    if (prices[:, 1] < prices.max(axis=1)).any() or (prices[:, 2] > prices.min(axis=1)).any():
        raise malformed(KEY, "a high below another price, or a low above")
    quoted = volume > 0
    found = Minutes(day_us + seconds[quoted] * SECOND_US, prices[quoted] / points(symbol), volume[quoted])
    return found, int((~quoted).sum())


def rows_of_ticks(ticks: Ticks, interval: Interval) -> list[Row]:
    """Bars of the middle of bid and ask."""
    middle = (ticks.bid + ticks.ask) / 2
    return _bucketed(ticks.at, np.column_stack([middle] * 4), ticks.volume, interval)


def rows_of_minutes(bid: Minutes, ask: Minutes, interval: Interval) -> list[Row]:
    """Bars of the middle of both sides. Opens and closes are exact: a quote has both. A high is one to within the
    change of the spread within its minute.
    """
    _, at_bid, at_ask = np.intersect1d(bid.start, ask.start, assume_unique=True, return_indices=True)
    middle = (bid.prices[at_bid] + ask.prices[at_ask]) / 2
    return _bucketed(bid.start[at_bid], middle, bid.volume[at_bid] + ask.volume[at_ask], interval)


def read(rows: list[Row], asked: Asked, without_quotes: int = 0) -> Read:
    """Rows as bars; minutes without a quote are counted."""
    return gathered(rows, asked, Counter({"without a quote": without_quotes}))


def _bucketed(at: IntArray, prices: FloatArray, volume: FloatArray, interval: Interval) -> list[Row]:
    if not len(at):
        return []
    length = interval.seconds * SECOND_US
    bucket = at // length * length
    first = np.flatnonzero(np.concatenate(([True], bucket[1:] != bucket[:-1])))
    last = np.append(first[1:], len(at)) - 1
    columns = (
        bucket[first],
        prices[first, 0],
        np.maximum.reduceat(prices[:, 1], first),
        np.minimum.reduceat(prices[:, 2], first),
        prices[last, 3],
        np.add.reduceat(volume, first),
    )
    # Middles of five-digit prices have six digits; more are binary noise.
    return [
        (start, *(round(price, 6) for price in prices_), round(size, 6))
        for start, *prices_, size in zip(*(column.tolist() for column in columns), strict=True)
    ]


def _records(body: bytes, dtype: np.dtype[np.void]) -> npt.NDArray[np.void]:
    if not body:
        return np.zeros(0, dtype)
    unpacker = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=128 << 20)
    try:
        raw = unpacker.decompress(body, max_length=_UNPACKED_BYTES_MAX)
    except (lzma.LZMAError, MemoryError) as error:
        raise malformed(KEY, f"not LZMA ({type(error).__name__}: {error})") from None
    if len(raw) >= _UNPACKED_BYTES_MAX or not unpacker.eof:
        raise malformed(KEY, "cut off, or unpacks to more than an hour can hold")
    if unpacker.unused_data or len(raw) % dtype.itemsize:
        raise malformed(KEY, f"{len(raw)} bytes are no whole number of records")
    rows = np.frombuffer(raw, dtype)
    for name in set(dtype.names or ()) & {"ask", "bid", "open", "high", "low", "close"}:
        if (rows[name] == 0).any():
            raise malformed(KEY, "a price of zero")
    return rows

"""Checks what a live frame says before it becomes an event. Raises SourceAnswerMalformed."""

import math

from truecast.domain.event import Candle, Tick
from truecast.domain.interval import Interval
from truecast.providers.payload import malformed

_US_MIN, _US_MAX = 1_230_768_000_000_000, 4_102_444_800_000_000  # 2009 to 2100: anything else is another unit


def checked_tick(
    source: str,
    symbol: str,
    *,
    price: float | None = None,
    bid: float | None = None,
    ask: float | None = None,
    size: float | None = None,
    at_us: int,
    received_us: int,
    seq: int | None = None,
) -> Tick:
    """A tick whose prices are positive, whose bid is not above its ask, and whose time is one."""
    prices = [one for one in (price, bid, ask) if one is not None]
    if not prices or not all(0 < one < math.inf for one in prices):
        raise malformed(source, f"{symbol}: price {price}, bid {bid}, ask {ask}")
    if bid is not None and ask is not None and bid > ask:
        raise malformed(source, f"{symbol}: bid {bid} above ask {ask}")
    if size is not None and not 0 <= size < math.inf:
        raise malformed(source, f"{symbol}: a trade of {size}")
    if not _US_MIN <= at_us < _US_MAX or (seq is not None and seq < 0):
        raise malformed(source, f"{symbol}: number {seq} at {at_us} µs")
    return Tick(symbol, price, bid, ask, size, at_us, received_us, seq)


def checked_candle(
    source: str,
    symbol: str,
    interval: Interval,
    *,
    start_us: int,
    prices: tuple[float, float, float, float],
    volume: float,
    at_us: int,
    received_us: int,
) -> Candle:
    """A candle (open, high, low, close) in order and on the grid; final when it was told after its end."""
    open_, high, low, close = prices
    if not (0 < low <= min(open_, close) <= max(open_, close) <= high < math.inf and 0 <= volume < math.inf):
        raise malformed(source, f"{symbol}: a candle of {prices}, volume {volume}")
    length_us = interval.seconds * 1_000_000
    if start_us % length_us or not _US_MIN <= start_us <= at_us < _US_MAX:
        raise malformed(source, f"{symbol}: a {interval} candle at {start_us} µs, told at {at_us} µs")
    final = at_us >= start_us + length_us
    return Candle(symbol, interval, start_us, open_, high, low, close, volume, final, at_us, received_us)

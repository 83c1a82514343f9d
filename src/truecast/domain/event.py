"""What a live feed says: ticks, candles, and notices about the feed itself. Times are microseconds UTC."""

from dataclasses import dataclass
from typing import Literal

from truecast.domain.interval import Interval

NoticeKind = Literal["subscribed", "heartbeat", "refused", "closing", "status"]


@dataclass(frozen=True, slots=True)
class Tick:
    """A trade (`price`, mostly with `size`), a change of the best bid and ask, or a ticker that tells both.

    `seq` is the source's own number where it has one; what it promises is in the feed's plan. `at_us` is when it
    happened at the source, 0 where the source does not say: `received_us` is all that is known then.
    """

    symbol: str
    price: float | None
    bid: float | None
    ask: float | None
    size: float | None
    at_us: int
    received_us: int
    seq: int | None


@dataclass(frozen=True, slots=True)
class Candle:
    """A bar as it stands, or as it ended when `final`."""

    symbol: str
    interval: Interval
    start_us: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    final: bool
    at_us: int
    received_us: int


@dataclass(frozen=True, slots=True)
class Notice:
    """The feed about itself. `closing`: it will end, reconnect now. `refused`: what was asked for is not to be had.

    `seq` of a heartbeat is the number of the last trade there was.
    """

    kind: NoticeKind
    detail: str
    received_us: int
    symbol: str | None = None
    seq: int | None = None


Event = Tick | Candle | Notice

"""The latest price and where it is from."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Delay = Literal["realtime", "delayed_15m", "eod", "monthly"]


@dataclass(frozen=True, slots=True)
class Quote:
    """A price with its provenance. `as_of` is the event time, `received_at` when we got it."""

    symbol: str
    price: float
    source: str
    as_of: datetime
    received_at: datetime
    delay: Delay
    bid: float | None = None
    ask: float | None = None

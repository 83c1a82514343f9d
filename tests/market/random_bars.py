"""Bars of a random walk along a real calendar, with holes where wanted."""

import numpy as np

from truecast.domain.bar import Bars
from truecast.domain.interval import Interval
from truecast.market.calendar import calendar

MINUTE = 60_000_000


def random_bars(
    name: str, interval: Interval, first_us: int, n: int, *, seed: int = 0, holes: float = 0.0, late: bool = False
) -> Bars:
    """The `n` bars after `first_us`, each left out with probability `holes`, known at its time or, `late`, up to an hour later."""
    rng = np.random.default_rng(seed)
    along = calendar(name)
    start, _ = along.following(first_us, interval, n)
    start = start[rng.random(n) >= holes]
    n = len(start)
    close = 100 * np.exp(np.cumsum(rng.standard_normal(n)) * 0.01)
    open_ = close * np.exp(rng.standard_normal(n) * 0.005)
    spread = np.abs(rng.standard_normal((2, n))) * 0.1
    known = along.known_at(start, interval)
    known = np.maximum.accumulate(known + rng.integers(0, 60, n) * MINUTE) if late else known
    return Bars(
        "TEST",
        interval,
        start,
        known,
        open_,
        np.maximum(open_, close) + spread[0],
        np.minimum(open_, close) - spread[1],
        close,
        np.where(rng.random(n) < 0.1, np.nan, rng.random(n)),
        np.ones(n, np.bool_),
        np.zeros(n, np.int16),
        ("test",),
    )

"""Made-up frames for the tests of columns."""

import numpy as np

from truecast.domain.interval import Interval
from truecast.features.context import Context, Scores, Vintages
from truecast.features.frame import Frame

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
START_US = 1_609_718_400_000_000  # 2021-01-04T00:00Z, a Monday


def bars(seed=0, count=400, *, symbol="X", interval=Interval.H1, signed=False, calendar="", start_us=START_US):
    rng = np.random.default_rng(seed)
    moves = np.cumsum(rng.standard_normal(count) * 0.01)
    width = rng.random((3, count)) * 0.01
    if signed:
        close = moves * 100
        opens, high, low = close + width[2] * 50, close + 1 + width[0] * 100, close - 1 - width[1] * 100
    else:
        close = 100 * np.exp(moves)
        opens = close * (1 + width[2] / 2)
        high, low = np.maximum(opens, close) * (1 + width[0]), np.minimum(opens, close) * (1 - width[1])
    end = start_us + np.arange(1, count + 1) * interval.seconds * 1_000_000
    return Frame(symbol, interval, end, opens, high, low, close, np.full(count, np.nan), signed, calendar)


def times(frame, factor):
    """All prices multiplied."""
    prices = (getattr(frame, name) * factor for name in ("open", "high", "low", "close"))
    return Frame(frame.symbol, frame.interval, frame.end, *prices, frame.volume, frame.signed, frame.calendar)


def flat(price=0.1, count=400, *, signed=False):
    whole = bars(count=count, signed=signed)
    still = np.full(count, price)
    return Frame("FLAT", whole.interval, whole.end, still, still, still, still, still, signed)


def context(frames, seed=0):
    """Everything that can be known beside the frames: one group, three statistics with corrections, texts."""
    rng = np.random.default_rng(seed)
    first, last = frames[0].end[0] - 600 * DAY_US, frames[0].end[-1]
    macro = {}
    for slot in ("inflation", "growth", "rate"):
        seen = np.sort(rng.integers(first, last, 120))
        period = np.sort(rng.integers(0, 90, 120)) * 30 * DAY_US
        macro[slot] = Vintages(period, seen, np.cumsum(rng.standard_normal(120)))
    sentiment = {
        frame.symbol: Scores(np.sort(rng.integers(frame.end[20], last, 60)), rng.uniform(-1, 1, 60))
        for frame in frames[:2]
    }
    return Context({frame.symbol: "group" for frame in frames}, None, macro, sentiment)

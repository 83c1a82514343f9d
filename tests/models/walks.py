"""Seeded random walks whose truth is known."""

import numpy as np

from truecast.domain.interval import Interval
from truecast.features.frame import frame_of_closes


def gaussian(seed, bars, volatility=0.01):
    rng = np.random.default_rng(seed)
    return 100 * np.exp(np.cumsum(rng.standard_normal(bars) * volatility))


def fat_tailed(seed, bars, volatility=0.01):
    rng = np.random.default_rng(seed)
    return 100 * np.exp(np.cumsum(rng.standard_t(4, bars) * volatility / np.sqrt(2)))


def hourly(seed, bars, symbol="EUR-USD"):
    """Hourly bars of a market that is open Monday to Friday and moves three times as much from 12 to 18 as at night."""
    rng = np.random.default_rng(seed)
    hours = np.arange(bars * 2) + 1
    hours = hours[(hours - 1) // 24 % 7 < 5][:bars]
    busy = np.where((hours % 24 >= 12) & (hours % 24 < 18), 3.0, 1.0)
    monday_us = 1_609_718_400_000_000  # 2021-01-04T00:00Z
    close = 1.2 * np.exp(np.cumsum(rng.standard_normal(bars) * busy * 0.001))
    return frame_of_closes(close, symbol=symbol, interval=Interval.H1, end=monday_us + hours * 3_600_000_000)


def clustered(seed, bars, volatility=0.01):
    """GARCH(1,1) with alpha .08 and beta .9: storms and calms, as in markets."""
    rng = np.random.default_rng(seed)
    moves, variance = np.empty(bars), volatility**2
    for t in range(bars):
        moves[t] = np.sqrt(variance) * rng.standard_normal()
        variance = 0.02 * volatility**2 + 0.08 * moves[t] ** 2 + 0.9 * variance
    return 100 * np.exp(np.cumsum(moves))

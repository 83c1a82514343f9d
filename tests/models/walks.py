"""Seeded random walks whose truth is known."""

import numpy as np


def gaussian(seed, bars, volatility=0.01):
    rng = np.random.default_rng(seed)
    return 100 * np.exp(np.cumsum(rng.standard_normal(bars) * volatility))


def fat_tailed(seed, bars, volatility=0.01):
    rng = np.random.default_rng(seed)
    return 100 * np.exp(np.cumsum(rng.standard_t(4, bars) * volatility / np.sqrt(2)))


def clustered(seed, bars, volatility=0.01):
    """GARCH(1,1) with alpha .08 and beta .9: storms and calms, as in markets."""
    rng = np.random.default_rng(seed)
    moves, variance = np.empty(bars), volatility**2
    for t in range(bars):
        moves[t] = np.sqrt(variance) * rng.standard_normal()
        variance = 0.02 * volatility**2 + 0.08 * moves[t] ** 2 + 0.9 * variance
    return 100 * np.exp(np.cumsum(moves))

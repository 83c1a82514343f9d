"""Seeded series whose volatility is known."""

import numpy as np

from truecast.domain.interval import Interval
from truecast.features.frame import Frame


def garch_returns(seed, bars, alpha, beta, nu):
    """GARCH(1,1) around variance 1, normal or Student t: the same numbers as tests/answers/scale/make_garch.py."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal(bars) if nu is None else rng.standard_t(nu, bars) * np.sqrt((nu - 2) / nu)
    r, h = np.empty(bars), 1.0
    for t in range(bars):
        r[t] = np.sqrt(h) * z[t]
        h = (1 - alpha - beta) + alpha * r[t] ** 2 + beta * h
    return r


def bars_with_ranges(seed, bars, steps=64, *, stochastic=False):
    """Daily bars drawn from paths of `steps` moves; volatility by GARCH, or with shocks of its own (log AR(1))."""
    rng = np.random.default_rng(seed)
    h, log_price = 1.0, 0.0
    rows = np.empty((bars, 4))
    for t in range(bars):
        path = log_price + np.cumsum(0.01 * np.sqrt(h / steps) * rng.standard_normal(steps))
        path = np.concatenate([[log_price], path])
        rows[t] = path[0], path.max(), path.min(), path[-1]
        if stochastic:
            h = np.exp(0.95 * np.log(h) + 0.3 * rng.standard_normal())
        else:
            h = 0.02 + 0.1 * ((path[-1] - path[0]) / 0.01) ** 2 + 0.88 * h
        log_price = path[-1]
    prices = 100 * np.exp(rows)
    end = np.arange(1, bars + 1, dtype=np.int64) * 86_400_000_000
    return Frame("X", Interval.D1, end, *prices.T, np.full(bars, np.nan))

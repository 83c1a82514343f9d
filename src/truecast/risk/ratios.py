"""Reward per risk, by the year. Means are arithmetic, over returns less the riskless rate of a bar.

    volatility   s sqrt(A)                          s: standard deviation with n - 1; A: bars per year
    Sharpe       mean(R - f) / s(R - f) sqrt(A)     Sharpe (1994)
    Sortino      mean(R - f) / d sqrt(A)            d: root mean square of what of R - f lies below 0 (Sortino 1994)
    growth       (product of 1 + R) ** (A / n) - 1
    Calmar       growth / maximum drawdown          Young (1991)

Along the last axis, so that a bootstrap gives all its resamples at once. NaN where nothing varies, or nothing was lost.
"""

import numpy as np

from truecast.domain.bar import FloatArray


def volatility(returns: FloatArray, bars_per_year: float) -> FloatArray:
    """Annual."""
    return np.asarray(deviation(returns) * np.sqrt(bars_per_year))


def deviation(x: FloatArray) -> FloatArray:
    """Standard deviation with n - 1. Of many resamples by sums of squares: precise enough for an interval."""
    if x.ndim == 1:
        return np.asarray(x.std(ddof=1))
    n, mean = x.shape[-1], x.mean(axis=-1)
    return np.asarray(np.sqrt(np.maximum(np.einsum("bn,bn->b", x, x) - n * mean * mean, 0.0) / (n - 1)))


def sharpe(returns: FloatArray, volatility_: FloatArray, bars_per_year: float, riskless: float) -> FloatArray:
    """`volatility_`: theirs, annual. `riskless`: the rate of one bar."""
    return _over((returns.mean(axis=-1) - riskless) * bars_per_year, volatility_)


def sortino(returns: FloatArray, bars_per_year: float, riskless: float) -> FloatArray:
    """`riskless`: the rate of one bar, and what counts as a loss."""
    below = np.minimum(returns - riskless, 0.0)
    downside = np.sqrt(np.einsum("...n,...n->...", below, below) / returns.shape[-1])
    return np.asarray(_over(returns.mean(axis=-1) - riskless, downside) * np.sqrt(bars_per_year))


def growth(logs: FloatArray, bars_per_year: float) -> FloatArray:
    """Compounded, annual."""
    return np.asarray(np.expm1(logs.mean(axis=-1) * bars_per_year))


def calmar(growth_: FloatArray, depth: FloatArray) -> FloatArray:
    """Of the growth and the maximum drawdown."""
    return _over(growth_, depth)


def _over(above: FloatArray, below: FloatArray) -> FloatArray:
    # A constant series has a deviation of rounding errors, not of 0.
    below = np.asarray(below)
    varies = below > 1e-15
    return np.where(varies, above / np.where(varies, below, 1.0), np.nan)

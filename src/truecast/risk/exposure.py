"""How a portfolio moves with a benchmark, on the returns between bars that both have.

beta             cov(R, B) / var(B)
alpha            A (mean(R - f) - beta mean(B - f))      Jensen (1968), by the year
correlation      Pearson
tracking error   standard deviation of R - B, by the year
"""

from dataclasses import dataclass

import numpy as np

from truecast.domain.bar import FloatArray

OBSERVATIONS_MIN = 30


@dataclass(frozen=True, slots=True, eq=False)
class Exposure:
    """Along the last axis, so that a bootstrap gives all its resamples at once."""

    beta: FloatArray
    alpha: FloatArray
    correlation: FloatArray
    tracking_error: FloatArray


def exposure(returns: FloatArray, benchmark: FloatArray, bars_per_year: float, riskless: float) -> Exposure:
    """`riskless`: the rate of one bar. NaN where the benchmark, or the portfolio, does not vary."""
    n = returns.shape[-1]
    mean, mean_other = returns.mean(axis=-1), benchmark.mean(axis=-1)
    if returns.ndim == 1:  # of many resamples the sums of products are precise enough
        returns, benchmark = returns - mean, benchmark - mean_other
        of_means = (0.0, 0.0, 0.0)
    else:
        of_means = n * mean * mean_other, n * mean * mean, n * mean_other * mean_other
    pairs = ((returns, benchmark), (returns, returns), (benchmark, benchmark))
    together, variance, variance_other = (
        (np.einsum("...n,...n->...", x, y) - of) / (n - 1) for (x, y), of in zip(pairs, of_means, strict=True)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        beta = np.where(variance_other > 1e-30, together / variance_other, np.nan)
        correlation = np.where((variance > 1e-30) & (variance_other > 1e-30), together, np.nan) / np.sqrt(
            variance * variance_other
        )
    apart = np.sqrt(np.maximum(variance + variance_other - 2 * together, 0.0) * bars_per_year)
    alpha = bars_per_year * (mean - riskless - beta * (mean_other - riskless))
    return Exposure(beta, np.asarray(alpha), correlation, np.asarray(apart))

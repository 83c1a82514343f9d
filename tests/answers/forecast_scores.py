"""Scores by plain loops, written from the definitions and not from the product."""

import math


def pinball(y, q, p):
    return p * (y - q) if y >= q else (1 - p) * (q - y)


def crps_of_levels(y, quantiles, levels):
    return 2 * sum(pinball(y, q, p) for q, p in zip(quantiles, levels, strict=True)) / len(levels)


def winkler(y, lower, upper, level):
    width = upper - lower
    if y < lower:
        return width + 2 / (1 - level) * (lower - y)
    if y > upper:
        return width + 2 / (1 - level) * (y - upper)
    return width


def diebold_mariano(loss, reference, horizon, lags):
    """Diebold and Mariano (1995) with Bartlett weights and the factor of Harvey, Leybourne and Newbold (1997)."""
    d = [a - b for a, b in zip(loss, reference, strict=True)]
    n = len(d)
    mean = sum(d) / n

    def gamma(k):
        return sum((d[t] - mean) * (d[t - k] - mean) for t in range(k, n)) / n

    variance = gamma(0) + 2 * sum((1 - k / (lags + 1)) * gamma(k) for k in range(1, lags + 1))
    factor = (n + 1 - 2 * horizon + horizon * (horizon - 1) / n) / n
    return mean / math.sqrt(variance / n) * math.sqrt(factor)


def worst_rolling(hits, window):
    return min(sum(hits[i : i + window]) / window for i in range(len(hits) - window + 1))

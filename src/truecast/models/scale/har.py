"""HAR: tomorrow's variance from the last day's, week's and month's, measured by ranges instead of closes.

    v[t+1] = c + b1 RV[t] + b5 mean(RV[t-4 … t]) + b22 mean(RV[t-21 … t])          target: r[t+1]^2
    RV     = Garman-Klass (1980): (log H/L)^2 / 2 - (2 log 2 - 1) (log C/O)^2, plus the squared gap before the bar

Corsi (2009). On squared daily closes it is poor, so a series without ranges is refused (`ScaleNotAvailable`) and the
blend goes on without it. Coefficients by least squares with weights 1 / RV22^2 (the QLIKE-efficient ones to first
order), at bars FIRST - 1, FIRST - 1 + every, … of the frame, from the last `window` bars up to there; negative ones are
dropped and the rest fitted again. h bars ahead, the forecast goes from v[t+1] to the month's mean over a month.
"""

from dataclasses import dataclass, replace

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.features.frame import Frame
from truecast.features.returns import uses_differences
from truecast.models.scale.base import ScaleNotAvailable, Series

SPANS = (1, 5, 22)
FIRST = 250
DEFAULT = (0.0, 0.15, 0.35, 0.5)
RANGES_LEAST = 0.8  # share of bars whose high and low differ: below, the ranges are not observed


@dataclass(frozen=True, slots=True)
class Har:
    """The recipe."""

    name: str = "har"
    every: int = 250
    window: int = 1000

    def fit(self, x: FloatArray, frame: Frame) -> "FittedHar":
        """Learn from a series; raises ScaleNotAvailable where only closes exist or logs cannot be taken."""
        if uses_differences(frame) or not has_ranges(frame):
            raise ScaleNotAvailable(
                scale=self.name,
                needs="highs and lows",
                symbol=frame.symbol or "the series",
                interval=frame.interval.value,
            )
        series = Series(x, frame)
        means = _means(realised(frame))
        squared = series.moves() ** 2
        bars = range(FIRST - 1, len(x), self.every)
        fits = (DEFAULT, *(_coefficients(means, squared, bar, self.window) for bar in bars))
        of = np.clip((np.arange(len(x)) - FIRST + 1) // self.every + 1, 0, None)
        return FittedHar(self, series, means, of, fits)


@dataclass(frozen=True, slots=True)
class FittedHar:
    """The means of the realised variance and the coefficients in force."""

    recipe: Har
    series: Series
    means: FloatArray  # (3, T)
    fit_of: IntArray  # (T,)
    fits: tuple[tuple[float, ...], ...]  # (c, b1, b5, b22)

    @property
    def variance(self) -> FloatArray:
        """Of the next bar. (T,)"""
        c, *b = np.array(self.fits)[self.fit_of].T
        v = c + b[0] * self.means[0] + b[1] * self.means[1] + b[2] * self.means[2]
        return np.asarray(np.maximum(v, self.series.floor()))

    @property
    def params(self) -> dict[str, float]:
        """Of the last refit."""
        return dict(zip(("c", "b1", "b5", "b22"), self.fits[self.fit_of[-1]], strict=True))

    def ahead(self, origins: IntArray, horizons: IntArray) -> FloatArray:
        """From the next bar's variance to the month's mean, over a month. (O, H)"""
        p = 1 - 1 / SPANS[-1]
        now = self.variance[origins][:, None]
        mean = np.maximum(self.means[2][origins], self.series.floor()[origins])[:, None]
        return np.asarray(horizons * mean + (now - mean) * (1 - p**horizons) / (1 - p))

    def update(self, new: Frame) -> "FittedHar":
        """New means from the last 22 bars; new coefficients on refit bars only."""
        series = self.series.followed_by(new)
        known, every = len(self.fit_of), self.recipe.every
        if uses_differences(series.frame) or not has_ranges(series.frame):
            return self.recipe.fit(series.x, series.frame)
        tail = series.frame[slice(max(0, known - SPANS[-1] - 1), len(series.x))]
        means = np.concatenate([self.means, _means(realised(tail))[:, -len(new) :]], axis=1)
        squared = series.moves() ** 2
        due = [bar for bar in range(known, len(series.x)) if bar >= FIRST - 1 and (bar - FIRST + 1) % every == 0]
        fits = (*self.fits, *(_coefficients(means, squared, bar, self.recipe.window) for bar in due))
        of = np.clip((np.arange(len(series.x)) - FIRST + 1) // every + 1, 0, None)
        return replace(self, series=series, means=means, fit_of=of, fits=fits)


def has_ranges(frame: Frame) -> bool:
    """Whether highs and lows were observed: most bars have one above the other, and all are positive."""
    return len(frame) > 0 and bool((frame.low > 0).all()) and float((frame.high > frame.low).mean()) >= RANGES_LEAST


def realised(frame: Frame) -> FloatArray:
    """Garman-Klass variance of each bar and the squared gap before it; never negative. (T,)"""
    inside = 0.5 * np.log(frame.high / frame.low) ** 2
    inside -= (2 * np.log(2) - 1) * np.log(frame.close / frame.open) ** 2
    gap = np.log(frame.open[1:] / frame.close[:-1]) ** 2
    return np.asarray(np.maximum(inside, 0.0) + np.concatenate([[0.0], gap]))


def _means(rv: FloatArray) -> FloatArray:
    """Over the last 1, 5 and 22 bars, or as many as there are. (3, T)"""
    rows = []
    for span in SPANS:
        padded = np.concatenate([np.zeros(span - 1), rv])
        total = np.lib.stride_tricks.sliding_window_view(padded, span).sum(axis=1)
        rows.append(total / np.minimum(np.arange(1, len(rv) + 1), span))
    return np.stack(rows)


def _coefficients(means: FloatArray, squared: FloatArray, bar: int, window: int) -> tuple[float, ...]:
    """(c, b1, b5, b22), none negative, from the moves up to `bar`."""
    rows = slice(max(SPANS[-1], bar - window), bar)
    design = np.concatenate([np.ones((1, rows.stop - rows.start)), means[:, rows]]).T
    unit = float(means[2][rows].mean())
    if not unit > 0:
        return DEFAULT
    weight = 1 / np.maximum(means[2][rows], 0.1 * unit)
    design[:, 0] *= unit
    left, right = design * weight[:, None], squared[rows.start + 1 : rows.stop + 1] * weight
    kept = [0, 1, 2, 3]
    while kept:
        found = np.linalg.lstsq(left[:, kept], right, rcond=None)[0]
        if (found >= 0).all():
            break
        del kept[int(np.argmin(found))]
    coefficients = np.zeros(4)
    if kept:
        coefficients[kept] = found
    coefficients[0] *= unit
    return tuple(coefficients.tolist()) if coefficients.any() else DEFAULT

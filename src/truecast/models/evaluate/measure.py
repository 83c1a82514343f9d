"""The figures of a report, from records. Losses are in units of `scale`, so that every forecast counts alike.

Standard errors are clustered by origin time: what all series did after the same moment counts as one observation, and
forecasts over h steps overlap, so that neighbouring moments are not independent either (Newey and West 1987).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from truecast.domain.bar import BoolArray, FloatArray, IntArray
from truecast.domain.forecast import Coverage, Skill
from truecast.domain.quantiles import GRID, STANDARD_LEVELS
from truecast.models import losses, skill
from truecast.models.evaluate.tasks import Record

ROLLING_ORIGINS = 250
PIT_BINS = 20
POOLED = "*"  # in the place of a symbol


@dataclass(frozen=True, slots=True)
class Sheet:
    """One model at one horizon on one or more series: N forecasts, in units of `scale`, relative to the anchor."""

    origin: IntArray  # (N,)
    series: IntArray  # (N,) which of them
    outcome: FloatArray  # (N,)
    quantiles: FloatArray  # (N, K)

    def crps(self) -> FloatArray:
        """(N,)"""
        return losses.crps(self.outcome, self.quantiles)


@dataclass(frozen=True, slots=True)
class Rolling:
    """The lowest share of hits in any ROLLING_ORIGINS consecutive origins of one series."""

    level: float
    mean: float  # over the series
    least: float


@dataclass(frozen=True, slots=True)
class Row:
    """How one model did at one horizon, on one series or on all."""

    symbol: str
    model: str
    horizon: int
    n: int
    origins: int  # different moments
    crps: float
    crps_se: float
    crps_reference: float
    skill: Skill  # against the reference
    ratio_se: float  # of crps_ratio
    pinball: tuple[float, ...]  # (len(GRID),)
    coverage: tuple[Coverage, ...]
    coverage_se: tuple[float, ...]
    worst: tuple[Rolling, ...]  # empty where no series has so many origins
    winkler: tuple[float, ...]  # by level
    qlike: float
    mase: float
    hits: int
    hits_n: int
    hits_interval: tuple[float, float]  # Wilson, 95 %
    reliability: tuple[float, ...]  # (len(GRID),) share of outcomes at or below each quantile
    pit: tuple[int, ...]  # (PIT_BINS,)


def sheet(records: Sequence[Record], column: int) -> Sheet:
    """The forecasts of one model at its `column`-th horizon."""
    return Sheet(
        origin=np.concatenate([r.origin for r in records]),
        series=np.repeat(np.arange(len(records)), [len(r.origin) for r in records]),
        outcome=np.concatenate([(r.outcome[:, column] - r.anchor) / r.scale for r in records]),
        quantiles=np.concatenate([(r.quantiles[:, column] - r.anchor[:, None]) / r.scale[:, None] for r in records]),
    )


def measured(symbol: str, model: str, horizon: int, own: Sheet, reference: Sheet) -> Row:
    """Everything about one sheet; `reference` has the same forecasts by the calibrated random walk."""
    y, q = own.outcome, own.quantiles
    crps, crps_reference = own.crps(), reference.crps()
    judged, ratio_se = compared(crps, crps_reference, own.origin, horizon)
    inside = [losses.inside(y, q, level) for level in STANDARD_LEVELS]
    median = losses.quantile_at(q, 0.5)
    hits, hits_n = losses.direction(median, y, np.zeros(len(y)))
    n = len(y)
    return Row(
        symbol,
        model,
        horizon,
        n,
        origins=len(np.unique(own.origin)),
        crps=float(crps.mean()),
        crps_se=clustered_error(crps, own.origin, horizon),
        crps_reference=float(crps_reference.mean()),
        skill=judged,
        ratio_se=ratio_se,
        pinball=tuple(losses.pinball(y, q).mean(axis=0).tolist()),
        coverage=tuple(Coverage(p, float(hit.mean()), n) for p, hit in zip(STANDARD_LEVELS, inside, strict=True)),
        coverage_se=tuple(clustered_error(hit, own.origin, horizon) for hit in inside),
        worst=_worst(inside, own.series),
        winkler=tuple(float(losses.winkler(y, q, level).mean()) for level in STANDARD_LEVELS),
        qlike=float(2 * losses.qlike(variance(q), y**2).mean()),
        mase=float(np.abs(y - median).mean()),
        hits=hits,
        hits_n=hits_n,
        hits_interval=losses.wilson(hits, hits_n),
        reliability=tuple((y[:, None] <= q).mean(axis=0).tolist()),
        pit=tuple(np.histogram(losses.pit(y, q), bins=PIT_BINS, range=(0, 1))[0].tolist()),
    )


def compared(loss: FloatArray, reference: FloatArray, origin: IntArray, horizon: int) -> tuple[Skill, float]:
    """Skill over the moments, each moment the sum of its series; and the standard error of the ratio of the sums."""
    of = np.unique(origin, return_inverse=True)[1]
    total, total_reference = np.bincount(of, loss), np.bincount(of, reference)
    judged = skill.judge(total, total_reference, horizon)
    if judged.crps_ratio is None:
        return judged, math.nan
    # The ratio of two means by the delta method: the mean of loss - ratio x reference has the same relative error.
    left = total - judged.crps_ratio * total_reference
    return judged, skill.standard_error(left, horizon) / float(total_reference.mean())


def clustered_error(values: FloatArray | BoolArray, origin: IntArray, horizon: int) -> float:
    """Of the mean of the values, clustered by origin and allowing for the overlap of forecasts over the horizon."""
    values = np.asarray(values, np.float64)
    of = np.unique(origin, return_inverse=True)[1]
    left = np.bincount(of, values - values.mean())  # sums to 0
    return skill.standard_error(left, horizon) * len(left) / len(values)


def variance(q: FloatArray) -> FloatArray:
    """About zero, of a distribution given by its quantiles at GRID, tails cut at the outermost ones. (N,)"""
    grid = np.array(GRID)
    edges = np.concatenate([[0.0], (grid[1:] + grid[:-1]) / 2, [1.0]])
    return np.asarray(np.square(q) @ np.diff(edges))


def _worst(inside: Sequence[BoolArray], series: IntArray) -> tuple[Rolling, ...]:
    found = []
    for level, hit in zip(STANDARD_LEVELS, inside, strict=True):
        lowest = np.array([losses.worst_rolling(hit[series == i], ROLLING_ORIGINS) for i in np.unique(series)])
        if np.isfinite(lowest).all():
            found.append(Rolling(level, float(lowest.mean()), float(lowest.min())))
    return tuple(found)

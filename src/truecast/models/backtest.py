"""Walk-forward: what a model would have said at past origins, from what was known there, against what came.

Models keep their state online, so one pass gives every origin; tests prove that it equals a fit per origin.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.domain.forecast import Coverage, Skill
from truecast.domain.interval import Interval
from truecast.domain.quantiles import STANDARD_LEVELS
from truecast.features.frame import Frame
from truecast.models import losses, skill
from truecast.models.base import Model, require_bars
from truecast.models.naive import Naive


@dataclass(frozen=True, slots=True)
class WalkForward:
    """O origins x H horizons. `outcome` is NaN where the history ends before it. Everything is in price units."""

    symbol: str
    interval: Interval
    model: str
    model_version: str
    origin: IntArray  # (O,) row of the frame
    origin_end: IntArray  # (O,) when that bar was over, microseconds UTC
    horizon: IntArray  # (H,) steps
    anchor: FloatArray  # (O,) last price at the origin
    outcome: FloatArray  # (O, H)
    outcome_end: IntArray  # (O, H) -1 where there is none
    quantiles: FloatArray  # (O, H, K)
    quantiles_naive: FloatArray  # (O, H, K) of the calibrated random walk at the same origins
    mase_scale: FloatArray  # (O,) mean absolute one-step change up to the origin


@dataclass(frozen=True, slots=True)
class HorizonRecord:
    """How the forecasts of one horizon did."""

    horizon: int
    n: int
    crps: float
    crps_naive: float
    crps_ratio: float | None
    mae: float
    mase: float
    winkler_90: float
    coverage: tuple[Coverage, ...]
    coverage_se: tuple[float, ...]  # HAC: outcomes of long horizons overlap
    hits: int  # of the direction, among `hits_n` forecasts that had one
    hits_n: int
    skill: Skill


def walk_forward(model: Model, frame: Frame, horizons: Sequence[int], origins: int | IntArray) -> WalkForward:
    """Forecasts at `origins`: rows of the frame, or how many of the last ones whose first horizon is already known.

    Raises HistoryTooShort when no origin has the model's `min_bars` behind it and one outcome ahead.
    """
    steps = np.array(sorted(set(horizons)), np.int64)
    if isinstance(origins, int):
        last = len(frame) - int(steps[0])
        require_bars(model, frame[: max(last, 0)])
        origins = np.arange(max(model.min_bars - 1, last - origins), last)
    assert (origins >= model.min_bars - 1).all() and (origins < len(frame)).all()
    target = origins[:, None] + steps  # (O, H)
    known = target < len(frame)
    row = np.where(known, target, 0)
    return WalkForward(
        frame.symbol,
        frame.interval,
        model.name,
        model.version,
        origin=origins,
        origin_end=frame.end[origins],
        horizon=steps,
        anchor=frame.close[origins],
        outcome=np.where(known, frame.close[row], np.nan),
        outcome_end=np.where(known, frame.end[row], -1),
        quantiles=model.walk(frame, origins, steps),
        quantiles_naive=Naive().walk(frame, origins, steps),
        mase_scale=_mase_scale(frame.close, origins),
    )


def record(walk: WalkForward) -> list[HorizonRecord]:
    """One row per horizon, over the origins whose outcome is known."""
    return [_record(walk, column) for column in range(len(walk.horizon))]


def _record(walk: WalkForward, column: int) -> HorizonRecord:
    known = np.isfinite(walk.outcome[:, column])
    y, q, q_naive = walk.outcome[known, column], walk.quantiles[known, column], walk.quantiles_naive[known, column]
    horizon, n, anchor = int(walk.horizon[column]), int(known.sum()), walk.anchor[known]
    if n == 0:
        nothing = Skill("none", None, None, 0)
        return HorizonRecord(
            horizon, 0, math.nan, math.nan, None, math.nan, math.nan, math.nan, (), (), hits=0, hits_n=0, skill=nothing
        )
    crps, crps_naive = losses.crps(y, q), losses.crps(y, q_naive)
    median = losses.quantile_at(q, 0.5)
    hits, hits_n = losses.direction(median, y, anchor)
    inside = [losses.inside(y, q, level) for level in STANDARD_LEVELS]
    judged = skill.judge(crps, crps_naive, horizon)
    return HorizonRecord(
        horizon,
        n,
        crps=float(crps.mean()),
        crps_naive=float(crps_naive.mean()),
        crps_ratio=judged.crps_ratio,
        mae=float(np.abs(y - median).mean()),
        mase=float((np.abs(y - median) / walk.mase_scale[known]).mean()),
        winkler_90=float(losses.winkler(y, q, 0.9).mean()),
        coverage=tuple(Coverage(p, float(hit.mean()), n) for p, hit in zip(STANDARD_LEVELS, inside, strict=True)),
        coverage_se=tuple(skill.standard_error(hit, horizon) for hit in inside),
        hits=hits,
        hits_n=hits_n,
        skill=judged,
    )


def _mase_scale(close: FloatArray, origins: IntArray) -> FloatArray:
    total = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(close)))])
    largest = np.maximum.accumulate(np.abs(close))[origins]
    floor = np.where(largest > 0, losses.SCALE_FLOOR * largest, 1.0)
    return np.maximum(total[origins] / np.maximum(origins, 1), floor)

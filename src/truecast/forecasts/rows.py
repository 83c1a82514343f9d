"""One row of a track record: how one model did on one series at one horizon, from its settled steps."""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np

from truecast.domain.bar import BoolArray
from truecast.domain.forecast import Skill
from truecast.domain.interval import Interval
from truecast.domain.quantiles import STANDARD_LEVELS
from truecast.forecasts.score import score
from truecast.forecasts.settled import Groups, Key, Settled
from truecast.models import losses, skill
from truecast.models.backtest import WalkForward

Kind = Literal["ledger", "walk_forward"]

LEDGER: Literal["ledger"] = "ledger"
WALK_FORWARD: Literal["walk_forward"] = "walk_forward"  # also in the place of a period
WALKED = "walk-forward: computed afterwards, each origin from its own past; not in the ledger"


@dataclass(frozen=True, slots=True)
class MeasuredCoverage:
    """Share of outcomes inside the interval at `level`. `se` allows for the overlap of long horizons (HAC)."""

    level: float
    measured: float
    n: int
    se: float | None


@dataclass(frozen=True, slots=True)
class Direction:
    """Share of right directions, with its 95 % Wilson interval. `n` counts steps on which both said something."""

    hit_rate: float
    lower: float
    upper: float
    n: int


@dataclass(frozen=True, slots=True)
class Row:
    """The record of one model on one series at one horizon. None where there is nothing to measure yet."""

    symbol: str
    interval: Interval
    model: str
    horizon: int
    period: str
    n: int
    crps: float | None
    crps_naive: float | None
    crps_ratio: float | None
    mase: float | None
    mae: float | None
    coverage: tuple[MeasuredCoverage, ...]
    direction: Direction | None
    skill: Skill
    note: str | None
    first_matures_at: datetime | None


def row_of(key: Key, period: str, got: Settled, note: str | None = None) -> Row:
    """What the settled steps (at least one) say."""
    symbol, interval, model, step = key
    judged = skill.judge(got.crps, got.crps_naive, step)
    bits, n = got.inside.astype(np.int64), len(got)
    inside = [(bits >> k & 1).astype(np.bool_) for k in range(len(STANDARD_LEVELS))]
    hits = got.hit[got.hit >= 0]
    return Row(
        symbol,
        Interval(interval),
        model,
        step,
        period,
        n,
        crps=float(got.crps.mean()),
        crps_naive=float(got.crps_naive.mean()),
        crps_ratio=judged.crps_ratio,
        mase=float((np.abs(got.error) / got.scale).mean()),
        mae=float(np.abs(got.error).mean()),
        coverage=tuple(
            MeasuredCoverage(level, float(hit.mean()), n, standard_error(hit, step))
            for level, hit in zip(STANDARD_LEVELS, inside, strict=True)
        ),
        direction=_direction(int(hits.sum()), len(hits)),
        skill=judged,
        note=note,
        first_matures_at=None,
    )


def empty_row(key: Key, period: str, note: str, first: datetime | None) -> Row:
    """Nothing has matured yet; `first` says when something will."""
    symbol, interval, model, step = key
    nothing = dict.fromkeys(("crps", "crps_naive", "crps_ratio", "mase", "mae"))
    return Row(
        symbol,
        Interval(interval),
        model,
        step,
        period,
        n=0,
        **nothing,
        coverage=(),
        direction=None,
        skill=Skill("none", None, None, 0),
        note=note,
        first_matures_at=first,
    )


def walked(walk: WalkForward) -> Groups:
    """A walk-forward test in the form of settled steps: the same figures are made of both. Only what has an outcome."""
    groups = {}
    for column, step in enumerate(walk.horizon.tolist()):
        known = np.isfinite(walk.outcome[:, column])
        if not known.any():
            continue
        outcome, anchor = walk.outcome[known, column], walk.anchor[known]
        said = score(outcome, walk.quantiles[known, column], walk.quantiles_naive[known, column], anchor)
        end = walk.outcome_end[known, column].astype(np.float64)
        groups[walk.symbol, walk.interval.value, walk.model, step] = Settled(
            origin=walk.origin_end[known].astype(np.float64),
            forecast=walk.origin[known].astype(np.float64),
            target=end,
            resolved_at=end,
            scale=walk.mase_scale[known],
            crps=said.crps,
            crps_naive=said.crps_naive,
            inside=said.inside.astype(np.float64),
            pit=said.pit,
            error=said.error,
            hit=said.hit.astype(np.float64),
        )
    return groups


def standard_error(hit: BoolArray, step: int) -> float | None:
    """HAC; where all or none were inside, that of Agresti and Coull (1998), because a sample never proves certainty."""
    n = len(hit)
    if n < 2:
        return None
    share = (float(hit.sum()) + 2) / (n + 4)
    return skill.standard_error(hit, step) if 0 < hit.sum() < n else math.sqrt(share * (1 - share) / (n + 4))


def _direction(hits: int, n: int) -> Direction | None:
    """None when no forecast said a direction: a rate over nothing would be invented."""
    return Direction(hits / n, *losses.wilson(hits, n), n) if n else None

"""Has a model lost touch? Three triggers, each a pure function with a documented limit, and the table of findings.

coverage   the share of sealed outcomes inside the 80 % and the 90 % interval is off its promise
crps       CRPS is worse than that of the naive walk recorded on the same bars
novelty    what the trees read now lies outside what they learned from

Each says what it measured and its limit; it has drifted where the first is above the second. On well-behaved series
each raises a false alarm in at most 1 % of its checks (tests simulate it, with overlapping horizons and with series
that move together). A check counts moments, not outcomes: series of a class go through the same storms.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np
from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, String, Table, Text, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from truecast.domain.bar import FloatArray, IntArray
from truecast.domain.quantiles import STANDARD_LEVELS
from truecast.kit.clock import from_us, to_us
from truecast.kit.db import RowId, append_only, metadata
from truecast.models.location.artifact import Artifact
from truecast.models.student import student_t_tail

STEPS = (1, 5)  # at which forecasts are watched
LEVELS = (0.8, 0.9)
MOMENTS = 250  # the last ones
MOMENTS_MIN = 60  # fewer say nothing
BLOCK_STEPS, BLOCKS_MIN = 3, 12
ALPHA = (
    0.002  # of one check, over all its levels and steps; hits are skewed, and so few blocks raise more alarms than that
)
COVERAGE_OFF_MIN = 0.03  # a promise missed by less does no harm
CRPS_WORSE_MIN = 0.01  # of the CRPS of naive: a loss by less does no harm
NOVELTY_BARS = 120  # of each series, the last ones
NOVELTY_ROWS_MIN = 60
NOVELTY_MAX = 0.10  # share of values outside the range that held all but 1 % of what was learned from

Trigger = Literal["coverage", "crps", "novelty"]


@dataclass(frozen=True, slots=True)
class Scores:
    """Sealed outcomes of one model in one scope at one step: N rows."""

    step: int
    moment: IntArray  # (N,) when the bar of the forecast's origin began: forecasts made together have the same
    inside: IntArray  # (N,) bit k: inside the interval at STANDARD_LEVELS[k]
    crps: FloatArray  # (N,)
    crps_naive: FloatArray  # (N,)
    series: IntArray  # (N,)


@dataclass(frozen=True, slots=True)
class Check:
    """What one trigger found. `n` counts moments (novelty: rows); nothing is judged where there are too few."""

    trigger: Trigger
    measured: float
    limit: float
    n: int
    detail: str

    @property
    def drifted(self) -> bool:
        """Beyond the limit."""
        return self.measured > self.limit


def coverage_check(scores: Sequence[Scores]) -> Check | None:
    """How far the share of hits is from its promise, at the level and step where that says most; None: too little.

    The limit is what chance explains at this number of moments, at least what it would if all outcomes were
    independent, and COVERAGE_OFF_MIN.
    """
    checks = []
    usable = [one for one in map(_recent, scores) if one is not None]
    for one in usable:
        for level in LEVELS:
            hit = (one.inside >> STANDARD_LEVELS.index(level) & 1).astype(np.float64)
            d, count = _by_moment(one.moment, hit - level)
            share = float(d.sum() / count.sum())
            least = level * (1 - level) * float(count.mean())  # of a moment's sum, were all its series independent
            allowed = max(COVERAGE_OFF_MIN, _allowed(d, one.step, least, 2 * len(LEVELS) * len(usable)) / count.mean())
            held = f"{100 * (level + share):.1f} % of {int(count.sum())} outcomes were inside the {100 * level:.0f} %"
            checks.append(Check("coverage", abs(share), allowed, len(d), f"{held} interval, {one.step} ahead"))
    return max(checks, key=lambda check: check.measured / check.limit, default=None)


def crps_check(scores: Sequence[Scores]) -> Check | None:
    """How much worse than naive, as a share of its CRPS, at the step where that says most; None: too little.

    One-sided, over moments; losses in units of each series' mean naive loss, so that all count alike.
    """
    checks = []
    usable = [one for one in map(_recent, scores) if one is not None]
    for one in usable:
        unit = np.bincount(one.series, one.crps_naive) / np.maximum(np.bincount(one.series), 1)
        if not (unit[np.unique(one.series)] > 0).all():
            continue  # a market that never moved: both were right
        d, count = _by_moment(one.moment, (one.crps - one.crps_naive) / unit[one.series])
        worse = float(d.sum() / count.sum())
        allowed = max(CRPS_WORSE_MIN, _allowed(d, one.step, 0.0, len(usable)) / count.mean())
        said = f"CRPS is {1 + worse:.3f} times that of naive over {len(d)} moments, {one.step} ahead"
        checks.append(Check("crps", worse, allowed, len(d), said))
    return max(checks, key=lambda check: check.measured - check.limit, default=None)


def novelty_check(artifact: Artifact, recent: Sequence[FloatArray]) -> Check | None:
    """Share of recent feature values outside the training range; None: too few, or trained before ranges were kept.

    `recent` has a matrix (T, F) of each series; its last NOVELTY_BARS rows count. Columns that never varied, and those
    that are missing, tell nothing.
    """
    rows = [matrix[-NOVELTY_BARS:] for matrix in recent]
    if not artifact.lowest or sum(map(len, rows)) < NOVELTY_ROWS_MIN:
        return None
    low, high = (np.array(side, np.float64) for side in (artifact.lowest, artifact.highest))  # None becomes NaN
    values = np.concatenate(rows)[:, high > low]
    low, high = low[high > low], high[high > low]
    known = np.isfinite(values)
    known[:, known.sum(axis=0) < NOVELTY_ROWS_MIN] = False
    if not known.any():
        return None
    outside = ((values < low) | (values > high)) & known
    n, share = known.sum(axis=0), float(outside.sum() / known.sum())
    worst = int(np.argmax(outside.sum(axis=0) / np.maximum(n, 1)))
    names = [name for name, keep in zip(artifact.columns, _varied(artifact), strict=True) if keep]
    said = f"{100 * share:.1f} % of what the model reads lies outside what it learned from, most of all {names[worst]}"
    return Check("novelty", share, NOVELTY_MAX, len(values), said)


def _varied(artifact: Artifact) -> list[bool]:
    sides = zip(artifact.lowest, artifact.highest, strict=True)
    return [low is not None and high is not None and high > low for low, high in sides]


def _recent(scores: Scores) -> Scores | None:
    """The last MOMENTS of them, if there are enough: overlapping forecasts need more."""
    moments = np.unique(scores.moment)
    if len(moments) < max(MOMENTS_MIN, BLOCKS_MIN * BLOCK_STEPS * scores.step):
        return None
    keep = scores.moment >= moments[-MOMENTS:][0]
    columns = (scores.moment, scores.inside, scores.crps, scores.crps_naive, scores.series)
    return Scores(scores.step, *(column[keep] for column in columns))


def _by_moment(moment: IntArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Sums and counts, in order of time."""
    _, of = np.unique(moment, return_inverse=True)
    return np.asarray(np.bincount(of, values), np.float64), np.bincount(of).astype(np.float64)


def _allowed(d: FloatArray, step: int, variance_min: float, tests: int) -> float:
    """How large the mean of d may be by chance, in one of so many tests: Student's t over blocks of time.

    Blocks of BLOCK_STEPS horizons are nearly independent, however much forecasts within them overlap.
    """
    length = BLOCK_STEPS * step
    blocks = d[len(d) % length :].reshape(-1, length).sum(axis=1)
    variance = max(float(blocks.var(ddof=1)), length * variance_min)
    return _student_quantile(ALPHA / tests / step, len(blocks) - 1) * math.sqrt(variance / len(blocks)) / length


def _student_quantile(tail: float, dof: int) -> float:
    low, high = 0.0, 100.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if student_t_tail(middle, dof) > tail else (low, middle)
    return high


# Every check that could be made leaves a row, drifted or not: the way there tells more than the alarm.
drift = Table(
    "drift",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("at", BigInteger, nullable=False),  # microseconds since the epoch
    Column("model", String(64), nullable=False),
    Column("asset_class", String(32), nullable=False),
    Column("interval", String(8), nullable=False),
    Column("trigger", String(16), nullable=False),
    Column("measured", Float(53), nullable=False),
    Column("limit", Float(53), nullable=False),
    Column("n", Integer, nullable=False),
    Column("drifted", Boolean, nullable=False),
    Column("detail", Text, nullable=False),
    Index("ix_drift_scope", "model", "asset_class", "interval", "trigger", "id"),
)
append_only(drift)


@dataclass(frozen=True, slots=True)
class Drift:
    """A check as it was recorded."""

    at: datetime
    model: str
    asset_class: str
    interval: str
    trigger: str
    measured: float
    limit: float
    n: int
    drifted: bool
    detail: str

    @property
    def scope(self) -> tuple[str, str]:
        """Asset class and interval."""
        return self.asset_class, self.interval


async def record_checks(
    conn: AsyncConnection, at: datetime, model: str, scope: tuple[str, str], checks: Sequence[Check]
) -> None:
    """One row each."""
    asset_class, interval = scope
    facts = {"at": to_us(at), "model": model, "asset_class": asset_class, "interval": interval}
    rows = [
        {**facts, "trigger": c.trigger, "measured": c.measured, "limit": c.limit, "n": c.n, "drifted": c.drifted}
        | {"detail": c.detail}
        for c in checks
    ]
    if rows:
        await conn.execute(insert(drift), rows)


async def latest_drift(conn: AsyncConnection, *, drifted_only: bool = False) -> list[Drift]:
    """The last row of every model, scope and trigger, in that order."""
    c = drift.c
    last = select(func.max(c.id)).group_by(c.model, c.asset_class, c.interval, c.trigger)
    query = select(drift).where(c.id.in_(last)).order_by(c.model, c.asset_class, c.interval, c.trigger)
    found = [_drift(row) for row in await conn.execute(query)]
    return [one for one in found if one.drifted or not drifted_only]


def _drift(row: Any) -> Drift:
    values = {field: getattr(row, field) for field in Drift.__slots__ if field != "at"}
    return Drift(at=from_us(row.at), **values)

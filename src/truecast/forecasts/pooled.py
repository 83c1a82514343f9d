"""Track records of many series together: who leads, whether intervals hold what they promise, and since when.

Losses are in units of the series' mean absolute one-step change, so that every series counts alike. Standard errors
are clustered by moment: what all series did after the same moment counts as one observation, and forecasts over h
steps overlap, so that neighbouring moments are not independent either (Driscoll and Kraay 1998).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from truecast.domain.bar import BoolArray, FloatArray
from truecast.domain.forecast import Skill, Verdict
from truecast.domain.instrument import AssetClass
from truecast.domain.interval import Interval
from truecast.domain.quantiles import GRID, STANDARD_LEVELS
from truecast.forecasts.rows import WALK_FORWARD, Kind, MeasuredCoverage, standard_error
from truecast.forecasts.settled import Groups, Key, Settled
from truecast.kit.clock import from_us
from truecast.models import skill
from truecast.models.evaluate.measure import clustered_error, compared
from truecast.models.evidence import COVERED, Band, Covered, Evidence, Judgement
from truecast.models.student import student_t_tail

LEVELS: tuple[float, ...] = tuple(round(1 - 2 * p, 4) for p in reversed(GRID) if p < 0.5)  # central, of the grid
PIT_BINS = 20
TREND_ORIGINS = 60  # in one point of a trend
TREND_ORIGINS_MIN = 10
TREND_POINTS_MAX = 200
_BLOCKS_MIN = 10
_SLACK = 1e-9  # an outcome on the bound is inside, whatever rounding did to its place in the distribution
_NINETY = STANDARD_LEVELS.index(0.9)
_EIGHTY = STANDARD_LEVELS.index(0.8)


@dataclass(frozen=True, slots=True)
class Standing:
    """How one model did on all series of a class and interval at one horizon, against the random walk beside it.

    `positive`, `none`, `negative` count the verdicts on the single series. `se` is of crps_ratio.
    """

    kind: Kind
    model: str
    asset_class: AssetClass
    interval: Interval
    horizon: int
    n: int
    series: int
    crps_ratio: float | None
    se: float | None
    coverage_90: MeasuredCoverage | None
    verdict: Verdict
    p_value: float | None
    positive: int
    none: int
    negative: int


@dataclass(frozen=True, slots=True)
class Reliability:
    """Coverage at every level of the grid, and where in the distributions the outcomes fell (PIT_BINS counts)."""

    kind: Kind
    coverage: tuple[MeasuredCoverage, ...]
    pit: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """The last `n` origins that were resolved by `at`."""

    kind: Kind
    at: datetime
    n: int
    crps_ratio: float | None
    coverage_80: float
    coverage_90: float


def leaderboard(groups: Groups, class_of: Mapping[str, AssetClass], kind: Kind) -> list[Standing]:
    """One standing per model, class, interval and step; best ratio first within each of these."""
    pooled: dict[tuple[AssetClass, str, int, str], list[tuple[Key, Settled]]] = defaultdict(list)
    for key, got in groups.items():
        symbol, interval, model, step = key
        if symbol in class_of and len(got):
            pooled[class_of[symbol], interval, step, model].append((key, got))
    found = [_standing(members, asset_class, kind) for (asset_class, *_), members in pooled.items()]
    return sorted(found, key=lambda s: (s.asset_class, s.interval.seconds, s.horizon, s.crps_ratio or np.inf, s.model))


def walked_leaderboard(
    found: Mapping[tuple[str, Interval], Evidence], class_of: Mapping[str, AssetClass], horizon: int
) -> list[Standing]:
    """The same in walk-forward, from evidence by series: at its own horizons (models/evidence.py), none at others.

    Differences come in blocks of time; series of a class are added up within each of them.
    """
    pooled: dict[tuple[AssetClass, Interval, str], list[tuple[Judgement, Covered]]] = defaultdict(list)
    for (symbol, interval), evidence in found.items():
        for band in evidence.bands:
            if band.horizon == horizon:
                covered = {one.model: one for one in band.covered}
                for one in (*_reference(evidence, band), *band.judged):
                    if one.skill.n:
                        inside = covered.get(one.model, Covered(one.model, ()))
                        pooled[class_of[symbol], interval, one.model].append((one, inside))
    standings = [_walked_standing(key, members, horizon) for key, members in pooled.items()]
    return sorted(standings, key=lambda s: (s.asset_class, s.interval.seconds, s.crps_ratio or np.inf, s.model))


def reliability(groups: Groups, kind: Kind) -> Reliability | None:
    """Of all groups together; None where there is nothing."""
    members = [(key, got) for key, got in groups.items() if len(got)]
    if not members:
        return None
    pit, origin = (np.concatenate([getattr(got, name) for _, got in members]) for name in ("pit", "origin"))
    step = max(key[3] for key, _ in members)
    distance = np.abs(2 * pit - 1)
    counts = np.histogram(pit, bins=PIT_BINS, range=(0, 1))[0]
    return Reliability(
        kind,
        tuple(covered(distance <= level + _SLACK, level, origin, step) for level in LEVELS),
        tuple(counts.tolist()),
    )


def trend(got: Settled, kind: Kind) -> list[Point]:
    """Rolling windows of TREND_ORIGINS origins in the order in which they were resolved; fewer at the beginning."""
    order = np.lexsort((got.origin, got.resolved_at))
    n = len(order)
    bits = got.inside[order].astype(np.int64)
    sums = [
        np.concatenate([[0.0], np.cumsum(values)])
        for values in (got.crps[order], got.crps_naive[order], bits >> _EIGHTY & 1, bits >> _NINETY & 1)
    ]
    ends = np.unique(np.linspace(min(TREND_ORIGINS_MIN, n), n, min(TREND_POINTS_MAX, n)).astype(np.int64))
    points = []
    for end in ends[ends >= TREND_ORIGINS_MIN].tolist():
        start = max(0, end - TREND_ORIGINS)
        crps, crps_naive, eighty, ninety = (float(total[end] - total[start]) for total in sums)
        count = end - start
        at = from_us(int(got.resolved_at[order[end - 1]]))
        ratio = crps / crps_naive if crps_naive > 0 else None
        points.append(Point(kind, at, count, ratio, eighty / count, ninety / count))
    return points


def _standing(members: Sequence[tuple[Key, Settled]], asset_class: AssetClass, kind: Kind) -> Standing:
    (_, interval, model, step), _ = members[0]
    verdicts = [skill.judge(got.crps, got.crps_naive, step).verdict for _, got in members]
    own, naive = (np.concatenate([getattr(got, name) / got.scale for _, got in members]) for name in _LOSSES)
    origin = np.concatenate([got.origin for _, got in members])
    ninety = np.concatenate([got.inside.astype(np.int64) >> _NINETY & 1 for _, got in members]).astype(np.bool_)
    judged, se = _compared(own, naive, origin, step)
    return Standing(
        kind,
        model,
        asset_class,
        Interval(interval),
        step,
        n=len(own),
        series=len(members),
        crps_ratio=judged.crps_ratio,
        se=se,
        coverage_90=covered(ninety, 0.9, origin, step),
        verdict=judged.verdict,
        p_value=judged.p_value,
        positive=verdicts.count("positive"),
        none=verdicts.count("none"),
        negative=verdicts.count("negative"),
    )


def _reference(evidence: Evidence, band: Band) -> list[Judgement]:
    """The random walk itself, against which the others are measured: known by its intervals alone."""
    naive = next((one for one in band.covered if one.model == evidence.names[0]), None)
    n = 0 if naive is None else sum(outcomes for _, outcomes, _ in naive.blocks)
    return [Judgement(evidence.names[0], Skill("none", 1.0, None, n), ())]


def _walked_standing(
    key: tuple[AssetClass, Interval, str], members: Sequence[tuple[Judgement, Covered]], horizon: int
) -> Standing:
    asset_class, interval, model = key
    verdicts = [one.skill.verdict for one, _ in members]
    se: float | None = None
    if any(one.blocks for one, _ in members):
        judged, se = _over_blocks([one.blocks for one, _ in members])
        if len(members) == 1:  # tested origin by origin, which says more than blocks do
            judged = members[0][0].skill
    else:
        judged = Skill("none", 1.0, None, sum(one.skill.n for one, _ in members))
    return Standing(
        WALK_FORWARD,
        model,
        asset_class,
        interval,
        horizon,
        n=judged.n,
        series=len(members),
        crps_ratio=judged.crps_ratio,
        se=se,
        coverage_90=_covered_over_blocks([covered.blocks for _, covered in members], horizon),
        verdict=judged.verdict,
        p_value=judged.p_value,
        positive=verdicts.count("positive"),
        none=verdicts.count("none"),
        negative=verdicts.count("negative"),
    )


def _covered_over_blocks(listed: Sequence[Sequence[tuple[int, int, int]]], horizon: int) -> MeasuredCoverage | None:
    """The share inside, and its standard error: clustered by block of time over all series, neighbours as below.

    Where blocks are few, or all alike, that of Agresti and Coull (1998) over outcomes that do not overlap.
    """
    n, hits = _added(listed)
    if not n.sum():
        return None
    share, outcomes = float(hits.sum() / n.sum()), int(n.sum())
    left = hits - n * share
    variance = float(left @ left + left[1:] @ left[:-1])
    if len(n) >= _BLOCKS_MIN and variance > 0:
        return MeasuredCoverage(COVERED, share, outcomes, variance**0.5 / outcomes)
    alone = outcomes / (len(listed) * horizon)
    near = (share * alone + 2) / (alone + 4)
    return MeasuredCoverage(COVERED, share, outcomes, (near * (1 - near) / (alone + 4)) ** 0.5)


def _added(listed: Sequence[Sequence[tuple[int, int, float]]]) -> tuple[FloatArray, FloatArray]:
    """Outcomes and sums of each block of time, over all series."""
    sums: dict[int, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for blocks in listed:
        for number, n, total in blocks:
            sums[number][0] += n
            sums[number][1] += total
    columns = np.array([sums[number] for number in sorted(sums)]).reshape(-1, 2).T
    return columns[0], columns[1]


def _over_blocks(listed: Sequence[Sequence[tuple[int, int, float]]]) -> tuple[Skill, float | None]:
    """Skill and the standard error of the ratio from blocks (number, outcomes, sum of relative differences).

    Blocks are independent but for their neighbours: that covariance is counted, with half its weight.
    """
    n, total = _added(listed)
    mean = float(total.sum() / n.sum())
    left = total - n * mean
    variance = float(left @ left + left[1:] @ left[:-1])
    if len(n) < _BLOCKS_MIN or not variance > 0:
        return Skill("none", 1 + mean, None, int(n.sum())), None
    se = variance**0.5 / float(n.sum())
    p_value = 2 * student_t_tail(abs(mean / se), len(n) - 1)
    verdict: Verdict = "none" if p_value >= skill.ALPHA else "positive" if mean < 0 else "negative"
    return Skill(verdict, 1 + mean, p_value, int(n.sum())), se


def _compared(own: FloatArray, naive: FloatArray, origin: FloatArray, step: int) -> tuple[Skill, float | None]:
    judged, se = compared(own, naive, origin.astype(np.int64), step)
    return judged, se if np.isfinite(se) and len(own) > 1 else None


def covered(hit: BoolArray, level: float, origin: FloatArray, step: int) -> MeasuredCoverage:
    """The share of outcomes inside, with a standard error clustered by origin. Shapes (N,), (N,); N at least 1."""
    n, hits = len(hit), int(hit.sum())
    several = len(np.unique(origin)) > 1 and 0 < hits < n
    se = clustered_error(hit, origin.astype(np.int64), step) if several else standard_error(hit, step)
    return MeasuredCoverage(level, hits / n, n, se)


_LOSSES = ("crps", "crps_naive")

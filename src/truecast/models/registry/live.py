"""How versions did live: sealed forecasts that met their outcome. Where there are enough they outweigh any trial.

    against_naive(found)            one version against the random walk sealed beside it, at every horizon
    between(challenger, champion)   two versions, at every horizon of which both know enough

Two versions seldom forecast from the same bars, for one serves at a time. Where they did on MOMENTS_MIN moments, these
are compared as in a trial (judge.py). Else each is measured against the random walk beside it, and the two differences
are compared:

    d = mean over moments of (CRPS - CRPS of the random walk) / its mean        z = (d1 - d2) / sqrt(se1^2 + se2^2)
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.models import skill
from truecast.models.registry.judge import MARGIN, MOMENTS_MIN, Comparison, weighed
from truecast.models.student import student_t_tail

RANDOM_WALK = "the random walk sealed beside it"
_MINUTE_US = 60_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Live:
    """Sealed outcomes of one version at one step: N rows. A series has the same number for every version."""

    step: int
    moment: IntArray  # (N,) when the bar of the forecast's origin began
    crps: FloatArray  # (N,)
    crps_naive: FloatArray  # (N,)
    series: IntArray  # (N,)

    @property
    def moments(self) -> int:
        """How many different ones."""
        return len(np.unique(self.moment))


def against_naive(found: Sequence[Live]) -> list[Comparison]:
    """At every step at which there is an outcome."""
    known = [one for one in found if len(one.moment) and _units(one) is not None]
    alpha = skill.ALPHA / max(len(known), 1)
    return [_versus_naive(one, alpha) for one in known]


def between(challenger: Sequence[Live], champion: Sequence[Live], against: str) -> list[Comparison]:
    """The one against the other at every step of which both know MOMENTS_MIN moments; none where there is no such."""
    theirs = {one.step: one for one in champion}
    pairs = [
        (one, theirs[one.step])
        for one in challenger
        if one.step in theirs and min(one.moments, theirs[one.step].moments) >= MOMENTS_MIN
    ]
    pairs = [(one, other) for one, other in pairs if _units(one) is not None and _units(other) is not None]
    alpha = skill.ALPHA / max(len(pairs), 1)
    return [_between(one, other, against, alpha) for one, other in pairs]


def worst_of(comparisons: Sequence[Comparison]) -> Comparison | None:
    """The horizon at which a version is worse, proven over enough moments; None: at none."""
    alpha = skill.ALPHA / max(len(comparisons), 1)
    bad = [
        one for one in comparisons if one.worse and one.moments >= MOMENTS_MIN and one.p_value and one.p_value < alpha
    ]
    return max(bad, key=lambda one: one.crps_ratio or 0.0, default=None)


def _between(one: Live, other: Live, against: str, alpha: float) -> Comparison:
    mine, theirs = ({(s, m): i for i, (s, m) in enumerate(_keys(of))} for of in (one, other))
    shared = sorted(mine.keys() & theirs.keys())
    if len({moment for _, moment in shared}) >= MOMENTS_MIN:
        rows, rows_other = ([of[key] for key in shared] for of in (mine, theirs))
        series, loss, loss_other = one.series[rows], one.crps[rows], other.crps[rows_other]
        unit = _mean_by(series, loss_other)[series]
        if (unit > 0).all():
            minute = one.moment[rows] // _MINUTE_US
            return weighed(against, one.step, minute, loss / unit, loss_other / unit, alpha, len(set(series)))
    return _unpaired(one, other, against, alpha)


def _unpaired(one: Live, other: Live, against: str, alpha: float) -> Comparison:
    d, se, n = _worse_than_naive(one)
    d_other, se_other, n_other = _worse_than_naive(other)
    error, ratio = math.hypot(se, se_other), (1 + d) / (1 + d_other)
    p_value = 2 * student_t_tail(abs(d - d_other) / error, min(n, n_other) - 1) if error > 0 else None
    proven = p_value is not None and p_value < alpha and ratio > 1
    return Comparison(
        against=against,
        horizon=one.step,
        n=len(one.crps),
        series=len(np.unique(one.series)),
        moments=min(n, n_other),
        crps_ratio=ratio,
        p_value=p_value,
        worse=proven or ratio > 1 + MARGIN,
    )


def _versus_naive(one: Live, alpha: float) -> Comparison:
    unit = _units(one)
    assert unit is not None, "asked before"
    minute, series = one.moment // _MINUTE_US, len(np.unique(one.series))
    return weighed(RANDOM_WALK, one.step, minute, one.crps / unit, one.crps_naive / unit, alpha, series)


def _worse_than_naive(one: Live) -> tuple[float, float, int]:
    """The mean over moments, its standard error, and how many there were."""
    unit = _units(one)
    assert unit is not None, "asked before"
    _, number = np.unique(one.moment, return_inverse=True)
    d = np.bincount(number, (one.crps - one.crps_naive) / unit) / np.bincount(number)
    return float(d.mean()), skill.standard_error(d, one.step), len(d)


def _units(one: Live) -> FloatArray | None:
    """Each row's mean loss of the random walk on its series; None for a market that never moved."""
    unit = _mean_by(one.series, one.crps_naive)[one.series]
    return unit if (unit > 0).all() else None


def _mean_by(series: IntArray, values: FloatArray) -> FloatArray:
    return np.asarray(np.bincount(series, values) / np.maximum(np.bincount(series), 1))


def _keys(one: Live) -> list[tuple[int, int]]:
    return list(zip(one.series.tolist(), one.moment.tolist(), strict=True))

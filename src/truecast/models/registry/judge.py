"""Is one model worse than another? Asked of a whole scope, on bars that neither had seen.

    d[t] = mean over series of (CRPS of the one - CRPS of the other) / mean CRPS of the other on that series

one number for each moment, so that instruments that move together are one witness; then Diebold-Mariano over time, with
errors that allow for overlapping horizons. Worse is what is significantly worse at any horizon (Bonferroni over the
horizons), or by more than MARGIN.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.domain.forecast import Skill, Verdict
from truecast.features.frame import Frame
from truecast.models import losses, skill

HORIZONS = (1, 5, 24)  # judged where they were trained and have outcomes
MARGIN = 0.01  # of the mean CRPS
MOMENTS_MIN = 50  # fewer prove nothing against the walk
_MINUTE_US = 60_000_000

Finding = Literal["not worse", "worse", "too little"]


class Walks(Protocol):
    """What can be judged: every model, and a walk alone."""

    @property
    def min_bars(self) -> int:
        """The shortest history it accepts."""

    def walk(self, frame: Frame, origins: IntArray, horizons: IntArray) -> FloatArray:
        """What was predictable at each origin. (O, H, K)"""


@dataclass(frozen=True, slots=True)
class Comparison:
    """At one horizon: `n` outcomes of `series` at `moments`; ratio and p-value (two-sided) of the mean CRPS."""

    against: str
    horizon: int
    n: int
    series: int
    moments: int
    crps_ratio: float | None
    p_value: float | None
    worse: bool

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {name: getattr(self, name) for name in Comparison.__slots__}


def compare(
    one: Walks,
    other: Walks,
    frames: Sequence[Frame],
    *,
    since_us: int,
    against: str,
    horizons: Sequence[int],
    allowance: float = 0.0,
) -> list[Comparison]:
    """One against the other at every horizon, at origins from `since_us` on; an `allowance` of the CRPS is forgiven."""
    steps = np.array(sorted(horizons), np.int64)
    moments: list[list[IntArray]] = [[] for _ in steps]
    mine: list[list[FloatArray]] = [[] for _ in steps]
    theirs: list[list[FloatArray]] = [[] for _ in steps]
    need = max(one.min_bars, other.min_bars)
    for frame in frames:
        first = max(int(np.searchsorted(frame.end, since_us)), need - 1)
        origins = np.arange(first, len(frame) - 1)
        if not len(origins):
            continue
        said, said_other = one.walk(frame, origins, steps), other.walk(frame, origins, steps)
        for k, step in enumerate(steps.tolist()):
            known = origins + step < len(frame)
            y = frame.close[origins[known] + step]
            loss, loss_other = losses.crps(y, said[known, k]), losses.crps(y, said_other[known, k])
            unit = float(loss_other.mean()) if len(y) else 0.0
            if unit > 0:
                moments[k].append(frame.end[origins[known]] // _MINUTE_US)
                mine[k].append(loss / unit)
                theirs[k].append(loss_other / unit)
    asked = [k for k in range(len(steps)) if mine[k]]
    alpha = skill.ALPHA / max(len(asked), 1)
    return [_compared(against, int(steps[k]), moments[k], mine[k], theirs[k], alpha, allowance) for k in asked]


def found(comparisons: Sequence[Comparison], moments_min: int = MOMENTS_MIN) -> Finding:
    """What they say together."""
    if any(one.worse for one in comparisons):
        return "worse"
    return "not worse" if max((one.moments for one in comparisons), default=0) >= moments_min else "too little"


def said(one: Comparison) -> Skill:
    """The comparison as skill: both ways at 5 %, and only over enough moments."""
    verdict: Verdict = "none"
    if one.p_value is not None and one.p_value < skill.ALPHA and one.moments >= MOMENTS_MIN and one.crps_ratio:
        verdict = "positive" if one.crps_ratio < 1 else "negative"
    return Skill(verdict, one.crps_ratio, one.p_value, one.n)


def _compared(  # noqa: PLR0917 the columns of one row
    against: str,
    horizon: int,
    moments: list[IntArray],
    mine: list[FloatArray],
    theirs: list[FloatArray],
    alpha: float,
    allowance: float,
) -> Comparison:
    columns = (np.concatenate(moments), np.concatenate(mine), np.concatenate(theirs))
    return weighed(against, horizon, *columns, alpha, len(mine), allowance)


def weighed(  # noqa: PLR0917 the columns of one row
    against: str,
    horizon: int,
    moment: IntArray,
    loss: FloatArray,
    loss_other: FloatArray,
    alpha: float,
    series: int,
    allowance: float = 0.0,
) -> Comparison:
    """From losses in units of each series, outcome by outcome. (N,)"""
    when, number = np.unique(moment, return_inverse=True)
    count = np.bincount(number)
    mean, mean_other = np.bincount(number, loss) / count, np.bincount(number, loss_other) / count
    statistic, p_value = skill.diebold_mariano(mean, mean_other, horizon)
    ratio = float(loss.sum() / loss_other.sum())
    known = not math.isnan(p_value)
    proven = known and statistic > 0 and p_value < alpha and ratio > 1 + allowance and len(when) >= skill.ORIGINS_MIN
    return Comparison(
        against=against,
        horizon=horizon,
        n=len(loss),
        series=series,
        moments=len(when),
        crps_ratio=ratio,
        p_value=p_value if known else None,
        worse=proven or (ratio > 1 + MARGIN and len(when) >= skill.ORIGINS_MIN),
    )

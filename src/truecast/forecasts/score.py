"""How good each forecast step was, as functions of arrays. One row per scored step; every length is in price units."""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from truecast.domain.bar import BoolArray, FloatArray
from truecast.domain.quantiles import GRID, STANDARD_LEVELS
from truecast.forecasts.canonical import significant
from truecast.models import losses

_MEDIAN = GRID.index(0.5)


@dataclass(frozen=True, slots=True)
class Scores:
    """N scored steps. `hit` is 1 or 0 for the direction of the median's move, -1 where either did not move."""

    crps: FloatArray  # (N,) 2 x mean pinball loss over the 19 inner levels
    crps_naive: FloatArray  # (N,) of the random walk recorded on the same data
    pinball: FloatArray  # (N,) mean over GRID
    inside: npt.NDArray[np.int64]  # (N,) bit k: inside the central interval at STANDARD_LEVELS[k]
    pit: FloatArray  # (N,)
    error: FloatArray  # (N,) outcome - median
    error_naive: FloatArray  # (N,) outcome - anchor price
    hit: npt.NDArray[np.int64]  # (N,)

    def __getitem__(self, rows: slice | BoolArray) -> "Scores":
        return Scores(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


def score(outcome: FloatArray, quantiles: FloatArray, naive: FloatArray, anchor: FloatArray) -> Scores:
    """Scores of N steps, rounded as the ledger keeps them. Shapes (N,), (N, len(GRID)), (N, len(GRID)), (N,)."""
    inside = np.zeros(len(outcome), np.int64)
    for bit, level in enumerate(STANDARD_LEVELS):
        inside |= losses.inside(outcome, quantiles, level).astype(np.int64) << bit
    median = quantiles[:, _MEDIAN]
    said, came = np.sign(median - anchor), np.sign(outcome - anchor)
    return Scores(
        crps=significant(losses.crps(outcome, quantiles)),
        crps_naive=significant(losses.crps(outcome, naive)),
        pinball=significant(losses.pinball(outcome, quantiles).mean(axis=-1)),
        inside=inside,
        pit=significant(losses.pit(outcome, quantiles)),
        error=significant(outcome - median),
        error_naive=significant(outcome - anchor),
        hit=np.where((said == 0) | (came == 0), -1, said == came).astype(np.int64),
    )


def levels_inside(bits: int) -> dict[float, bool]:
    """For each standard level, whether the outcome lay inside its interval."""
    return {level: bool(bits >> k & 1) for k, level in enumerate(STANDARD_LEVELS)}

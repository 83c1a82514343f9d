"""What several sources say of one price: the middle, and who disagrees. Pure; nothing is averaged away.

Outliers are told by the median absolute deviation (Hampel 1974; Iglewicz and Hoaglin 1993: 0.6745 x / MAD beyond
3.5). Two sources that differ cannot say which of them is wrong: then both are shown and the disagreement is flagged.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

_SCORE_MAX = 3.5
_MAD_TO_SIGMA = 0.6745
_AGREE_BP_DEFAULT = 20.0  # prices of one instrument at two venues differ by so much on a quiet day


@dataclass(frozen=True, slots=True)
class Consensus:
    """`median` of all that were given; `outliers` are far from it; `spread_bp` from lowest to highest of the rest."""

    median: float
    mad: float
    values: Mapping[str, float]
    outliers: tuple[str, ...]
    spread_bp: float
    disagreement: bool


def consensus(values: Mapping[str, float], *, agree_bp: float = _AGREE_BP_DEFAULT) -> Consensus | None:
    """None without values. Sources within `agree_bp` hundredths of a percent of the median are never outliers."""
    if not values:
        return None
    prices = np.array(list(values.values()))
    median = float(np.median(prices))
    off = np.abs(prices - median)
    mad = float(np.median(off))
    slack = abs(median) * agree_bp / 1e4
    far = off > max(_SCORE_MAX * mad / _MAD_TO_SIGMA, slack)
    if len(prices) < 3:
        far[:] = False  # no majority to be far from
    kept = prices[~far]
    spread_bp = float((kept.max() - kept.min()) / abs(median) * 1e4) if median else 0.0
    outliers = tuple(name for name, is_far in zip(values, far.tolist(), strict=True) if is_far)
    return Consensus(median, mad, dict(values), outliers, spread_bp, bool(outliers) or spread_bp > 2 * agree_bp)

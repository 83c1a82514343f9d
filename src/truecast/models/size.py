"""How large each bar was: its close-to-close move or, where a high and a low were seen, what these say about it.

    within[t]^2 = (high - close)(high - open) + (low - close)(low - open)    Rogers and Satchell (1991): free of drift
    whole[t]    = sqrt(2 / pi) sqrt(within[t]^2 + (open[t] - close[t - 1])^2)
    size[t]     = c[t] (whole[t] + (high[t] - low[t]) / 2) / 2

Both terms are as large as |move| on average for a Brownian motion (Feller 1951; Parkinson 1980) and vary far less, so
that a few bars tell the volatility as well as many closes. The first tells most of FX; the second, which asks for no
open, of markets whose last trades bounce. Where a market does not move like that (nights, jumps, bars whose open is
none), c sets it right: the ratio of the means of |move| and of the rest over the bars so far that have a range, drawn
to 1 as by FEW of them. A bar without a range (a fixing), or with one that cannot be, counts by its move, and no bar by
more than its move or MOST times the mean move before it, whichever is larger: a wrong high says nothing about tomorrow.
"""

import math
from collections.abc import Sequence

import numpy as np

from truecast.domain.bar import FloatArray
from truecast.features.frame import Frame

FEW = 50.0
MOST = 10.0


def has_ranges(frame: Frame) -> bool:
    """Whether any bar has a high above its low."""
    return frame.high is not frame.low and bool((frame.high > frame.low).any())


def levels(frames: Sequence[Frame], *, differences: bool) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The levels of opens, highs and lows: logs, NaN where there is none, or the prices themselves. (S, T) each"""
    found = (np.stack([getattr(frame, name) for frame in frames]) for name in ("open", "high", "low"))
    opens, high, low = (one if differences else np.log(np.where(one > 0, one, np.nan)) for one in found)
    return opens, high, low


def sizes(
    x: FloatArray, opens: FloatArray, high: FloatArray, low: FloatArray, factor: FloatArray | None = None
) -> FloatArray:
    """Of each bar, per root of business time where a factor is given; 0 for the first bar. (..., T)"""
    before = np.concatenate([x[..., :1], x[..., :-1]], axis=-1)
    moved = np.abs(x - before)
    seen = (high > low) & np.isfinite(opens + high + low)
    seen[..., 0] = False
    opens = np.where(seen, opens, before)
    high = np.where(seen, np.maximum(np.maximum(high, x), opens), x)
    low = np.where(seen, np.minimum(np.minimum(low, x), opens), x)
    square = (high - x) * (high - opens) + (low - x) * (low - opens) + (opens - before) ** 2
    reach = 0.5 * (math.sqrt(2 / math.pi) * np.sqrt(np.maximum(square, 0.0)) + 0.5 * (high - low))
    if factor is not None:
        moved, reach = moved / factor, reach / factor
    total, bars = np.cumsum(moved, axis=-1), np.maximum(np.arange(x.shape[-1]) - 1.0, 1.0)
    most = np.zeros_like(total)
    most[..., 1:] = MOST * total[..., :-1] / bars[1:]
    reach = np.where(seen, np.minimum(reach, np.maximum(most, moved)), 0.0)
    n, spread = np.cumsum(seen, axis=-1), np.cumsum(reach, axis=-1)
    ratio = np.divide(np.cumsum(np.where(seen, moved, 0.0), axis=-1), spread, out=np.ones_like(x), where=spread > 0)
    return np.asarray(np.where(seen, (n * ratio + FEW) / (n + FEW) * reach, moved))

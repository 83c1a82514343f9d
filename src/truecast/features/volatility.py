"""Realised volatility over several windows, and how the short ones stand to the long ones."""

from functools import partial
from itertools import pairwise

from truecast.domain.bar import FloatArray
from truecast.features.column import Column, Scale
from truecast.features.panel import Panel

WINDOWS = (5, 20, 60, 250)


def realised(panel: Panel, window: int) -> FloatArray:
    """Root mean square move of the last `window` bars. (S, T)"""
    return panel.rms(window)


def ratio(panel: Panel, window: int, to: int) -> FloatArray:
    """How much the market moves now against what it did over the longer window. (S, T)"""
    return realised(panel, window) / panel.spread(realised(panel, to))


def columns() -> tuple[Column, ...]:
    """The family."""
    return (
        *(
            Column(
                f"realised_{window}",
                f"Root mean square move of the last {window} bars",
                Scale.MOVE,
                window + 1,
                partial(realised, window=window),
            )
            for window in WINDOWS
        ),
        *(
            Column(
                f"realised_{window}_to_{to}",
                f"`realised_{window}` over `realised_{to}`",
                Scale.FREE,
                to + 1,
                partial(ratio, window=window, to=to),
            )
            for window, to in pairwise(WINDOWS)
        ),
    )

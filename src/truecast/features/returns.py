"""Returns over several lags: log returns, or differences for series that may be zero or negative."""

from functools import partial

import numpy as np

from truecast.domain.bar import FloatArray
from truecast.features.column import Column, Scale
from truecast.features.frame import Frame
from truecast.features.panel import STEP_BARS, Panel, kept
from truecast.features.rolling import lagged

LAGS = (1, 2, 3, 5, 10, 20, 60)


def uses_differences(frame: Frame) -> bool:
    """Whether logarithms are out of the question: declared so, or a price is not positive."""
    return frame.signed or bool((frame.close <= 0).any())


def level(frame: Frame) -> FloatArray:
    """What returns are differences of: the log price, or the price itself. (T,)"""
    return frame.close if uses_differences(frame) else np.log(frame.close)


@kept
def returns(panel: Panel, lag: int) -> FloatArray:
    """Change of the level over `lag` bars. (S, T)"""
    return panel.level - lagged(panel.level, lag)


def scaled(panel: Panel, lag: int) -> FloatArray:
    """The same in steps, over the root of the lag: about N(0, 1) where moves have no memory. (S, T)"""
    return returns(panel, lag) / (panel.step * float(np.sqrt(lag)))


def columns() -> tuple[Column, ...]:
    """The family."""
    return (
        Column("level", "Log of the price; the price itself of a signed series", Scale.LEVEL, 1, lambda p: p.level),
        *(
            Column(
                f"return_{lag}",
                f"Change of the level over {lag} bar{'s' * (lag > 1)}: log return, difference for a signed series",
                Scale.MOVE,
                lag + 1,
                partial(returns, lag=lag),
            )
            for lag in LAGS
        ),
        *(
            Column(
                f"return_{lag}_scaled",
                f"`return_{lag}` in steps (root mean square move of the last {STEP_BARS} bars), over √{lag}",
                Scale.FREE,
                max(lag, STEP_BARS) + 1,
                partial(scaled, lag=lag),
            )
            for lag in LAGS
        ),
    )

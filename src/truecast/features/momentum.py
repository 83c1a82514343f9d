"""Momentum: how far the price has come, and Wilder's relative strength of the ways up and down."""

from functools import partial

import numpy as np

from truecast.domain.bar import FloatArray
from truecast.features.column import Column, Scale
from truecast.features.panel import SPREAD_LEAST, Panel
from truecast.features.rolling import lagged, reach, smoothed

RSI_BARS = 14
_LONG, _SKIPPED = 250, 20


def momentum(panel: Panel, lag: int) -> FloatArray:
    """Change of the price over `lag` bars. (S, T)"""
    return panel.close - lagged(panel.close, lag)


def long(panel: Panel) -> FloatArray:
    """Twelve months less the last one, in units of that time's own spread: Jegadeesh and Titman (1993). (S, T)"""
    change = lagged(panel.level, _SKIPPED) - lagged(panel.level, _LONG)
    return change / (panel.spread(panel.rms(_LONG)) * float(np.sqrt(_LONG - _SKIPPED)))


def rsi(panel: Panel) -> FloatArray:
    """100 up / (up + down), both smoothed as in Wilder (1978); NaN where nothing moved. (S, T)"""
    change = momentum(panel, 1)
    gain = 1.0 / RSI_BARS
    up = smoothed(np.maximum(change, 0.0), RSI_BARS, gain, first=1, last=panel.wanted)
    down = smoothed(np.maximum(-change, 0.0), RSI_BARS, gain, first=1, last=panel.wanted)
    both = up + down
    return np.asarray(100.0 * up / np.where(both > SPREAD_LEAST * np.abs(panel.price), both, np.nan))


def columns() -> tuple[Column, ...]:
    """The family."""
    memory_rsi = reach(1.0 - 1.0 / RSI_BARS) + RSI_BARS + 1
    return (
        Column("momentum_10", "Change of the price over 10 bars", Scale.PRICE, 11, partial(momentum, lag=10)),
        Column(
            f"momentum_{_LONG}_scaled",
            f"Change of the level from {_LONG} to {_SKIPPED} bars ago, in root mean square moves of the {_LONG} bars",
            Scale.FREE,
            _LONG + 1,
            long,
        ),
        Column(
            f"rsi_{RSI_BARS}",
            f"Relative strength of {RSI_BARS} bars, 0 to 100, smoothed as by Wilder",
            Scale.FREE,
            memory_rsi,
            rsi,
        ),
    )

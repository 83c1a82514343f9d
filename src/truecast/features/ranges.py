"""What highs and lows say about volatility: average true range, and estimators from open, high, low and close.

All in units of the level: of log prices, or of prices where the series is signed. A series of single values (a fixing)
has no ranges, and a window without any range says nothing: NaN, not a volatility of 0.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from truecast.domain.bar import FloatArray
from truecast.features.column import Column, Scale
from truecast.features.panel import STEP_BARS, Panel, kept
from truecast.features.rolling import lagged, reach, smoothed, window_mean, window_rms, window_variance

ATR_BARS, BARS = 14, 20
_LOG2 = float(np.log(2.0))


@kept
def atr(panel: Panel) -> FloatArray:
    """Wilder's mean of max(high, previous close) - min(low, previous close). (S, T)"""
    before = lagged(panel.close, 1)
    true_range = np.maximum(panel.high, before) - np.minimum(panel.low, before)
    return smoothed(true_range, ATR_BARS, 1.0 / ATR_BARS, first=1, last=panel.wanted)


def atr_scaled(panel: Panel) -> FloatArray:
    """The same in steps. (S, T)"""
    return atr(panel) / panel.step_price


@kept
def parkinson(panel: Panel) -> FloatArray:
    """(high - low)^2 / (4 log 2): Parkinson (1980). (S, T)"""
    return _seen(panel, np.sqrt(window_mean(_width(panel) ** 2 / (4.0 * _LOG2), BARS)))


@kept
def garman_klass(panel: Panel) -> FloatArray:
    """(high - low)^2 / 2 - (2 log 2 - 1) (close - open)^2: Garman and Klass (1980). (S, T)"""
    terms = 0.5 * _width(panel) ** 2 - (2.0 * _LOG2 - 1.0) * _body(panel) ** 2
    return _seen(panel, np.sqrt(np.maximum(window_mean(terms, BARS), 0.0)))


@kept
def rogers_satchell(panel: Panel) -> FloatArray:
    """(high - close)(high - open) + (low - close)(low - open): Rogers and Satchell (1991), free of drift. (S, T)"""
    return _seen(panel, np.sqrt(np.maximum(_rogers_satchell_mean(panel), 0.0)))


@kept
def yang_zhang(panel: Panel) -> FloatArray:
    """Overnight + k open to close + (1 - k) Rogers-Satchell variances: Yang and Zhang (2000), eq. 11. (S, T)"""
    overnight = _open(panel) - lagged(panel.level, 1)
    k = 0.34 / (1.34 + (BARS + 1) / (BARS - 1))
    variance = window_variance(overnight, BARS, ddof=1)
    variance += k * window_variance(_body(panel), BARS, ddof=1) + (1.0 - k) * _rogers_satchell_mean(panel)
    return _seen(panel, np.sqrt(np.maximum(variance, 0.0)))


def against_closes(panel: Panel, estimate: Callable[[Panel], FloatArray]) -> FloatArray:
    """The estimate in steps: below 1 where bars swing less than they move from one to the next. (S, T)"""
    return estimate(panel) / panel.step


def columns() -> tuple[Column, ...]:
    """The family."""
    memory_atr = reach(1.0 - 1.0 / ATR_BARS) + ATR_BARS + 1
    made = [
        Column(f"atr_{ATR_BARS}", f"Average true range of {ATR_BARS} bars, Wilder's", Scale.PRICE, memory_atr, atr),
        Column(f"atr_{ATR_BARS}_scaled", f"`atr_{ATR_BARS}` in steps", Scale.FREE, memory_atr, atr_scaled),
    ]
    estimators: tuple[tuple[str, str, Callable[[Panel], FloatArray]], ...] = (
        ("parkinson", "Parkinson's, from high and low", parkinson),
        ("garman_klass", "Garman and Klass's, from open, high, low and close", garman_klass),
        ("rogers_satchell", "Rogers and Satchell's, from open, high, low and close, free of drift", rogers_satchell),
        ("yang_zhang", "Yang and Zhang's, from open, high, low and close, with the nights", yang_zhang),
    )
    for name, text, estimate in estimators:
        name_bars = f"{name}_{BARS}"
        made += [
            Column(name_bars, f"Volatility of one bar over {BARS} bars, {text}", Scale.MOVE, BARS + 1, estimate),
            Column(
                f"{name_bars}_scaled",
                f"`{name_bars}` in steps",
                Scale.FREE,
                max(BARS, STEP_BARS) + 1,
                partial(against_closes, estimate=estimate),
            ),
        ]
    return tuple(made)


@kept
def _open(panel: Panel) -> FloatArray:
    return panel.levels(panel.open)


@kept
def _high(panel: Panel) -> FloatArray:
    return panel.levels(panel.high)


@kept
def _low(panel: Panel) -> FloatArray:
    return panel.levels(panel.low)


@kept
def _width(panel: Panel) -> FloatArray:
    return _high(panel) - _low(panel)


@kept
def _body(panel: Panel) -> FloatArray:
    return panel.level - _open(panel)


@kept
def _rogers_satchell_mean(panel: Panel) -> FloatArray:
    high, low, close = _high(panel), _low(panel), panel.level
    terms = (high - close) * (high - _open(panel)) + (low - close) * (low - _open(panel))
    return window_mean(terms, BARS)


@kept
def _has_range(panel: Panel) -> FloatArray:
    """1 where the window has a range, else NaN."""
    return np.where(window_rms(_width(panel), BARS) > 0, 1.0, np.nan)


def _seen(panel: Panel, volatility: FloatArray) -> FloatArray:
    volatility *= _has_range(panel)
    return volatility

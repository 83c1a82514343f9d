"""Moving averages, plain and exponential, how far the price stands from them, and MACD.

An exponential average begins with the plain mean of its first bars, as in TA-Lib; MACD's fast average begins where the
slow one does.
"""

from collections.abc import Callable
from functools import partial

from truecast.domain.bar import FloatArray
from truecast.features.column import Column, Scale
from truecast.features.panel import STEP_BARS, Panel, kept
from truecast.features.rolling import reach, smoothed, window_mean

PERIODS = (5, 12, 20, 26, 50)
FAST, SLOW, SIGNAL = 12, 26, 9


def _gain(periods: int) -> float:
    return 2.0 / (periods + 1)


_REMEMBERED = SIGNAL + reach(1.0 - _gain(SIGNAL))  # bars of MACD that decide its signal


@kept
def sma(panel: Panel, periods: int) -> FloatArray:
    """Mean of the last closes. (S, T)"""
    return window_mean(panel.close, periods)


@kept
def ema(panel: Panel, periods: int) -> FloatArray:
    """Exponential mean, weight 2 / (periods + 1) on the last close. (S, T)"""
    return smoothed(panel.close, periods, _gain(periods), last=panel.wanted)


def sma_gap(panel: Panel, periods: int) -> FloatArray:
    """How far the price is above its mean, in steps. (S, T)"""
    return (panel.price - sma(panel, periods)) / panel.step_price


def ema_gap(panel: Panel, periods: int) -> FloatArray:
    """How far the price is above its exponential mean, in steps. (S, T)"""
    return (panel.price - ema(panel, periods)) / panel.step_price


@kept
def macd(panel: Panel) -> FloatArray:
    """Fast less slow exponential mean: Appel (1979). (S, T) or (S, 1)"""
    return _macd(panel, panel.wanted)


@kept
def macd_signal(panel: Panel) -> FloatArray:
    """Exponential mean of MACD. (S, T) or (S, 1)"""
    if panel.last_only and panel.shape[1] >= SLOW + _REMEMBERED:
        return smoothed(_macd(panel, _REMEMBERED), SIGNAL, _gain(SIGNAL), last=1)
    return smoothed(_macd(panel, None), SIGNAL, _gain(SIGNAL), first=SLOW - 1, last=panel.wanted)


def macd_histogram(panel: Panel) -> FloatArray:
    """MACD less its signal. (S, T) or (S, 1)"""
    return macd(panel) - macd_signal(panel)


@kept
def _macd(panel: Panel, last: int | None) -> FloatArray:
    fast = smoothed(panel.close, FAST, _gain(FAST), first=SLOW - FAST, last=last)
    return fast - smoothed(panel.close, SLOW, _gain(SLOW), last=last)


def columns() -> tuple[Column, ...]:
    """The family."""
    memory_macd = reach(1.0 - _gain(SLOW)) + SLOW
    memory_signal = memory_macd + _REMEMBERED
    made = []
    for periods in PERIODS:
        memory = reach(1.0 - _gain(periods)) + periods
        of = f"of the last {periods} closes"
        gap = "Price less `{}`, in steps"
        made += [
            Column(f"sma_{periods}", f"Mean {of}", Scale.PRICE, periods, partial(sma, periods=periods)),
            Column(
                f"ema_{periods}",
                f"Exponential mean of {periods} bars",
                Scale.PRICE,
                memory,
                partial(ema, periods=periods),
            ),
            Column(
                f"sma_{periods}_gap",
                gap.format(f"sma_{periods}"),
                Scale.FREE,
                max(periods, STEP_BARS + 1),
                partial(sma_gap, periods=periods),
            ),
            Column(
                f"ema_{periods}_gap",
                gap.format(f"ema_{periods}"),
                Scale.FREE,
                memory,
                partial(ema_gap, periods=periods),
            ),
        ]
    lines = (
        ("macd", f"Exponential mean of {FAST} less that of {SLOW} bars", memory_macd, macd),
        ("macd_signal", f"Exponential mean of {SIGNAL} bars of `macd`", memory_signal, macd_signal),
        ("macd_histogram", "`macd` less `macd_signal`", memory_signal, macd_histogram),
    )
    for name, text, memory, line in lines:
        made += [
            Column(name, text, Scale.PRICE, memory, line),
            Column(f"{name}_scaled", f"`{name}` in steps", Scale.FREE, memory, partial(_in_steps, line=line)),
        ]
    return tuple(made)


def _in_steps(panel: Panel, line: Callable[[Panel], FloatArray]) -> FloatArray:
    return line(panel) / panel.step_price

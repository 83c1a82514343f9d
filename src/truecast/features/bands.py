"""Bollinger bands: 20 bars, two standard deviations."""

import numpy as np

from truecast.domain.bar import FloatArray
from truecast.features.averages import sma
from truecast.features.column import Column, Scale
from truecast.features.panel import SPREAD_LEAST, STEP_BARS, Panel, kept
from truecast.features.rolling import window_variance

BARS, DEVIATIONS = 20, 2.0


@kept
def deviation(panel: Panel) -> FloatArray:
    """Standard deviation of the last closes around their mean, over n as in TA-Lib. (S, T)"""
    return np.sqrt(window_variance(panel.close, BARS, ddof=0))


def upper(panel: Panel) -> FloatArray:
    """The upper band. (S, T)"""
    return sma(panel, BARS) + DEVIATIONS * deviation(panel)


def lower(panel: Panel) -> FloatArray:
    """The lower band. (S, T)"""
    return sma(panel, BARS) - DEVIATIONS * deviation(panel)


def position(panel: Panel) -> FloatArray:
    """-1 at the lower band, 1 at the upper; NaN where the bands have no width. (S, T)"""
    half = DEVIATIONS * deviation(panel)
    return (panel.close - sma(panel, BARS)) / np.where(half > SPREAD_LEAST * np.abs(panel.close), half, np.nan)


def width(panel: Panel) -> FloatArray:
    """Distance of the bands in steps. (S, T)"""
    return 2.0 * DEVIATIONS * deviation(panel) / panel.step_price


def columns() -> tuple[Column, ...]:
    """The family."""
    memory = max(BARS, STEP_BARS + 1)
    return (
        Column("bollinger_upper", "Mean of 20 closes plus two standard deviations", Scale.PRICE, BARS, upper),
        Column("bollinger_lower", "Mean of 20 closes less two standard deviations", Scale.PRICE, BARS, lower),
        Column("bollinger_position", "Where the price is: -1 lower band, 1 upper band", Scale.FREE, BARS, position),
        Column("bollinger_width", "Distance of the bands, in steps", Scale.FREE, memory, width),
    )

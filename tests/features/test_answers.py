"""Indicators against TA-Lib and pandas, whose answers were computed outside the product (tests/answers/features)."""

import csv
from pathlib import Path

import numpy as np
import pytest

from truecast.domain.interval import Interval
from truecast.features.build import FEATURE_SETS, build
from truecast.features.frame import Frame
from truecast.features.panel import Panel
from truecast.features.registry import COLUMNS

ANSWERS = Path(__file__).parents[1] / "answers" / "features"


def table(name):
    with (ANSWERS / name).open() as file:
        rows = list(csv.DictReader(file))
    return {key: np.array([float(row[key] or "nan") for row in rows]) for key in rows[0]}


BARS, EXPECTED = table("bars.csv"), table("indicators.csv")
FRAME = Frame(
    "X", Interval.H1, np.arange(len(BARS["close"])) * 3_600_000_000, BARS["open"], BARS["high"], BARS["low"],
    BARS["close"], np.full(len(BARS["close"]), np.nan),
)  # fmt: skip


@pytest.mark.parametrize("name", EXPECTED)
def test_equals_what_others_compute(name):
    values, expected = COLUMNS[name].compute(Panel((FRAME,)))[0], EXPECTED[name].copy()
    if name == "macd":
        assert np.isfinite(values[25:33]).all()  # TA-Lib holds the line back until there is a signal
        expected[25:33] = values[25:33]
    assert np.array_equal(np.isnan(values), np.isnan(expected)), "warm-up"
    assert np.allclose(values, expected, rtol=1e-9, atol=1e-9, equal_nan=True)


def test_all_raw_indicators_are_among_the_answers():
    assert set(FEATURE_SETS["indicators/1"]) <= set(EXPECTED)


def test_scaled_columns_are_the_raw_ones_in_steps():
    matrix = build([FRAME], "tree/1")
    column = dict(zip(matrix.columns, matrix.of(0).T, strict=True))
    step = EXPECTED["realised_20"]
    close, price = BARS["close"], EXPECTED["realised_20"] * BARS["close"]
    assert np.allclose(column["return_5_scaled"], EXPECTED["return_5"] / step / 5**0.5, equal_nan=True)
    assert np.allclose(column["sma_20_gap"], (close - EXPECTED["sma_20"]) / price, equal_nan=True)
    assert np.allclose(column["ema_26_gap"], (close - EXPECTED["ema_26"]) / price, atol=1e-7, equal_nan=True)
    assert np.allclose(column["macd_signal_scaled"], EXPECTED["macd_signal"] / price, atol=1e-7, equal_nan=True)
    assert np.allclose(column["atr_14_scaled"], EXPECTED["atr_14"] / price, equal_nan=True)
    assert np.allclose(column["yang_zhang_20_scaled"], EXPECTED["yang_zhang_20"] / step, equal_nan=True)
    assert np.allclose(column["realised_5_to_20"], EXPECTED["realised_5"] / step, equal_nan=True)
    upper, lower = EXPECTED["bollinger_upper"], EXPECTED["bollinger_lower"]
    place = (close - (upper + lower) / 2) / ((upper - lower) / 2)
    assert np.allclose(column["bollinger_position"], place, equal_nan=True)
    assert np.allclose(column["bollinger_width"], (upper - lower) / price, equal_nan=True)

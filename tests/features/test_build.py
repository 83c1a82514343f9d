"""Columns: past-only, and equal to answers computed elsewhere."""

import numpy as np
import pandas as pd
import pytest

from truecast.domain.interval import Interval
from truecast.features.build import FEATURE_SETS, UnknownFeatureSet, build
from truecast.features.frame import Frame
from truecast.features.guard import first_leak

RNG = np.random.default_rng(0)
CLOSE = 100 * np.exp(np.cumsum(RNG.standard_normal(200) * 0.01))
HIGH, LOW = CLOSE * (1 + RNG.random(200) * 0.01), CLOSE * (1 - RNG.random(200) * 0.01)
HOUR_US = 3_600_000_000
START_US = 1_609_718_400_000_000  # 2021-01-04T00:00Z, a Monday
END = START_US + np.arange(1, 201) * HOUR_US
FRAME = Frame("X", Interval.H1, END, CLOSE, HIGH, LOW, CLOSE, np.full(200, np.nan))
COLUMNS = [(name, column) for columns in FEATURE_SETS.values() for name, column in columns.items()]


@pytest.mark.parametrize(("name", "column"), COLUMNS, ids=[name for name, _ in COLUMNS])
def test_no_column_sees_the_future(name, column):
    assert first_leak(column, FRAME, np.random.default_rng(1)) is None


def test_the_guard_finds_columns_that_do():
    leaks = {
        "the mean of all": lambda f: np.full(len(f), f.close.mean()),
        "the next bar": lambda f: np.append(f.close[1:], np.nan),
        "the number of bars": lambda f: np.full(len(f), float(len(f))),
        "a later high": lambda f: np.append(f.high[3:], [np.nan] * 3),
    }
    for name, leak in leaks.items():
        assert first_leak(leak, FRAME, np.random.default_rng(2)) is not None, name


def test_columns_equal_those_of_pandas():
    table = build(FRAME, "basic/1")
    column = dict(zip(table.names, table.values.T, strict=True))
    logs = pd.Series(np.log(CLOSE))
    for lag in (1, 5, 20):
        assert np.allclose(column[f"return_{lag}"], logs.diff(lag), equal_nan=True)
    for window in (5, 60):
        expected = (logs.diff() ** 2).rolling(window).mean() ** 0.5
        assert np.allclose(column[f"realised_{window}"], expected, equal_nan=True)
    ranges = pd.Series(np.log(HIGH / LOW) ** 2 / (4 * np.log(2)))
    assert np.allclose(column["parkinson_20"], ranges.rolling(20).mean() ** 0.5, equal_nan=True)
    inside = pd.to_datetime(END - 1, unit="us")
    assert column["weekday"].tolist() == inside.day_of_week.tolist()
    assert column["month"].tolist() == inside.month.tolist()
    assert column["hour"].tolist() == pd.to_datetime(END, unit="us").hour.tolist()


def test_prices_below_zero_are_differenced():
    close = np.array([20.0, 1.0, -36.98, 9.0])
    frame = Frame("WTI", Interval.D1, END[:4], close, close, close, close, close, signed=True)
    table = build(frame, "basic/1")
    assert table.values[1:, 0].tolist() == [-19.0, -37.98, 45.98]
    assert np.isnan(table.values[:, table.names.index("parkinson_20")]).all()


def test_an_unknown_set_is_told_with_the_choices():
    with pytest.raises(UnknownFeatureSet) as refused:
        build(FRAME, "basic/2")
    assert refused.value.facts["choices"] == ["basic/1", "walk/1"]

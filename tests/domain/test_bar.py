"""Bars as values and as columns."""

import dataclasses
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from truecast.domain.bar import COLUMNS, Bar, Bars
from truecast.domain.interval import Interval

T0 = datetime(2021, 1, 4, tzinfo=UTC)
ROWS = [
    Bar(
        T0 + timedelta(hours=t),
        T0 + timedelta(hours=t + 1),
        1.0 + t,
        2.0 + t,
        0.5 + t,
        1.5 + t,
        None if t == 1 else 10.0 * t,
        t != 2,
    )
    for t in range(3)
]
BARS = Bars.of("EUR-USD", Interval.H1, ROWS, "test")


def test_rows_and_columns_are_the_same_bars() -> None:
    assert [BARS.row(t) for t in range(3)] == ROWS
    assert BARS.source_of(2) == "test" and len(BARS) == 3
    assert np.isnan(BARS.volume[1]) and BARS.final.tolist() == [True, True, False]


def test_any_numpy_selection_gives_bars() -> None:
    assert [BARS[1:].row(t) for t in range(2)] == ROWS[1:]
    assert BARS[BARS.final].row(-1) == ROWS[1]
    assert [BARS[np.array([2, 0])].row(t) for t in range(2)] == [ROWS[2], ROWS[0]]
    assert len(BARS[:0]) == 0 and BARS[1:].symbol == "EUR-USD"


def test_no_bars_have_every_column_in_its_type() -> None:
    none = Bars.empty("X", Interval.D1)
    assert len(none) == 0
    for name in COLUMNS:
        assert getattr(none, name).dtype == getattr(BARS, name).dtype


def test_a_bar_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        ROWS[0].close = 2.0  # type: ignore[misc]


def test_a_time_without_zone_is_refused() -> None:
    naive = dataclasses.replace(ROWS[0], start=datetime(2021, 1, 4))  # noqa: DTZ001
    with pytest.raises(Exception, match="no time zone"):
        Bars.of("X", Interval.H1, [naive], "test")

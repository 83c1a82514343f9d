"""What may be a bar."""

import csv
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.market.offers import HOUR, NOW, T0, bar, bars, walk
from truecast.domain.bar import Bar, Bars
from truecast.domain.interval import Interval
from truecast.kit.clock import to_us
from truecast.market.validate import validate

NOW_US = to_us(NOW)


def reasons(rows: list[Bar], *, interval: Interval = Interval.H1, signed: bool = False) -> list[str]:
    checked = validate(bars(rows, interval=interval), NOW_US, signed=signed)
    assert len(checked.good) + len(checked.refused) == len(rows)
    return [r.reason for r in checked.refused]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"close": np.nan}, "price_not_finite"),
        ({"high": np.inf}, "price_not_finite"),
        ({"low": -np.inf}, "price_not_finite"),
        ({"volume": -1.0}, "volume_invalid"),
        ({"volume": np.inf}, "volume_invalid"),
        ({"low": 0.0}, "price_zero"),
        ({"low": -0.5}, "price_negative"),
        ({"high": 1.19}, "ohlc_crossing"),
        ({"low": 1.21}, "ohlc_crossing"),
        ({"open": 9.0}, "ohlc_crossing"),
        ({"start": T0 + timedelta(minutes=7)}, "misaligned"),
        ({"start": NOW + HOUR, "known_at": NOW + HOUR}, "starts_in_future"),
        ({"start": datetime(1970, 1, 19, tzinfo=UTC)}, "starts_before_trading"),  # seconds taken for milliseconds
        ({"known_at": T0 - HOUR}, "known_before_start"),
    ],
)
def test_refuses_a_row_that_is_no_bar_and_keeps_its_neighbour(change: dict[str, object], reason: str) -> None:
    wrong = replace(bar(0), **change)  # type: ignore[arg-type]
    checked = validate(bars([wrong, bar(1)]), NOW_US)
    assert [r.reason for r in checked.refused] == [reason]
    assert [checked.good.row(0)] == [bar(1)] and len(checked.good) == 1


def test_a_signed_instrument_may_be_zero_or_negative() -> None:
    wti = Bar(T0, T0 + HOUR, -36.98, -36.98, -36.98, -36.98)
    zero = Bar(T0 + HOUR, T0 + 2 * HOUR, 0.0, 0.0, 0.0, 0.0)
    assert reasons([wti, zero], signed=True) == []
    assert reasons([wti, zero]) == ["price_negative", "price_zero"]


def test_unknown_volume_is_no_fault() -> None:
    assert reasons([bar(0, volume=None), bar(1, volume=0.0)]) == []


def test_clocks_may_differ_a_little() -> None:
    soon = NOW + timedelta(minutes=4)
    late = soon.replace(minute=15, second=0)
    assert reasons([Bar(NOW, NOW, 1.0, 1.0, 1.0, 1.0)]) == []
    assert reasons([Bar(late, late, 1.0, 1.0, 1.0, 1.0)]) == ["starts_in_future"]


@pytest.mark.parametrize(
    ("interval", "day", "hour", "fits"),
    [
        (Interval.D1, "2021-01-05", 0, True),
        (Interval.D1, "2021-01-05", 5, False),
        (Interval.W1, "2021-01-04", 0, True),
        (Interval.W1, "2021-01-05", 0, False),
        (Interval.MO1, "2021-02-01", 0, True),
        (Interval.MO1, "2021-02-02", 0, False),
        (Interval.MO1, "1913-01-01", 0, True),
        (Interval.Q1, "2021-04-01", 0, True),
        (Interval.Q1, "1947-10-01", 0, True),
        (Interval.Q1, "2021-05-01", 0, False),
        (Interval.H4, "2021-01-05", 22, True),
    ],
)
def test_a_bar_starts_where_its_interval_can(interval: Interval, day: str, hour: int, fits: bool) -> None:
    start = T0.fromisoformat(f"{day}T{hour:02}:00:00+00:00")
    found = reasons([Bar(start, start + HOUR, 1.0, 1.0, 1.0, 1.0)], interval=interval)
    assert found == ([] if fits else ["misaligned"])


def test_of_two_rows_that_contradict_each_other_neither_is_believed() -> None:
    a, b, c = bar(0, 1.0), bar(0, 2.0), bar(0, 1.0)
    assert reasons([a, bar(1), b, c]) == ["conflict"] * 3
    assert reasons([a, replace(a, volume=1.0)]) == ["conflict"] * 2


def test_repetitions_and_vintages_are_no_conflict() -> None:
    assert reasons([bar(0), bar(0), bar(0, 2.0, known=9), bar(0, volume=None)]) == []


def test_what_is_good_comes_out_in_order() -> None:
    checked = validate(bars([bar(2), bar(0, known=9), bar(1), bar(0, known=3)]), NOW_US)
    assert [(b.start, b.known_at) for b in map(checked.good.row, range(4))] == [
        (T0, T0 + 3 * HOUR),
        (T0, T0 + 9 * HOUR),
        (T0 + HOUR, T0 + 2 * HOUR),
        (T0 + 2 * HOUR, T0 + 3 * HOUR),
    ]


def test_a_refused_row_is_kept_exactly() -> None:
    (refused,) = validate(bars([replace(bar(0, 1 / 3), high=np.inf, low=np.nan)]), NOW_US).refused
    assert refused.start_us == to_us(T0)
    assert json.loads(refused.row) == {
        "start": "2021-01-04T00:00:00Z",
        "known_at": "2021-01-04T01:00:00Z",
        "open": 1 / 3,
        "high": "inf",
        "low": "nan",
        "close": 1 / 3,
        "volume": None,
        "final": True,
    }


def test_a_start_outside_of_all_calendars_is_refused_not_crashed_on() -> None:
    first = to_us(T0)
    odd = replace(walk(2), start=np.array([first, 2**62]), known_at=np.array([first + 1, first]))
    (refused,) = validate(odd, NOW_US).refused
    assert json.loads(refused.row)["start"] == str(2**62)


def test_no_bars_are_fine() -> None:
    checked = validate(Bars.empty("X", Interval.D1), NOW_US)
    assert len(checked.good) == 0 and checked.refused == ()


def test_the_47_inconsistent_rows_of_the_real_vix_history_are_refused(shared_data: Path) -> None:
    with (shared_data / "ship/macro/VIX_1d.csv").open() as file:
        rows = [
            Bar(day := T0.fromisoformat(f"{r['DATE'][:10]}T00:00:00+00:00"), day + 24 * HOUR, *_ohlc(r))
            for r in csv.DictReader(file)
        ]
    found = reasons(rows, interval=Interval.D1)
    assert found == ["ohlc_crossing"] * 47 and len(rows) == 9235


def _ohlc(row: dict[str, str]) -> tuple[float, float, float, float]:
    return float(row["OPEN"]), float(row["HIGH"]), float(row["LOW"]), float(row["CLOSE"])


any_float = st.floats(allow_nan=True, allow_infinity=True)
any_time = st.integers(-(2**62), 2**62)


@given(st.lists(st.tuples(any_time, any_time, *[any_float] * 5), max_size=20), st.booleans())
def test_any_numbers_are_sorted_into_good_and_refused(rows: list[tuple[float, ...]], signed: bool) -> None:
    columns = list(zip(*rows, strict=True)) if rows else [()] * 7
    times = [np.array(c, np.int64) for c in columns[:2]]
    prices = [np.array(c, np.float64) for c in columns[2:]]
    n = len(rows)
    given_ = Bars("X", Interval.M1, *times, *prices, np.ones(n, np.bool_), np.zeros(n, np.int16), ("s",))
    checked = validate(given_, NOW_US, signed=signed)
    good = checked.good
    assert len(good) + len(checked.refused) == n
    assert (good.high >= good.low).all() and (good.known_at >= good.start).all()
    assert np.isfinite(good.close).all() and (signed or (good.low > 0).all())
    assert all(json.loads(r.row) for r in checked.refused)

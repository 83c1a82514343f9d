"""Statistics of prices against answers computed elsewhere, and what they refuse to say."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.market.moments import at, us
from truecast.domain.bar import Bars
from truecast.domain.interval import Interval
from truecast.kit.clock import from_us, to_us
from truecast.market.calendar import calendar
from truecast.market.statistics import (
    COMMON_POINTS_MIN,
    Together,
    UnknownPeriod,
    describe,
    labels,
    parse_period,
    realised,
    together,
)

HOUR = 3_600_000_000
FOLDER = Path(__file__).parents[1] / "answers" / "prices"
ALONG = calendar("24/7")
ANSWERS: dict[str, Any] = json.loads((FOLDER / "answers.json").read_text())


def series(name: str) -> Bars:
    """One of the made-up series, without its holes."""
    with (FOLDER / "prices.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row[name]]
    bars = a_series([float(row[name]) for row in rows], [to_us(at(row["start"][:19])) for row in rows])
    return replace(bars, volume=np.array([float(row["volume"]) for row in rows]))


def a_series(close: list[float], start: list[int] | None = None, interval: Interval = Interval.H1) -> Bars:
    prices = np.array(close, np.float64)
    starts = np.array(start if start is not None else [us("2024-03-01") + i * HOUR for i in range(len(close))])
    return Bars(
        "A",
        interval,
        start=starts,
        known_at=starts + interval.seconds * 1_000_000,
        open=prices,
        high=prices,
        low=prices,
        close=prices,
        volume=np.full(len(prices), np.nan),
        final=np.ones(len(prices), np.bool_),
        source=np.zeros(len(prices), np.int16),
        sources=("made",),
    )


def columns(bars: Bars) -> tuple[Any, Any]:
    return ALONG.ends(bars.start, bars.interval), bars.close


def test_a_week_agrees_with_the_answers():
    bars, answer = series("a"), ANSWERS["week"]
    since_us = int(bars.start[-1]) + HOUR - 7 * 24 * HOUR
    found = describe(bars, since_us, ALONG, signed=False)
    assert (found.n, found.missing) == (answer["n"], answer["missing"])
    assert (found.begin_price, found.last_price) == (answer["begin"], answer["last"])
    assert (found.high, found.low) == (answer["high"], answer["low"])
    assert found.change_pct == pytest.approx(answer["change_pct"], rel=1e-12)
    assert found.volatility.returns == answer["returns"]
    assert found.volatility.per_bar == pytest.approx(answer["per_bar"], rel=1e-12)
    assert found.volatility.annualised == pytest.approx(answer["annualised"], rel=1e-12)
    assert found.volatility.bars_per_year == 8_760
    assert found.drawdown.depth == pytest.approx(answer["drawdown"], rel=1e-12)
    assert found.drawdown.peak_at < found.drawdown.trough_at
    assert found.volume == answer["volume"]
    assert found.last_at == from_us(bars.start[-1] + HOUR)


@pytest.mark.parametrize(("span", "days"), [("all", 400), ("month", 30)])
def test_two_series_agree_with_the_answers_over_the_ends_they_have_in_common(span: str, days: int):
    a, b = columns(series("a")), columns(series("b"))
    since_us = int(max(a[0][-1], b[0][-1])) - days * 24 * HOUR
    cut = [(ends[ends >= since_us], close[ends >= since_us]) for ends, close in (a, b)]
    found, answer = together(cut[0], cut[1], signed=(False, False)), ANSWERS["together"][span]
    assert isinstance(found, Together)
    for name, value in answer.items():
        assert getattr(found, name) == pytest.approx(value, rel=1e-10), name


def test_a_series_moves_with_itself_and_against_its_inverse():
    ends, close = columns(series("a"))
    same = together((ends, close), (ends, close), signed=(False, False))
    opposite = together((ends, close), (ends, 1 / close), signed=(False, False))
    assert (same.pearson, same.spearman) == (pytest.approx(1), pytest.approx(1))
    assert (opposite.pearson, opposite.spearman) == (pytest.approx(-1), pytest.approx(-1))


def test_too_few_common_points_are_refused_with_the_number():
    ends, close = columns(series("a"))
    few = COMMON_POINTS_MIN  # so many prices are one return less
    found = together((ends[:few], close[:few]), (ends, close), signed=(False, False))
    assert found == f"{few - 1} returns between common bar ends, {COMMON_POINTS_MIN} are needed"
    enough = together((ends[: few + 1], close[: few + 1]), (ends, close), signed=(False, False))
    assert isinstance(enough, Together) and enough.n == few
    assert "0 returns" in together((ends + 1, close), (ends, close), signed=(False, False))


def test_daily_bars_with_other_ends_meet_on_their_day():
    """A fixing at 14:15, a close at 21:00 and a day of crypto that ends at midnight; against pandas by date."""
    rng, days = np.random.default_rng(5), np.arange(18_000, 18_300) * 24 * HOUR
    moves = rng.normal(0, 0.01, len(days))
    close = np.exp(np.cumsum(moves))
    other = np.exp(np.cumsum(0.6 * moves + rng.normal(0, 0.01, len(days))))
    fixing, crypto = days + 14 * HOUR + HOUR // 4, days + 24 * HOUR
    keep = rng.random(len(days)) > 0.1  # holidays of one of them
    found = together((fixing[keep], close[keep]), (crypto, other), signed=(False, False), interval=Interval.D1)
    x, y = np.diff(np.log(close[keep])), np.diff(np.log(other[keep]))
    assert found.pearson == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert found.n == keep.sum() - 1
    assert found.ends_apart_s == 9.75 * 3600
    assert found.last_at == from_us(crypto[keep][-1]), "not before both were known"
    apart = together((fixing, close), (crypto, other), signed=(False, False), interval=Interval.H4)
    assert "0 returns" in apart, "bars within a day meet where they end together or not at all"


@pytest.mark.parametrize(
    ("interval", "ends", "same"),
    [
        (Interval.D1, ("2021-01-05T14:15", "2021-01-06T00:00"), True),
        (Interval.D1, ("2021-01-05T21:00", "2021-01-06T00:01"), False),
        (Interval.W1, ("2021-01-08T21:00", "2021-01-11T00:00"), True),
        (Interval.W1, ("2021-01-08T21:00", "2021-01-11T14:15"), False),
        (Interval.MO1, ("2021-01-29T21:00", "2021-02-01T00:00"), True),
        (Interval.MO1, ("2021-01-29T21:00", "2021-02-26T21:00"), False),
        (Interval.Q1, ("2021-02-26T21:00", "2021-03-31T14:15"), True),
        (Interval.Y1, ("2020-12-31T21:00", "2021-12-31T21:00"), False),
        (Interval.H1, ("2021-01-05T14:15", "2021-01-05T14:00"), False),
    ],
)
def test_the_label_is_the_time_in_which_a_bar_ended(interval: Interval, ends: tuple[str, str], same: bool):
    one, other = labels(np.array(ends, "datetime64[us]").astype(np.int64), interval)
    assert (one == other) == same


def test_what_does_not_move_moves_with_nothing():
    ends, close = columns(series("a"))
    assert together((ends, close * 0 + 1), (ends, close), signed=(False, False)) == "one of the two did not move"


def test_a_return_across_a_hole_is_no_return_of_one_bar():
    bars = a_series([100, 101, 102, 150, 151])
    with_hole = bars[np.array([0, 1, 2, 4])]
    found = realised(with_hole, ALONG, signed=False)
    assert found.returns == 2
    assert found.per_bar == pytest.approx(np.sqrt((np.log(101 / 100) ** 2 + np.log(102 / 101) ** 2) / 2))


def test_a_weekend_is_no_hole():
    friday, monday = us("2021-01-08"), us("2021-01-11")
    days = a_series([100.0, 110.0], [friday, monday], Interval.D1)
    found = realised(days, calendar("XNYS"), signed=False)
    assert (found.returns, found.bars_per_year) == (1, 252)  # 253 in 2020, 7 before the 13th, 6 in 2021


def test_of_a_series_that_may_be_negative_differences_count():
    found = realised(a_series([1.0, -1.0, 1.0]), ALONG, signed=True)
    assert (found.per_bar, found.returns) == (2.0, 2)
    assert realised(a_series([1.0, -1.0, 1.0]), ALONG, signed=False).returns == 0
    said = describe(a_series([-1.0, -1.0, 1.0]), 0, ALONG, signed=True)
    assert (said.change, said.change_pct, said.drawdown) == (2.0, None, None)


def test_one_bar_has_a_price_and_no_volatility():
    found = describe(a_series([5.0]), 0, ALONG, signed=False)
    assert (found.n, found.begin_price, found.change_pct) == (1, 5.0, 0.0)
    assert (found.volatility.per_bar, found.volatility.annualised, found.drawdown, found.volume) == (None,) * 4
    assert describe(a_series([5.0]), us("2030-01-01"), ALONG, signed=False) is None


@pytest.mark.parametrize(
    ("text", "seconds", "interval"),
    [
        ("1h", 3600, "1m"),
        ("24h", 86_400, "1h"),
        ("7D", 604_800, "1h"),
        ("30d", 2_592_000, "1d"),
        ("1y", 31_536_000, "1d"),
    ],
)
def test_periods_and_the_bars_that_suit_them(text: str, seconds: int, interval: str):
    period = parse_period(text)
    assert (period.seconds, period.interval) == (seconds, Interval(interval))


@pytest.mark.parametrize("text", ["", "0d", "d", "7", "-1d", "1.5h", "31y", "99999d", "7d7d", "٣d", "1m"])
def test_what_is_no_period(text: str):
    with pytest.raises(UnknownPeriod):
        parse_period(text)


@given(st.lists(st.floats(0.01, 1e6), min_size=1, max_size=60), st.floats(1e-6, 1e6))
def test_statistics_do_not_depend_on_the_unit(closes: list[float], unit: float):
    bars = a_series(closes)
    scaled = replace(bars, **{name: getattr(bars, name) * unit for name in ("open", "high", "low", "close")})
    one, other = (describe(each, 0, ALONG, signed=False) for each in (bars, scaled))
    assert one.change_pct == pytest.approx(other.change_pct, rel=1e-6, abs=1e-6)
    assert one.low <= one.last_price <= one.high
    if one.drawdown is not None and other.drawdown is not None:
        assert 0 < one.drawdown.depth < 1
        assert one.drawdown.depth == pytest.approx(other.drawdown.depth, rel=1e-6, abs=1e-9)
    if one.volatility.per_bar:
        assert one.volatility.per_bar == pytest.approx(other.volatility.per_bar, rel=1e-6, abs=1e-9)

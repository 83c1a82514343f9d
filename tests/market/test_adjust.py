"""Splits and dividends as a view."""

import csv
import datetime as dt
import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.market.moments import at, us, uss
from tests.market.random_bars import random_bars
from truecast.domain.bar import COLUMNS, Bars
from truecast.domain.corporate import Factor, events
from truecast.domain.interval import Interval
from truecast.kit.clock import FixedClock
from truecast.market.adjust import ADJUSTMENTS, adjust, relative
from truecast.market.calendar import calendar
from truecast.market.periods import DAY
from truecast.providers.sample.adapter import Sample

LATER = us("2050-01-01")
EPOCH = dt.date(1970, 1, 1)


async def _real(symbol: str) -> tuple[Bars, list[Factor]]:
    sample = Sample(FixedClock(at("2026-11-01")))
    return await sample.bars(symbol, Interval.D1, None), list(await sample.factors(symbol))


def _row(bars: Bars, date: str) -> int:
    return int(np.searchsorted(bars.start, us(date)))


async def test_the_split_of_apple_leaves_no_jump() -> None:
    raw, factors = await _real("AAPL")
    ex = _row(raw, "2020-08-31")
    assert raw.close[ex - 1] / raw.open[ex] > 3.9
    for how in ("split", "all"):
        seen = adjust(raw, factors, how, as_of_us=LATER)
        assert 0.95 < seen.close[ex - 1] / seen.open[ex] < 1.05
    assert adjust(raw, factors, "split", as_of_us=LATER).close[ex - 1] == pytest.approx(499.23 / 4)


async def test_all_splits_of_apple_since_1998_leave_no_jump() -> None:
    raw, factors = await _real("AAPL")
    moves = np.abs(np.diff(np.log(adjust(raw, factors, "split", as_of_us=LATER).close)))
    assert np.abs(np.diff(np.log(raw.close))).max() > 1.3
    assert moves.max() < 0.75  # 2000-09-29, the profit warning, is the largest real one


async def test_volume_grows_by_what_the_price_shrinks() -> None:
    raw, factors = await _real("AAPL")
    ex = _row(raw, "2020-08-31")
    seen = adjust(raw, factors, "all", as_of_us=LATER)
    assert seen.volume[ex - 1] == pytest.approx(raw.volume[ex - 1] * 4)
    assert seen.volume[-1] == raw.volume[-1]


async def test_dividends_make_the_total_return() -> None:
    raw, factors = await _real("SPY")
    seen = adjust(raw, factors, "all", as_of_us=LATER)
    years = (raw.start[-1] - raw.start[0]) / DAY / 365.25
    price, total = ((b.close[-1] / b.close[0]) ** (1 / years) - 1 for b in (raw, seen))
    assert 0.015 < total - price < 0.022  # SPY yielded about 1.8 % a year over 1998-2021
    assert (adjust(raw, factors, "split", as_of_us=LATER).close == raw.close).all()  # it never split


async def test_a_dividend_day_moves_by_the_dividend_less() -> None:
    raw, factors = await _real("SPY")
    ex = _row(raw, "2021-03-19")  # the event is dated the 18th
    seen = adjust(raw, factors, "all", as_of_us=LATER)
    assert factors[-1].date == dt.date(2021, 3, 18)
    dividend = raw.close[ex - 1] - seen.close[ex - 1]
    assert dividend == pytest.approx(1.278, abs=0.01)


@pytest.mark.parametrize("how", ADJUSTMENTS)
async def test_the_last_bar_keeps_its_raw_price(how) -> None:
    raw, factors = await _real("AAPL")
    for end in ("2005-02-25", "2020-08-28", "2020-08-31", "2021-02-04", "2021-02-05"):
        cut = raw[: _row(raw, end) + 1]
        seen = adjust(cut, factors, how, as_of_us=LATER)
        assert seen.row(-1) == cut.row(-1)


async def test_a_split_is_not_seen_before_its_first_session() -> None:
    raw, factors = await _real("AAPL")
    friday = adjust(raw, factors, "split", as_of_us=us("2020-08-28T23:00"))
    assert friday.close[-1] == 499.23 and friday.close[-2] == 500.04
    monday = adjust(raw, factors, "split", as_of_us=us("2020-08-31T23:00"))
    assert monday.close[-1] == 129.04 and monday.close[-2] == pytest.approx(124.8075)


FACTORS = st.lists(
    st.builds(
        Factor,
        st.dates(dt.date(2019, 12, 1), dt.date(2021, 3, 1)),
        st.floats(0.5, 1.0),
        st.sampled_from([1.0, 0.5, 0.25, 10.0]),
    ),
    max_size=12,
    unique_by=lambda f: f.date,
)


@settings(max_examples=100)
@given(factors=FACTORS, cut=st.integers(1, 250), how=st.sampled_from(ADJUSTMENTS), data=st.data())
def test_later_events_change_no_bit_of_the_past(factors, cut, how, data) -> None:
    bars = random_bars("XNYS", Interval.D1, us("2020-01-01"), 250)
    as_of = int(bars.known_at[cut - 1])
    last = EPOCH + dt.timedelta(days=int(bars.start[cut - 1] // DAY))
    other = [f if f.date < last else replace(f, price_factor=0.1, split_factor=7.0) for f in factors]
    extra = data.draw(st.lists(st.dates(last, dt.date(2030, 1, 1)).map(lambda d: Factor(d, 0.3, 0.2)), max_size=3))
    seen = adjust(bars, factors, how, as_of_us=as_of)
    assert len(seen) == cut
    for name in COLUMNS:
        np.testing.assert_array_equal(
            getattr(seen, name), getattr(adjust(bars, other + extra, how, as_of_us=as_of), name)
        )


@settings(max_examples=100)
@given(factors=FACTORS, how=st.sampled_from(ADJUSTMENTS))
def test_it_is_the_product_of_the_events_in_between(factors, how) -> None:
    bars = random_bars("XNYS", Interval.D1, us("2020-01-01"), 250)
    for reference in (0, 120, 249):
        price, split = relative(bars.start, int(bars.start[reference]), factors, how)
        for t in (0, 60, 119, 120, 121, 200, 249):
            low, high = sorted((int(bars.start[t]), int(bars.start[reference])))
            between = [f for f in factors if low <= (f.date - EPOCH).days * DAY < high]
            expected = np.prod([f.split_factor * (f.price_factor if how == "all" else 1) for f in between])
            shares = np.prod([f.split_factor for f in between])
            if how == "raw":
                expected = shares = 1.0
            sign = 1 if t <= reference else -1
            assert price[t] == pytest.approx(expected**sign) and split[t] == pytest.approx(shares**sign)


async def test_an_hour_is_adjusted_by_its_session() -> None:
    sample = Sample(FixedClock(at("2026-11-01")))
    raw, factors = await sample.bars("AAPL", Interval.H1, None), await sample.factors("AAPL")
    session = calendar("XNYS").buckets(raw.start, Interval.H1, Interval.D1)
    seen = adjust(raw, factors, "split", as_of_us=LATER, session=session)
    assert np.abs(np.diff(np.log(seen.close))).max() < 0.2


def test_single_events_multiply_back_to_the_accumulated_list() -> None:
    date = [dt.date(2020, 1, day) for day in (1, 2, 3, 4)]
    accumulated = [Factor(d, p, s) for d, p, s in zip(date, (0.8, 0.8, 0.9, 0.95), (0.25, 0.25, 0.5, 1.0), strict=True)]
    single = events(reversed(accumulated))
    assert [f.date for f in single] == date[1:]  # the first row only begins the file
    assert np.prod([f.price_factor for f in single]) == pytest.approx(0.8)
    assert np.prod([f.split_factor for f in single]) == pytest.approx(0.25)
    assert events([]) == ()


def test_the_real_factor_files_multiply_back(shared_data: Path) -> None:
    for path in sorted((shared_data / "ship/equity").glob("*_factors.csv")):
        rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
        listed = [
            Factor(dt.date.fromisoformat(r["date"]), float(r["price_factor"]), float(r["split_factor"])) for r in rows
        ]
        start = uss(*(r["date"] for r in rows))
        with gzip.open(path.with_name(path.name.replace("_factors.csv", "_1d.csv.gz")), "rt") as file:
            last = us(list(file)[-1].split(",")[0])
        price, split = relative(start, last, events(listed), "all")
        np.testing.assert_allclose(price, [f.price_factor * f.split_factor for f in listed], rtol=1e-9)
        np.testing.assert_allclose(split, [f.split_factor for f in listed], rtol=1e-9)

"""Coarser bars from finer ones."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.market.moments import said, us
from tests.market.random_bars import MINUTE, random_bars
from truecast.domain.bar import COLUMNS, Bars
from truecast.domain.interval import Interval
from truecast.market.calendar import calendar
from truecast.market.resample import DoesNotNest, nests, resample

M1, M5, M15, M30, H1, H4, D1, W1, MO1, Q1, Y1 = Interval
LATER = us("2050-01-01")

MOMENTS = st.integers(us("2010-01-01") // MINUTE, us("2028-01-01") // MINUTE).map(lambda m: m * MINUTE)
CASES = st.sampled_from([
    (name, interval, to)
    for name in ("XNYS", "FX", "24/7", "TARGET", "EIA", "US-CPI")
    for interval in (M1, M5, M30, H1, H4, D1, MO1)
    for to in Interval
    if to is not interval and nests(interval, to)
    and not (name in ("TARGET", "EIA") and interval.is_intraday)
    and not (name == "US-CPI" and interval is not MO1)
])  # fmt: skip
SEEDS = st.integers(0, 2**32 - 1)
HOLES = st.sampled_from([0.0, 0.05, 0.5])


def _same(a: Bars, b: Bars, columns: tuple[str, ...] = COLUMNS) -> None:
    for name in columns:
        exact = name != "volume"  # sums in another order
        compare = np.testing.assert_array_equal if exact else np.testing.assert_allclose
        compare(getattr(a, name), getattr(b, name), err_msg=name)


@settings(max_examples=150)
@given(case=CASES, moment=MOMENTS, seed=SEEDS, holes=HOLES)
def test_volume_and_extremes_are_conserved(case, moment, seed, holes) -> None:
    name, interval, to = case
    bars = random_bars(name, interval, moment, 200, seed=seed, holes=holes)
    coarse = resample(bars, to, calendar(name), LATER)
    assert np.isclose(np.nansum(coarse.volume), np.nansum(bars.volume))
    assert coarse.high.max() == bars.high.max() and coarse.low.min() == bars.low.min()
    assert coarse.open[0] == bars.open[0] and coarse.close[-1] == bars.close[-1]
    assert (np.diff(coarse.start) > 0).all()
    assert ((coarse.high >= coarse.open) & (coarse.high >= coarse.close)).all()
    assert ((coarse.low <= coarse.open) & (coarse.low <= coarse.close)).all()


@settings(max_examples=150)
@given(case=CASES, moment=MOMENTS, seed=SEEDS, holes=HOLES)
def test_resampling_what_is_resampled_changes_nothing(case, moment, seed, holes) -> None:
    name, interval, to = case
    once = resample(random_bars(name, interval, moment, 200, seed=seed, holes=holes), to, calendar(name), LATER)
    _same(resample(once, to, calendar(name), LATER), once)


@settings(max_examples=100)
@given(
    name=st.sampled_from(["XNYS", "FX", "24/7"]),
    steps=st.sampled_from([(M1, M5, H1), (M1, M15, H4), (M5, H1, D1), (H1, H4, D1), (H1, D1, W1), (H4, D1, MO1)]),
    moment=MOMENTS,
    seed=SEEDS,
    late=st.booleans(),
)
def test_two_steps_are_one(name, steps, moment, seed, late) -> None:
    interval, between, to = steps
    bars = random_bars(name, interval, moment, 600, seed=seed, late=late)
    along = calendar(name)
    # A first bar that begins in the middle is one either way; only without holes is it known at the same moment.
    _same(resample(resample(bars, between, along, LATER), to, along, LATER), resample(bars, to, along, LATER))


@settings(max_examples=100)
@given(
    name=st.sampled_from(["XNYS", "FX", "24/7"]),
    steps=st.sampled_from([(M1, M5, H1), (M5, H1, D1), (H1, D1, W1), (H1, D1, MO1)]),
    moment=MOMENTS,
    seed=SEEDS,
)
def test_two_steps_are_one_but_for_when_a_hole_was_proven(name, steps, moment, seed) -> None:
    interval, between, to = steps
    bars = random_bars(name, interval, moment, 600, seed=seed, holes=0.3)
    along = calendar(name)
    one, two = resample(bars, to, along, LATER), resample(resample(bars, between, along, LATER), to, along, LATER)
    _same(one, two, ("start", "open", "high", "low", "close", "volume", "final"))
    assert (one.known_at <= two.known_at).all()


@settings(max_examples=150)
@given(case=CASES, moment=MOMENTS, seed=SEEDS, holes=HOLES, part=st.floats(0, 1), late=st.booleans())
def test_what_comes_later_changes_no_bar_that_was_final(*, case, moment, seed, holes, part, late) -> None:
    name, interval, to = case
    bars = random_bars(name, interval, moment, 200, seed=seed, holes=holes, late=late)
    assume(len(bars) > 2)
    as_of = int(bars.known_at[int(part * (len(bars) - 1))])
    then = resample(bars, to, calendar(name), as_of)
    _same(then, resample(bars[bars.known_at <= as_of], to, calendar(name), as_of))
    assert (then.known_at <= as_of).all()
    later = resample(bars, to, calendar(name), LATER)
    # Live: exactly the bars that are final later and say that they were known by then.
    _same(then[then.final], later[later.final & (later.known_at <= as_of)])


def test_a_bar_is_partial_until_its_last_part_is_there() -> None:
    bars = random_bars("XNYS", H1, us("2026-11-26"), 4)  # 2026-11-27, a half day: 14, 15, 16, 17 h
    for rows, final in ((3, False), (4, True)):
        seen = resample(bars[:rows], D1, calendar("XNYS"), LATER)
        assert said(seen.start) == ["2026-11-27"] and seen.final.tolist() == [final]
    assert said(resample(bars, D1, calendar("XNYS"), LATER).known_at) == ["2026-11-27T18:00"]


def test_a_bar_whose_last_part_never_came_is_final_once_a_later_part_is_known() -> None:
    bars = random_bars("24/7", H1, us("2024-01-01") - 1, 26)
    hole = bars[np.arange(26) != 23]  # the day's last hour
    days = resample(hole, D1, calendar("24/7"), LATER)
    assert days.final.tolist() == [True, False] and said(days.known_at)[0] == "2024-01-02T01:00"
    before = resample(hole, D1, calendar("24/7"), us("2024-01-02T00:30"))
    assert before.final.tolist() == [False]


def test_a_part_still_forming_keeps_the_bar_partial() -> None:
    bars = random_bars("24/7", H1, us("2024-01-01") - 1, 24)
    forming = replace(bars, final=np.arange(24) < 23)
    assert resample(forming, D1, calendar("24/7"), LATER).final.tolist() == [False]


def test_a_correction_moves_when_the_bar_was_known() -> None:
    bars = random_bars("24/7", H1, us("2024-01-01") - 1, 24)
    known = bars.known_at.copy()
    known[3] = us("2024-01-05")
    days = resample(replace(bars, known_at=known), D1, calendar("24/7"), LATER)
    assert said(days.known_at) == ["2024-01-05"]


@pytest.mark.parametrize(("night", "hours"), [("2021-03-12T21:59", 24), ("2021-11-05T20:59", 24)])
def test_an_fx_day_over_a_clock_change_has_24_hours(night: str, hours: int) -> None:
    bars = random_bars("FX", H1, us(night), 24)
    days = resample(bars, D1, calendar("FX"), LATER)
    assert len(days) == 1 and days.final.all() and len(bars) == hours


def test_a_sunday_bar_opens_the_week_after_it() -> None:
    days = random_bars("24/7", D1, us("2021-03-11"), 4)  # Friday to Monday, as a source with Sundays has them
    days = days[np.array([True, False, True, True])]
    weeks = resample(days, W1, calendar("FX"), LATER)
    assert said(weeks.start) == ["2021-03-08", "2021-03-15"] and weeks.open[1] == days.open[1]


def test_unknown_volume_stays_unknown_and_known_volume_is_summed() -> None:
    bars = random_bars("24/7", H1, us("2024-01-01") - 1, 48)
    volume = np.where(np.arange(48) < 24, np.nan, 1.0)
    volume[30] = np.nan
    days = resample(replace(bars, volume=volume), D1, calendar("24/7"), LATER)
    assert np.isnan(days.volume[0]) and days.volume[1] == 23


def test_the_source_of_the_close_names_a_mixed_bar() -> None:
    bars = random_bars("24/7", H1, us("2024-01-01") - 1, 24)
    mixed = replace(bars, source=np.repeat(np.array([0, 1], np.int16), 12), sources=("a", "b"))
    assert resample(mixed, D1, calendar("24/7"), LATER).source_of(0) == "b"


def test_no_bars_make_no_bars() -> None:
    assert len(resample(Bars.empty("X", H1), D1, calendar("FX"), LATER)) == 0
    assert resample(Bars.empty("X", H1), D1, calendar("FX"), LATER).interval is D1


@pytest.mark.parametrize(("interval", "to"), [(W1, MO1), (MO1, W1), (D1, H1), (W1, Q1), (Q1, MO1)])
def test_only_whole_bars_make_a_bar(interval: Interval, to: Interval) -> None:
    assert not nests(interval, to)
    with pytest.raises(DoesNotNest):
        resample(Bars.empty("X", interval), to, calendar("24/7"), LATER)

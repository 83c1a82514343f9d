"""The FX week and the market that never closes."""

import numpy as np
import pytest

from tests.market.moments import at, said, us, uss
from truecast.domain.interval import Interval
from truecast.kit.clock import FixedClock
from truecast.market.calendar import calendar
from truecast.market.periods import DAY
from truecast.providers.sample.adapter import Sample

D1, H1, H4, W1 = Interval.D1, Interval.H1, Interval.H4, Interval.W1


def test_the_week_opens_on_sunday_and_closes_on_friday_at_five_new_york() -> None:
    fx = calendar("FX")
    winter = ("2021-01-03T21:59", "2021-01-03T22:00", "2021-01-08T21:59", "2021-01-08T22:00", "2021-01-09T12:00")
    summer = ("2021-07-04T20:59", "2021-07-04T21:00", "2021-07-09T20:59", "2021-07-09T21:00")
    assert [fx.is_open(at(t)) for t in winter] == [False, True, True, False, False]
    assert [fx.is_open(at(t)) for t in summer] == [False, True, True, False]


def test_the_day_ends_at_five_new_york_on_its_date() -> None:
    ends = calendar("FX").ends(uss("2021-03-12", "2021-03-15", "2021-11-05", "2021-11-08"), D1)
    assert said(ends) == ["2021-03-12T22:00", "2021-03-15T21:00", "2021-11-05T21:00", "2021-11-08T22:00"]


def test_sunday_evening_belongs_to_monday() -> None:
    hours = uss("2021-03-12T21:00", "2021-03-14T21:00", "2021-03-15T20:00", "2021-03-15T21:00")
    assert said(calendar("FX").buckets(hours, H1, D1)) == ["2021-03-12", "2021-03-15", "2021-03-15", "2021-03-16"]


def test_a_weekend_price_belongs_to_the_week_that_is_still_to_come() -> None:
    fx = calendar("FX")
    weekend = uss("2021-03-13T12:00", "2021-03-14T20:00")
    assert said(fx.buckets(weekend, H1, D1)) == ["2021-03-15", "2021-03-15"]
    assert said(fx.buckets(uss("2021-03-14"), D1, W1)) == ["2021-03-15"]
    assert said(fx.ends(uss("2021-03-14"), D1)) == ["2021-03-15"]  # a Sunday bar, as some sources have


def test_every_day_has_24_hours_also_when_the_clocks_change() -> None:
    fx = calendar("FX")
    hours = fx.expected(us("2021-01-01"), us("2021-12-31T21:59"), H1)
    days, counts = np.unique(fx.buckets(hours, H1, D1), return_counts=True)
    assert (counts[1:-1] == 24).all() and said(days)[1] == "2021-01-04"


def test_four_hour_bars_begin_at_five_new_york() -> None:
    starts, ends = calendar("FX").following(us("2021-03-12T18:00"), H4, 7)
    assert said(starts)[:2] == ["2021-03-14T21:00", "2021-03-15T01:00"]
    assert (np.diff(starts) == 4 * 3_600_000_000).all() and (ends == starts + 4 * 3_600_000_000).all()


def test_a_month_ends_with_its_last_day() -> None:
    assert said(calendar("FX").ends(uss("2021-10-01", "2021-12-01"), Interval.MO1)) == [
        "2021-10-29T21:00", "2021-12-31T22:00",
    ]  # fmt: skip


def test_every_bundled_hour_of_the_euro_is_expected() -> None:
    start = Sample(FixedClock(at("2026-11-01")))._whole("EUR-USD", H1).start
    expected = calendar("FX").expected(int(start[0]), int(start[-1]), H1)
    assert len(np.setdiff1d(start, expected)) == 0
    missing = np.setdiff1d(expected, start)
    sunday = calendar("24/7").buckets(missing, H1, D1) // DAY % 7 == 3
    assert sunday.mean() > 0.8  # the source leaves Sunday evenings out


@pytest.mark.parametrize("interval", list(Interval))
def test_crypto_has_every_bar(interval: Interval) -> None:
    always = calendar("24/7")
    starts, ends = always.following(us("2024-02-28T23:59"), interval, 50)
    assert (starts[1:] == ends[:-1]).all()
    assert always.is_open(at("2024-02-29T03:00")) and always.is_open(at("2023-12-25T00:00"))


def test_a_crypto_week_runs_from_monday_to_sunday() -> None:
    assert said(calendar("24/7").ends(uss("2024-02-26"), W1)) == ["2024-03-04"]
    assert said(calendar("24/7").buckets(uss("2024-03-03T23:59"), Interval.M1, W1)) == ["2024-02-26"]

"""When a market opened and when it will close, at any moment."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.market.moments import at, us
from truecast.kit.clock import from_us
from truecast.market.calendar import calendar

MINUTES = st.integers(us("2005-01-01") // 60_000_000, us("2030-12-31") // 60_000_000)


@pytest.mark.parametrize(
    ("market", "moment", "is_open", "label", "since", "until"),
    [
        ("XNYS", "2021-01-06T15:00", True, "2021-01-06", "2021-01-06T14:30", "2021-01-06T21:00"),
        ("XNYS", "2021-01-06T12:00", False, "2021-01-05", "2021-01-05T21:00", "2021-01-06T14:30"),
        ("XNYS", "2021-01-09T12:00", False, "2021-01-08", "2021-01-08T21:00", "2021-01-11T14:30"),
        ("XNYS", "2020-11-27T17:59", True, "2020-11-27", "2020-11-27T14:30", "2020-11-27T18:00"),  # a half day
        ("XNYS", "2020-11-27T18:00", False, "2020-11-27", "2020-11-27T18:00", "2020-11-30T14:30"),
        ("XNYS", "2021-03-15T13:30", True, "2021-03-15", "2021-03-15T13:30", "2021-03-15T20:00"),  # summer time
        ("FX", "2021-01-06T12:00", True, "2021-01-06", "2021-01-03T22:00", "2021-01-08T22:00"),
        ("FX", "2021-01-09T12:00", False, "2021-01-08", "2021-01-08T22:00", "2021-01-10T22:00"),
        ("24/7", "2021-01-06T12:00", True, "2021-01-06", None, None),
    ],
)
def test_the_stretch_around_a_moment(market, moment, is_open, label, since, until) -> None:
    hours = calendar(market).hours(at(moment))
    assert (hours.is_open, hours.label_us) == (is_open, us(label))
    assert hours.since_us == (None if since is None else us(since))
    assert hours.until_us == (None if until is None else us(until))


@pytest.mark.parametrize("market", ["XNYS", "FX", "24/7", "TARGET", "US-CPI"])
@settings(max_examples=50)
@given(minute=MINUTES)
def test_it_agrees_with_is_open_and_changes_at_its_ends(market: str, minute: int) -> None:
    along, moment = calendar(market), from_us(minute * 60_000_000)
    hours = along.hours(moment)
    assert hours.is_open == along.is_open(moment)
    if hours.until_us is not None:
        assert hours.until_us > minute * 60_000_000
        assert along.hours(from_us(hours.until_us)).since_us == hours.until_us or not hours.is_open
    if hours.since_us is not None:
        assert hours.since_us <= minute * 60_000_000

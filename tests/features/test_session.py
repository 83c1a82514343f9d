"""Time by the clocks of the market: summer time, half days, sessions."""

from datetime import UTC, datetime

import numpy as np
import pytest

from truecast.domain.interval import Interval
from truecast.features.frame import Frame
from truecast.features.panel import Panel
from truecast.features.registry import COLUMNS
from truecast.features.zone import local, zone_of
from truecast.kit.clock import to_us
from truecast.market.exchange import UnknownCalendar


def column(name, *ends, calendar="XNYS", interval=Interval.H1):
    at = np.array([to_us(datetime.fromisoformat(end).replace(tzinfo=UTC)) for end in ends])
    ones = np.ones(len(at))
    frame = Frame("X", interval, at, ones, ones, ones, ones, ones, calendar=calendar)
    return COLUMNS[name].compute(Panel((frame,)))[0].tolist()


def test_the_close_of_new_york_is_at_16_in_winter_and_in_summer():
    assert column("hour", "2021-01-05T21:00", "2021-07-06T20:00") == [16.0, 16.0]
    assert column("hour", "2021-03-12T21:00", "2021-03-15T20:00", "2021-11-05T20:00", "2021-11-08T21:00") == [16.0] * 4
    assert column("hour", "2021-07-06T14:30", calendar="") == [14.5]
    assert column("hour", "2021-07-06T12:15", calendar="TARGET") == [14.25]


def test_the_hour_that_comes_twice_is_shown_twice():
    assert column("hour", "2021-11-07T05:30", "2021-11-07T06:30") == [1.5, 1.5]
    assert column("hour", "2021-03-14T06:30", "2021-03-14T07:30") == [1.5, 3.5]


def test_a_bar_has_the_day_of_its_last_moment():
    assert column("weekday", "2021-01-09T00:00", calendar="24/7", interval=Interval.D1) == [4.0]  # Friday's day bar
    assert column("weekday", "2021-01-08T22:00", calendar="FX", interval=Interval.D1) == [4.0]
    assert column("weekday", "2021-01-11T01:00", calendar="FX") == [6.0]  # Sunday evening in New York
    assert column("month", "2021-02-01T00:00", "2021-02-01T01:00", calendar="24/7") == [1.0, 2.0]
    assert column("month", "2021-02-01T00:00", interval=Interval.MO1, calendar="US-CPI") == [1.0]


def test_regions_follow_their_own_summer_time():
    assert column("session_america", "2021-03-12T13:00", "2021-03-12T14:00", "2021-03-15T13:00") == [0.0, 1.0, 1.0]
    assert column("session_europe", "2021-03-26T17:00", "2021-03-29T16:00", "2021-03-29T17:00") == [1.0, 1.0, 0.0]
    assert column("session_asia", "2021-07-06T01:00", "2021-07-06T09:00", "2021-07-06T10:00") == [1.0, 1.0, 0.0]
    assert column("session_europe", "2021-03-27T12:00", calendar="24/7") == [0.0]  # a Saturday


def test_a_day_is_in_no_region():
    for region in ("asia", "europe", "america"):
        assert np.isnan(column(f"session_{region}", "2021-01-05T21:00", interval=Interval.D1)).all()


def test_the_day_after_thanksgiving_is_short():
    days = ["2021-11-24T21:00", "2021-11-26T18:00", "2021-11-29T21:00"]
    assert column("session_short", *days, interval=Interval.D1) == [0.0, 1.0, 0.0]
    assert column("session_elapsed", *days, interval=Interval.D1) == [1.0, 1.0, 1.0]
    assert column("session_elapsed", "2021-11-26T16:15", "2021-11-24T16:00") == pytest.approx([105 / 210, 90 / 390])


def test_outside_of_every_session_nothing_has_elapsed():
    assert np.isnan(column("session_elapsed", "2021-01-05T13:00", "2021-01-09T18:00")).all()
    assert np.isnan(column("session_short", "2021-01-05T13:00", "2021-01-09T18:00")).all()
    assert np.isnan(column("session_elapsed", "2021-01-05T13:15", calendar="TARGET", interval=Interval.D1)).all()
    assert np.isnan(column("session_elapsed", "2021-02-01T00:00", calendar="US-CPI", interval=Interval.MO1)).all()


def test_the_fx_day_is_a_session():
    assert column("session_elapsed", "2021-01-05T10:00", "2021-07-06T09:00", calendar="FX") == [0.5, 0.5]


def test_every_calendar_has_a_zone():
    assert [zone_of(name) for name in ("", "24/7", "FX", "TARGET", "XLON")] == [
        "UTC", "UTC", "America/New_York", "Europe/Berlin", "Europe/London",
    ]  # fmt: skip
    assert zone_of("XHKG") == "Asia/Hong_Kong"
    with pytest.raises(UnknownCalendar):
        zone_of("NOWHERE")


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/London", "Asia/Tokyo", "Australia/Sydney", "UTC"])
def test_wall_clocks_are_those_of_the_zone_database(zone):
    from zoneinfo import ZoneInfo

    at = np.random.default_rng(0).integers(
        to_us(datetime(1950, 1, 1, tzinfo=UTC)), to_us(datetime(2060, 1, 1, tzinfo=UTC)), 500
    )
    for us, wall in zip(at.tolist(), local(at, zone).tolist(), strict=True):
        shown = datetime.fromtimestamp(us / 1e6, ZoneInfo(zone)).replace(microsecond=us % 1_000_000, tzinfo=UTC)
        assert wall == to_us(shown)

"""What holds on every calendar."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.market.moments import at, said, us, uss
from truecast.domain.interval import Interval
from truecast.market.calendar import calendar
from truecast.market.exchange import UnknownCalendar
from truecast.market.periods import DAY
from truecast.market.resample import nests
from truecast.market.sessions import BeyondCalendar, NotOnCalendar

INTERVALS = tuple(i for i in Interval if i not in (Interval.M5, Interval.M15))  # as 30m
TRADED = [(name, i) for name in ("XNYS", "FX", "24/7") for i in INTERVALS]
DAILY = [
    (name, i)
    for name in ("TARGET", "EIA", "H15", "EA-YC")
    for i in (Interval.D1, Interval.W1, Interval.MO1, Interval.Q1)
]
MONTHLY = [(name, i) for name in ("US-CPI", "US-10Y", "US-JOBS", "EA-HICP") for i in (Interval.MO1, Interval.Q1)]
ALL = [*TRADED, *DAILY, *MONTHLY, ("US-GDP", Interval.Q1), ("WORLD-BANK", Interval.Y1)]
MOMENTS = st.integers(us("2005-01-01") // 60_000_000, us("2030-12-31") // 60_000_000).map(lambda m: m * 60_000_000)
everywhere = pytest.mark.parametrize(("name", "interval"), ALL)


@everywhere
@settings(max_examples=25)
@given(moment=MOMENTS)
def test_following_bars_are_the_expected_ones(name: str, interval: Interval, moment: int) -> None:
    along = calendar(name)
    starts, ends = along.following(moment, interval, 12)
    assert len(starts) == 12 and starts[0] > moment
    expected = along.expected(moment + 1, int(starts[-1]), interval)
    assert said(starts) == said(expected)
    assert (ends == along.ends(starts, interval)).all()


@everywhere
@settings(max_examples=25)
@given(moment=MOMENTS)
def test_bars_end_in_order_and_are_known_no_sooner(name: str, interval: Interval, moment: int) -> None:
    along = calendar(name)
    starts, ends = along.following(moment, interval, 60)
    known = along.known_at(starts, interval)
    assert (np.diff(starts) > 0).all() and (np.diff(ends) > 0).all() and (np.diff(known) >= 0).all()
    assert (ends > starts).all() and (known >= ends).all()


@everywhere
@settings(max_examples=25)
@given(moment=MOMENTS)
def test_a_bar_falls_into_a_coarser_bar_that_ends_no_sooner(name: str, interval: Interval, moment: int) -> None:
    along = calendar(name)
    starts, ends = along.following(moment, interval, 30)
    for to in INTERVALS:
        if nests(interval, to):
            buckets = along.buckets(starts, interval, to)
            assert (np.diff(buckets) >= 0).all()
            assert (along.ends(buckets, to) >= ends).all()
            expected = along.expected(int(buckets[0]), int(buckets[-1]), to)
            assert said(np.unique(buckets)) == said(expected)


@everywhere
def test_a_series_is_overdue_only_after_the_next_bar_should_be_known(name: str, interval: Interval) -> None:
    along = calendar(name)
    starts, _ = along.following(us("2024-03-06T15:00"), interval, 2)
    overdue = along.overdue_at(int(starts[0]), interval)
    known = int(along.known_at(starts, interval)[1])
    assert known < overdue <= known + 7 * DAY


@everywhere
def test_no_bars_give_no_bars(name: str, interval: Interval) -> None:
    along, none = calendar(name), np.array([], np.int64)
    assert len(along.ends(none, interval)) == len(along.known_at(none, interval)) == 0
    assert len(along.buckets(none, interval, Interval.Y1)) == 0
    assert len(along.following(us("2024-03-06"), interval, 0)[0]) == 0
    assert len(along.expected(us("2024-03-06"), us("2024-03-05"), interval)) == 0


@pytest.mark.parametrize("name", ["TARGET", "EIA", "US-CPI", "US-GDP"])
def test_a_publication_has_no_hourly_bars_and_never_trades(name: str) -> None:
    with pytest.raises(NotOnCalendar, match="has no 1h bars"):
        calendar(name).following(us("2024-03-06"), Interval.H1, 1)
    assert not calendar(name).is_open(at("2024-03-06T12:00"))


def test_a_monthly_statistic_has_no_weeks() -> None:
    with pytest.raises(NotOnCalendar) as caught:
        calendar("US-CPI").ends(uss("2024-03-04"), Interval.W1)
    assert caught.value.facts["choices"] == ["1mo", "1q", "1y"]


@pytest.mark.parametrize("name", ["", "XXXX", "fx", "../etc"])
def test_an_unknown_name_is_an_error(name: str) -> None:
    with pytest.raises(UnknownCalendar):
        calendar(name)


@pytest.mark.parametrize("name", ["FX", "24/7", "TARGET", "EIA", "US-CPI", "US-10Y", "US-GDP"])
def test_asked_beyond_what_is_known_it_says_so(name: str) -> None:
    along = calendar(name)
    coarse = Interval.Q1
    with pytest.raises(BeyondCalendar):
        along.ends(uss("2110-01-01"), coarse)
    with pytest.raises(BeyondCalendar):
        along.following(us("2099-06-01"), coarse, 20)


def test_common_calendars_do_not_import_pandas() -> None:
    names = ("XNYS", "NYSE", "FX", "24/7", "TARGET", "EIA", "US-CPI", "US-10Y", "US-GDP")
    code = (
        "import sys; from truecast.domain.interval import Interval; from truecast.market.calendar import calendar\n"
        f"for name in {names}: calendar(name).following(1_700_000_000_000_000, Interval.Q1, 168)\n"
        "assert 'pandas' not in sys.modules and 'exchange_calendars' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


class TestPublishedElsewhere:
    """Jobs, daily yields, the euro area, years: when each can be known, holidays and clock changes included."""

    @pytest.mark.parametrize(
        ("name", "interval", "start", "known"),
        [
            ("US-JOBS", Interval.MO1, "2026-09-01", "2026-10-12T12:30"),  # the 10th is a Saturday
            ("US-JOBS", Interval.MO1, "2025-09-01", "2025-11-20T13:30"),  # shutdown
            ("H15", Interval.D1, "2026-10-09", "2026-10-13T22:00"),  # over Columbus Day
            ("H15", Interval.D1, "2026-10-30", "2026-11-02T23:00"),  # over the end of daylight saving
            ("EA-YC", Interval.D1, "2026-10-30", "2026-11-02T11:00"),
            ("EA-HICP", Interval.MO1, "2026-09-01", "2026-10-22T09:00"),
            ("EA-HICP", Interval.MO1, "2026-01-01", "2026-03-02T10:00"),  # the 28th of February is a Saturday
            ("WORLD-BANK", Interval.Y1, "2025-01-01", "2026-08-01T00:00"),
        ],
    )
    def test_is_known_when_it_is_out(self, name: str, interval: Interval, start: str, known: str) -> None:
        at = np.array([np.datetime64(start, "us").astype(np.int64)])
        assert calendar(name).known_at(at, interval)[0] == np.datetime64(known, "us").astype(np.int64)

    def test_bonds_rest_on_columbus_and_veterans_day(self) -> None:
        first, last = (int(np.datetime64(day, "us").astype(np.int64)) for day in ("2026-10-08", "2026-11-13"))
        days = {str(us)[:10] for us in calendar("H15").expected(first, last, Interval.D1).astype("datetime64[us]")}
        assert {"2026-10-12", "2026-11-11"}.isdisjoint(days)
        assert len(days) == 25


def test_years_are_taken_and_not_made() -> None:
    assert nests(Interval.Y1, Interval.Y1)
    assert not any(nests(interval, Interval.Y1) for interval in Interval if interval is not Interval.Y1)

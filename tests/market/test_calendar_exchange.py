"""New York's sessions: bundled, and equal to the library's."""

from pathlib import Path

import exchange_calendars
import numpy as np
import pytest

from tests.market.moments import at, said, us, uss
from truecast.domain.interval import Interval
from truecast.kit.clock import FixedClock
from truecast.market.calendar import calendar
from truecast.market.exchange import bundled
from truecast.market.sessions import BeyondCalendar
from truecast.providers.sample.adapter import Sample

D1, H1, H4 = Interval.D1, Interval.H1, Interval.H4


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of pandas, about how the library uses it
def test_the_bundled_table_is_the_librarys() -> None:
    theirs = exchange_calendars.get_calendar("XNYS", start="1990-01-01", end="2028-12-31").schedule
    ours = bundled("XNYS")
    rows = (ours.label >= us("1990-01-01")) & (ours.label <= us("2028-12-31"))
    for mine, column in ((ours.open, "open"), (ours.close, "close")):
        expected = theirs[column].dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64)
        assert (mine[rows] == expected).all(), "rebuild it: python scripts/build_sessions.py"


def test_the_bundle_names_the_library_it_is_from() -> None:
    path = Path(__file__).parents[2] / "src" / "truecast" / "market" / "data" / "xnys.npz"
    with np.load(path) as saved:
        assert str(saved["library"]).startswith("exchange_calendars 4.")
    assert path.stat().st_size < 100_000


def test_half_days_close_early() -> None:
    ends = calendar("XNYS").ends(uss("2026-11-25", "2026-11-27", "2026-12-24", "2020-11-27"), D1)
    assert said(ends) == ["2026-11-25T21:00", "2026-11-27T18:00", "2026-12-24T18:00", "2020-11-27T18:00"]


def test_ten_sessions_step_over_thanksgiving_and_weekends() -> None:
    starts, _ = calendar("XNYS").following(us("2026-11-20"), D1, 6)
    assert said(starts) == ["2026-11-23", "2026-11-24", "2026-11-25", "2026-11-27", "2026-11-30", "2026-12-01"]


def test_hours_begin_on_the_hour_of_the_open_and_end_with_the_close() -> None:
    starts, ends = calendar("XNYS").following(us("2021-03-12T20:00"), H1, 8)  # clocks change on the 14th
    assert said(starts)[0] == "2021-03-15T13:00" and said(ends)[0] == "2021-03-15T14:00"
    assert said(starts)[6] == "2021-03-15T19:00" and said(ends)[6] == "2021-03-15T20:00"
    assert said(starts)[7] == "2021-03-16T13:00"


def test_half_hours_begin_at_the_open() -> None:
    starts = calendar("XNYS").expected(us("2026-11-27"), us("2026-11-28"), Interval.M30)
    assert said(starts)[0] == "2026-11-27T14:30" and said(starts)[-1] == "2026-11-27T17:30" and len(starts) == 7


def test_the_last_four_hours_of_a_session_are_cut_at_the_close() -> None:
    starts, ends = calendar("XNYS").following(us("2026-11-26"), H4, 3)
    assert said(starts) == ["2026-11-27T14:00", "2026-11-30T14:00", "2026-11-30T18:00"]
    assert said(ends) == ["2026-11-27T18:00", "2026-11-30T18:00", "2026-11-30T21:00"]


def test_a_week_ends_with_its_last_session() -> None:
    ends = calendar("XNYS").ends(uss("2026-03-30", "2026-11-23"), Interval.W1)
    assert said(ends) == ["2026-04-02T20:00", "2026-11-27T18:00"]  # Good Friday; the day after Thanksgiving


def test_a_month_ends_with_its_last_session_and_a_quarter_too() -> None:
    along = calendar("XNYS")
    assert said(along.ends(uss("2026-05-01"), Interval.MO1)) == ["2026-05-29T20:00"]
    assert said(along.ends(uss("2026-04-01"), Interval.Q1)) == ["2026-06-30T20:00"]


def test_a_price_before_the_open_belongs_to_the_session_and_one_after_the_close_to_the_next() -> None:
    along = calendar("XNYS")
    starts = uss("2026-11-25T12:00", "2026-11-25T20:00", "2026-11-25T21:00", "2026-11-26T15:00", "2026-11-27T18:00")
    days = along.buckets(starts, H1, D1)
    assert said(days) == ["2026-11-25", "2026-11-25", "2026-11-27", "2026-11-27", "2026-11-30"]
    evening = along.buckets(uss("2026-11-25T18:00", "2026-11-25T21:00"), H1, H4)
    assert said(evening) == ["2026-11-25T18:00", "2026-11-25T21:00"]  # not into the bar that ended at the close


def test_a_bar_on_a_holiday_ends_with_its_date_and_joins_the_next_session() -> None:
    along = calendar("XNYS")
    assert said(along.ends(uss("2023-05-29"), D1)) == said(along.known_at(uss("2023-05-29"), D1)) == ["2023-05-30"]
    assert said(along.buckets(uss("2023-05-28", "2023-05-29"), D1, Interval.W1)) == ["2023-05-29", "2023-05-29"]


def test_it_is_open_from_the_open_until_the_close() -> None:
    along = calendar("XNYS")
    asked = ("2026-11-27T14:29", "2026-11-27T14:30", "2026-11-27T17:59", "2026-11-27T18:00", "2026-11-28T15:00")
    assert [along.is_open(at(t)) for t in asked] == [False, True, True, False, False]


def test_every_bundled_equity_bar_is_expected_and_every_expected_bar_is_there() -> None:
    sample = Sample(FixedClock(at("2026-11-01")))
    for symbol, interval in (("AAPL", D1), ("SPY", D1), ("AAPL", H1), ("SPY", H1)):
        start = sample._whole(symbol, interval).start
        expected = calendar("XNYS").expected(int(start[0]), int(start[-1]), interval)
        assert said(np.setxor1d(start, expected)) == [], (symbol, interval)


def test_nearly_every_session_of_the_volatility_index_is_expected(shared_data: Path) -> None:
    rows = (shared_data / "ship/macro/VIX_1d.csv").read_text("utf-8").split()[1:]
    start = uss(*(row.split(",")[0] for row in rows))
    expected = calendar("XNYS").expected(int(start[0]), int(start[-1]), D1)
    # Since 2022 the file also has holidays on which only the overnight session ran.
    assert len(np.setdiff1d(start, expected)) == 33
    assert said(np.setdiff1d(expected, start)) == ["1991-03-01", "1997-01-31", "1997-11-26", "1999-12-31"]


@pytest.mark.parametrize(("code", "day", "close"), [("XLON", "2024-12-24", "12:30"), ("XTKS", "2023-12-28", "06:00")])
def test_other_exchanges_come_from_the_library(code: str, day: str, close: str) -> None:
    assert said(calendar(code).ends(uss(day), D1)) == [f"{day}T{close}"]


def test_a_calendar_that_the_library_bounds_says_how_far_it_is_known() -> None:
    with pytest.raises(BeyondCalendar, match="2026"):
        calendar("XBOM").ends(uss("2031-03-03"), D1)


def test_new_york_before_the_bundle_comes_from_the_library() -> None:
    assert said(calendar("XNYS").expected(us("1929-10-28"), us("1929-11-02"), D1)) == [
        "1929-10-28", "1929-10-29", "1929-10-30", "1929-10-31",
    ]  # fmt: skip

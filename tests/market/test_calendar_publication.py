"""Fixings, spot prices and statistics: their days, and when they can be known."""

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest

from tests.market.moments import at, said, us, uss
from truecast.domain.interval import Interval
from truecast.kit.clock import FixedClock
from truecast.market.calendar import calendar
from truecast.providers.sample.adapter import Sample

D1, W1, MO1, Q1 = Interval.D1, Interval.W1, Interval.MO1, Interval.Q1


def _differences(name: str, start: np.ndarray, interval: Interval) -> tuple[list[str], list[str]]:
    """Rows that are not expected, and expected ones that have no row."""
    expected = calendar(name).expected(int(start.min()), int(start.max()), interval)
    return said(np.setdiff1d(start, expected)), said(np.setdiff1d(expected, start))


def test_the_ecb_fixed_on_exactly_the_expected_days_since_the_euro_began(shared_data: Path) -> None:
    with gzip.open(shared_data / "ship/fx/ecb_eurofxref-hist.csv.gz", "rt") as file:
        start = uss(*(row[0] for row in list(csv.reader(file))[1:]))
    assert len(start) == 7126
    assert _differences("TARGET", start, D1) == ([], [])


def test_the_bundled_fixings_are_exactly_the_expected_ones() -> None:
    sample = Sample(FixedClock(at("2026-11-01")))
    bars = sample._whole("EUR-USD", D1)
    assert _differences("TARGET", bars.start, D1) == ([], [])
    assert (bars.known_at == calendar("TARGET").known_at(bars.start, D1)).all()


def test_a_fixing_is_taken_at_a_quarter_past_two_and_known_at_four_in_frankfurt() -> None:
    days = uss("2026-10-23", "2026-10-26")  # the clocks change in between
    assert said(calendar("TARGET").ends(days, D1)) == ["2026-10-23T12:15", "2026-10-26T13:15"]
    assert said(calendar("TARGET").known_at(days, D1)) == ["2026-10-23T14:00", "2026-10-26T15:00"]


def test_target_rests_on_its_six_holidays() -> None:
    days = said(calendar("TARGET").expected(us("2024-01-01"), us("2024-12-31"), D1))
    for holiday in ("2024-01-01", "2024-03-29", "2024-04-01", "2024-05-01", "2024-12-25", "2024-12-26"):
        assert holiday not in days
    assert {"2024-05-09", "2024-10-03", "2024-12-24", "2024-12-31"} <= set(days)


def test_a_week_of_fixings_is_known_with_its_last_one() -> None:
    assert said(calendar("TARGET").known_at(uss("2024-03-25", "2024-04-01"), W1)) == [
        "2024-03-28T15:00", "2024-04-05T14:00",
    ]  # fmt: skip


def test_there_are_no_fixings_before_the_euro() -> None:
    assert said(calendar("TARGET").expected(us("1998-01-01"), us("1999-01-05"), D1)) == ["1999-01-04", "1999-01-05"]


@pytest.mark.parametrize(
    ("day", "known"),
    [
        ("2025-08-04", "2025-08-06T22:00"),  # Monday: the Wednesday of the same week
        ("2025-08-05", "2025-08-13T22:00"),  # Tuesday: too late for that one
        ("2025-08-08", "2025-08-13T22:00"),
        ("2024-12-23", "2024-12-26T23:00"),  # Wednesday is Christmas
    ],
)
def test_a_spot_price_is_known_with_the_weekly_release(day: str, known: str) -> None:
    assert said(calendar("EIA").known_at(uss(day), D1)) == [known]


@pytest.mark.parametrize(
    ("file", "unexpected", "since", "missing"),
    [("WTI_1d.csv", 21, "1993", 41), ("HENRYHUB_1d.csv", 21, "2018", 44), ("BRENT_1d.csv", 166, None, 105)],
)
def test_spot_prices_come_on_us_business_days(
    shared_data: Path, file: str, unexpected: int, since: str | None, missing: int
) -> None:
    """WTI had prices on some holidays until 1992, Henry Hub in 2015-2017; Brent follows London's holidays instead."""
    rows = (shared_data / "ship/macro" / file).read_text("utf-8").split()[1:]
    extra, absent = _differences("EIA", uss(*(row.split(",")[0] for row in rows)), D1)
    assert (len(extra), len(absent)) == (unexpected, missing)
    assert since is None or max(extra) < since


@pytest.mark.parametrize(
    ("file", "name", "interval"),
    [("US-CPI_1mo.csv", "US-CPI", MO1), ("US-10Y_1mo.csv", "US-10Y", MO1), ("US-GDP_1q.csv", "US-GDP", Q1)],
)
def test_statistics_have_exactly_the_expected_periods(
    shared_data: Path, file: str, name: str, interval: Interval
) -> None:
    rows = (shared_data / "ship/macro" / file).read_text("utf-8").split()[1:]
    assert _differences(name, uss(*(row.split(",")[0] for row in rows)), interval) == ([], [])


@pytest.mark.parametrize(
    ("name", "interval", "period", "end", "known"),
    [
        ("US-CPI", MO1, "2024-05-01", "2024-06-01", "2024-06-20T12:30"),
        ("US-CPI", MO1, "2015-01-01", "2015-02-01", "2015-02-27T13:30"),  # released on the 26th
        ("US-CPI", MO1, "2013-09-01", "2013-10-01", "2013-10-30T12:30"),  # shutdown
        ("US-CPI", MO1, "2025-09-01", "2025-10-01", "2025-10-24T12:30"),  # shutdown
        ("US-CPI", Q1, "2024-01-01", "2024-04-01", "2024-04-22T12:30"),
        ("US-10Y", MO1, "2024-05-01", "2024-06-01", "2024-06-03T22:00"),
        ("US-10Y", MO1, "2023-12-01", "2024-01-01", "2024-01-02T23:00"),
        ("US-GDP", Q1, "2024-01-01", "2024-04-01", "2024-04-30T12:30"),
        ("US-GDP", Q1, "2018-10-01", "2019-01-01", "2019-02-28T13:30"),  # shutdown
    ],
)
def test_a_statistic_is_known_when_it_was_surely_published(
    name: str, interval: Interval, period: str, end: str, known: str
) -> None:
    assert said(calendar(name).ends(uss(period), interval)) == [end]
    assert said(calendar(name).known_at(uss(period), interval)) == [known]


def test_the_month_without_a_survey_is_not_expected() -> None:
    assert said(calendar("US-CPI").following(us("2025-09-01"), MO1, 2)[0]) == ["2025-11-01", "2025-12-01"]

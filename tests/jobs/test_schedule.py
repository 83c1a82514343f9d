"""Facts about when jobs are due."""

from datetime import UTC, datetime

import pytest

from truecast.jobs.ingest import ingest_schedule
from truecast.jobs.schedule import HOURLY, Cron, Schedule


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2021-01-04T12:00:00", "2021-01-04T13:00:00"),
        ("2021-01-04T12:00:00.000001", "2021-01-04T13:00:00"),
        ("2021-01-04T11:59:59.999999", "2021-01-04T12:00:00"),
        ("2021-03-28T00:30:00", "2021-03-28T01:00:00"),
        ("2020-12-31T23:00:00", "2021-01-01T00:00:00"),
    ],
)
def test_hourly_is_the_next_full_hour(now, due):
    assert HOURLY.after(at(now)) == at(due)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2021-01-04T14:59:00", "2021-01-04T15:05:00"),  # 16:05 in Frankfurt is 15:05 UTC in winter
        ("2021-07-05T13:59:00", "2021-07-05T14:05:00"),  # and 14:05 UTC in summer
        ("2021-03-26T15:05:00", "2021-03-26T15:20:00"),
        ("2021-03-26T17:40:00", "2021-03-27T05:00:00"),  # Friday evening: the early check of Saturday
        ("2021-03-27T05:00:00", "2021-03-28T04:00:00"),  # summer time has begun
    ],
)
def test_the_ecb_is_asked_after_it_published_by_the_clocks_of_frankfurt(now, due):
    assert ingest_schedule("ecb").after(at(now)) == at(due)


def test_a_union_is_due_whenever_one_of_its_parts_is():
    both = HOURLY | Schedule((Cron("30 12 * * *"),)) | HOURLY
    assert both.after(at("2021-01-04T12:00:00")) == at("2021-01-04T12:30:00")
    assert str(both) == "0 * * * * UTC; 30 12 * * * UTC"

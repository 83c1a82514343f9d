"""Facts about when jobs are due."""

from datetime import UTC, datetime

import numpy as np
import pytest

from truecast.jobs.rhythm import ECB, MACRO, ingest_schedule, kinds_of
from truecast.jobs.schedule import HOURLY, Cron, Schedule
from truecast.kit.clock import FixedClock
from truecast.providers.base import Reach
from truecast.providers.catalog import build_provider


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
    assert ECB.after(at(now)) == at(due)


def test_a_union_is_due_whenever_one_of_its_parts_is():
    both = HOURLY | Schedule((Cron("30 12 * * *"),)) | HOURLY
    assert both.after(at("2021-01-04T12:00:00")) == at("2021-01-04T12:30:00")
    assert str(both) == "0 * * * * UTC; 30 12 * * * UTC"


IN_SESSION = Schedule((Cron("*/5 * * * *", market="XNYS", tail_s=3_600),))
IN_THE_WEEK = Schedule((Cron("*/5 * * * *", market="FX"),))


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2021-01-06T14:20:00", "2021-01-06T14:30:00"),  # half past nine in New York
        ("2021-01-06T14:30:00", "2021-01-06T14:35:00"),
        ("2021-01-06T20:59:00", "2021-01-06T21:00:00"),
        ("2021-01-06T21:55:00", "2021-01-06T22:00:00"),  # an hour after the close
        ("2021-01-06T22:00:00", "2021-01-07T14:30:00"),
        ("2020-11-27T18:55:00", "2020-11-27T19:00:00"),  # a half day closed at one o'clock
        ("2020-11-27T19:00:00", "2020-11-30T14:30:00"),  # then the weekend
        ("2021-01-15T22:00:00", "2021-01-19T14:30:00"),  # and Martin Luther King's day
        ("2021-03-12T22:30:00", "2021-03-15T13:30:00"),  # summer time has begun in New York, not yet in Europe
        ("2020-12-24T19:30:00", "2020-12-28T14:30:00"),  # Christmas
    ],
)
def test_stocks_are_asked_for_in_their_session(now: str, due: str):
    assert IN_SESSION.after(at(now)) == at(due)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2021-01-06T03:02:00", "2021-01-06T03:05:00"),
        ("2021-01-08T21:58:00", "2021-01-08T22:00:00"),  # once more as it closes
        ("2021-01-08T22:00:00", "2021-01-10T22:00:00"),  # Friday 17:00 to Sunday 17:00 in New York
        ("2021-06-25T21:00:00", "2021-06-27T21:00:00"),  # an hour earlier in summer
    ],
)
def test_rates_are_asked_for_in_the_week_of_their_market(now: str, due: str):
    assert IN_THE_WEEK.after(at(now)) == at(due)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2021-01-08T13:00:00", "2021-01-08T13:31:00"),  # 08:31 in Washington, in winter
        ("2021-07-02T12:00:00", "2021-07-02T12:31:00"),  # and in summer
        ("2021-01-08T17:00:00", "2021-01-08T21:05:00"),  # yields, later in the day
        ("2021-01-08T23:05:00", "2021-01-09T06:00:00"),  # Saturday: once, for revisions
    ],
)
def test_statistics_are_looked_for_at_the_hour_of_their_publication(now: str, due: str):
    fred = build_provider("fred", FixedClock(at(now)), Reach(np.random.default_rng()))
    assert ingest_schedule(fred.info, MACRO, fred.offers()).after(at(now)) == at(due)


@pytest.mark.parametrize(
    ("source", "kinds"),
    [
        ("binance", ["crypto"]),
        ("yahoo", ["stocks", "fx"]),
        ("oanda", ["fx"]),
        ("ecb", ["fixings"]),
        ("frankfurter", ["fixings"]),
        ("ecb_sdmx", ["fixings", "macro"]),
        ("fred", ["macro"]),
        ("worldbank", ["macro"]),
        ("fear_greed", ["crypto"]),
        ("finnhub", ["stocks"]),
    ],
)
def test_every_source_has_the_rhythms_of_its_calendars(source: str, kinds: list[str]):
    provider = build_provider(source, FixedClock(at("2021-01-04T12:00:00")), Reach(np.random.default_rng()))
    assert kinds_of(provider) == kinds


def test_what_is_due_at_exactly_a_moment():
    assert HOURLY.is_due(at("2021-01-04T12:00:00"))
    assert not HOURLY.is_due(at("2021-01-04T12:00:01"))

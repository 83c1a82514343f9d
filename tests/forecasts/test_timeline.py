"""Facts about outcomes over time: each counts in the stretch that it lies in, and the best is the one nearest."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from truecast.forecasts.settled import Settled
from truecast.forecasts.timeline import STRETCHES_MAX, picked, spans
from truecast.kit.clock import to_us

START = datetime(2021, 1, 4, tzinfo=UTC)  # a Monday
ALL_INSIDE = 0b1111


def settled(
    days: list[float], *, crps: list[float] | None = None, scale: float = 1.0, inside: int = ALL_INSIDE
) -> Settled:
    n = len(days)
    at = np.array([to_us(START + timedelta(days=day)) for day in days], np.float64)
    ones = np.ones(n)
    losses = np.array(crps or [0.5] * n)
    rows = np.arange(n, dtype=np.float64)
    return Settled(at - 1, 10 + rows, at, at, ones * scale, losses, ones, ones * inside, ones / 2, ones, ones)


def groups(**by_symbol: Settled) -> dict[tuple[str, str, str, int], Settled]:
    return {(symbol, "1d", "naive", 1): got for symbol, got in by_symbol.items()}


@pytest.mark.parametrize(
    ("stretch", "first", "end", "n"),
    [
        ("day", START, START + timedelta(days=1), 1),
        ("week", START, START + timedelta(days=7), 7),
        ("month", START.replace(day=1), datetime(2021, 2, 1, tzinfo=UTC), 20),
        ("year", START.replace(day=1), datetime(2022, 1, 1, tzinfo=UTC), 20),
    ],
)
def test_an_outcome_counts_in_the_stretch_it_lies_in(stretch, first, end, n):
    unit, found = spans(groups(a=settled(list(range(20)))), stretch)
    assert unit == stretch
    assert (found[0].start, found[0].end, found[0].n) == (first, end, n)
    assert sum(span.n for span in found) == 20
    assert [span.start for span in found] == sorted(span.start for span in found)


def test_the_unit_is_the_smallest_that_makes_few_stretches():
    assert spans(groups(a=settled([0, 1])))[0] == "hour"
    assert spans(groups(a=settled([0, 50])))[0] == "day"
    assert spans(groups(a=settled([0, 300])))[0] == "week"
    assert spans(groups(a=settled([0, 1500])))[0] == "month"
    assert spans(groups(a=settled([0, 9000])))[0] == "year"


def test_of_too_many_stretches_the_newest_are_shown():
    _, found = spans(groups(a=settled(list(range(100)))), "day")
    assert len(found) == STRETCHES_MAX
    assert found[-1].start == START + timedelta(days=99)


def test_a_week_that_missed_everything_shows_it_and_no_other_does():
    good, bad = settled([0, 1, 2]), settled([7, 8, 9], inside=0)
    _, found = spans(groups(a=good, b=bad), "week")
    assert [[c.measured for c in span.coverage] for span in found] == [[1.0] * 4, [0.0] * 4]
    assert all(c.se is not None and c.se > 0 for span in found for c in span.coverage)


def test_what_happened_at_one_moment_is_one_observation():
    _, (span,) = spans(groups(a=settled([0, 1, 2]), b=settled([0, 1, 2])), "week")
    assert (span.n, span.moments) == (6, 3)


def test_nothing_settled_is_no_stretch():
    assert spans({}) == ("day", [])
    assert picked({}, "best", 5) == []


def test_best_and_worst_go_by_the_loss_in_moves_of_the_series():
    wild = settled([0, 1], crps=[30.0, 90.0], scale=100.0)
    calm = settled([0, 1], crps=[0.5, 1.5], scale=1.0)
    found = groups(wild=wild, calm=calm)
    assert [pick.loss for pick in picked(found, "best", 2)] == [0.3, 0.5]
    assert [pick.loss for pick in picked(found, "worst", 2)] == [1.5, 0.9]


def test_the_newest_come_first_and_a_flat_series_has_no_loss():
    flat, alive = settled([5], scale=0.0), settled([0, 9])
    found = groups(flat=flat, alive=alive)
    assert [pick.loss for pick in picked(found, "newest", 3)] == [0.5, None, 0.5]
    assert len(picked(found, "best", 3)) == 2

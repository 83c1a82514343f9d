"""When the breaker refuses, and how it finds back."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from truecast.kit.breaker import Breaker, Pass
from truecast.kit.budget import Limit
from truecast.kit.clock import FixedClock
from truecast.kit.guard import open_s_most
from truecast.kit.limits import BREAKER_OPEN_S_FIRST, BREAKER_OPEN_S_MAX, BREAKER_OUTCOMES_MIN, BREAKER_WINDOW


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 1, 5, tzinfo=UTC))


def admitted(breaker: Breaker) -> Pass:
    given = breaker.admit()
    assert given is not None
    return given


def opened(clock: FixedClock) -> Breaker:
    breaker = Breaker(clock)
    for _ in range(BREAKER_OUTCOMES_MIN):
        breaker.failed(admitted(breaker))
    return breaker


def test_opens_after_five_failures_and_not_before(clock: FixedClock) -> None:
    breaker = Breaker(clock)
    for _ in range(BREAKER_OUTCOMES_MIN - 1):
        breaker.failed(admitted(breaker))
    assert breaker.state == "closed"
    breaker.failed(admitted(breaker))
    assert (breaker.state, breaker.admit()) == ("open", None)


def test_stays_closed_while_less_than_half_of_the_window_failed(clock: FixedClock) -> None:
    breaker = Breaker(clock)
    for i in range(10 * BREAKER_WINDOW):
        (breaker.failed if i % 5 in (1, 3) else breaker.succeeded)(admitted(breaker))
    assert breaker.state == "closed"


def test_looks_at_the_latest_outcomes_only(clock: FixedClock) -> None:
    breaker = Breaker(clock)
    for _ in range(1000):
        breaker.succeeded(admitted(breaker))
    for i in range(BREAKER_WINDOW):
        (breaker.failed if i % 2 else breaker.succeeded)(admitted(breaker))
    assert breaker.state == "open"


def test_a_source_that_was_well_and_now_fails_every_time_is_given_up_after_five(clock: FixedClock) -> None:
    breaker = Breaker(clock)
    for _ in range(1000):
        breaker.succeeded(admitted(breaker))
    for _ in range(BREAKER_OUTCOMES_MIN):
        assert breaker.state == "closed"
        breaker.failed(admitted(breaker))
    assert breaker.state == "open"


def test_lets_one_probe_through_when_its_time_is_over(clock: FixedClock) -> None:
    breaker = opened(clock)
    clock.advance(timedelta(seconds=BREAKER_OPEN_S_FIRST - 0.001))
    assert breaker.admit() is None
    clock.advance(timedelta(seconds=0.001))
    probe = admitted(breaker)
    assert (probe.probe, breaker.admit(), breaker.state) == (True, None, "half_open")
    breaker.succeeded(probe)
    assert (breaker.state, breaker.outcomes) == ("closed", 0)
    assert not admitted(breaker).probe


def test_every_failed_probe_doubles_the_time_up_to_five_minutes(clock: FixedClock) -> None:
    breaker = opened(clock)
    waits = []
    for _ in range(7):
        wait_s = breaker.wait_s()
        assert wait_s is not None
        waits.append(wait_s)
        clock.advance(timedelta(seconds=wait_s))
        breaker.failed(admitted(breaker))
    assert waits == [15, 30, 60, 120, 240, 300, BREAKER_OPEN_S_MAX]


def test_after_it_closed_the_next_opening_is_short_again(clock: FixedClock) -> None:
    breaker = opened(clock)
    for outcome in (breaker.failed, breaker.succeeded):
        clock.advance(timedelta(seconds=60))
        outcome(admitted(breaker))
    for _ in range(BREAKER_OUTCOMES_MIN):
        breaker.failed(admitted(breaker))
    assert breaker.wait_s() == BREAKER_OPEN_S_FIRST


def test_a_probe_that_was_cancelled_makes_room_for_another(clock: FixedClock) -> None:
    breaker = opened(clock)
    clock.advance(timedelta(seconds=BREAKER_OPEN_S_FIRST))
    breaker.forget(admitted(breaker))
    assert admitted(breaker).probe


def test_outcomes_of_calls_from_before_it_opened_change_nothing(clock: FixedClock) -> None:
    breaker = Breaker(clock)
    late = [admitted(breaker) for _ in range(3)]
    for _ in range(BREAKER_OUTCOMES_MIN):
        breaker.failed(admitted(breaker))
    breaker.succeeded(late[0])
    breaker.failed(late[1])
    breaker.forget(late[2])
    assert (breaker.state, breaker.wait_s()) == ("open", BREAKER_OPEN_S_FIRST)


@pytest.mark.parametrize("outage_s", [10, 60, 600, 86_400])
def test_a_source_that_can_afford_probes_is_back_within_30_s_after_any_outage(clock: FixedClock, outage_s: int) -> None:
    breaker = Breaker(clock, open_s_most(()))
    asked: list[float] = []
    second = 0.0
    while True:
        given = breaker.admit()
        if given is not None:
            asked.append(second)
            if second >= outage_s:
                breaker.succeeded(given)
                break
            breaker.failed(given)
        clock.advance(timedelta(seconds=1))
        second += 1
    assert second - outage_s <= 30
    after = [at for at in asked if at >= 10]
    assert all(later - earlier >= BREAKER_OPEN_S_FIRST for earlier, later in pairwise(after))


def test_the_time_a_probe_hung_is_not_waited_for_once_more(clock: FixedClock) -> None:
    breaker = opened(clock)
    breaker.open_s_most = BREAKER_OPEN_S_FIRST
    clock.advance(timedelta(seconds=BREAKER_OPEN_S_FIRST))
    probe = admitted(breaker)
    clock.advance(timedelta(seconds=20))  # until its time limit
    breaker.failed(probe)
    assert admitted(breaker).probe


@pytest.mark.parametrize(
    ("limit", "apart_s"),
    [
        (Limit(6_000, 60.0), BREAKER_OPEN_S_FIRST),
        (Limit(30, 60.0), BREAKER_OPEN_S_FIRST),
        (Limit(5, 60.0), 80.0),
        (Limit(2_500, 30 * 86_400.0), BREAKER_OPEN_S_MAX),
    ],
)
def test_probes_take_a_small_part_of_a_limit(limit: Limit, apart_s: float) -> None:
    assert open_s_most([limit]) == pytest.approx(apart_s)

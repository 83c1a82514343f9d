"""How long, and how often: learned from the source."""

from datetime import UTC, datetime, timedelta

import numpy as np

from truecast.kit.clock import FixedClock
from truecast.kit.limits import RETRIES_MIN, RETRY_HALF_LIFE_S, TIME_LIMIT_S_FIRST, TIME_LIMIT_S_MIN
from truecast.kit.patience import RetryBudget, TimeLimit

T0 = datetime(2026, 1, 5, tzinfo=UTC)


def test_the_time_limit_follows_the_sources_own_latency() -> None:
    limit = TimeLimit(20.0)
    assert limit.seconds == TIME_LIMIT_S_FIRST
    latencies = np.random.default_rng(1).lognormal(np.log(2.0), 0.3, 2_000)
    cut = 0
    for i, latency in enumerate(latencies.tolist()):
        cut += i > 20 and latency > limit.seconds
        limit.took(latency)
    assert 2.5 < limit.seconds < 8
    assert cut / len(latencies) < 0.02


def test_it_is_never_shorter_than_a_second_nor_longer_than_the_setting() -> None:
    fast, slow = TimeLimit(20.0), TimeLimit(3.0)
    for _ in range(100):
        fast.took(0.01)
        slow.took(60.0)
    assert (fast.seconds, slow.seconds) == (TIME_LIMIT_S_MIN, 3.0)
    assert TimeLimit(0.2).seconds == 0.2


def test_every_probe_in_vain_gets_twice_as_long_until_one_succeeds() -> None:
    limit = TimeLimit(20.0)
    for _ in range(50):
        limit.took(0.1)
    given = []
    for _ in range(6):
        given.append(limit.probe_s)
        limit.probe_ran_out()
    assert given == [2, 4, 8, 16, 20, 20]
    limit.took(6.0)
    assert limit.seconds > 6  # learned at once: it is slower now
    assert limit.probe_s <= 2 * limit.seconds


def test_retries_are_a_tenth_of_the_calls() -> None:
    budget = RetryBudget(FixedClock(T0))
    retries = 0
    for _ in range(1_000):
        budget.called()
        while budget.retry():
            retries += 1
    assert retries == 100


def test_a_source_hardly_ever_asked_may_be_asked_again_too() -> None:
    clock = FixedClock(T0)
    budget = RetryBudget(clock)
    for _ in range(3):
        budget.called()
        allowed = sum(budget.retry() for _ in range(10))
        assert allowed == RETRIES_MIN
        clock.advance(timedelta(seconds=8 * RETRY_HALF_LIFE_S))

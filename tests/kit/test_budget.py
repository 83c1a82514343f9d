"""No window, wherever it begins, holds more than the limit; and what is allowed is really let through."""

from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from truecast.kit.budget import Budget, Limit, MemoryBudget, is_urgent, user_waits
from truecast.kit.clock import FixedClock, to_us
from truecast.kit.limits import BUDGET_PARTS, BUDGET_RESERVED_SHARE
from truecast.kit.usage import read_usage

T0 = datetime(2026, 1, 5, tzinfo=UTC)
BINANCE = (Limit(6_000, 60.0, "weight"), Limit(61_000, 300.0, "requests"))


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(T0)


def over_limit(taken: Sequence[tuple[int, int]], limit: Limit) -> int:
    """Windows, one ending at every call, that hold more than the limit: told by a count of its own. (µs, weight)"""
    inside: deque[tuple[int, int]] = deque()
    held = over = 0
    for at_us, weight in taken:
        cost = limit.cost(weight)
        inside.append((at_us, cost))
        held += cost
        while inside[0][0] <= at_us - limit.window_s * 1_000_000:
            held -= inside.popleft()[1]
        over += held > limit.amount
    return over


async def drive(
    budget: Budget, clock: FixedClock, calls: int, *, seed: int, urgent_share: float, gap_us: int
) -> list[tuple[int, int]]:
    """Ask for calls of random weight at random times, mostly faster than allowed; what was let through."""
    generator = np.random.default_rng(seed)
    weights = generator.choice([1, 2, 20, 80], calls, p=[0.6, 0.2, 0.15, 0.05]).tolist()
    gaps_us = generator.exponential(gap_us, calls).astype(np.int64).tolist()
    urgent = (generator.random(calls) < urgent_share).tolist()
    idle = (generator.random(calls) < 1e-4).tolist()
    taken = []
    for i in range(calls):
        clock.advance(timedelta(microseconds=gaps_us[i] + 90_000_000 * idle[i]))
        if not await budget.take(weights[i], urgent=urgent[i]):
            taken.append((to_us(clock.now()), weights[i]))
    return taken


async def test_of_200_000_calls_none_goes_over_any_window(clock: FixedClock) -> None:
    """benchmarks/failover.py does the same with 1,000,000."""
    budget = MemoryBudget(BINANCE, clock)
    taken = await drive(budget, clock, 200_000, seed=1, urgent_share=0.3, gap_us=30_000)
    assert [over_limit(taken, limit) for limit in BINANCE] == [0, 0]
    hours = (taken[-1][0] - taken[0][0]) / 3_600e6
    used = sum(weight for _, weight in taken) / hours / 360_000
    assert used > 0.65  # a quarter of the time nobody asked: the bound is not bought with idleness


@given(
    amount=st.integers(1, 50),
    window_s=st.sampled_from([0.2, 1.0, 10.0, 60.0, 3_600.0]),
    gaps=st.lists(st.integers(0, 3_000_000), min_size=1, max_size=200),
    weights=st.lists(st.integers(1, 8), min_size=200, max_size=200),
)
async def test_any_limit_under_any_arrivals_is_kept(
    amount: int, window_s: float, gaps: list[int], weights: list[int]
) -> None:
    clock, limit = FixedClock(T0), Limit(amount, window_s)
    budget, taken = MemoryBudget((limit,), clock), []
    for gap_us, weight in zip(gaps, weights, strict=False):
        clock.advance(timedelta(microseconds=gap_us))
        wait_s = await budget.take(weight, urgent=True)
        if np.isinf(wait_s):
            assert weight > amount
            continue
        if wait_s:
            clock.advance(timedelta(seconds=wait_s, microseconds=1))
            assert not await budget.take(weight, urgent=True), "the wait that was told was not long enough"
        taken.append((to_us(clock.now()), weight))
    assert over_limit(taken, limit) == 0


async def test_the_whole_limit_may_be_used_at_once(clock: FixedClock) -> None:
    budget = MemoryBudget((Limit(10, 60.0),), clock)
    assert [await budget.take(1, urgent=True) for _ in range(10)] == [0.0] * 10
    assert 60 < await budget.take(1, urgent=True) <= 60 * (1 + 3 / BUDGET_PARTS)


async def test_a_fifth_is_kept_for_users(clock: FixedClock) -> None:
    budget = MemoryBudget((Limit(100, 60.0),), clock)
    taken = 0
    while not await budget.take(1, urgent=False):
        taken += 1
    assert taken == 100 * (1 - BUDGET_RESERVED_SHARE)
    for _ in range(20):
        assert not await budget.take(1, urgent=True)
    assert await budget.take(1, urgent=True)


async def test_a_limit_of_one_a_second_still_lets_jobs_through(clock: FixedClock) -> None:
    assert not await MemoryBudget((Limit(1, 1.0),), clock).take(1, urgent=False)


async def test_a_call_that_never_fits_is_told_so(clock: FixedClock) -> None:
    budget = MemoryBudget((Limit(10, 60.0),), clock)
    assert await budget.take(11, urgent=True) == float("inf")
    assert not await budget.take(10, urgent=False)  # more than a job's share, but alone


async def test_one_full_window_is_enough_to_refuse_and_then_nothing_is_spent(clock: FixedClock) -> None:
    budget = MemoryBudget((Limit(100, 60.0), Limit(2, 1.0, "requests")), clock)
    for _ in range(2):
        assert not await budget.take(5, urgent=True)
    assert await budget.take(5, urgent=True)
    assert [used.used for used in await budget.used()] == [10, 2]


async def test_nothing_passes_while_the_source_wants_to_be_left_alone(clock: FixedClock) -> None:
    budget = MemoryBudget((), clock)
    await budget.pause(T0 + timedelta(seconds=33))
    await budget.pause(T0 + timedelta(seconds=5))  # a shorter wish does not take back a longer one
    assert await budget.take(1, urgent=True) == 33
    clock.advance(timedelta(seconds=33))
    assert not await budget.take(1, urgent=True)


async def test_what_the_source_counts_beyond_our_own_is_believed(clock: FixedClock) -> None:
    budget = MemoryBudget(BINANCE, clock)
    await budget.take(100, urgent=True)
    for which, used in read_usage({"x-mbx-used-weight-1m": "5900", "x-mbx-used-weight": "5900"}, BINANCE):
        await budget.correct(which, used)
    assert [used.used for used in await budget.used()] == [5_900, 1]
    assert await budget.take(101, urgent=True)
    await budget.correct(0, 3)  # its window began anew; ours has not
    assert (await budget.used())[0].used == 5_900


def test_reads_what_is_left_of_a_limit() -> None:
    limits = (Limit(200, 60.0), Limit(30, 1.0))
    assert list(read_usage({"x-ratelimit-limit": "200", "x-ratelimit-remaining": "187"}, limits)) == [(0, 13)]
    assert list(read_usage({"ratelimit-limit": "30", "ratelimit-remaining": "0"}, limits)) == [(1, 30)]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-mbx-used-weight-1m": "many"},
        {"x-mbx-used-weight-1d": "5"},
        {"x-ratelimit-limit": "200", "x-ratelimit-remaining": "300"},
        {"x-ratelimit-limit": "-1", "x-ratelimit-remaining": ""},
    ],
)
def test_headers_that_say_nothing_of_our_limits_change_nothing(headers: dict[str, str]) -> None:
    assert list(read_usage(headers, BINANCE)) == []


def test_urgency_ends_with_the_block() -> None:
    assert not is_urgent()
    with user_waits():
        assert is_urgent()
    assert not is_urgent()

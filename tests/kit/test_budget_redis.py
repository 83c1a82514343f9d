"""The same promise as in one process, kept by several that share a Redis."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tests.kit.shared_budget import by_decision, spend_in_four_processes
from tests.kit.test_budget import BINANCE, over_limit
from tests.servers import free_port, redis_server
from truecast.kit.budget import Limit, MemoryBudget
from truecast.kit.budget_redis import RedisBudget, SharedBudgets
from truecast.kit.clock import FixedClock
from truecast.kit.limits import BUDGET_SHARE_ALONE

T0 = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with redis_server() as url:
        yield url


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(T0)


@pytest.fixture
async def shared(redis_url: str, clock: FixedClock) -> AsyncIterator[SharedBudgets]:
    shared = SharedBudgets(redis_url, clock)
    yield shared
    await shared.close()


def test_of_20_000_calls_by_four_processes_none_goes_over_any_window(redis_url: str) -> None:
    """benchmarks/failover.py does the same with 1,000,000."""
    taken = by_decision(spend_in_four_processes(redis_url, calls=20_000, gap_us=10_000))
    assert [over_limit(taken, limit) for limit in BINANCE] == [0, 0]
    minutes = (taken[-1][0] - taken[0][0]) / 60e6
    assert sum(weight for _, weight in taken) / minutes > 0.7 * 6_000  # and what is allowed is used


async def test_decides_exactly_as_the_budget_of_one_process(shared: SharedBudgets, clock: FixedClock) -> None:
    limits = (Limit(50, 10.0), Limit(30, 4.0, "requests"), Limit(400, 60.0))
    ours, theirs = MemoryBudget(limits, clock), shared.budget("same", limits)
    generator = np.random.default_rng(7)
    for i in range(1_200):
        clock.advance(timedelta(microseconds=int(generator.exponential(150_000))))
        weight, urgent = int(generator.choice([1, 3, 20, 45])), bool(generator.random() < 0.5)
        assert await ours.take(weight, urgent=urgent) == await theirs.take(weight, urgent=urgent)
        if i % 100 == 50:
            used = int(generator.integers(0, 50))
            await ours.correct(0, used)
            await theirs.correct(0, used)
        if i % 500 == 250:
            until = clock.now() + timedelta(seconds=3)
            await ours.pause(until)
            await theirs.pause(until)
        if i % 1_000 == 999:
            clock.advance(timedelta(seconds=200))
        assert await ours.used() == await theirs.used()
        assert await ours.paused_s() == await theirs.paused_s()


async def test_a_call_that_never_fits_is_told_so(shared: SharedBudgets) -> None:
    assert await shared.budget("never", (Limit(10, 60.0),)).take(11, urgent=True) == float("inf")


async def test_a_pause_holds_for_every_process(redis_url: str, shared: SharedBudgets, clock: FixedClock) -> None:
    other = SharedBudgets(redis_url, clock)
    await shared.budget("pause", ()).pause(T0 + timedelta(seconds=33))
    assert await other.budget("pause", ()).take(1, urgent=True) == 33
    await other.close()


async def test_a_clock_that_is_behind_gains_nothing(redis_url: str, shared: SharedBudgets, clock: FixedClock) -> None:
    limits = (Limit(10, 60.0),)
    late = SharedBudgets(redis_url, FixedClock(T0 - timedelta(seconds=90)))
    for _ in range(10):
        assert not await shared.budget("skew", limits).take(1, urgent=True)
    assert await late.budget("skew", limits).take(1, urgent=True) > 60
    await late.close()


async def test_without_redis_a_process_keeps_to_its_share_and_tells_when_redis_is_back(
    clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("truecast.kit.budget_redis.BUDGET_ALONE_S", 0.0)
    port = free_port()
    shared = SharedBudgets(f"redis://127.0.0.1:{port}/0", clock)
    budget: RedisBudget = shared.budget("alone", (Limit(100, 60.0),))
    taken = 0
    while not await budget.take(1, urgent=True):
        taken += 1
    assert taken == 100 * BUDGET_SHARE_ALONE
    with redis_server(port):
        async with asyncio.timeout(20):
            while await budget.take(1, urgent=True):
                await asyncio.sleep(0.05)
        assert [used.used for used in await budget.used()] == [taken + 1]
        await shared.close()

"""How often somebody may ask: in one process, and in several behind one Redis."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.servers import redis_server
from truecast.kit.pace import MemoryPace, Rate, RedisPace


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    """A Redis of our own."""
    with redis_server() as url:
        yield url


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


async def test_a_burst_then_the_steady_pace():
    hand = Hand()
    pace, rate = MemoryPace(hand), Rate(5, 10.0)
    took = [await pace.take("a", rate) for _ in range(6)]
    assert [one.allowed for one in took] == [True] * 5 + [False]
    assert [one.remaining for one in took] == [4, 3, 2, 1, 0, 0]
    assert took[-1].retry_after_s == pytest.approx(2.0)
    assert (await pace.take("b", rate)).allowed, "another asker is not held up"
    hand.now_s += 2.0
    assert (await pace.take("a", rate)).allowed
    assert not (await pace.take("a", rate)).allowed


async def test_a_refusal_costs_nothing():
    hand = Hand()
    pace, rate = MemoryPace(hand), Rate(2, 10.0)
    for _ in range(100):
        await pace.take("a", rate)
    hand.now_s += 5.0
    assert (await pace.take("a", rate)).allowed


@given(
    amount=st.integers(1, 20),
    gaps=st.lists(st.floats(0, 5), min_size=1, max_size=200),
)
async def test_no_stretch_holds_more_than_the_burst_and_what_refills(amount: int, gaps: list[float]):
    hand = Hand()
    pace, rate = MemoryPace(hand), Rate(amount, 10.0)
    passed = []
    for gap in gaps:
        hand.now_s += gap
        if (await pace.take("a", rate)).allowed:
            passed.append(hand.now_s)
    for i, first in enumerate(passed):
        for j in range(i, len(passed)):
            assert j - i + 1 <= amount + (passed[j] - first) / rate.step_s + 1e-6


async def test_two_processes_behind_one_redis_count_together(redis_url: str):
    one, other = RedisPace(redis_url), RedisPace(redis_url)
    rate = Rate(4, 60.0)
    took = [await pace.take("a", rate) for pace in (one, other, one, other, one, other)]
    assert [paced.allowed for paced in took] == [True] * 4 + [False] * 2
    assert took[3].remaining == 0
    assert 0 < took[5].retry_after_s <= rate.step_s
    await one.close()
    await other.close()


async def test_without_redis_each_process_counts_alone():
    pace = RedisPace("redis://127.0.0.1:1")
    assert [(await pace.take("a", Rate(2))).allowed for _ in range(3)] == [True, True, False]
    await pace.close()

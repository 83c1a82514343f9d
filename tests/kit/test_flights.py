"""Many questions, one call."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from truecast.kit.flights import Collector, Flights


class Asked:
    """Counts and answers when told to."""

    def __init__(self) -> None:
        self.times = 0
        self.cancelled = False
        self.go = asyncio.Event()

    async def __call__(self) -> int:
        self.times += 1
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return self.times


async def test_the_same_question_at_the_same_time_is_asked_once() -> None:
    asked, shared = Asked(), list[int]()
    flights: Flights[str, int] = Flights(lambda: shared.append(1))
    waiting = [asyncio.create_task(flights.share("k", asked)) for _ in range(10)]
    await asyncio.sleep(0)
    asked.go.set()
    assert await asyncio.gather(*waiting) == [1] * 10
    assert (asked.times, len(shared)) == (1, 9)
    assert await flights.share("k", asked) == 2  # the answer is not kept


async def test_who_gives_up_does_not_take_the_answer_from_others() -> None:
    asked, flights = Asked(), Flights[str, int]()
    first, second = (asyncio.create_task(flights.share("k", asked)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    asked.go.set()
    assert await second == 1


async def test_when_the_last_one_gives_up_the_call_ends() -> None:
    asked, flights = Asked(), Flights[str, int]()
    waiting = [asyncio.create_task(flights.share("k", asked)) for _ in range(2)]
    await asyncio.sleep(0.01)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert asked.cancelled


async def test_an_error_reaches_everybody() -> None:
    async def fails() -> int:
        await asyncio.sleep(0.001)
        raise ValueError("no")

    flights = Flights[str, int]()
    found = await asyncio.gather(*(flights.share("k", fails) for _ in range(3)), return_exceptions=True)
    assert [str(error) for error in found] == ["no"] * 3


async def test_questions_within_some_milliseconds_become_one_call() -> None:
    calls: list[Sequence[str]] = []

    async def ask(keys: Sequence[str]) -> Mapping[str, int]:
        calls.append(keys)
        return {key: len(key) for key in keys if key != "unknown"}

    sizes: list[int] = []
    collector: Collector[str, int] = Collector(ask, most=100, on_batch=sizes.append)
    found = await asyncio.gather(*(collector.get(key) for key in ("a", "bb", "a", "unknown")))
    assert found == [1, 2, 1, None]
    assert calls == [("a", "bb", "unknown")]
    assert sizes == [3]
    assert await collector.get("ccc") == 3


async def test_a_batch_is_never_larger_than_the_source_allows() -> None:
    sizes: list[int] = []

    async def ask(keys: Sequence[int]) -> Mapping[int, int]:
        return {key: key for key in keys}

    collector: Collector[int, int] = Collector(ask, most=10, on_batch=sizes.append)
    assert await asyncio.gather(*(collector.get(i) for i in range(25))) == list(range(25))
    assert sorted(sizes) == [5, 10, 10]


async def test_an_error_of_the_call_reaches_every_question() -> None:
    async def ask(_keys: Sequence[str]) -> Mapping[str, int]:
        raise ValueError("no")

    collector: Collector[str, int] = Collector(ask, most=10)
    found = await asyncio.gather(*(collector.get(key) for key in "ab"), return_exceptions=True)
    assert [str(error) for error in found] == ["no", "no"]


async def test_the_window_is_short() -> None:
    async def ask(keys: Sequence[str]) -> Mapping[str, int]:
        return dict.fromkeys(keys, 1)

    async with asyncio.timeout(1):
        assert await Collector[str, int](ask, most=10).get("a") == 1


@pytest.mark.parametrize("most", [1, 2])
async def test_small_batches_lose_nobody(most: int) -> None:
    async def ask(keys: Sequence[int]) -> Mapping[int, int]:
        await asyncio.sleep(0.001)
        return {key: -key for key in keys}

    collector = Collector[int, int](ask, most=most)
    assert await asyncio.gather(*(collector.get(i) for i in range(7))) == [-i for i in range(7)]

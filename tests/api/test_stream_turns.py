"""Messages that come while others are written go out together: in order, each once, and with few writes."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.api.stream_house import House, open_house
from tests.api.test_stream_sse import listening
from truecast.api.stream_turns import Turns
from truecast.kit.limits import STREAM_TURN_BYTES_MAX
from truecast.services import Services


@pytest.fixture
async def house(services: Services) -> AsyncIterator[House]:
    async with open_house(services) as house:
        yield house


class Topic:
    """Notes what it is told to deliver."""

    def __init__(self, name: str, log: list[tuple[str, list[int]]]) -> None:
        self.name, self.log = name, log

    def deliver(self, frames: list["Frame"]) -> None:
        self.log.append((self.name, [frame.offset for frame in frames]))


class Frame:
    def __init__(self, offset: int, size: int = 10) -> None:
        self.offset, self.json = offset, b"x" * size


async def test_a_quiet_stream_waits_for_nothing_and_a_burst_is_one_turn_in_order() -> None:
    log: list[tuple[str, list[int]]] = []
    a, b = Topic("a", log), Topic("b", log)
    turns = Turns(longest_s=0.02)
    turns.add(a, Frame(1))
    assert log == [("a", [1])]
    for topic, offset in [(a, 2), (a, 3), (b, 1), (a, 4)]:
        turns.add(topic, Frame(offset))
    assert log == [("a", [1])], "the first turn is still being written"
    async with asyncio.timeout(10):
        while len(log) < 4:
            await asyncio.sleep(0)
    assert log[1:] == [("a", [2, 3]), ("b", [1]), ("a", [4])]
    async with asyncio.timeout(10):
        while turns._resting:
            await asyncio.sleep(0.001)
    turns.add(a, Frame(5))
    assert log[-1] == ("a", [5])


async def test_what_waits_is_bounded_and_goes_when_it_ends() -> None:
    log: list[tuple[str, list[int]]] = []
    a, turns = Topic("a", log), Turns(longest_s=1.0)
    for i in range(1, 10):
        turns.add(a, Frame(i, STREAM_TURN_BYTES_MAX // 2))
    assert log == [("a", [1]), ("a", [2, 3, 4]), ("a", [5, 6, 7])]
    turns.stop()
    assert log[-1] == ("a", [8, 9])


async def test_who_joins_in_the_middle_of_a_burst_misses_nothing_and_hears_nothing_twice(house: House) -> None:
    topics = ("scores:SPY", "candles:SPY:1d")
    house.hub.turns = Turns(longest_s=0.5)
    async with house.client() as early, house.client() as late, listening(house, f"topics={','.join(topics)}") as sse:
        await early.subscribe(*topics, snapshot=False)
        await sse.next()
        for i in range(40):
            for topic in topics:
                await house.publish(topic, i=i)
            if i == 20:
                begun = {
                    one["topic"]: one["offset"] for one in (await late.subscribe(*topics, snapshot=False))["topics"]
                }
                assert begun == dict.fromkeys(topics, 21)
        heard = await early.messages(80)
        assert [(m["topic"], m["offset"]) for m in heard] == [(t, i + 1) for i in range(40) for t in topics]
        behind = await late.messages(38)
        assert [(m["topic"], m["offset"]) for m in behind] == [(t, i + 1) for i in range(21, 40) for t in topics]
        places = []
        while len(places) < 80:
            _, said = await sse.next()
            if "offset" in said and not said.get("snapshot"):
                assert sse.id is not None
                places.append(int(sse.id.rpartition(":")[2]))
        assert places == sorted(set(places))


async def test_a_burst_is_few_writes_and_a_pace_keeps_the_latest_of_it(house: House) -> None:
    house.hub.turns = Turns(longest_s=0.2)
    async with house.client() as plain, house.client() as paced:
        await plain.subscribe("quotes:SPY", snapshot=False)
        await paced.subscribe("quotes:SPY", interval_s=0.25, snapshot=False)
        writes: list[bytes] = []
        for group in house.hub._topics["quotes:SPY"].groups.values():
            for writers in group.ready.values():
                for connection, write in writers.items():
                    writers[connection] = lambda data, write=write: (writes.append(data), write(data))[1]
        for i in range(50):
            await house.publish("quotes:SPY", i=i)
        assert [m["data"]["i"] for m in await plain.messages(50)] == list(range(50))
        first, second = await paced.messages(2)
        assert (first["data"]["i"], second["data"]["i"]) == (0, 49)
        assert len(writes) < 10

"""One bus for several processes: the same numbers everywhere, nothing lost in silence, alone when Redis is away."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest
import redis.asyncio

from tests.servers import free_port, redis_server
from truecast.kit.bus import Message
from truecast.kit.bus_redis import RedisBus
from truecast.kit.clock import FixedClock
from truecast.kit.limits import BUS_PAST_MESSAGES

T0 = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with redis_server() as url:
        yield url


@pytest.fixture
async def buses(redis_url: str) -> AsyncIterator[tuple[RedisBus, RedisBus]]:
    """Of two processes, over an empty Redis."""
    client = redis.asyncio.from_url(redis_url)
    await client.flushall()
    await client.aclose()
    first, second = RedisBus(redis_url, FixedClock(T0)), RedisBus(redis_url, FixedClock(T0))
    yield first, second
    await first.close()
    await second.close()


class Ear:
    """Hears, and can be waited for."""

    def __init__(self) -> None:
        self.heard: list[Message] = []
        self._more = asyncio.Event()

    async def __call__(self, message: Message) -> None:
        self.heard.append(message)
        self._more.set()

    async def wait(self, n: int) -> list[Message]:
        async with asyncio.timeout(20):
            while len(self.heard) < n:
                self._more.clear()
                await self._more.wait()
        return self.heard


async def test_every_process_hears_the_same_messages_with_the_same_numbers(buses: tuple[RedisBus, RedisBus]) -> None:
    ears = Ear(), Ear()
    for bus, ear in zip(buses, ears, strict=True):
        bus.subscribe("quotes:EUR-USD", ear)
        await bus.settled()
    for i in range(50):
        await buses[i % 2].publish("quotes:EUR-USD", {"i": i})
    here, there = await ears[0].wait(50), await ears[1].wait(50)
    assert here == there
    assert [m.offset for m in here] == list(range(1, 51))
    assert [m.data["i"] for m in here] == list(range(50))
    assert len({m.epoch for m in here}) == 1
    assert [m.seq for m in here] == sorted({m.seq for m in here})


async def test_a_message_matched_twice_is_heard_once_by_each_handler(buses: tuple[RedisBus, RedisBus]) -> None:
    exact, prefix = Ear(), Ear()
    buses[0].subscribe("bars:EUR-USD:1d", exact)
    buses[0].subscribe("bars:*", prefix)
    await buses[0].settled()
    for i in range(3):
        await buses[1].publish("bars:EUR-USD:1d", {"i": i})
    await buses[1].publish("bars:SPY:1d", {"i": 9})
    assert [m.data["i"] for m in await prefix.wait(4)] == [0, 1, 2, 9]
    assert [m.data["i"] for m in exact.heard] == [0, 1, 2]


async def test_the_past_is_kept_for_who_comes_back(buses: tuple[RedisBus, RedisBus]) -> None:
    assert (await buses[0].past("forecasts:SPY")).offset == 0
    for i in range(BUS_PAST_MESSAGES + 6):
        await buses[0].publish("forecasts:SPY", {"i": i})
    past = await buses[1].past("forecasts:SPY")
    assert past.offset == BUS_PAST_MESSAGES + 6
    assert [m.offset for m in past.messages] == list(range(7, past.offset + 1))
    assert {m.epoch for m in past.messages} == {past.epoch}


async def test_what_nobody_listens_to_is_counted_and_not_made(buses: tuple[RedisBus, RedisBus]) -> None:
    made: list[int] = []

    async def make() -> list[dict[str, int]]:
        made.append(1)
        return [{"i": 1}, {"i": 2}]

    await buses[0].publish_all("forecasts:SPY", 2, make)
    assert made == []
    ear = Ear()
    leave = buses[1].subscribe("forecasts:SPY", ear)
    await buses[1].settled()
    await buses[0].publish_all("forecasts:SPY", 2, make)
    assert [m.offset for m in await ear.wait(2)] == [3, 4]
    leave()
    leave()
    past = await buses[0].past("forecasts:SPY")
    assert (past.offset, [m.offset for m in past.messages]) == (4, [3, 4])


async def test_what_came_while_the_connection_was_cut_is_caught_up(
    redis_url: str, buses: tuple[RedisBus, RedisBus]
) -> None:
    ear = Ear()
    buses[0].subscribe("candles:EUR-USD:1h", ear)
    await buses[0].settled()
    await buses[1].publish("candles:EUR-USD:1h", {"i": 0})
    await ear.wait(1)
    client = redis.asyncio.from_url(redis_url)
    for i in range(1, 20):
        if i % 5 == 0:
            await client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        await buses[1].publish("candles:EUR-USD:1h", {"i": i})
        await asyncio.sleep(0.02)
    await client.aclose()
    # Whoever is cut off as well publishes alone meanwhile; what Redis numbered arrives without a gap.
    await ear.wait(1 + sum(1 for _ in await _kept(buses[1])))
    of_redis = [m.offset for m in ear.heard if m.seq]
    assert of_redis == list(range(1, len(of_redis) + 1))


async def test_what_is_caught_up_comes_in_the_order_of_all_topics(buses: tuple[RedisBus, RedisBus]) -> None:
    """Over server-sent events one place stands for all topics: what comes out of order would be missing in silence."""
    here, there = buses
    ear, topics = Ear(), ("candles:SPY:1d", "forecasts:SPY", "scores:SPY")
    for topic in topics:
        here.subscribe(topic, ear)
    await here.settled()
    for topic in topics[:2]:
        await there.publish(topic, {})
    await ear.wait(2)
    await here.past(topics[2])  # asked for, and nothing heard yet
    for _ in range(3):
        here._lose(TimeoutError("cut"))
        for i in range(12):
            await there.publish(topics[i % 3], {"i": i})
            await asyncio.sleep(0.01)
    await ear.wait(2 + 3 * 12)
    assert [m.seq for m in ear.heard] == list(range(1, 2 + 3 * 12 + 1))


async def _kept(bus: RedisBus) -> tuple[Message, ...]:
    while not bus.state.connected:
        await asyncio.sleep(0.05)
    return (await bus.past("candles:EUR-USD:1h")).messages[1:]


async def test_goes_on_alone_without_redis_and_joins_again() -> None:
    port = free_port()
    with redis_server(port) as url:
        bus = RedisBus(url, FixedClock(T0))
        ear = Ear()
        bus.subscribe("quotes:SPY", ear)
        await bus.settled()
        await bus.publish("quotes:SPY", {"i": 0})
        shared = (await ear.wait(1))[0]
        assert bus.state.connected
    async with asyncio.timeout(20):
        while bus.state.connected:
            await bus.publish("quotes:SPY", {"i": 1})
    alone = (await ear.wait(2))[-1]
    assert alone.epoch != shared.epoch
    assert alone.offset == 1
    assert bus.state.last_error
    with redis_server(port):
        async with asyncio.timeout(20):
            while not bus.state.connected:
                await asyncio.sleep(0.05)
        await bus.settled()
        await bus.publish("quotes:SPY", {"i": 2})
        async with asyncio.timeout(20):
            while ear.heard[-1].data["i"] != 2:
                await asyncio.sleep(0.02)
        assert ear.heard[-1].seq
        assert ear.heard[-1].epoch not in (alone.epoch, shared.epoch)
        await bus.close()


async def test_a_redis_that_was_never_there_keeps_nobody_waiting() -> None:
    bus = RedisBus(f"redis://127.0.0.1:{free_port()}/0", FixedClock(T0))
    ear = Ear()
    bus.subscribe("quotes:SPY", ear)
    async with asyncio.timeout(20):
        await bus.settled()
        assert (await bus.publish("quotes:SPY", {})).offset == 1
        assert (await bus.past("quotes:SPY")).offset == 1
    assert len(ear.heard) == 1
    assert not bus.state.connected
    await bus.close()


async def test_a_foreign_message_under_our_names_is_ignored(redis_url: str, buses: tuple[RedisBus, RedisBus]) -> None:
    ear = Ear()
    buses[0].subscribe("quotes:SPY", ear)
    await buses[0].settled()
    client = redis.asyncio.from_url(redis_url)
    for nonsense in (b"", b"x", b"1 2 3\n{}", b"1 1 e 5 quotes:SPY\nnot json", b"\xff\xfe\n"):
        await client.publish("truecast:bus:quotes:SPY", nonsense)
    await client.aclose()
    await buses[1].publish("quotes:SPY", {"i": 1})
    assert [m.data for m in await ear.wait(1)] == [{"i": 1}]

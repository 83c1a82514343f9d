"""The bus: order, isolation of failures, no dead end when handlers publish."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from truecast.kit.bus import InProcessBus, Message
from truecast.kit.clock import FixedClock
from truecast.kit.metrics import REGISTRY

T0 = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(T0)


@pytest.fixture
def bus(clock: FixedClock) -> InProcessBus:
    return InProcessBus(clock)


async def test_delivers_to_exact_topics_and_prefixes_in_order_of_subscription(bus: InProcessBus) -> None:
    seen: list[str] = []

    async def note(name: str, message: Message) -> None:
        seen.append(f"{name}={message.topic}")

    for name, pattern in [("all", "*"), ("bars", "bars:*"), ("one", "bars:EUR-USD:1d"), ("other", "bars:EUR-USD")]:
        bus.subscribe(pattern, lambda m, name=name: note(name, m))
    await bus.publish("bars:EUR-USD:1d", {})
    await bus.publish("jobs", {})
    assert seen == ["all=bars:EUR-USD:1d", "bars=bars:EUR-USD:1d", "one=bars:EUR-USD:1d", "all=jobs"]


async def test_numbers_messages_per_topic_and_stamps_them_by_the_clock(bus: InProcessBus, clock: FixedClock) -> None:
    first = await bus.publish("a", {"x": 1})
    clock.advance(timedelta(seconds=5))
    second = await bus.publish("a", {})
    other = await bus.publish("b", {})
    assert (first.offset, second.offset, other.offset) == (1, 2, 1)
    assert (first.ts, second.ts) == (T0, T0 + timedelta(seconds=5))
    assert first.epoch == second.epoch == other.epoch
    assert InProcessBus(clock)._epoch != first.epoch


async def test_a_failing_handler_is_counted_and_stops_nobody(
    bus: InProcessBus, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[int] = []

    async def fail(_: Message) -> None:
        raise ValueError("boom")

    async def work(message: Message) -> None:
        seen.append(message.offset)

    before = REGISTRY.get_sample_value("truecast_bus_failures_total", {"kind": "bars"}) or 0
    bus.subscribe("bars:*", fail)
    bus.subscribe("bars:*", work)
    await bus.publish("bars:EUR-USD:1d", {})
    await bus.publish("bars:EUR-USD:1d", {})
    assert seen == [1, 2]
    assert bus.failures == 2
    assert REGISTRY.get_sample_value("truecast_bus_failures_total", {"kind": "bars"}) == before + 2
    assert "bus handler failed" in caplog.text
    assert "boom" in caplog.text


async def test_an_unsubscribed_handler_hears_nothing_more(bus: InProcessBus) -> None:
    seen: list[int] = []

    async def note(message: Message) -> None:
        seen.append(message.offset)

    leave = bus.subscribe("a", note)
    await bus.publish("a", {})
    leave()
    leave()
    await bus.publish("a", {})
    assert seen == [1]


async def test_a_handler_may_leave_while_being_told(bus: InProcessBus) -> None:
    seen: list[str] = []

    async def once(_: Message) -> None:
        seen.append("once")
        leave()

    async def always(_: Message) -> None:
        seen.append("always")

    leave = bus.subscribe("a", once)
    bus.subscribe("a", always)
    await bus.publish("a", {})
    await bus.publish("a", {})
    assert seen == ["once", "always", "always"]


async def test_publishers_at_the_same_time_keep_the_order_of_a_topic(bus: InProcessBus) -> None:
    slow: list[int] = []
    late: list[int] = []

    async def take_time(message: Message) -> None:
        await asyncio.sleep(0.01 if message.offset == 1 else 0)
        slow.append(message.offset)

    async def note(message: Message) -> None:
        late.append(message.offset)

    bus.subscribe("a", take_time)
    bus.subscribe("a", note)
    sent = await asyncio.gather(*(bus.publish("a", {}) for _ in range(5)))
    assert [m.offset for m in sent] == slow == late == [1, 2, 3, 4, 5]


async def test_publish_returns_after_delivery(bus: InProcessBus) -> None:
    done: list[bool] = []

    async def slow(_: Message) -> None:
        await asyncio.sleep(0.005)
        done.append(True)

    bus.subscribe("a", slow)
    await asyncio.gather(bus.publish("a", {}), bus.publish("a", {}))
    assert done == [True, True]


async def test_a_handler_may_publish_on_its_own_topic(bus: InProcessBus) -> None:
    seen: list[tuple[str, int]] = []

    async def echo(message: Message) -> None:
        if message.offset < 3:
            await bus.publish("a", {})
        seen.append(("echo", message.offset))

    async def note(message: Message) -> None:
        seen.append(("note", message.offset))

    bus.subscribe("a", echo)
    bus.subscribe("a", note)
    async with asyncio.timeout(2):
        await bus.publish("a", {})
    assert seen == [("echo", 1), ("note", 1), ("echo", 2), ("note", 2), ("echo", 3), ("note", 3)]


async def test_two_handlers_that_publish_on_each_others_topics_do_not_wait_forever(bus: InProcessBus) -> None:
    seen: list[str] = []

    async def cross(message: Message) -> None:
        await asyncio.sleep(0.005)
        if message.data["left"]:
            await bus.publish("b" if message.topic == "a" else "a", {"left": message.data["left"] - 1})
        seen.append(message.topic)

    bus.subscribe("a", cross)
    bus.subscribe("b", cross)
    async with asyncio.timeout(2):
        await asyncio.gather(bus.publish("a", {"left": 2}), bus.publish("b", {"left": 2}))
    assert sorted(seen) == ["a"] * 3 + ["b"] * 3


async def test_a_publisher_that_is_cancelled_loses_no_later_message(bus: InProcessBus) -> None:
    seen: list[int] = []
    gate = asyncio.Event()

    async def wait(message: Message) -> None:
        await gate.wait()
        seen.append(message.offset)

    bus.subscribe("a", wait)
    first = asyncio.create_task(bus.publish("a", {}))
    await asyncio.sleep(0)
    second = asyncio.create_task(bus.publish("a", {}))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    gate.set()
    await second
    assert seen == [2]


async def test_what_nobody_listens_to_is_counted_and_not_made(bus: InProcessBus) -> None:
    made: list[int] = []
    seen: list[int] = []

    async def make() -> list[dict[str, int]]:
        made.append(1)
        return [{"i": 1}, {"i": 2}]

    async def note(message: Message) -> None:
        seen.append(message.offset)

    await bus.publish_all("a", 2, make)
    assert (made, (await bus.past("a")).offset) == ([], 2)
    bus.subscribe("a", note)
    await bus.settled()
    await bus.publish_all("a", 2, make)
    assert seen == [3, 4]
    assert bus.state.connected

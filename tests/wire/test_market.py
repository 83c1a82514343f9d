"""The market that never stops answers as the adapters expect, agrees with itself, and can be listened to."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import websockets

from tests.providers.contract import sound
from tests.wire import Fault, WireServer, wire_server
from tests.wire.market import go_live
from truecast.domain.event import Candle
from truecast.domain.interval import Interval
from truecast.kit.clock import FixedClock, to_us
from truecast.market.validate import validate
from truecast.providers.base import Reach
from truecast.providers.catalog import build_provider
from truecast.providers.errors import SymbolNotAtSource

NOW = datetime(2026, 11, 21, 5, 0, 30, tzinfo=UTC)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
async def wire(clock: FixedClock) -> AsyncIterator[WireServer]:
    async with wire_server() as running:
        go_live(running, lambda: clock.now().timestamp())
        yield running


@pytest.mark.parametrize("key", ["binance", "coinbase", "kraken"])
async def test_any_pair_has_bars_up_to_now_and_a_quote(wire: WireServer, clock: FixedClock, key: str) -> None:
    provider = build_provider(key, clock, Reach(np.random.default_rng(1), base_url=wire.base_url(key), timeout_s=5))
    bars = await provider.bars("LINK-USDT", Interval.M1, NOW - timedelta(hours=10))
    assert len(bars) == 599 and (np.diff(bars.start) == 60_000_000).all()
    sound(bars)
    assert not validate(bars, to_us(NOW)).refused
    assert np.array_equal(bars.open[1:], bars.close[:-1])
    [quote] = await provider.quotes(["LINK-USDT"])
    assert abs(quote.price / bars.close[-1] - 1) < 0.01
    with pytest.raises(SymbolNotAtSource):
        await provider.quotes(["NOPE-USDT"])
    await provider.close()


async def test_streams_follow_a_subscription_and_misbehave_on_command(wire: WireServer, clock: FixedClock) -> None:
    provider = build_provider("binance", clock, Reach(np.random.default_rng(1), base_url=wire.base_url("binance")))
    plan = provider.feed(["BTC-USDT", "ETH-USDT"])
    assert plan is not None
    async with websockets.connect(plan.url) as socket:
        await socket.send(plan.subscribe[0])
        events = [event for _ in range(9) for event in plan.decode(await socket.recv(), 1)]
        clock.advance(timedelta(minutes=1))
        while not any(isinstance(event, Candle) and event.final for event in events):
            events += plan.decode(await socket.recv(), 2)
    sound(events)
    assert json.loads(wire.heard("binance")[0])["method"] == "SUBSCRIBE"
    wire.misbehave("binance", Fault(reset=True, after=2))
    async with websockets.connect(plan.url) as socket:
        await socket.send(plan.subscribe[0])
        await socket.recv()
        await socket.recv()
        with pytest.raises(websockets.ConnectionClosedError):
            await socket.recv()
    await provider.close()

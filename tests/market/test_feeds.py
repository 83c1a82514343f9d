"""Facts about live feeds: what is heard arrives once, what is not heard is fetched, and nothing out there ends it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.market.live import House, house, running, until
from tests.wire import Fault

from truecast.domain.interval import Interval
from truecast.kit.clock import FixedClock
from truecast.kit.db import Database

NOW = datetime(2026, 11, 21, 5, 0, 30, tzinfo=UTC)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
async def live(sqlite_db: Database, clock: FixedClock) -> AsyncIterator[House]:
    async with house(sqlite_db, clock) as built:
        for symbol in ("BTC-USDT", "ETH-USDT"):
            await built.history(symbol, 10)
        yield built


async def test_ticks_reach_the_board_and_final_candles_the_store(live: House, clock: FixedClock) -> None:
    first_s = live.minute_s() - 9 * 60
    async with running(live.feed):
        await until(lambda: (quote := live.board.latest("BTC-USDT")) and quote.last and quote.bid)
        assert live.feed.status.state == "live" and live.feed.hears("BTC-USDT") and not live.feed.hears("SOL-USDT")
        for _ in range(3):
            clock.advance(timedelta(seconds=60))
            await until(lambda: _stored(live, "BTC-USDT", live.minute_s() - 60))
        await until(lambda: _stored(live, "ETH-USDT", live.minute_s() - 60))
    for symbol in ("BTC-USDT", "ETH-USDT"):
        assert await live.closes(symbol) == live.true(symbol, first_s, live.minute_s())
    assert await live.store.gaps() == []
    assert (live.feed.status.bars, live.feed.status.reconnects, live.feed.status.malformed) == (6, 0, 0)


async def _stored(live: House, symbol: str, start_s: int, source: str = "binance") -> bool:
    return start_s in await live.closes(symbol, source)

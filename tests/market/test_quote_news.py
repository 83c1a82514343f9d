"""Prices that changed are told as `GET /prices` answers them, conflated, and only to who listens."""

import asyncio
from datetime import timedelta

import pytest

from tests.market.moments import at, us
from tests.market.test_history import Market
from truecast.domain.event import Tick
from truecast.kit.bus import InProcessBus, Message
from truecast.kit.clock import FixedClock, to_us
from truecast.kit.db import Database
from truecast.market.board import QuoteBoard
from truecast.market.quote_news import QuoteNews
from truecast.market.quotes import Quotes, as_item

NOW = at("2021-01-06T16:20")


class Told:
    """A store, a board and a bus, and what was said on it."""

    def __init__(self, market: Market) -> None:
        self.clock = FixedClock(NOW)
        self.bus = InProcessBus(self.clock)
        self.board = QuoteBoard(market.store.db, self.clock)
        self.store = market.store
        self.quotes = Quotes(market.store, self.clock, self.board)
        self.news = QuoteNews(self.quotes, self.board, market.store, self.bus, every_s=0.01)
        self.said: list[Message] = []

    async def hear(self, message: Message) -> None:
        self.said.append(message)

    def tick(self, price: float, at_s: float = 0, **sides: float) -> None:
        at_us = to_us(NOW) + int(at_s * 1e6)
        self.board.take(Tick("EUR-USD", price, sides.get("bid"), sides.get("ask"), None, at_us, at_us, None), "binance")


@pytest.fixture
async def told(sqlite_db: Database) -> Told:
    market = Market(sqlite_db)
    await market.take("EUR-USD")
    return Told(market)


async def test_what_is_told_is_the_price_as_it_is_asked_for(told: Told) -> None:
    told.bus.subscribe("quotes:*", told.hear)
    told.tick(1.25, bid=1.2499, ask=1.2501)
    assert await told.news.tell() == 1
    (message,) = told.said
    assert message.topic == "quotes:EUR-USD"
    universe = await told.quotes._store.universe()
    assert message.data == as_item(await told.quotes.latest(universe.get("EUR-USD")))
    assert (message.data["price"], message.data["bid"]) == (1.25, 1.2499)
    assert message.data["provenance"]["source"] == "binance"


async def test_many_ticks_are_one_message_with_the_latest(told: Told) -> None:
    told.bus.subscribe("quotes:EUR-USD", told.hear)
    for n in range(50):
        told.tick(1.25 + n / 1000, n / 10)
    told.clock.advance(timedelta(seconds=5))
    await told.news.tell()
    await told.news.tell()  # nothing new
    assert [message.data["price"] for message in told.said] == [1.25 + 49 / 1000]


async def test_a_new_bar_is_told(told: Told) -> None:
    told.bus.subscribe("quotes:*", told.hear)
    await told.bus.publish("bars:EUR-USD:1h", {"symbol": "EUR-USD", "interval": "1h"})
    await told.news.tell()
    assert told.said[0].data["provenance"]["as_of"] == "2021-01-06T16:00:00Z"


async def test_where_nobody_listens_nothing_is_computed(told: Told) -> None:
    told.tick(1.25)
    assert await told.news.tell() == 0


async def test_it_runs_until_it_is_cancelled(told: Told) -> None:
    heard = asyncio.Event()

    async def hear(_message: Message) -> None:
        heard.set()

    told.bus.subscribe("quotes:*", hear)
    running = asyncio.create_task(told.news.run())
    told.tick(1.25)
    await asyncio.wait_for(heard.wait(), 30)
    running.cancel()
    assert us("2021-01-06T16:20") == to_us(NOW)


async def test_a_price_that_grew_too_old_is_told_once_though_nothing_came(told: Told) -> None:
    told.bus.subscribe("quotes:*", told.hear)
    told.tick(1.25)
    await told.news.tell()
    assert await told.news.tell_aged() == 0  # it is as fresh as it was told
    told.clock.advance(timedelta(days=7_000))
    assert await told.news.tell_aged() == 1
    assert await told.news.tell_aged() == 0
    assert [message.data["provenance"]["stale"] for message in told.said] == [False, True]
    told.tick(1.26, 7_000 * 86_400)
    await told.news.tell()
    assert await told.news.tell_aged() == 0
    assert not told.said[-1].data["provenance"]["stale"]


async def test_while_it_runs_it_looks_for_what_grew_too_old(told: Told) -> None:
    stale = asyncio.Event()

    async def hear(message: Message) -> None:
        if message.data["provenance"]["stale"]:
            stale.set()

    told.bus.subscribe("quotes:*", hear)
    news = QuoteNews(told.quotes, told.board, told.store, told.bus, every_s=0.01, look_s=0.01)
    running = asyncio.create_task(news.run())
    told.clock.advance(timedelta(days=7_000))
    await asyncio.wait_for(stale.wait(), 30)
    running.cancel()

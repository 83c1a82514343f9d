"""Prices that changed are told as `GET /prices` answers them, conflated, and only to who listens."""

import asyncio
from datetime import timedelta

import pytest

from tests.market.moments import at, us
from tests.market.test_history import Market
from truecast.domain.event import Tick
from truecast.kit.bus import BusState, InProcessBus, Message
from truecast.kit.clock import FixedClock, to_us
from truecast.kit.db import Database
from truecast.kit.leases import Leases
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


class SharedBus(InProcessBus):
    """As processes behind one Redis hear it."""

    connected = True

    @property
    def state(self) -> BusState:
        return BusState(shared=True, connected=self.connected)


class Two:
    """Two processes over one database and one bus, and what was said on it."""

    def __init__(self, market: Market) -> None:
        self.clock = FixedClock(NOW)
        self.bus = SharedBus(self.clock)
        self.boards = [QuoteBoard(market.store.db, self.clock) for _ in range(2)]
        self.leases = [Leases(market.store.db) for _ in range(2)]
        self.news = [
            QuoteNews(Quotes(market.store, self.clock, board), board, market.store, self.bus, leases)
            for board, leases in zip(self.boards, self.leases, strict=True)
        ]
        self.said: list[Message] = []
        self.bus.subscribe("quotes:*", self.hear)

    async def hear(self, message: Message) -> None:
        self.said.append(message)

    async def go(self) -> list[int]:
        for news, leases in zip(self.news, self.leases, strict=True):
            await news.renew(leases)
        return [await news.tell() for news in self.news]

    async def bar(self) -> None:
        await self.bus.publish("bars:EUR-USD:1h", {"symbol": "EUR-USD", "interval": "1h"})


@pytest.fixture
async def two(sqlite_db: Database) -> Two:
    market = Market(sqlite_db)
    await market.take("EUR-USD")
    return Two(market)


async def test_what_all_processes_learn_is_told_once(two: Two) -> None:
    await two.go()
    await two.bar()
    assert sorted(await two.go()) == [0, 1]
    assert len(two.said) == 1


async def test_a_tick_is_told_by_the_process_that_took_it_and_by_no_other(two: Two) -> None:
    await two.go()
    at_us = to_us(NOW)
    follower = 1 if two.leases[0].holds("quotes:news") else 0
    two.boards[follower].take(Tick("EUR-USD", 1.25, None, None, None, at_us, at_us, None), "binance")
    told = await two.go()
    await two.boards[follower].keep()
    assert await two.boards[1 - follower].load() == 1, "the other reads it from the table"
    again = await two.go()
    assert (told[follower], sum(told) + sum(again), len(two.said)) == (1, 1, 1)


async def test_who_takes_over_tells_what_was_left_untold(two: Two) -> None:
    await two.go()
    await two.bar()
    leader = 0 if two.leases[0].holds("quotes:news") else 1
    await two.leases[leader].release(["quotes:news"])  # it ended before it told
    await two.news[1 - leader].renew(two.leases[1 - leader])
    assert await two.news[1 - leader].tell() == 1


async def test_while_redis_is_away_each_tells_its_own_clients(two: Two) -> None:
    await two.go()
    two.bus.connected = False
    await two.bar()
    assert await two.go() == [1, 1]


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

"""A live source is asked when a bar is due and not before; latest prices are asked for in one question."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.forecasts.house import DAY, HOUR, MONDAY, House, Made, a_house, a_walk, an_offer
from truecast.domain.instrument import AssetClass
from truecast.domain.interval import Interval
from truecast.domain.quote import Quote
from truecast.forecasts.rounds import RoundsHere
from truecast.jobs.ingest import Intake, ingest_job
from truecast.jobs.news import News
from truecast.jobs.plan import Parts, standard_jobs
from truecast.jobs.quotes import Polling
from truecast.jobs.schedule import HOURLY
from truecast.kit.bus import InProcessBus
from truecast.kit.clock import FixedClock
from truecast.market.board import QuoteBoard
from truecast.market.chain import Chain
from truecast.market.followed import Followed
from truecast.providers.base import SeriesNotOffered
from truecast.providers.guarded import Guarded, guard_of

COINS = ("BTC-USDT", "ETH-USDT")


class Coins(Made):
    """Two coins by the hour, and their latest prices."""

    def __init__(self, clock, *series) -> None:
        super().__init__(clock, *series)
        self.asked: list[tuple[str, object]] = []

    async def bars(self, symbol, interval, since):
        self.asked.append((symbol, since))
        return await super().bars(symbol, interval, since)

    def offer(self, symbol, interval):
        for key, (offer, _) in self.series.items():
            if key == (symbol, interval):
                return offer
        raise SeriesNotOffered(source="made", symbol=symbol, interval=interval.value)

    async def quotes(self, symbols):
        self.asked.append(("quotes", tuple(symbols)))
        now = self._clock.now()
        return [Quote(symbol, 100.0, "made", now, now, "realtime", 99.0, 101.0) for symbol in symbols]


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(MONDAY + HOUR + timedelta(minutes=1))


@pytest.fixture
async def house(sqlite_db, clock):
    async with a_house(sqlite_db, clock) as built:
        yield built


@pytest.fixture
def coins(clock: FixedClock) -> Coins:
    offers = [an_offer(symbol, Interval.H1, "24/7", AssetClass.CRYPTO) for symbol in COINS]
    source = Coins(clock, *((offer, a_walk(offer, MONDAY - 3 * DAY, MONDAY + DAY)) for offer in offers))
    source.info = replace(
        source.info,
        calendar="24/7",
        intervals=(Interval.H1,),
        capabilities=frozenset({"bars", "quotes"}),
        asset_classes=frozenset({AssetClass.CRYPTO}),
        refresh_s=2.0,
    )
    return source


@pytest.fixture
def live(coins: Coins, clock: FixedClock) -> Guarded:
    return Guarded(coins, guard_of(coins.info, clock, timeout_s=5.0))


async def test_it_is_asked_when_a_bar_is_due_and_not_before(house: House, coins: Coins, live: Guarded, clock):
    chain = Chain({"made": live}, clock)
    intake = Intake(live, house.store, house.ingest, clock, chain, "crypto")
    job = ingest_job(intake, HOURLY)
    assert job.wanted(clock.now())  # nothing was ever read
    assert (await intake.take_news()).counts["inserted"] == 2 * (72 + 1)
    coins.asked.clear()
    clock.advance(timedelta(minutes=58))
    assert not job.wanted(clock.now())
    assert (await intake.take_news()).skipped
    assert coins.asked == []
    clock.advance(timedelta(minutes=1))
    assert job.wanted(clock.now())
    assert (await intake.take_news()).counts["inserted"] == 2
    assert [symbol for symbol, _ in coins.asked] == list(COINS)
    assert not job.wanted(clock.now())


async def test_bars_that_others_brought_are_not_asked_for(house: House, coins: Coins, live: Guarded, clock):
    chain = Chain({"made": live}, clock)
    intake = Intake(live, house.store, house.ingest, clock, chain, "crypto")
    await intake.take_news()
    clock.advance(HOUR)
    for symbol in COINS:  # as a feed does
        await house.ingest.take(await coins.bars(symbol, Interval.H1, None))
    coins.asked.clear()
    await intake.take_news()
    assert coins.asked == []


async def test_what_a_feed_brings_is_asked_for_only_when_it_has_not_come(
    house: House, coins: Coins, live: Guarded, clock
):
    chain = Chain({"made": live}, clock)
    intake = Intake(live, house.store, house.ingest, clock, chain, "crypto", hears={"BTC-USDT"}.__contains__)
    await intake.take_news()
    coins.asked.clear()
    clock.advance(timedelta(minutes=59, seconds=10))  # ten seconds after the hour
    await intake.take_news()
    assert [symbol for symbol, _ in coins.asked] == ["ETH-USDT"]
    clock.advance(timedelta(minutes=1))
    await intake.take_news()
    assert [symbol for symbol, _ in coins.asked] == ["ETH-USDT", "BTC-USDT"]


async def test_another_kind_is_another_jobs_business(house: House, coins: Coins, live: Guarded, clock):
    intake = Intake(live, house.store, house.ingest, clock, Chain({"made": live}, clock), "stocks")
    assert (await intake.take_news()).skipped
    assert coins.asked == []


async def test_latest_prices_are_one_question_and_the_board_has_them(house: House, coins: Coins, live: Guarded, clock):
    chain = Chain({"made": live}, clock)
    await Intake(live, house.store, house.ingest, clock, chain, "crypto").take_news()
    board = QuoteBoard(house.db, clock)
    heard: set[str] = set()
    polling = Polling("crypto", chain, house.store, board, clock, heard.__contains__)
    coins.asked.clear()
    done = await polling.poll()
    assert done.counts == {"asked": 2, "answered": 2, "changed": 2, "failed": 0}
    assert coins.asked == [("quotes", COINS)]
    assert board.latest("ETH-USDT").bid == 99.0
    heard.update(COINS)  # a feed tells them, and told them just now
    assert (await polling.poll()).skipped
    clock.advance(timedelta(minutes=2))  # it has gone silent
    assert (await polling.poll()).counts["asked"] == 2


async def test_a_source_that_fails_is_told_and_stops_nobody(house: House, coins: Coins, live: Guarded, clock):
    chain = Chain({"made": live}, clock)
    await Intake(live, house.store, house.ingest, clock, chain, "crypto").take_news()

    async def one(symbols):
        return [quote for quote in await Coins.quotes(coins, symbols) if quote.symbol == "BTC-USDT"]

    coins.quotes = one
    done = await Polling("crypto", chain, house.store, QuoteBoard(house.db, clock), clock).poll()
    assert (done.counts["answered"], done.counts["failed"]) == (1, 1)
    assert "ETH-USDT" in done.error


async def test_what_a_user_took_out_is_no_longer_asked_for(house: House, coins: Coins, live: Guarded, clock):
    chain = Chain({"made": live}, clock)
    followed = Followed(house.db, house.store, chain, clock)
    intake = Intake(live, house.store, house.ingest, clock, chain, "crypto", followed)
    await intake.take_news()
    await followed.remove("BTC-USDT")
    coins.asked.clear()
    clock.advance(HOUR)
    await intake.take_news()
    assert [symbol for symbol, _ in coins.asked] == ["ETH-USDT"]
    assert (await house.store.series("BTC-USDT"))[0].bars == 73  # what is there stays
    await followed.add("BTC-USDT")
    await intake.take_news()
    assert (await house.store.series("BTC-USDT"))[0].bars == 74


async def test_with_a_live_source_outcomes_are_settled_as_bars_come(house: House, coins: Coins, live: Guarded, clock):
    bus = InProcessBus(clock)
    parts = Parts(
        house.store,
        house.ingest,
        house.ledger,
        RoundsHere(house.issuer, house.resolver),
        clock,
        5,
        Chain({"made": live}, clock),
        QuoteBoard(house.db, clock),
        News(bus),
    )
    jobs = {job.name: job for job in standard_jobs(parts, [live])}
    assert list(jobs) == ["ingest:made", "quotes:crypto", "resolve", "evidence", "issue"]
    assert {str(jobs[name].schedule) for name in ("ingest:made", "quotes:crypto")} == {"* * * * * UTC"}
    resolve = jobs["resolve"].wanted
    minute = clock.now().replace(minute=7)
    assert resolve(minute)  # what is stored was not looked at yet
    assert not resolve(minute)
    await bus.publish("bars:BTC-USDT:1h", {})
    assert resolve(minute) and not resolve(minute)
    assert resolve(minute.replace(minute=0))  # and every hour in any case
    alone = {job.name: job for job in standard_jobs(parts, [coins])}  # on the disk: as it always was
    assert str(alone["issue"].schedule) == str(HOURLY) and alone["issue"].wanted is None

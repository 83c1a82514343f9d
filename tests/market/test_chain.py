"""The next source answers when one fails, and says so."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from truecast.domain.bar import Bars
from truecast.domain.instrument import AssetClass, Instrument
from truecast.domain.interval import Interval
from truecast.domain.quote import Quote
from truecast.jobs.ingest import Intake
from truecast.kit.bus import InProcessBus
from truecast.kit.clock import FixedClock, to_us
from truecast.kit.db import Database
from truecast.kit.errors import TruecastError
from truecast.kit.guard import Guard
from truecast.kit.http import SourceUnreachable
from truecast.kit.limits import BREAKER_OUTCOMES_MIN, QUOTES_BATCH_MAX
from truecast.market.chain import Chain, NoLiveSource
from truecast.market.ingest import Ingest
from truecast.market.store import BarStore
from truecast.providers.base import SeriesNotOffered, SeriesOffer, Source
from truecast.providers.catalog import source_info
from truecast.providers.errors import SourceKeyMissing
from truecast.providers.guarded import Guarded

NOW = datetime(2026, 1, 5, 12, 0, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
BTC = Instrument("BTC-USDT", "Bitcoin", AssetClass.CRYPTO, "USDT", Decimal("0.01"), "24/7")


class Fake(Source):
    """Hourly bars of one instrument up to now; or what it is told to do instead."""

    def __init__(self, key: str, clock: FixedClock, *, calendar: str = "24/7", price: float = 100.0) -> None:
        self.info = replace(
            source_info("ecb"),
            key=key,
            capabilities=frozenset({"bars", "quotes"}),
            asset_classes=frozenset({AssetClass.CRYPTO}),
            intervals=(Interval.H1,),
            delay="realtime",
        )
        self.clock, self.calendar, self.price = clock, calendar, price
        self.fails: TruecastError | None = None
        self.late = timedelta()
        self.hangs = False
        self.asked = 0

    def offers(self) -> Sequence[SeriesOffer]:
        return [SeriesOffer(BTC, Interval.H1, self.calendar, "realtime", None, self.info.key)]

    async def bars(self, symbol: str, interval: Interval, since: datetime | None) -> Bars:
        self.asked += 1
        if self.fails is not None:
            raise self.fails
        last = (self.clock.now() - self.late).replace(minute=0, second=0, microsecond=0) - HOUR
        first = since or last - 4 * HOUR
        start = np.arange(to_us(first.replace(minute=0, second=0, microsecond=0)), to_us(last) + 1, 3_600_000_000)
        start = start[start >= to_us(first)]
        price = np.full(len(start), self.price)
        return Bars(
            symbol, interval, start, start + 3_600_000_000, price, price, price, price, price,
            np.ones(len(start), np.bool_), np.zeros(len(start), np.int16), (self.info.key,),
        )  # fmt: skip

    async def quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        self.asked += 1
        if self.hangs:
            await asyncio.sleep(3_600)
        if self.fails is not None:
            raise self.fails
        at = self.clock.now() - self.late
        return [Quote(symbol, self.price, self.info.key, at, at, "realtime") for symbol in symbols]


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


class World:
    """Sources a, b and c in a chain."""

    def __init__(self, clock: FixedClock, order: dict[str, tuple[str, ...]] | None = None, **calendars: str) -> None:
        self.fakes = {key: Fake(key, clock, calendar=calendars.get(key, "24/7")) for key in "abc"}
        self.sources = {key: Guarded(fake, Guard(key, clock=clock)) for key, fake in self.fakes.items()}
        self.chain = Chain(self.sources, clock, order)
        self.wanted = self.fakes["a"].offers()[0]

    async def bars(self) -> str:
        return (await self.chain.bars(self.wanted, {}, None)).source


UNREACHABLE = SourceUnreachable(url="http://a", attempts=3, reason="timed out")


async def test_the_next_source_answers_and_the_answer_says_who_and_why(clock: FixedClock) -> None:
    world = World(clock)
    world.fakes["a"].fails = UNREACHABLE
    answer = await world.chain.bars(world.wanted, {}, None)
    assert (answer.source, answer.bars.sources, answer.offer.origin) == ("b", ("b",), "b")
    assert [(one.source, one.code) for one in answer.tried] == [("a", "source_unreachable")]
    assert world.fakes["c"].asked == 0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"price": 0.0}, "source_data_unusable"),
        ({"price": float("nan")}, "source_data_unusable"),
        ({"price": -5.0}, "source_data_unusable"),
        ({"late": timedelta(days=2)}, "source_data_unusable"),
        ({"fails": SourceKeyMissing(source="a")}, "source_key_missing"),
    ],
)
async def test_stale_and_nonsensical_data_are_failures(clock: FixedClock, change: dict, code: str) -> None:
    world = World(clock)
    for name, value in change.items():
        setattr(world.fakes["a"], name, value)
    answer = await world.chain.bars(world.wanted, {}, None)
    assert (answer.source, answer.tried[0].code) == ("b", code)
    quote, tried = await world.chain.quote(BTC)
    assert (quote.source, tried[0].code) == ("b", code)


async def test_nothing_new_is_no_failure_until_something_is_due(clock: FixedClock) -> None:
    world = World(clock)
    last = NOW.replace(minute=0, second=0) - HOUR
    assert not len((await world.chain.bars(world.wanted, {"a": last + timedelta(seconds=1)}, last)).bars)
    world.fakes["a"].late = timedelta(hours=5)
    clock.advance(timedelta(hours=4))
    answer = await world.chain.bars(world.wanted, {"a": last + timedelta(seconds=1)}, last)
    assert (answer.source, answer.tried[0].reason.endswith("nothing new, though it is due")) == ("b", True)
    assert len(answer.bars) == 4


async def test_where_all_are_late_the_first_ones_bars_are_still_taken(clock: FixedClock) -> None:
    world = World(clock)
    for fake in world.fakes.values():
        fake.late = timedelta(days=1)
    answer = await world.chain.bars(world.wanted, {}, None)
    assert (answer.source, len(answer.bars), len(answer.tried)) == ("a", 5, 3)


async def test_nobody_left_is_an_error_with_one_reason_per_source(clock: FixedClock) -> None:
    world = World(clock)
    for fake in world.fakes.values():
        fake.fails = UNREACHABLE
    with pytest.raises(NoLiveSource) as caught:
        await world.bars()
    assert [reason["source"] for reason in caught.value.facts["reasons"]] == ["a", "b", "c"]
    with pytest.raises(NoLiveSource):
        await world.chain.quote(BTC)


async def test_a_price_far_from_the_one_known_before_is_not_believed(clock: FixedClock) -> None:
    world = World(clock)
    world.fakes["a"].price = 10_000.0  # cents
    quote, tried = await world.chain.quote(BTC, near=101.0)
    assert (quote.source, tried[0].source) == ("b", "a")


async def test_users_choose_the_order_by_class_and_by_symbol(clock: FixedClock) -> None:
    assert await World(clock).bars() == "a"
    assert await World(clock, {"crypto": ("c", "b")}).bars() == "c"
    assert await World(clock, {"crypto": ("c",), "BTC-USDT": ("b", "nowhere")}).bars() == "b"
    assert World(clock, {"crypto": ("c",)}).chain.sources_of(BTC) == ["c", "a", "b"]


async def test_a_source_that_measures_along_another_calendar_does_not_stand_in(clock: FixedClock) -> None:
    world = World(clock, b="FX")
    world.fakes["a"].fails = UNREACHABLE
    assert await world.bars() == "c"


async def test_sources_without_their_key_are_not_asked(clock: FixedClock) -> None:
    world = World(clock)
    world.sources["a"].guard.key_missing = True
    assert world.chain.sources_of(BTC) == ["b", "c"]


async def test_unusable_data_open_the_breaker_and_then_the_source_is_not_asked(clock: FixedClock) -> None:
    world = World(clock)
    world.fakes["a"].price = 0.0
    for _ in range(BREAKER_OUTCOMES_MIN):
        await world.chain.quote(BTC)
    assert world.sources["a"].guard.breaker.state == "open"


async def test_users_ask_for_many_prices_in_one_request(clock: FixedClock) -> None:
    world = World(clock)
    found = await asyncio.gather(*(world.chain.quote(BTC) for _ in range(QUOTES_BATCH_MAX)))
    assert {quote.source for quote, _ in found} == {"a"}
    assert world.fakes["a"].asked == 1
    assert world.chain.latest("BTC-USDT") == found[0][0]


async def test_a_user_does_not_wait_for_a_source_that_hangs(clock: FixedClock) -> None:
    world = World(clock)
    world.fakes["a"].hangs = True
    began_s = time.perf_counter()
    quote, tried = await world.chain.quote(BTC)
    assert time.perf_counter() - began_s < 1
    assert (quote.source, [(one.source, one.code) for one in tried]) == ("b", [("a", "slow")])
    await world.chain.close()


async def test_all_sources_are_heard_for_a_consensus(clock: FixedClock) -> None:
    world = World(clock)
    world.fakes["b"].fails = UNREACHABLE
    quotes, tried = await world.chain.quotes(BTC)
    assert (sorted(quotes), [one.source for one in tried]) == (["a", "c"], ["b"])


class Intakes:
    """A store fed by the chain."""

    def __init__(self, db: Database, world: World, clock: FixedClock) -> None:
        self.store = BarStore(db)
        ingest = Ingest(self.store, InProcessBus(clock), clock)
        self.of = {key: Intake(source, self.store, ingest, clock, world.chain) for key, source in world.sources.items()}


async def test_each_series_is_led_by_one_source_and_others_stand_in_as_series_of_their_own(
    sqlite_db: Database, clock: FixedClock
) -> None:
    world = World(clock)
    intakes = Intakes(sqlite_db, world, clock)
    for intake in intakes.of.values():
        await intake.take_news()
    assert [info.source for info in await intakes.store.series()] == ["a"]

    clock.advance(3 * HOUR)
    world.fakes["a"].fails = UNREACHABLE
    await intakes.of["a"].take_news()
    by_source = {info.source: info.bars for info in await intakes.store.series()}
    assert by_source == {"a": 5, "b": 3}
    read = await intakes.store.read("BTC-USDT", Interval.H1)
    assert [read.source_of(i) for i in range(len(read))] == ["a"] * 5 + ["b"] * 3

    clock.advance(2 * HOUR)
    world.fakes["a"].fails = None
    await intakes.of["a"].take_news()
    read = await intakes.store.read("BTC-USDT", Interval.H1)
    assert [read.source_of(i) for i in range(len(read))] == ["a"] * 10  # it filled what it missed

    clock.advance(4 * HOUR)
    world.fakes["a"].fails = UNREACHABLE
    await intakes.of["a"].take_news()
    assert {info.source: info.bars for info in await intakes.store.series()} == {"a": 10, "b": 7}
    assert await intakes.store.gaps() == []  # that a stand-in has nothing from the time between is no gap


async def test_an_unknown_symbol_has_no_source(clock: FixedClock) -> None:
    world = World(clock)
    with pytest.raises(SeriesNotOffered):
        world.fakes["a"].offer("NO-SUCH", Interval.H1)
    with pytest.raises(NoLiveSource, match="no configured source"):
        await world.chain.quote(replace(BTC, symbol="NO-SUCH"))


async def test_news_is_known_from_when_it_came_and_a_first_history_from_when_it_was_published(
    clock: FixedClock,
) -> None:
    world = World(clock)
    history = (await world.chain.bars(world.wanted, {}, None)).bars
    assert np.array_equal(history.known_at, history.start + 3_600_000_000)
    news = (await world.chain.bars(world.wanted, {"a": NOW - 4 * HOUR}, NOW - 5 * HOUR)).bars
    assert len(news) and (news.known_at == to_us(NOW)).all()

"""The latest price, its age, and whether a newer one should have been known."""

import datetime as dt
from dataclasses import replace

import pytest

from tests.market.moments import at, us
from tests.market.test_history import NOW, Market
from truecast.domain.event import Tick
from truecast.domain.interval import Interval
from truecast.kit.clock import FixedClock, to_us
from truecast.kit.db import Database
from truecast.market.board import QuoteBoard
from truecast.market.quotes import LatestPrice, NoPrice, Quotes, as_item


@pytest.fixture
def market(sqlite_db: Database) -> Market:
    return Market(sqlite_db)


async def _latest(market: Market, symbol: str, when: str) -> LatestPrice:
    universe = await market.store.universe()
    return await Quotes(market.store, FixedClock(at(when))).latest(universe.get(symbol))


async def test_the_finest_fresh_series_gives_the_price(market: Market) -> None:
    await market.take("EUR-USD")
    seen = await _latest(market, "EUR-USD", "2021-01-06T16:20")
    raw = await market.raw("EUR-USD", Interval.H1)
    assert seen.interval is Interval.H1 and seen.calendar == "FX" and not seen.stale
    assert seen.bar_start == at("2021-01-06T15:00") and seen.quote.as_of == at("2021-01-06T16:00")
    assert seen.quote.price == raw.close[raw.start == us("2021-01-06T15:00")][0]
    assert seen.age_s == 20 * 60 and seen.quote.received_at == NOW and seen.quote.source == "sample"


async def test_a_stale_fine_series_gives_way_to_a_fresh_coarse_one(market: Market) -> None:
    await market.take("EUR-USD")  # hours end in March 2026, fixings in October
    seen = await _latest(market, "EUR-USD", "2026-10-30T20:00")
    assert seen.interval is Interval.D1 and not seen.stale and seen.quote.as_of == at("2026-10-30T13:15")
    assert seen.quote.delay == "eod" and "European Central Bank" in seen.origin


async def test_when_all_is_stale_the_newest_is_given_and_said_to_be_stale(market: Market) -> None:
    await market.take("EUR-USD")
    seen = await _latest(market, "EUR-USD", "2026-12-24T12:00")
    assert seen.stale and seen.interval is Interval.D1 and seen.bar_start == at("2026-10-30")
    assert seen.age_s == (at("2026-12-24T12:00") - at("2026-10-30T13:15")).total_seconds()


async def test_it_is_not_stale_over_a_weekend(market: Market) -> None:
    await market.take("EUR-USD")
    seen = await _latest(market, "EUR-USD", "2021-01-10T20:00")  # Sunday, before the open
    assert not seen.stale and seen.quote.as_of == at("2021-01-08T22:00") and seen.interval is Interval.H1


async def test_the_change_is_against_the_session_before(market: Market) -> None:
    await market.take("SPY")
    hours, days = await market.raw("SPY", Interval.H1), await market.raw("SPY", Interval.D1)
    seen = await _latest(market, "SPY", "2021-01-06T17:00")  # Wednesday, in the session
    price = hours.close[hours.start == us("2021-01-06T16:00")][0]
    before = hours.close[hours.start == us("2021-01-05T20:00")][0]
    assert seen.change == price - before and seen.change_pct == pytest.approx(100 * (price / before - 1))
    assert before == pytest.approx(days.close[days.start == us("2021-01-05")][0], rel=1e-3)


async def test_a_split_is_no_change(market: Market) -> None:
    await market.take("AAPL")
    seen = await _latest(market, "AAPL", "2020-08-31T21:00")
    assert seen.quote.price == 129.04 and seen.change_pct == pytest.approx(3.39, abs=0.01)


async def test_of_a_price_below_zero_a_percentage_says_nothing(market: Market) -> None:
    await market.take("WTI")
    seen = await _latest(market, "WTI", "2020-04-29T23:00")  # the release up to Monday the 27th
    assert seen.bar_start == at("2020-04-27") and seen.change_pct is not None
    days = await market.raw("WTI", Interval.D1)
    negative = days[(days.start >= us("2020-04-20")) & (days.start <= us("2020-04-21"))]
    assert negative.close[0] == -36.98
    other = replace(negative, sources=("other",), known_at=negative.known_at * 0 + us("2020-04-21T22:00"))
    offer = next(o for o in market.sample.offers() if o.instrument.symbol == "WTI")
    await market.store.add_series(offer, "other")
    await market.store.append(other, received_at=NOW)
    tuesday = await _latest(market, "WTI", "2020-04-21T23:00")
    assert tuesday.change == pytest.approx(8.91 + 36.98) and tuesday.change_pct is None


async def test_a_first_bar_has_no_change(market: Market) -> None:
    await market.take("SOL-USDT")
    seen = await _latest(market, "SOL-USDT", "2020-08-11T07:30")
    assert seen.change is None and seen.change_pct is None


async def test_what_nobody_knew_then_is_no_price(market: Market) -> None:
    await market.take("SOL-USDT")
    with pytest.raises(NoPrice) as caught:
        await _latest(market, "SOL-USDT", "2020-08-11T06:30")
    assert caught.value.facts == {"symbol": "SOL-USDT"} and caught.value.status == 404


async def test_a_bar_still_forming_is_the_latest_price(market: Market) -> None:
    coin = await market.take("SOL-USDT", since=at("2025-06-01"))
    last = (await market.raw("SOL-USDT", Interval.H1))[-1:]
    forming = replace(
        last,
        start=last.start + 3_600_000_000,
        known_at=last.known_at + 600_000_000,
        final=~last.final,
        close=last.close + 1,
    )
    await market.store.append(forming, received_at=NOW)
    seen = await Quotes(market.store, FixedClock(at("2026-02-06T00:30"))).latest(coin)
    assert seen.quote.price == last.close[0] + 1 and seen.quote.as_of == at("2026-02-06T00:10")
    assert seen.age_s == dt.timedelta(minutes=20).total_seconds()


class Live:
    """Quotes of the sample's euro at 16:20 on a Wednesday, and a board."""

    def __init__(self, market: Market, when: str = "2021-01-06T16:20", source: str = "sample") -> None:
        self.market, self.source = market, source
        self.clock = FixedClock(at(when))
        self.board = QuoteBoard(market.store.db, self.clock)
        self.quotes = Quotes(market.store, self.clock, self.board)

    def tick(self, when: str, price: float | None = None, bid: float | None = None, ask: float | None = None) -> None:
        at_us = us(when)
        assert self.board.take(Tick(self.symbol, price, bid, ask, None, at_us, at_us, None), self.source)

    symbol = "EUR-USD"

    async def latest(self) -> LatestPrice:
        return await self.quotes.latest((await self.market.store.universe()).get(self.symbol))


async def test_a_live_price_newer_than_the_bars_is_the_latest(market: Market) -> None:
    await market.take("EUR-USD")
    live = Live(market, source="oanda")
    before = await live.latest()
    live.tick("2021-01-06T16:19:58", 1.3, 1.2999, 1.3001)
    seen = await live.latest()
    assert (seen.quote.price, seen.quote.bid, seen.quote.ask, seen.quote.source) == (1.3, 1.2999, 1.3001, "oanda")
    assert (seen.age_s, seen.stale, seen.bar_start, seen.origin) == (2.0, False, None, "OANDA v20, live")
    assert seen.change == pytest.approx(1.3 - (before.quote.price - before.change))  # against the same close
    assert as_item(seen)["quoted_at"] == "2021-01-06T16:19:58Z"


async def test_an_older_live_price_gives_way_to_the_bar(market: Market) -> None:
    await market.take("EUR-USD")
    live = Live(market)
    live.tick("2021-01-06T15:59:00", 1.3)
    assert (await live.latest()).bar_start == at("2021-01-06T15:00")


async def test_bid_and_ask_stand_beside_a_price_of_their_own_source_only(market: Market) -> None:
    await market.take("EUR-USD")
    same, other = Live(market), Live(market, source="oanda")
    for live in (same, other):
        live.tick("2021-01-06T16:19:00", bid=1.2, ask=1.3)
    seen, alone = await same.latest(), await other.latest()
    assert (seen.quote.bid, seen.quote.ask, seen.quoted_at) == (1.2, 1.3, at("2021-01-06T16:19"))
    assert seen.quote.price == alone.quote.price and seen.quote.as_of == at("2021-01-06T16:00")
    assert (alone.quote.bid, alone.quote.ask, alone.quoted_at) == (None, None, None)


async def test_an_old_bid_is_no_bid(market: Market) -> None:
    await market.take("EUR-USD")
    live = Live(market)
    live.tick("2021-01-06T16:10", bid=1.2, ask=1.3)
    live.tick("2021-01-06T16:19", 1.25)
    seen = await live.latest()
    assert (seen.quote.price, seen.quote.bid, seen.quoted_at) == (1.25, None, None)


async def test_a_bid_without_any_price_is_no_price(market: Market) -> None:
    coin = await market.take("SOL-USDT")
    live = Live(market, "2020-08-11T06:30")
    at_us = us("2020-08-11T06:29")
    live.board.take(Tick("SOL-USDT", None, 3.0, 3.1, None, at_us, at_us, None), "sample")
    with pytest.raises(NoPrice):
        await live.quotes.latest(coin)
    live.board.take(Tick("SOL-USDT", 3.05, None, None, None, at_us, at_us, None), "sample")
    seen = await live.quotes.latest(coin)
    assert (seen.quote.price, seen.quote.bid, seen.change) == (3.05, 3.0, None)


@pytest.mark.parametrize(
    ("when", "against"),
    [
        ("2020-08-31T14:31", "2020-08-28"),  # in the next session, on the day of a split of 4 for 1
        ("2020-08-28T20:00:30", "2020-08-27"),  # just told of the session that closed
        ("2020-08-31T12:00", "2020-08-28"),  # before the open: it belongs to the session to come
    ],
)
async def test_a_live_change_is_against_the_session_before_its_own(market: Market, when: str, against: str) -> None:
    apple = await market.take("AAPL", intervals=(Interval.D1,))
    live = Live(market, when)
    at_us = to_us(live.clock.now())
    raw = await market.raw("AAPL", Interval.D1)
    close = raw.close[raw.start == us(against)][0] / (4 if when >= "2020-08-31" else 1)
    live.board.take(Tick("AAPL", close * 1.01, None, None, None, at_us, at_us, None), "sample")
    seen = await live.quotes.latest(apple)
    assert seen.quote.price == close * 1.01 and seen.change_pct == pytest.approx(1.0, abs=0.01)


async def test_a_live_price_nobody_renewed_is_stale(market: Market) -> None:
    await market.take("EUR-USD", intervals=(Interval.D1,))
    live = Live(market, "2026-12-23T12:10")
    live.tick("2026-12-23T12:00", 1.2)
    assert (await live.latest()).stale
    live = Live(market, "2026-12-26T12:00")  # a Saturday: nobody trades
    live.tick("2026-12-25T21:59:30", 1.2)
    assert not (await live.latest()).stale


async def test_the_store_is_read_again_only_when_there_is_news(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    euro = await market.take("EUR-USD")
    live = Live(market, "2026-10-30T20:00")
    first = await live.latest()
    reads = 0
    read = market.store.read

    async def counted(*args: object, **kwargs: object) -> object:
        nonlocal reads
        reads += 1
        return await read(*args, **kwargs)

    monkeypatch.setattr(market.store, "read", counted)
    assert await live.latest() == first and reads == 0
    last = (await market.raw("EUR-USD", Interval.D1))[-1:]
    corrected = replace(last, known_at=last.known_at + 60_000_000, close=last.close + 0.0001, high=last.high + 0.0001)
    await market.store.append(corrected, received_at=NOW + dt.timedelta(seconds=1))
    assert (await live.latest()).quote.price == corrected.close[0] and reads > 0
    found = await live.quotes.latest_of([euro] * 100)
    assert len(found) == 100
    live.clock.advance(dt.timedelta(days=4000))  # all of it is overdue by now
    assert (await live.latest()).stale

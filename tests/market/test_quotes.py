"""The latest price, its age, and whether a newer one should have been known."""

import datetime as dt
from dataclasses import replace

import pytest

from tests.market.moments import at, us
from tests.market.test_history import NOW, Market
from truecast.domain.interval import Interval
from truecast.kit.clock import FixedClock
from truecast.kit.db import Database
from truecast.market.quotes import LatestPrice, NoPrice, Quotes


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

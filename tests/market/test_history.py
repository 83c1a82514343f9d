"""What features, forecasts and the API read, on the bundled real data."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest

from tests.market.moments import at, said, us, uss
from tests.market.random_bars import random_bars
from truecast.domain.bar import COLUMNS, Bars
from truecast.domain.corporate import Factor
from truecast.domain.instrument import Instrument
from truecast.domain.interval import Interval
from truecast.kit.clock import FixedClock, from_us
from truecast.kit.db import Database
from truecast.kit.errors import MalformedRequest
from truecast.market.calendar import calendar
from truecast.market.history import AsOfInFuture, History, IntervalNotAvailable, Slice
from truecast.market.resample import resample
from truecast.market.store import BarStore
from truecast.providers.sample.adapter import Sample

M5, H1, H4, D1, W1, MO1, Q1 = Interval.M5, Interval.H1, Interval.H4, Interval.D1, Interval.W1, Interval.MO1, Interval.Q1
NOW = at("2026-11-02T12:00")


class Market:
    """A store with some of the sample, and a history on it."""

    def __init__(self, db: Database) -> None:
        self.clock = FixedClock(NOW)
        self.store = BarStore(db)
        self.sample = Sample(FixedClock(NOW))
        self.history = History(self.store, self.clock)

    async def take(
        self, *symbols: str, intervals: tuple[Interval, ...] = tuple(Interval), since: dt.datetime | None = None
    ) -> Instrument:
        for offer in self.sample.offers():
            symbol = offer.instrument.symbol
            if symbol in symbols and offer.interval in intervals:
                await self.store.add_series(offer, "sample")
                await self.store.append(await self.sample.bars(symbol, offer.interval, since), received_at=NOW)
                factors = await self.sample.factors(symbol)
                await self.store.add_factors(symbol, "sample", factors, received_at=NOW)
        return (await self.store.universe()).get(symbols[0])

    async def raw(self, symbol: str, interval: Interval) -> Bars:
        return await self.sample.bars(symbol, interval, None)


@pytest.fixture
def market(sqlite_db: Database) -> Market:
    return Market(sqlite_db)


def _same(a: Bars, b: Bars) -> None:
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


async def test_the_stored_series_is_given_as_it_is(market: Market) -> None:
    euro = await market.take("EUR-USD")
    seen = await market.history.bars(euro, D1, limit=500)
    _same(seen.bars, (await market.raw("EUR-USD", D1))[-500:])
    assert (seen.calendar, seen.delay, seen.derived, seen.resampled_from) == ("TARGET", "eod", None, None)
    assert "European Central Bank" in seen.origin and seen.received_at == NOW and seen.adjust == "raw"
    assert seen.bars.sources == ("sample",) and seen.as_of == NOW


async def test_a_missing_interval_is_made_from_the_coarsest_finer_one(market: Market) -> None:
    euro = await market.take("EUR-USD")
    assert (await market.history.bars(euro, W1, limit=5)).resampled_from is D1
    four = await market.history.bars(euro, H4, limit=5)
    assert four.resampled_from is H1 and four.calendar == "FX"
    days = resample(await market.raw("EUR-USD", D1), W1, calendar("TARGET"), us("2026-11-02T12:00"))
    _same((await market.history.bars(euro, W1)).bars, days[days.final])


@pytest.mark.parametrize(
    ("symbol", "interval"),
    [("SOL-USDT", H4), ("SOL-USDT", D1), ("SOL-USDT", W1), ("SPY", H4), ("SPY", D1), ("SPY", MO1), ("SPY", Q1)],
)
async def test_every_cut_of_a_made_series_is_a_cut_of_the_whole(
    market: Market, symbol: str, interval: Interval
) -> None:
    instrument = await market.take(symbol, intervals=(H1,), since=at("2025-06-01") if symbol == "SOL-USDT" else None)
    whole = (await market.history.bars(instrument, interval)).bars
    assert len(whole) > 20 and whole.final.all()
    _same((await market.history.bars(instrument, interval, limit=7)).bars, whole[-7:])
    _same((await market.history.bars(instrument, interval, limit=1)).bars, whole[-1:])
    _same((await market.history.bars(instrument, interval, limit=100_000)).bars, whole)
    start, end = from_us(whole.start[5]), from_us(whole.start[12])
    _same((await market.history.bars(instrument, interval, start=start, end=end)).bars, whole[5:12])
    _same((await market.history.bars(instrument, interval, start=start, end=end, limit=2)).bars, whole[10:12])
    _same((await market.history.bars(instrument, interval, end=end, limit=4)).bars, whole[8:12])
    later = start + dt.timedelta(seconds=1)
    _same((await market.history.bars(instrument, interval, start=later, end=end)).bars, whole[6:12])
    assert len((await market.history.bars(instrument, interval, start=start, end=start)).bars) == 0


async def test_only_final_bars_unless_partial_ones_are_wanted(market: Market) -> None:
    coin = await market.take("SOL-USDT", since=at("2021-01-01"))
    as_of = at("2021-01-06T10:30")
    days = await market.history.bars(coin, D1, as_of=as_of, limit=2)
    assert said(days.bars.start) == ["2021-01-04", "2021-01-05"] and days.bars.final.all()
    forming = await market.history.bars(coin, D1, as_of=as_of, limit=2, partial=True)
    assert said(forming.bars.start) == ["2021-01-05", "2021-01-06"] and forming.bars.final.tolist() == [True, False]
    assert said(forming.bars.known_at)[-1] == "2021-01-06T10:00"


async def test_a_stored_bar_still_forming_is_left_out(market: Market) -> None:
    coin = await market.take("SOL-USDT", since=at("2025-06-01"))
    whole = await market.raw("SOL-USDT", H1)
    last = whole[-1:]
    forming = replace(last, start=last.start + 3_600_000_000, known_at=last.known_at + 60_000_000, final=~last.final)
    await market.store.append(forming, received_at=NOW)
    _same((await market.history.bars(coin, H1, limit=3)).bars, whole[-3:])
    assert (await market.history.bars(coin, H1, limit=3, partial=True)).bars.final.tolist() == [True, True, False]


@pytest.mark.parametrize("interval", [H1, D1, W1])
@pytest.mark.parametrize("how", ["raw", "split", "all"])
async def test_a_past_read_is_what_was_read_then(sqlite_db: Database, interval: Interval, how) -> None:
    """Everything that came after as_of, corrections and splits included, changes nothing."""
    now, then = Market(sqlite_db), at("2020-08-28T21:00")
    apple = await now.take("AAPL")
    before = (await now.history.bars(apple, interval, as_of=then, adjust=how)).bars
    assert (before.known_at <= us("2020-08-28T21:00")).all()
    for stored in (H1, D1):
        raw = await now.raw("AAPL", stored)
        known = np.maximum(raw.known_at, us("2021-06-01"))
        await now.store.append(replace(raw, close=raw.close * 3, high=raw.high * 3, known_at=known), received_at=NOW)
    event = Factor(dt.date(2020, 8, 31), 0.5, 0.1)
    await now.store.add_factors("AAPL", "later", [event], received_at=NOW)
    corrected = [replace(f, price_factor=0.9 * f.price_factor) for f in await now.sample.factors("AAPL")]
    await now.store.add_factors("AAPL", "sample", [*corrected, event], received_at=NOW)
    _same((await now.history.bars(apple, interval, as_of=then, adjust=how)).bars, before)
    after = (await now.history.bars(apple, interval, end=from_us(before.start[-1] + 1), adjust=how)).bars
    assert len(after) == len(before) and (after.close != before.close).any()


async def test_adjusted_bars_have_no_split_in_them_at_any_interval(market: Market) -> None:
    apple = await market.take("AAPL")
    for interval in (H1, H4, D1, W1):
        raw = await market.history.bars(apple, interval, start=at("2020-08-03"), end=at("2020-10-01"))
        seen = await market.history.bars(apple, interval, start=at("2020-08-03"), end=at("2020-10-01"), adjust="all")
        assert np.abs(np.diff(np.log(raw.bars.close))).max() > 1.2
        assert np.abs(np.diff(np.log(seen.bars.close))).max() < 0.2
        assert seen.adjust == "all" and (seen.bars.start == raw.bars.start).all()


async def test_pages_of_adjusted_bars_fit_together(market: Market) -> None:
    apple = await market.take("AAPL")
    for interval in (D1, W1):
        whole = (await market.history.bars(apple, interval, start=at("2020-01-01"), adjust="all")).bars
        first = (
            await market.history.bars(apple, interval, start=at("2020-01-01"), end=at("2020-06-01"), adjust="all")
        ).bars
        np.testing.assert_allclose(first.close, whole.close[: len(first)], rtol=1e-12)
        assert first.close[0] < 80  # raw, it stood at 300


@pytest.mark.parametrize("interval", [H1, H4, D1, W1, MO1])
@pytest.mark.parametrize("day", ["2020-08-28T23:00", "2020-08-31T16:10", "2021-02-05T15:30", "2021-03-31T23:00"])
async def test_the_last_bar_keeps_its_raw_price(market: Market, interval: Interval, day: str) -> None:
    apple = await market.take("AAPL")
    raw = (await market.history.bars(apple, interval, as_of=at(day), limit=3)).bars
    seen = (await market.history.bars(apple, interval, as_of=at(day), limit=3, adjust="all")).bars
    assert seen.close[-1] == raw.close[-1] and seen.start[-1] == raw.start[-1]


async def test_stale_is_told_by_the_calendar(market: Market) -> None:
    euro = await market.take("EUR-USD")
    friday = at("2021-01-08T15:00")  # the fixing of the day, just known
    seen = await market.history.bars(euro, D1, as_of=friday, limit=1)
    assert said(seen.bars.start) == ["2021-01-08"]
    assert seen.overdue_at == at("2021-01-12T03:00") and not seen.stale  # Monday's, and the grace
    assert (await market.history.bars(euro, D1, as_of=at("2021-01-08T14:59"), limit=1)).bars.start[-1] == us(
        "2021-01-07"
    )
    assert (await market.history.bars(euro, D1, limit=1)).stale is False
    market.clock.advance(dt.timedelta(days=2))
    assert (await market.history.bars(euro, D1, limit=1)).stale is True


async def test_one_source_can_be_asked_for(market: Market) -> None:
    coin = await market.take("SOL-USDT", since=at("2025-06-01"))
    offer = next(o for o in market.sample.offers() if o.instrument == coin)
    await market.store.add_series(replace(offer, origin="another venue"), "other")
    live = replace((await market.raw("SOL-USDT", H1))[-48:], sources=("other",))
    await market.store.append(replace(live, close=live.low), received_at=NOW)
    both = await market.history.bars(coin, H1, limit=60)
    assert {both.bars.source_of(t) for t in range(60)} == {"sample", "other"} and both.origin == "another venue"
    one = await market.history.bars(coin, H1, limit=60, source="sample")
    _same(one.bars, (await market.raw("SOL-USDT", H1))[-60:])
    assert "DaruFinance" in one.origin
    assert (await market.history.bars(coin, D1, limit=1, source="other")).bars.source_of(0) == "other"
    with pytest.raises(IntervalNotAvailable):
        await market.history.bars(coin, H1, source="nobody")


async def test_an_interval_that_cannot_be_made_is_an_error_that_says_what_can(market: Market) -> None:
    index = await market.take("US.CPI")
    with pytest.raises(IntervalNotAvailable) as caught:
        await market.history.bars(index, D1)
    assert caught.value.facts == {"symbol": "US.CPI", "interval": "1d", "available": ["1mo", "1q"]}
    assert caught.value.status == 409
    euro = await market.take("EUR-USD", intervals=(D1,))
    with pytest.raises(IntervalNotAvailable, match="1w"):
        await market.history.bars(euro, H1)


async def test_nobody_reads_the_future(market: Market) -> None:
    euro = await market.take("EUR-USD", intervals=(D1,))
    with pytest.raises(AsOfInFuture) as caught:
        await market.history.bars(euro, D1, as_of=NOW + dt.timedelta(seconds=1))
    assert caught.value.status == 422
    with pytest.raises(MalformedRequest, match="no time zone"):
        await market.history.bars(euro, D1, as_of=dt.datetime(2020, 1, 1))  # noqa: DTZ001
    market.clock = FixedClock(at("2021-01-05T15:30"))
    replayed = await History(market.store, market.clock).bars(euro, D1, limit=1)
    assert said(replayed.bars.start) == ["2021-01-05"]  # the store has years more


async def test_a_kept_series_without_bars_is_empty(market: Market) -> None:
    offer = next(o for o in market.sample.offers() if o.instrument.symbol == "SOL-USDT")
    await market.store.add_series(offer, "sample")
    for interval in (H1, D1):
        seen: Slice = await market.history.bars(offer.instrument, interval, limit=5, adjust="all")
        assert len(seen.bars) == 0 and seen.overdue_at is None and not seen.stale and seen.received_at is None


async def test_a_series_with_bars_is_preferred_to_an_empty_one(market: Market) -> None:
    coin = await market.take("SOL-USDT", since=at("2025-06-01"))
    offer = next(o for o in market.sample.offers() if o.instrument == coin)
    await market.store.add_series(replace(offer, interval=D1), "live")
    seen = await market.history.bars(coin, D1, limit=3)
    assert len(seen.bars) == 3 and seen.resampled_from is H1


@pytest.mark.parametrize("limit", [1, 2, 3, 10])
async def test_a_limit_gives_whole_bars_also_where_weekends_join_monday(market: Market, limit: int) -> None:
    bars = replace(random_bars("24/7", H1, us("2024-01-01"), 24 * 300), symbol="SOL-USDT")
    offer = next(o for o in market.sample.offers() if o.instrument.symbol == "SOL-USDT")
    await market.store.add_series(replace(offer, calendar="XNYS"), "test")
    await market.store.append(bars, received_at=NOW)
    days = resample(bars, D1, calendar("XNYS"), us("2026-11-02"))
    end = at("2024-09-03")  # the Tuesday after Labor Day: Monday's, Sunday's and Saturday's hours come before it
    for until in (None, end, end + dt.timedelta(days=1)):
        whole = days[days.final] if until is None else days[days.start < us(str(until.date()))]
        _same((await market.history.bars(offer.instrument, D1, limit=limit, end=until)).bars, whole[-limit:])


async def test_months_over_years_of_minutes_are_read_whole(market: Market) -> None:
    bars = random_bars("24/7", M5, us("2024-01-10"), 288 * 60)
    offer = next(o for o in market.sample.offers() if o.instrument.symbol == "SOL-USDT")
    await market.store.add_series(replace(offer, interval=M5), "test")
    await market.store.append(replace(bars, symbol="SOL-USDT"), received_at=NOW)
    month = (await market.history.bars(offer.instrument, MO1, limit=1)).bars
    february = bars[(bars.start >= us("2024-02-01")) & (bars.start < us("2024-03-01"))]
    assert said(month.start) == ["2024-02-01"] and month.open[0] == february.open[0]
    assert month.high[0] == february.high.max() and np.isclose(month.volume[0], np.nansum(february.volume))
    assert (uss("2024-02-01") == month.start).all()


async def test_made_bars_are_made_again_only_when_there_is_news(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    coin = await market.take("SOL-USDT", since=at("2025-06-01"))
    first = (await market.history.bars(coin, D1, limit=100)).bars
    rows: list[int | None] = []
    read = market.store.read

    async def counted(*args: object, **kwargs: object) -> Bars:
        found = await read(*args, **kwargs)
        rows.append(len(found))
        return found

    monkeypatch.setattr(market.store, "read", counted)
    _same((await market.history.bars(coin, D1, limit=100)).bars, first)
    assert rows == []
    hours = await market.raw("SOL-USDT", H1)
    # The next hour, then a correction of an old one that changes neither how many there are nor how far they reach.
    later = replace(hours[-1:], start=hours.start[-1:] + 3_600_000_000, known_at=hours.known_at[-1:] + 3_600_000_000)
    await market.store.append(later, received_at=NOW + dt.timedelta(seconds=1))
    await market.history.bars(coin, D1, limit=100)
    assert len(rows) == 1
    old = hours[-100:-99]
    corrected = replace(old, known_at=old.known_at + 1, high=old.high * 2)
    await market.store.append(corrected, received_at=NOW + dt.timedelta(seconds=2))
    seen = (await market.history.bars(coin, D1, limit=100)).bars
    assert len(rows) == 2 and (seen.high != first.high).sum() == 1


async def test_what_was_known_at_an_earlier_moment_is_not_taken_from_what_is_kept(market: Market) -> None:
    coin = await market.take("SOL-USDT", since=at("2025-06-01"))
    await market.history.bars(coin, D1, limit=100)
    then = await market.history.bars(coin, D1, limit=100, as_of=at("2026-01-06T10:30"))
    assert said(then.bars.start)[-1] == "2026-01-05"

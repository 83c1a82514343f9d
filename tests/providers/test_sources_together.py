"""What holds across all sources: one description of each instrument, calendars that exist, bars that the store takes."""

from datetime import timedelta

import numpy as np
import pytest
from pydantic import SecretStr
from tests.forecasts.house import a_house
from tests.providers.contract import RECORDED_AT
from tests.wire import wire_server

from truecast.domain.instrument import Instrument, Universe
from truecast.domain.interval import Interval
from truecast.kit.clock import FixedClock, to_us
from truecast.market.calendar import calendar
from truecast.providers.base import Provider, Reach
from truecast.providers.catalog import build_provider, known_sources
from truecast.providers.universe import universe

D1 = Interval.D1
SECRETS = {"alpaca": "PK:SECRET", "oanda": "token:account"}
NOT_BUILT_HERE = {"csv_folder", "ccxt"}  # one reads a folder, the other is an extra


def built(key: str, base_url: str | None = None) -> Provider:
    secret = SecretStr(SECRETS.get(key, "TESTKEY")) if known_sources()[key].needs_key else None
    reach = Reach(np.random.default_rng(1), base_url=base_url, timeout_s=1, key=secret)
    return build_provider(key, FixedClock(RECORDED_AT), reach)


SOURCES = sorted(set(known_sources()) - NOT_BUILT_HERE)


def test_every_source_describes_an_instrument_alike() -> None:
    described: dict[str, dict[str, Instrument]] = {}
    for key in SOURCES:
        for offer in built(key).offers():
            described.setdefault(offer.instrument.symbol, {})[key] = offer.instrument
    differ = {symbol: by_source for symbol, by_source in described.items() if len(set(by_source.values())) > 1}
    assert differ == {}
    assert {symbol for symbol, one in universe().items() if one.default} <= set(described)
    Universe.of(next(iter(by_source.values())) for by_source in described.values())


@pytest.mark.parametrize("key", SOURCES)
def test_every_offer_stands_on_a_calendar_that_has_its_bars(key: str) -> None:
    now_us = to_us(RECORDED_AT)
    for offer in built(key).offers():
        along = calendar(offer.calendar)
        first_us = to_us(RECORDED_AT - timedelta(seconds=3 * offer.interval.seconds + 7 * 86_400))
        assert len(along.expected(first_us, now_us, offer.interval)) >= 1
        assert along.overdue_at(int(along.expected(first_us, now_us, offer.interval)[-1]), offer.interval) > now_us - (
            800 * 86_400_000_000
        )


@pytest.mark.parametrize(
    ("key", "symbol", "interval"),
    [
        ("frankfurter", "EUR-USD", D1),
        ("ecb_sdmx", "EUR-USD", D1),
        ("fred", "US.10Y.DAILY", D1),
        ("worldbank", "US.INFLATION", Interval.Y1),
        ("fear_greed", "^FNG", D1),
        ("oanda", "EUR-USD", Interval.M5),
        ("yahoo", "AAPL", D1),
        ("yahoo", "EUR-USD", D1),
        ("alpaca", "AAPL", D1),
        ("tiingo", "AAPL", D1),
        ("stooq", "EUR-USD", D1),
    ],
)
async def test_recorded_bars_go_into_the_store_as_they_are(
    sqlite_db, key: str, symbol: str, interval: Interval
) -> None:
    async with wire_server() as wire, a_house(sqlite_db, FixedClock(RECORDED_AT)) as house:
        provider = built(key, wire.base_url(key))
        bars = await provider.bars(symbol, interval, None)
        await house.store.add_series(provider.offer(symbol, interval), key)
        taken = await house.ingest.take(bars)
        assert (taken.appended.inserted, taken.quarantined) == (len(bars), 0)
        again = await house.ingest.take(await provider.bars(symbol, interval, None))
        assert again.appended.changed == 0
        news = await house.ingest.take(await provider.bars(symbol, interval, RECORDED_AT - timedelta(days=2_000)))
        assert (news.appended.changed, news.quarantined) == (0, 0)  # what is told again later was known before
        assert (await house.store.read(symbol, interval)).close.tolist() == bars.close.tolist()
        await provider.close()

"""CoinGecko: candles stamped with their close, points near the full hour, three shapes of errors, dead coins."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.providers.contract import RECORDED_AT, WireContract
from tests.wire import Fault, WireServer
from tests.wire.index import by_file

from truecast.domain.interval import Interval
from truecast.kit.clock import from_us, to_us
from truecast.providers import coingecko_formats as formats
from truecast.providers.base import Provider, SeriesNotOffered
from truecast.providers.candles import Asked
from truecast.providers.catalog import known_sources
from truecast.providers.errors import SourceKeyMissing, SourceOverBudget, SourceRefused, SymbolNotAtSource

INFO = known_sources()["coingecko"]
IDS = {"bitcoin": "BTC-USD", "ethereum": "ETH-USD"}


def asked(interval: Interval) -> Asked:
    first_us = to_us(datetime(2013, 4, 28, tzinfo=UTC))
    return Asked("coingecko", "BTC-USD", interval, "24/7", to_us(RECORDED_AT), first_us=first_us)


class TestCoinGecko(WireContract):
    key = "coingecko"
    served = (("BTC-USD", Interval.H4), ("BTC-USD", Interval.H1))
    readers = {
        "coins_bitcoin_ohlc_7d.json": lambda body: formats.parse_ohlc(body, asked(Interval.H4)),
        "coins_bitcoin_market_chart.json": lambda body: formats.parse_market_chart(body, asked(Interval.H1)),
        "coins_markets.json": formats.parse_markets,
        "simple_price.json": lambda body: formats.parse_prices(body, IDS, INFO, RECORDED_AT),
    }
    errors = {
        "error_401_missing_key.json": SourceKeyMissing,
        "error_401_history_365.json": SourceRefused,
        "error_404.json": SymbolNotAtSource,
        "error_429.json": SourceOverBudget,
        "error_429_cloudflare.html": SourceOverBudget,
    }
    not_read = frozenset({"ping.json", "global.json", "simple_price_unknown.json"})

    async def test_a_candle_starts_before_its_stamp_and_the_forming_ones_are_dropped(self, provider: Provider) -> None:
        bars = await provider.bars("BTC-USD", Interval.H4, None)
        assert [from_us(us).strftime("%dT%H") for us in bars.start] == ["29T20", "30T00", "30T04", "30T08"]
        assert (bars.open[-1], bars.high[-1], bars.low[-1], bars.close[-1]) == (74431.0, 74560.0, 74414.0, 74430.0)

    async def test_a_point_closes_the_hour_that_ends_there(self, provider: Provider) -> None:
        bars = await provider.bars("BTC-USD", Interval.H1, None)
        assert [from_us(us).hour for us in bars.start] == [9, 10, 11, 12, 13]
        assert bars.close[-1] == bars.open[-1] == 74176.44

    def test_the_last_point_is_now_and_ends_no_hour(self) -> None:
        body = by_file("coingecko", "coins_bitcoin_market_chart.json").body.replace(b"1793372400685", b"1793374200685")
        assert formats.parse_market_chart(body, asked(Interval.H1)).left_out["between two bars"] == 1

    async def test_quotes_of_many_and_unknown_coins(self, provider: Provider, wire: WireServer) -> None:
        quotes = await provider.quotes(["BTC-USD", "ETH-USD"])
        assert [(q.symbol, q.price, q.as_of.second) for q in quotes] == [
            ("BTC-USD", 74268.0, 16),
            ("ETH-USD", 2871.33, 13),
        ]
        wire.misbehave("coingecko", Fault(file="simple_price_unknown.json"))
        with pytest.raises(SymbolNotAtSource):
            await provider.quotes(["BTC-USD"])

    async def test_a_dollar_price_is_not_given_for_a_tether_pair(self, provider: Provider) -> None:
        with pytest.raises(SeriesNotOffered):
            provider.offer("BTC-USDT", Interval.D1)

    async def test_the_largest_coins_without_the_dead(self, provider: Provider) -> None:
        assert [one.symbol for one in await provider.instruments()] == ["BTC-USD", "ETH-USD"]
        dead = formats.parse_markets(by_file("coingecko", "coins_markets.json").body)[2]
        assert (dead.price, dead.rank, dead.updated_at_us) == (None, None, None)

    async def test_no_key_is_sent_where_none_is_set(self, provider: Provider, wire: WireServer) -> None:
        await provider.bars("BTC-USD", Interval.H1, RECORDED_AT - timedelta(hours=5))
        assert not any("api-key" in name for name in wire.asked("coingecko")[0].headers)


class TestWithKey(TestCoinGecko):
    secret = "CG-mine"

    async def test_no_key_is_sent_where_none_is_set(self, provider: Provider, wire: WireServer) -> None:
        await provider.bars("BTC-USD", Interval.H1, RECORDED_AT - timedelta(hours=5))
        assert wire.asked("coingecko")[0].headers["x-cg-demo-api-key"] == "CG-mine"

"""CryptoCompare: errors with HTTP 200, one row more than asked for, zeros before listing, nothing without a key."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest
from tests.providers.contract import RECORDED_AT, WireContract
from tests.wire import WireServer
from tests.wire.index import by_file

from truecast.domain.interval import Interval
from truecast.kit.clock import FixedClock, from_us, to_us
from truecast.providers import cryptocompare
from truecast.providers.base import Provider, Reach
from truecast.providers.candles import Asked
from truecast.providers.catalog import build_provider
from truecast.providers.errors import SourceKeyMissing, SourceKeyRefused, SourceOverBudget, SymbolNotAtSource

ASKED = Asked(
    "cryptocompare",
    "BTC-USD",
    Interval.H1,
    "24/7",
    to_us(RECORDED_AT),
    first_us=to_us(datetime(2010, 7, 17, tzinfo=UTC)),
)


class TestCryptoCompare(WireContract):
    key = "cryptocompare"
    secret = "mine"
    served = (("BTC-USD", Interval.H1),)
    readers = {"histohour.json": lambda body: cryptocompare.parse_candles(body, ASKED)}
    errors = {
        "error_200_rate_limit.json": SourceOverBudget,
        "error_200_bad_symbol.json": SymbolNotAtSource,
        "error_401.json": SourceKeyRefused,
    }
    not_read = frozenset({"coindesk_news_v1.json"})

    async def test_the_running_hour_is_dropped(self, provider: Provider, wire: WireServer) -> None:
        bars = await provider.bars("BTC-USD", Interval.H1, datetime(2026, 10, 30, 10, tzinfo=UTC))
        assert [from_us(us).hour for us in bars.start] == [12, 13, 14]
        assert (bars.open[0], bars.high[0], bars.low[0], bars.close[0]) == (73990.5, 74132.18, 73882.27, 74001.18)
        assert wire.asked("cryptocompare")[0].headers["authorization"] == "Apikey mine"

    async def test_without_a_key_nothing_is_asked(self, wire: WireServer, clock: FixedClock) -> None:
        bare = build_provider(
            "cryptocompare", clock, Reach(np.random.default_rng(1), base_url=wire.base_url("cryptocompare"))
        )
        with pytest.raises(SourceKeyMissing):
            await bare.bars("BTC-USD", Interval.H1, None)
        assert bare.info.needs_key and wire.asked("cryptocompare") == []

    def test_zeros_before_listing_are_no_prices(self) -> None:
        document = json.loads(by_file("cryptocompare", "histohour.json").body)
        document["Data"]["Data"][0].update(open=0, high=0, low=0, close=0, volumefrom=0, volumeto=0)
        read = cryptocompare.parse_candles(json.dumps(document).encode(), ASKED)
        assert len(read.bars) == 2 and read.left_out["before it was listed"] == 1

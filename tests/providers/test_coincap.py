"""CoinCap v3: nothing is asked without a key; the dead v2; strings for numbers."""

from datetime import UTC, datetime

import numpy as np
import pytest
from tests.providers.contract import RECORDED_AT, WireContract
from tests.wire import Fault, WireServer
from tests.wire.index import by_file

from truecast.domain.interval import Interval
from truecast.kit.clock import FixedClock, from_us, to_us
from truecast.kit.http import SourceAnswerMalformed
from truecast.providers import coincap
from truecast.providers.base import Provider, Reach
from truecast.providers.candles import Asked
from truecast.providers.catalog import build_provider, known_sources
from truecast.providers.errors import SourceKeyMissing, SourceKeyRefused, SourceRefused

INFO = known_sources()["coincap"]
IDS = {"bitcoin": "BTC-USD"}
ASKED = Asked(
    "coincap", "BTC-USD", Interval.H1, "24/7", to_us(RECORDED_AT), first_us=to_us(datetime(2013, 4, 28, tzinfo=UTC))
)


class TestCoinCap(WireContract):
    key = "coincap"
    secret = "mine"
    served = (("BTC-USD", Interval.H1),)
    readers = {
        "v3_history_h1.json": lambda body: coincap.parse_history(body, ASKED),
        "v3_assets.json": lambda body: [
            *coincap.parse_assets(body, IDS, INFO, RECORDED_AT),
            coincap.parse_listed(body),
        ],
    }
    errors = {"error_401_no_key.json": SourceKeyRefused}
    not_read = frozenset({"v2_deprecated.json"})

    async def test_a_price_closes_the_hour_that_ends_there(self, provider: Provider, wire: WireServer) -> None:
        bars = await provider.bars("BTC-USD", Interval.H1, datetime(2026, 10, 30, 10, tzinfo=UTC))
        assert [(from_us(us).hour, close) for us, close in zip(bars.start, bars.close, strict=True)] == [
            (12, 74011.1211),
            (13, 74190.021),
        ]
        assert wire.asked("coincap")[0].headers["authorization"] == "Bearer mine"

    async def test_without_a_key_nothing_is_asked(self, wire: WireServer, clock: FixedClock) -> None:
        reach = Reach(np.random.default_rng(1), base_url=wire.base_url("coincap"))
        bare = build_provider("coincap", clock, reach)
        with pytest.raises(SourceKeyMissing):
            await bare.bars("BTC-USD", Interval.H1, None)
        with pytest.raises(SourceKeyMissing):
            await bare.quotes(["BTC-USD"])
        assert bare.info.needs_key and wire.asked("coincap") == []

    async def test_the_dead_version_says_so(self, provider: Provider, wire: WireServer) -> None:
        wire.misbehave("coincap", Fault(file="v2_deprecated.json"))
        with pytest.raises(SourceRefused, match="deprecating"):
            await provider.bars("BTC-USD", Interval.H1, None)

    async def test_quotes_and_coins(self, provider: Provider) -> None:
        [quote] = await provider.quotes(["BTC-USD"])
        assert quote.price == 74268.42
        assert [one.symbol for one in await provider.instruments()] == ["BTC-USD"]


@pytest.mark.parametrize("stamp", [1793372667, 1793372667000000, 1793376267000])
def test_a_price_whose_time_is_in_another_unit_or_to_come_is_refused(stamp: int) -> None:
    body = by_file("coincap", "v3_assets.json").body.replace(b"1793372667000", str(stamp).encode())
    with pytest.raises(SourceAnswerMalformed, match="wrong unit"):
        coincap.parse_assets(body, IDS, INFO, RECORDED_AT)

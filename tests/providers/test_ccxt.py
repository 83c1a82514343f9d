"""ccxt: its unified shapes read with the same suspicion, its errors as ours; with the library, the recorded Binance."""

import importlib.util
from collections.abc import AsyncIterator
from datetime import timedelta

import numpy as np
import pytest
from tests.providers.contract import RECORDED_AT, ProviderContract, sound
from tests.wire import Fault, WireServer

from truecast.domain.interval import Interval
from truecast.kit.clock import FixedClock, from_us, to_us
from truecast.kit.errors import TruecastError
from truecast.kit.guard import Guard, SourceResting
from truecast.kit.http import SourceAnswerMalformed, SourceUnreachable
from truecast.kit.limits import BREAKER_OUTCOMES_MIN
from truecast.providers import ccxt as adapter
from truecast.providers.base import Provider, Reach
from truecast.providers.candles import Asked
from truecast.providers.catalog import build_provider, known_sources
from truecast.providers.errors import SourceOverBudget, SourceRefused, SymbolNotAtSource

INSTALLED = importlib.util.find_spec("ccxt") is not None
ASKED = Asked("ccxt", "BTC-USDT", Interval.M1, "24/7", to_us(RECORDED_AT))
MINUTE_MS = 60_000
NOW_MS = to_us(RECORDED_AT) // 1_000 // MINUTE_MS * MINUTE_MS


def test_the_running_candle_is_dropped() -> None:
    rows = [[NOW_MS - i * MINUTE_MS, 1.0, 2.0, 0.5, 1.5, 3.0] for i in (2, 1, 0)]
    read = adapter.parse_candles(rows, ASKED)
    assert len(read.bars) == 2 and read.left_out == {"unfinished": 1}
    sound(read)


@pytest.mark.parametrize(
    "rows",
    [
        None,
        {},
        [None],
        [[NOW_MS, 1, 2, 3]],
        [[NOW_MS, None, 2, 1, 1, 1]],
        [[NOW_MS // 1_000, 1, 2, 1, 1, 1], [1, 1, 1, 1, 1, 1]],
    ],
)
def test_what_is_no_candle_is_refused(rows: object) -> None:
    with pytest.raises(SourceAnswerMalformed):
        adapter.parse_candles(rows, ASKED)


def test_tickers() -> None:
    names = {"BTC/USDT": "BTC-USDT", "X/USDT": "X-USDT"}
    document = {"BTC/USDT": {"last": 5.0, "bid": 4.0, "ask": None, "timestamp": None}, "X/USDT": {"last": None}}
    [quote] = adapter.parse_tickers(document, names, known_sources()["ccxt"], RECORDED_AT)
    assert (quote.symbol, quote.price, quote.bid, quote.ask) == ("BTC-USDT", 5.0, 4.0, None)
    with pytest.raises(SymbolNotAtSource):
        adapter.parse_tickers({}, names, known_sources()["ccxt"], RECORDED_AT)


def test_an_error_of_the_library_is_one_of_ours() -> None:
    base = type("BaseError", (Exception,), {})
    network = type("NetworkError", (base,), {})
    limit = type("RateLimitExceeded", (network,), {})
    symbol = type("BadSymbol", (base,), {})
    response = type("BadResponse", (base,), {})
    assert isinstance(adapter.meaning_of(limit("slow down"), "https://okx", "X"), SourceOverBudget)
    assert isinstance(adapter.meaning_of(network("cut"), "https://okx", "X"), SourceUnreachable)
    assert isinstance(adapter.meaning_of(symbol("no"), "https://okx", "X"), SymbolNotAtSource)
    assert isinstance(adapter.meaning_of(response("<html>"), "https://okx", "X"), SourceAnswerMalformed)
    assert isinstance(adapter.meaning_of(base("other"), "https://okx", "X"), SourceRefused)
    assert isinstance(adapter.meaning_of(KeyError("k"), "https://okx", "X"), SourceAnswerMalformed)


class Failing:
    """Stands for the library's client of an exchange that is away."""

    def __init__(self) -> None:
        self.asked = 0

    async def fetch_tickers(self, _names: list[str]) -> dict[str, object]:
        self.asked += 1
        base = type("BaseError", (Exception,), {})
        raise type("NetworkError", (base,), {})("cut")

    async def close(self) -> None:
        pass


async def test_the_librarys_calls_go_through_the_guard(clock: FixedClock) -> None:
    guard, exchange = Guard("ccxt", clock=clock), Failing()
    source = adapter.create(clock, Reach(np.random.default_rng(1), base_url="https://okx", guard=guard))
    source._opened = exchange
    for _ in range(BREAKER_OUTCOMES_MIN):
        with pytest.raises(SourceUnreachable):
            await source.quotes(["BTC-USDT"])
    with pytest.raises(SourceResting):
        await source.quotes(["BTC-USDT"])
    assert (exchange.asked, guard.usage.attempts, guard.usage.calls) == (5, 5, 6)
    assert guard.usage.last_error is not None
    await source.close()


async def test_without_the_library_or_the_exchange_it_says_what_to_do(clock: FixedClock) -> None:
    source = build_provider("ccxt", clock, Reach(np.random.default_rng(1), base_url="https://nosuchexchange"))
    assert source.offers()
    with pytest.raises(adapter.CcxtMissing, match="nosuchexchange" if INSTALLED else r"truecast\[ccxt\]"):
        await source.bars("BTC-USDT", Interval.M1, clock.now() - timedelta(minutes=5))
    await source.close()


if INSTALLED:  # an extra that no installation of ours has: its pins contradict ours

    class TestCcxt(ProviderContract):
        served = (("BTC-USDT", Interval.M1),)

        @pytest.fixture
        def clock(self) -> FixedClock:
            return FixedClock(RECORDED_AT)

        @pytest.fixture
        async def provider(self, wire: WireServer, clock: FixedClock) -> AsyncIterator[Provider]:
            reach = Reach(np.random.default_rng(1), base_url=f"http://{wire.root}/binance", timeout_s=2)
            built = build_provider("ccxt", clock, reach)
            yield built
            await built.close()

        def asked_for(self, provider: Provider) -> list:
            return [provider.offer(symbol, interval) for symbol, interval in self.served]

        def interval_not_offered(self, provider: Provider) -> Interval:
            return Interval.Q1

        async def test_reads_the_recorded_candles(self, provider: Provider) -> None:
            bars = await provider.bars("BTC-USDT", Interval.M1, RECORDED_AT - timedelta(minutes=10))
            assert [from_us(us).minute for us in bars.start] == [0, 1, 2, 3]

        async def test_errors_are_ours(self, provider: Provider, wire: WireServer) -> None:
            await provider.instruments()
            for fault in (Fault(html=True), Fault(status=429), Fault(reset=True), Fault(hang=True), Fault(body=b"")):
                wire.behave("binance")
                wire.misbehave("binance", fault)
                with pytest.raises(TruecastError):
                    await provider.bars("BTC-USDT", Interval.M1, RECORDED_AT - timedelta(minutes=20))

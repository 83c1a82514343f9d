"""Kraken: errors inside an HTTP 200, keys other than asked for, the uncommitted candle, WebSocket v2."""

from datetime import UTC, datetime, timedelta

import pytest
import websockets
from tests.providers.contract import RECORDED_AT, WireContract
from tests.wire import Fault, WireServer, wire_server
from tests.wire.index import by_file

from truecast.domain.event import Candle, Notice, Tick
from truecast.domain.interval import Interval
from truecast.kit.clock import from_us, to_us
from truecast.kit.http import SourceAnswerMalformed
from truecast.providers import kraken_feed
from truecast.providers import kraken_formats as formats
from truecast.providers.base import Provider
from truecast.providers.candles import Asked
from truecast.providers.catalog import known_sources
from truecast.providers.errors import SourceOutOfService, SourceOverBudget, SourceRefused, SymbolNotAtSource

INFO = known_sources()["kraken"]
ASKED = Asked(
    "kraken", "BTC-USD", Interval.M1, "24/7", to_us(RECORDED_AT), first_us=to_us(datetime(2013, 9, 10, tzinfo=UTC))
)
NAMES = {"XBTUSD": "BTC-USD", "XXBTZUSD": "BTC-USD"}


def decode(frame: bytes):
    return kraken_feed.decode(frame, 1, names={"BTC/USD": "BTC-USD"})


class TestKraken(WireContract):
    key = "kraken"
    served = (("BTC-USD", Interval.M1),)
    passes = timedelta(hours=11)  # the last 720 minutes are all there is
    readers = {
        "OHLC_1.json": lambda body: formats.parse_ohlc(body, ASKED),
        "Ticker.json": lambda body: formats.parse_tickers(body, NAMES, INFO, RECORDED_AT),
        "AssetPairs.json": formats.parse_pairs,
    }
    decoders = {"ws_v2.ws.jsonl": decode}
    errors = {
        "error_200_unknown_pair.json": SymbolNotAtSource,
        "error_200_rate_limit.json": SourceOverBudget,
        "error_200_api_rate_limit.json": SourceOverBudget,
        "error_200_lockout.json": SourceOverBudget,
        "error_200_unavailable.json": SourceOutOfService,
        "error_200_busy.json": SourceOutOfService,
        "error_200_invalid_args.json": SourceRefused,
        "error_520_cloudflare.html": SourceOutOfService,
    }
    not_read = frozenset({"Time.json", "SystemStatus.json", "SystemStatus_maintenance.json"})

    async def test_the_uncommitted_candle_is_dropped_though_our_clock_says_it_is_over(
        self, provider: Provider, clock
    ) -> None:
        clock.advance(timedelta(minutes=5))
        bars = await provider.bars("BTC-USD", Interval.M1, None)
        assert [from_us(us).strftime("%H:%M") for us in bars.start] == ["14:59", "15:00", "15:01", "15:02", "15:03"]
        assert bars.volume[2] == 0 and bars.open[2] == bars.close[2] == 74308.3

    async def test_spells_pairs_as_kraken_does(self, provider: Provider, wire: WireServer) -> None:
        assert formats.spelled("DOGE-EUR") == "XDGEUR"
        await provider.bars("BTC-USD", Interval.M1, RECORDED_AT - timedelta(minutes=6))
        [one] = wire.asked("kraken")
        since = datetime.fromtimestamp(int(one.query["since"]) + 1, UTC)
        assert (one.query["pair"], since) == ("XBTUSD", datetime(2026, 10, 30, 14, 59, tzinfo=UTC))

    async def test_quotes_of_pairs_under_either_name(self, provider: Provider, wire: WireServer) -> None:
        [quote] = await provider.quotes(["BTC-USD"])
        assert (quote.symbol, quote.price, quote.bid, quote.ask) == ("BTC-USD", 74268.5, 74268.4, 74268.5)
        wire.misbehave("kraken", Fault(file="error_200_unknown_pair.json"))
        with pytest.raises(SymbolNotAtSource):
            await provider.quotes(["BTC-USD", "NOPE-USD"])

    async def test_lists_pairs_by_our_names(self, provider: Provider) -> None:
        [one] = await provider.instruments()
        assert (one.symbol, one.currency) == ("BTC-USD", "USD")

    async def test_a_pair_that_is_gone_is_told(self, provider: Provider, wire: WireServer) -> None:
        wire.misbehave("kraken", Fault(path="OHLC", skew_s=-30 * 86_400))
        pairs = by_file("kraken", "AssetPairs.json").body
        wire.misbehave("kraken", Fault(path="AssetPairs", body=pairs.replace(b"online", b"delisted")))
        with pytest.raises(SymbolNotAtSource, match="delisted"):
            await provider.bars("BTC-USD", Interval.M1, RECORDED_AT - timedelta(hours=1))

    def test_an_answer_about_another_pair_is_refused(self) -> None:
        body = by_file("kraken", "OHLC_1.json").body.replace(b"XXBTZUSD", b"XETHZUSD")
        with pytest.raises(SourceAnswerMalformed, match="XETHZUSD"):
            formats.parse_ohlc(body, ASKED)

    def test_a_lockout_lasts_a_quarter_of_an_hour(self) -> None:
        error = formats.told_error("EGeneral:Temporary lockout", "BTC-USD")
        assert isinstance(error, SourceOverBudget) and error.retry_after_s == 900


async def test_the_recorded_feed_becomes_events() -> None:
    async with wire_server() as wire:
        plan = kraken_feed.plan(wire.ws_url("kraken", "/v2"), ["BTC-USD"])
        async with websockets.connect(plan.url) as socket:
            for frame in plan.subscribe[:2]:
                await socket.send(frame)
            events = [event for _ in range(8) for event in plan.decode(await socket.recv(), 7)]
    assert [type(event).__name__ for event in events] == [
        "Notice", "Notice", "Candle", "Candle", "Notice", "Candle", "Notice", "Tick", "Tick",
    ]  # fmt: skip
    candles = [event for event in events if isinstance(event, Candle)]
    assert [(from_us(one.start_us).minute, one.final) for one in candles] == [(3, True), (4, False), (4, False)]
    trade = events[-1]
    assert isinstance(trade, Tick) and (trade.price, trade.size, trade.seq) == (74270.1, 0.00135, 91234567)


def test_a_pair_that_is_not_supported_is_a_notice() -> None:
    [notice] = decode(
        b'{"error":"Currency pair not supported XBT/USD","method":"subscribe","success":false,"symbol":"BTC/USD"}'
    )
    assert isinstance(notice, Notice) and (notice.kind, notice.symbol) == ("refused", "BTC-USD")

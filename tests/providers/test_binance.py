"""Binance: klines and their holes, its errors by code, the streams, and reconnects announced."""

import gzip
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import websockets
from tests.providers.contract import RECORDED_AT, WireContract, sound
from tests.wire import Fault, WireServer
from tests.wire.index import by_file
from tests.wire.server import Made

from truecast.domain.event import Candle, Notice, Tick
from truecast.domain.interval import Interval
from truecast.kit.clock import FixedClock, from_us, to_us
from truecast.kit.http import SourceAnswerMalformed
from truecast.kit.limits import SOURCE_BARS_MAX
from truecast.providers import binance_feed
from truecast.providers import binance_formats as formats
from truecast.providers.base import Provider, info_beside
from truecast.providers.candles import Asked
from truecast.providers.errors import (
    SourceKeyRefused,
    SourceOutOfService,
    SourceOverBudget,
    SourceRefused,
    SymbolNotAtSource,
)
from truecast.providers.feed import SequenceWatch

INFO = info_beside(formats.__file__.replace("_formats", ""))
NAMES = {"BTCUSDT": "BTC-USDT", "ETHUSDT": "ETH-USDT"}
FIRST_US = to_us(datetime(2017, 7, 14, tzinfo=UTC))


def asked(interval: Interval) -> Asked:
    return Asked("binance", "BTC-USDT", interval, "24/7", to_us(RECORDED_AT), first_us=FIRST_US)


def klines(interval: Interval):
    return lambda body: formats.parse_klines(body, asked(interval))


def decode(frame: bytes):
    return binance_feed.decode(frame, 1, names=NAMES)


ORDERS = {
    "account.json", "order_ack.json", "order_full.json", "order_query.json", "ws_api_user_stream.ws.jsonl",
    "depth.json", "aggTrades.json", "trades.json", "ticker_price.json", "ticker_price_list.json", "ping.json", "time.json",
}  # fmt: skip


class TestBinance(WireContract):
    key = "binance"
    served = (("BTC-USDT", Interval.M1),)
    readers = {
        "klines_1m.json": klines(Interval.M1),
        "klines_1h_gap.json": klines(Interval.H1),
        "klines_empty.json": klines(Interval.M1),
        "public_data_klines_2025.csv": lambda body: formats.parse_bulk(body, asked(Interval.H1)),
        "ticker_24hr.json": lambda body: formats.parse_tickers(body, NAMES, INFO, RECORDED_AT),
        "ticker_24hr_list.json": lambda body: formats.parse_tickers(body, NAMES, INFO, RECORDED_AT),
        "ticker_24hr_mini.json": lambda body: formats.parse_tickers(body, NAMES, INFO, RECORDED_AT),
        "exchangeInfo.json": formats.parse_exchange_info,
    }
    decoders = {"ws_combined.ws.jsonl": decode, "ws_raw_subscribe.ws.jsonl": decode}
    errors = {
        "error_400_invalid_symbol.json": SymbolNotAtSource,
        "error_400_invalid_interval.json": SourceRefused,
        "error_400_missing_param.json": SourceRefused,
        "error_400_timestamp.json": SourceRefused,
        "error_400_insufficient_balance.json": SourceRefused,
        "error_400_filter.json": SourceRefused,
        "error_401_bad_key.json": SourceKeyRefused,
        "error_403_waf.html": SourceOverBudget,
        "error_418.json": SourceOverBudget,
        "error_429.json": SourceOverBudget,
        "error_451_geo.json": SourceRefused,
        "error_503_unknown.json": SourceOutOfService,
    }
    not_read = frozenset(ORDERS) | {"ticker_bookTicker.json"}

    async def test_drops_the_bar_still_forming(self, provider: Provider) -> None:
        bars = await provider.bars("BTC-USDT", Interval.M1, None)
        assert [from_us(us).minute for us in bars.start] == [0, 1, 2, 3]
        assert (bars.open[0], bars.high[0], bars.low[0], bars.close[0]) == (74210.5, 74300.15, 74209.02, 74267.86)
        assert bars.volume[0] == 25.27632

    async def test_hours_of_maintenance_stay_a_hole(self, provider: Provider) -> None:
        day = datetime(2019, 3, 12, tzinfo=UTC)
        bars = await provider.between("BTC-USDT", Interval.H1, day, day + timedelta(days=1))
        assert [from_us(us).hour for us in bars.start] == [0, 1, 2, 8, 9, 10, 11]

    def test_bulk_files_are_in_microseconds_since_2025(self) -> None:
        bars = formats.parse_bulk(by_file("binance", "public_data_klines_2025.csv").body, asked(Interval.H1)).bars
        assert [from_us(us) for us in bars.start] == [datetime(2025, 1, 1, h, tzinfo=UTC) for h in range(3)]

    async def test_a_long_history_comes_in_pages_of_a_thousand(
        self, provider: Provider, wire: WireServer, clock: FixedClock
    ) -> None:
        listed_ms = to_us(RECORDED_AT - timedelta(minutes=2_500)) // 60_000_000 * 60_000

        def maker(path: str, query: dict[str, str]) -> Made | None:
            start, end, limit = int(query["startTime"]), int(query["endTime"]), int(query["limit"])
            first = max(-(-start // 60_000) * 60_000, listed_ms)
            rows = [
                [t, "1", "2", "1", "2", "3", t + 59_999, "0", 1, "0", "0", "0"]
                for t in range(first, min(first + 60_000 * limit, end + 1), 60_000)
            ]
            return Made(json.dumps(rows).encode())

        wire.make("binance", maker)
        bars = await provider.bars("BTC-USDT", Interval.M1, None)
        assert len(bars) == 2_500 and len(wire.asked("binance")) == 3
        assert (bars.start[1:] - bars.start[:-1] == 60_000_000).all()
        assert [one.query["limit"] for one in wire.asked("binance")] == ["1000"] * 3
        oldest = from_us(to_us(RECORDED_AT) // 60_000_000 * 60_000_000) - timedelta(minutes=SOURCE_BARS_MAX)
        assert from_us(int(wire.asked("binance")[0].query["startTime"]) * 1_000) == oldest

    async def test_quotes_of_many_cost_one_request(self, provider: Provider, wire: WireServer) -> None:
        quotes = await provider.quotes(["BTC-USDT", "ETH-USDT"])
        assert [(q.symbol, q.price, q.bid, q.ask) for q in quotes] == [
            ("BTC-USDT", 74268.41, 74268.4, 74268.41),
            ("ETH-USDT", 2871.33, 2871.32, 2871.33),
        ]
        assert wire.paths("binance") == ["/api/v3/ticker/24hr?symbols=%5B%22BTCUSDT%22%2C%22ETHUSDT%22%5D"]
        assert quotes[0].as_of == datetime(2026, 10, 30, 15, 4, 27, 1_000, UTC)

    async def test_one_unknown_symbol_does_not_cost_the_others(self, provider: Provider, wire: WireServer) -> None:
        wire.misbehave("binance", Fault(path="NOPE", status=400, body=b'{"code":-1121,"msg":"Invalid symbol."}'))
        quotes = await provider.quotes(["BTC-USDT", "NOPE-USDT", "ETH-USDT"])
        assert [q.symbol for q in quotes][:1] == ["BTC-USDT"]
        with pytest.raises(SymbolNotAtSource):
            await provider.quotes(["NOPE-USDT"])

    async def test_a_delisted_pair_is_told_apart_from_a_quiet_one(self, provider: Provider, wire: WireServer) -> None:
        wire.misbehave("binance", Fault(path="klines", status=200, body=b"[]"))
        wire.misbehave("binance", Fault(path="exchangeInfo", file="exchangeInfo.json"))
        assert len(await provider.bars("BTC-USDT", Interval.M1, RECORDED_AT - timedelta(hours=1))) == 0
        with pytest.raises(SymbolNotAtSource, match="BREAK"):
            await provider.bars("LUNC-USDT", Interval.M1, RECORDED_AT - timedelta(hours=1))

    async def test_lists_what_trades_with_its_tick(self, provider: Provider) -> None:
        listed = {one.symbol: one for one in await provider.instruments()}
        assert set(listed) == {"BTC-USDT", "ETH-USDT"}
        assert str(listed["BTC-USDT"].tick) == "0.01"

    def test_a_ban_says_how_long(self) -> None:
        error = formats.explain(418, by_file("binance", "error_418.json").body, "BTC-USDT", 120.0)
        assert isinstance(error, SourceOverBudget) and error.retry_after_s == 120.0


class TestFeed:
    async def test_the_recorded_stream_becomes_events(self, wire: WireServer) -> None:
        plan = binance_feed.plan(wire.ws_url("binance"), {"BTCUSDT": "BTC-USDT"})
        events = []
        async with websockets.connect(plan.url) as socket:
            for frame in plan.subscribe:
                await socket.send(frame)
            for _ in range(6):
                events += plan.decode(await socket.recv(), 7)
        assert [type(event).__name__ for event in events] == ["Candle", "Tick", "Tick", "Candle", "Candle", "Notice"]
        assert [event.final for event in events if isinstance(event, Candle)] == [False, True, False]
        trade = events[2]
        assert isinstance(trade, Tick)
        assert (trade.price, trade.size, trade.seq, trade.at_us) == (74268.4, 0.02, 5603646800, 1793372665799000)
        assert isinstance(events[-1], Notice) and events[-1].kind == "closing"

    def test_control_answers_are_notices(self) -> None:
        assert [e.kind for e in decode(b'{"result":null,"id":1}')] == ["subscribed"]
        [refused] = decode(b'{"code":2,"msg":"Invalid request"}')
        assert (refused.kind, refused.detail) == ("refused", "Invalid request (2)")

    def test_a_best_bid_and_ask_has_a_number_but_no_time(self) -> None:
        frame = (
            b'{"stream":"ethusdt@bookTicker","data":{"u":35346513501,"s":"ETHUSDT","b":"2683.80000000",'
            b'"B":"3.02920000","a":"2683.81000000","A":"31.43950000"}}'
        )
        assert decode(frame) == (Tick("ETH-USDT", None, 2683.8, 2683.81, None, 0, 1, 35346513501),)

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (b'"p":"74268.40000000"', b'"p":"0"'),
            (b'"p":"74268.40000000"', b'"p":"NaN"'),
            (b'"p":"74268.40000000"', b'"p":"-1"'),
            (b'"T":1793372665799', b'"T":1793372665'),
            (b'"q":"0.02000000"', b'"q":"Infinity"'),
            (b'"t":5603646800', b'"t":"x"'),
        ],
    )
    def test_nonsense_in_a_trade_is_refused(self, old: bytes, new: bytes) -> None:
        frame = (
            b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1793372665800,"s":"BTCUSDT","t":5603646800,'
            b'"p":"74268.40000000","q":"0.02000000","T":1793372665799,"m":true,"M":true}}'
        )
        assert old in frame and len(decode(frame)) == 1
        with pytest.raises(SourceAnswerMalformed):
            decode(frame.replace(old, new))

    def test_many_pairs_are_subscribed_in_few_messages(self) -> None:
        names = {f"C{i}USDT": f"C{i}-USDT" for i in range(120)}
        plan = binance_feed.plan("wss://x", names)
        assert [len(json.loads(frame)["params"]) for frame in plan.subscribe] == [200, 200, 80]
        assert plan.age_s_max is not None and plan.age_s_max < 24 * 3_600


def test_a_raw_capture_of_a_day_is_read_whole_and_in_sequence(shared_data: Path) -> None:
    """33,618 frames as they came on 2024-08-08: trades without a hole, quotes that only rise, depth left alone."""
    packed = (shared_data / "ship" / "ticks" / "binance_spot_ethusdt_20240808.gz").read_bytes()
    watch, verdicts, ticks = SequenceWatch("gapless", "rising"), Counter[str](), list[Tick]()
    for line in gzip.decompress(packed).splitlines():
        received_ns, frame = line.split(b" ", 1)
        for event in binance_feed.decode(frame, int(received_ns) // 1_000, names=NAMES):
            verdicts[watch.judge(event)[0]] += 1
            assert isinstance(event, Tick)
            ticks.append(event)
    sound(ticks)
    assert verdicts == {"fresh": 24_077 + 6_106}
    assert all(abs(tick.received_us - tick.at_us) < 10_000_000 for tick in ticks if tick.at_us)
    assert sum(tick.price is not None for tick in ticks) == 6_106

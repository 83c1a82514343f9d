"""Coinbase Exchange: candles newest first and low before high, minutes without a trade, the feed."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import websockets
from tests.providers.contract import RECORDED_AT, WireContract
from tests.wire import Fault, WireServer

from truecast.domain.event import Notice, Tick
from truecast.domain.interval import Interval
from truecast.kit.clock import from_us, to_us
from truecast.providers import coinbase_feed
from truecast.providers import coinbase_formats as formats
from truecast.providers.base import Provider
from truecast.providers.candles import Asked
from truecast.providers.catalog import known_sources
from truecast.providers.errors import SourceOutOfService, SourceOverBudget, SourceRefused, SymbolNotAtSource
from truecast.providers.feed import SequenceWatch

INFO = known_sources()["coinbase"]
NAMES = {"BTC-USD": "BTC-USD"}
ASKED = Asked(
    "coinbase", "BTC-USD", Interval.M1, "24/7", to_us(RECORDED_AT), first_us=to_us(datetime(2015, 1, 8, tzinfo=UTC))
)


def candles(body: bytes):
    return formats.parse_candles(body, ASKED)


def decode(frame: bytes):
    return coinbase_feed.decode(frame, 1, names=NAMES)


class TestCoinbase(WireContract):
    key = "coinbase"
    served = (("BTC-USD", Interval.M1),)
    readers = {
        "candles_60.json": candles,
        "candles_empty.json": candles,
        "ticker.json": lambda body: formats.parse_ticker(body, "BTC-USD", INFO, RECORDED_AT),
        "products.json": formats.parse_products,
    }
    decoders = {"ws_feed.ws.jsonl": decode}
    errors = {
        "error_400_granularity.json": SourceRefused,
        "error_400_too_many_candles.json": SourceRefused,
        "error_404.json": SymbolNotAtSource,
        "error_429.json": SourceOverBudget,
        "error_503_maintenance.json": SourceOutOfService,
    }
    not_read = frozenset({"stats.json", "trades.json", "time.json"})

    async def test_columns_order_and_the_missing_minute(self, provider: Provider) -> None:
        bars = await provider.bars("BTC-USD", Interval.M1, RECORDED_AT - timedelta(minutes=10))
        assert [from_us(us).strftime("%H:%M") for us in bars.start] == [
            "14:57",
            "14:58",
            "14:59",
            "15:01",
            "15:02",
            "15:03",
        ]
        last = (bars.open[-1], bars.high[-1], bars.low[-1], bars.close[-1], bars.volume[-1])
        assert last == (74263.64, 74270.47, 74206.83, 74218.61, 2.77934095)

    async def test_windows_are_small_enough_and_leave_nothing_out(self, provider: Provider, wire: WireServer) -> None:
        await provider.bars("BTC-USD", Interval.M1, RECORDED_AT - timedelta(minutes=700))
        windows = [(one.query["start"], one.query["end"]) for one in wire.asked("coinbase")]
        assert len(windows) == 3
        assert all(a[1] == b[0] for a, b in pairwise(windows))
        spans = [datetime.fromisoformat(end) - datetime.fromisoformat(start) for start, end in windows]
        assert max(spans) == timedelta(minutes=299)

    async def test_quotes(self, provider: Provider) -> None:
        [quote] = await provider.quotes(["BTC-USD", "NOPE-USD"])
        assert (quote.symbol, quote.price, quote.bid, quote.ask) == ("BTC-USD", 74268.42, 74268.41, 74268.42)
        assert quote.as_of == datetime(2026, 10, 30, 15, 4, 26, 918273, UTC)
        with pytest.raises(SymbolNotAtSource):
            await provider.quotes(["NOPE-USD"])

    async def test_a_delisted_product_is_told_and_not_listed(self, provider: Provider, wire: WireServer) -> None:
        assert {one.symbol for one in await provider.instruments()} == {"BTC-USD", "ETH-USD"}
        wire.misbehave("coinbase", Fault(path="candles", status=200, body=b"[]"))
        with pytest.raises(SymbolNotAtSource, match="delisted"):
            await provider.bars("XRP-GBP", Interval.M1, RECORDED_AT - timedelta(hours=1))
        assert len(await provider.bars("BTC-USD", Interval.M1, RECORDED_AT - timedelta(hours=1))) == 0

    def test_an_error_with_status_200_is_an_error(self) -> None:
        with pytest.raises(SourceRefused, match="Unsupported"):
            candles(b'{"message":"Unsupported granularity"}')


async def test_the_recorded_feed_becomes_events_with_trades_in_sequence() -> None:
    from tests.wire import wire_server

    async with wire_server() as wire:
        plan = coinbase_feed.plan(wire.ws_url("coinbase"), NAMES)
        async with websockets.connect(plan.url) as socket:
            await socket.send(plan.subscribe[0])
            events = [event for _ in range(5) for event in plan.decode(await socket.recv(), 7)]
    assert [type(event).__name__ for event in events] == ["Notice", "Tick", "Tick", "Tick", "Notice"]
    watch = SequenceWatch(plan.trades, plan.quotes)
    assert [watch.judge(event)[0] for event in events] == ["fresh"] * 5
    assert watch.judge(events[3]) == ("repeated", 0)
    assert watch.judge(events[1]) == ("late", 0)
    trade = events[3]
    assert isinstance(trade, Tick)
    later = Tick(trade.symbol, 1.0, None, None, 1.0, trade.at_us, 8, (trade.seq or 0) + 4)
    assert watch.judge(later) == ("gap", 3)
    watch.forget()
    assert watch.judge(events[1]) == ("fresh", 0)


def test_an_unknown_product_is_a_notice_and_an_unknown_type_is_ignored() -> None:
    [notice] = decode(b'{"type":"error","message":"Failed to subscribe","reason":"NOPE-USD is not a valid product"}')
    assert isinstance(notice, Notice)
    assert (notice.kind, notice.detail) == ("refused", "Failed to subscribe: NOPE-USD is not a valid product")
    assert decode(b'{"type":"auction","product_id":"BTC-USD"}') == ()

"""Stocks, funds and indices: Yahoo, Alpaca, Massive, Finnhub, Tiingo, Stooq."""

import dataclasses
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from tests.providers.contract import RECORDED_AT, WireContract, sound
from tests.providers.harm import harmless, nonsense
from tests.providers.mutate import broken_bytes, broken_json
from tests.wire import Fault, WireServer, recorded, wire_server
from tests.wire.dialogue import steps
from tests.wire.index import by_file
from tests.wire.server import Made

from truecast.domain.corporate import Factor
from truecast.domain.event import Candle, Notice, Tick
from truecast.domain.interval import Interval
from truecast.kit.clock import FixedClock, from_us, to_us
from truecast.kit.errors import TruecastError
from truecast.kit.http import SourceAnswerMalformed
from truecast.market.calendar import calendar
from truecast.providers import alpaca_formats, finnhub_formats, massive_formats, stooq, tiingo
from truecast.providers.base import Provider, Reach
from truecast.providers.candles import Asked, Read
from truecast.providers.catalog import build_provider
from truecast.providers.errors import (
    SourceKeyMissing,
    SourceKeyRefused,
    SourceOutOfService,
    SourceOverBudget,
    SourceRefused,
    SymbolNotAtSource,
)
from truecast.providers.hours import us_close_us
from truecast.providers.yahoo_formats import factors_of, parse_chart, quote_of, read_chart

M1, M30, D1 = Interval.M1, Interval.M30, Interval.D1
NOW_US = to_us(RECORDED_AT)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def asked(source: str, interval: Interval, symbol: str = "AAPL", along: str = "XNYS") -> Asked:
    return Asked(source, symbol, interval, along, NOW_US, first_us=to_us(at("1985-01-01")), later_us=900_000_000)


def chart(
    body: bytes, interval: Interval = D1, name: str = "AAPL", along: str = "XNYS", now: str | None = None
) -> Read:
    reading = dataclasses.replace(asked("yahoo", interval, name, along), **({"now_us": to_us(at(now))} if now else {}))
    return read_chart(parse_chart(body, name, interval, "USD", name), reading)


class TestYahoo(WireContract):
    key = "yahoo"
    served = (("AAPL", D1), ("EUR-USD", D1))
    readers = {
        "chart_1d.json": chart,
        "chart_1m.json": lambda body: chart(body, M1),
        "chart_fx_1d.json": lambda body: chart(body, D1, "EURUSD=X", "FX"),
        "chart_empty.json": chart,
    }
    errors = {
        "error_404.json": SymbolNotAtSource,
        "error_422.json": SourceRefused,
        "error_429.txt": SourceOverBudget,
        "error_401_crumb.json": SourceKeyMissing,
        "error_200_maintenance.html": SourceOutOfService,
    }
    not_read = frozenset({"crumb.txt"})

    def test_splits_are_taken_back_out_of_prices_and_volume(self) -> None:
        bars = chart(by_file("yahoo", "chart_1d.json").body).bars
        assert (bars.close[0], bars.volume[0]) == (round(260.6331 * 4, 4), 54664755 / 4)  # before the 4 for 1
        assert (bars.close[1], bars.volume[1]) == (260.9893, 31642139)

    def test_a_row_of_nulls_is_missing_and_the_live_row_is_dropped(self) -> None:
        read = chart(by_file("yahoo", "chart_1d.json").body)
        assert [from_us(us).day for us in read.bars.start] == [22, 23, 26, 28, 29]
        assert read.left_out == {"without a price": 1, "unfinished": 1}

    def test_splits_and_dividends_are_factors_on_what_was_paid_before(self) -> None:
        found = factors_of(parse_chart(by_file("yahoo", "chart_1d.json").body, "AAPL", D1, "USD", "AAPL"))
        assert found == [Factor(date(2026, 10, 22), 1.0, 0.25), Factor(date(2026, 10, 25), 1 - 0.27 / 260.9893, 1.0)]

    def test_what_yahoo_calls_adjusted_follows_from_raw_prices_and_factors(self) -> None:
        body = by_file("yahoo", "chart_1d.json").body
        bars, factors = chart(body).bars, factors_of(parse_chart(body, "AAPL", D1, "USD", "AAPL"))
        theirs = json.loads(body)["chart"]["result"][0]["indicators"]["adjclose"][0]["adjclose"]
        for start, close, adjusted in zip(bars.start[:3], bars.close[:3], theirs, strict=False):
            for factor in factors:
                if from_us(int(start)).date() <= factor.date:
                    adjusted /= factor.price_factor * factor.split_factor  # noqa: PLW2901 back to what was paid
            assert abs(close - adjusted) < 1e-2

    def test_a_day_is_labelled_by_its_date_at_the_exchange(self) -> None:
        bars = chart(by_file("yahoo", "chart_fx_1d.json").body, D1, "EURUSD=X", "FX").bars
        # 23:00Z is midnight in London until the 25th, 00:00Z after.
        assert [from_us(us).day for us in bars.start] == [23, 26, 27, 28, 29]

    def test_the_last_trade_beside_the_day_it_belongs_to_is_dropped(self) -> None:
        document = json.loads(by_file("yahoo", "chart_1d.json").body)
        (result,) = document["chart"]["result"]
        result["meta"]["regularMarketTime"] = result["timestamp"][-1] = 1_793_280_600 + 23_400  # the 29th, 16:00
        read = chart(json.dumps(document).encode())
        assert read.bars.close[-1] == 253.041 and read.left_out["repeated"] == 1

    def test_a_half_day_is_over_at_one(self) -> None:
        document = json.loads(by_file("yahoo", "chart_1d.json").body)
        (result,) = document["chart"]["result"]
        result["timestamp"][-1] = to_us(at("2026-11-27T14:30")) // 1_000_000
        result["meta"]["regularMarketTime"] = to_us(at("2026-11-27T18:00")) // 1_000_000
        body = json.dumps(document).encode()
        assert from_us(int(chart(body, now="2026-11-27T18:15").bars.start[-1])) == at("2026-11-27")
        assert len(chart(body, now="2026-11-27T18:14").bars) == 5

    def test_a_row_that_was_forming_when_yahoo_wrote_it_is_no_bar_however_late_it_is_read(self) -> None:
        body = by_file("yahoo", "chart_1d.json").body  # the last trade is of 11:04 on the 30th
        assert from_us(int(chart(body, now="2026-11-03T12:00").bars.start[-1])) == at("2026-10-29")
        rate = chart(by_file("yahoo", "chart_fx_1d.json").body, D1, "EURUSD=X", "FX", now="2026-11-03T12:00")
        assert from_us(int(rate.bars.start[-1])) == at("2026-10-29")

    def test_a_minute_at_night_is_outside_the_session(self) -> None:
        body = by_file("yahoo", "chart_1m.json").body.replace(b"1793372340", b"1793347200")  # 04:00 New York
        assert chart(body, M1).left_out["outside the session"] == 1

    def test_the_last_trade_told_as_a_minute_is_dropped(self) -> None:
        body = by_file("yahoo", "chart_1m.json").body.replace(b"1793372640]", b"1793372665]")
        assert chart(body, M1).left_out["unfinished"] >= 1
        with pytest.raises(SourceAnswerMalformed, match="1m bar that starts"):
            chart(by_file("yahoo", "chart_1m.json").body.replace(b"1793372400", b"1793372401"), M1)

    @pytest.mark.parametrize(
        ("old", "new", "reason"),
        [
            (b'"currency": "USD"', b'"currency": "GBp"', "prices in 'GBp'"),
            (b'"symbol": "AAPL"', b'"symbol": "AAPL.L"', "a chart of 'AAPL.L'"),
            (b'"dataGranularity": "1d"', b'"dataGranularity": "60m"', "bars of '60m'"),
            (b"America/New_York", b"Mars/Olympus", "time zone"),
            (b"1792675800", b"1792675800000", "wrong unit"),
            (b"1792675800", b"1792675", "wrong unit"),
            (b'"numerator": 4.0', b'"numerator": 0.0', "a split of 0"),
            (b'"amount": 0.27', b'"amount": 300', None),
        ],
    )
    def test_refuses_what_is_not_what_was_asked_for(self, old: bytes, new: bytes, reason: str | None) -> None:
        body = by_file("yahoo", "chart_1d.json").body.replace(old, new)
        if reason is None:
            with pytest.raises(SourceAnswerMalformed, match="a dividend of 300"):
                factors_of(parse_chart(body, "AAPL", D1, "USD", "AAPL"))
        else:
            with pytest.raises(SourceAnswerMalformed, match=reason):
                chart(body)

    def test_infinity_is_no_price(self) -> None:
        body = by_file("yahoo", "chart_1d.json").body
        with pytest.raises(SourceAnswerMalformed, match="not a finite number"):
            chart(body.replace(b"262.1,", b"Infinity,"))
        assert len(chart(body.replace(b"[260.3631,", b"[Infinity,")).bars) == 5  # adjclose is not read

    async def test_factors_come_from_the_whole_history(self, provider: Provider, wire: WireServer) -> None:
        assert len(await provider.factors("AAPL")) == 2
        assert wire.asked("yahoo")[-1].query["period1"] == "0"
        assert await provider.factors("EUR-USD") == ()

    async def test_quotes_are_the_head_of_a_chart(self, provider: Provider, wire: WireServer) -> None:
        (quote,) = await provider.quotes(["AAPL"])
        assert (quote.symbol, quote.price, quote.delay) == ("AAPL", 268.51, "delayed_15m")
        wire.misbehave("yahoo", Fault(file="error_404.json"))
        with pytest.raises(SymbolNotAtSource):
            await provider.quotes(["AAPL", "MSFT"])

    def test_a_quote_from_the_future_is_refused(self) -> None:
        body = by_file("yahoo", "chart_1m.json").body.replace(
            b'"regularMarketTime": 1793372665', b'"regularMarketTime": 1793379999'
        )
        with pytest.raises(SourceAnswerMalformed):
            quote_of(parse_chart(body, "AAPL", M1, None, "AAPL"), "AAPL", RECORDED_AT)

    def test_is_marked_unofficial(self, provider: Provider) -> None:
        assert provider.info.unofficial

    @given(st.data())
    def test_nonsense_makes_no_bar(self, data: st.DataObject) -> None:
        body = by_file("yahoo", "chart_1d.json").body
        # Without its splits, or with other digits or another zone, the same document says something else.
        spare = ("splits", "events", "priceHint", "exchangeTimezoneName", "regularMarketTime", "volume", "timestamp")
        assert harmless(chart, body, data.draw(nonsense(body, spare=spare)))


ONE, DAILY = asked("alpaca", M1), asked("alpaca", D1)
NAMES = {"AAPL": "AAPL"}


class TestAlpaca(WireContract):
    key = "alpaca"
    secret = "PKTEST:SECRET"
    served = (("AAPL", D1), ("AAPL", M1))
    readers = {
        "bars_1Min_page1.json": lambda body: alpaca_formats.parse_bars(body, ONE, "AAPL"),
        "bars_1Day.json": lambda body: alpaca_formats.parse_bars(body, DAILY, "AAPL"),
        "bars_empty.json": lambda body: alpaca_formats.parse_bars(body, DAILY, "AAPL"),
        "snapshots.json": lambda body: alpaca_formats.parse_snapshots(body, NAMES, RECORDED_AT),
    }
    decoders = {
        "ws_iex.ws.jsonl": lambda frame: alpaca_formats.decode(frame, NOW_US, NAMES),
    }
    errors = {
        "error_401.json": SourceKeyRefused,
        "error_403_forbidden.json": SourceKeyRefused,
        "error_403_sip.json": SourceRefused,
        "error_400_symbol.json": SourceRefused,
        "error_400_start.json": SourceRefused,
        "error_429.json": SourceOverBudget,
    }
    not_read = frozenset(
        {
            "bars_1Min_page2.json", "quotes_latest.json", "trades_latest.json", "crypto_bars.json", "news.json",
            "ws_errors.ws.jsonl",
        }
    )  # fmt: skip

    @pytest.fixture
    def wire(self, wire: WireServer) -> WireServer:
        """Pages by their token, as one symbol of two was asked for."""
        second = json.loads(by_file("alpaca", "bars_1Min_page2.json").body)
        del second["bars"]["MSFT"]

        def answer(path: str, query) -> Made | None:
            if path == "/v2/stocks/bars" and query["timeframe"] == "1Min":
                first = by_file("alpaca", "bars_1Min_page1.json").body
                return Made(json.dumps(second).encode() if "page_token" in query else first)
            return None

        wire.make("alpaca", answer)
        return wire

    async def test_pages_are_followed_and_a_minute_without_a_trade_is_missing(self, provider, wire: WireServer) -> None:
        bars = await provider.bars("AAPL", M1, at("2026-10-30T14:40"))
        assert [from_us(us).minute for us in bars.start] == [40, 41, 43, 44, 45]
        assert len(wire.asked("alpaca")) == 2

    async def test_asks_for_raw_prices_of_all_exchanges_sixteen_minutes_ago(self, provider, wire: WireServer) -> None:
        await provider.bars("AAPL", D1, at("2026-10-27"))
        one = wire.asked("alpaca")[0]
        assert (one.query["adjustment"], one.query["feed"]) == ("raw", "sip")
        assert one.query["end"] == "2026-10-30T14:48:27.123000Z"
        assert one.headers["apca-api-key-id"] == "PKTEST" and one.headers["apca-api-secret-key"] == "SECRET"

    def test_a_day_begins_at_midnight_in_new_york(self) -> None:
        body = by_file("alpaca", "bars_1Day.json").body
        bars = self.readers["bars_1Day.json"](body).bars
        assert [from_us(us).day for us in bars.start] == [27, 28, 29]
        with pytest.raises(SourceAnswerMalformed, match="begins at 01:00"):
            self.readers["bars_1Day.json"](body.replace(b"27T04", b"27T05"))

    async def test_an_unknown_symbol_is_told_though_the_answer_is_200(self, provider, wire: WireServer) -> None:
        wire.misbehave("alpaca", Fault(file="bars_empty.json"))
        with pytest.raises(SymbolNotAtSource):
            await provider.bars("NOPE", D1, None)
        assert len(await provider.bars("AAPL", D1, at("2026-10-30"))) == 0

    async def test_quotes_come_in_one_request_and_who_is_absent_is_left_out(self, provider, wire: WireServer) -> None:
        wire.misbehave("alpaca", Fault(file="snapshots.json"))
        (quote,) = await provider.quotes(["AAPL", "MSFT"])
        assert (quote.symbol, quote.price, quote.bid, quote.ask) == ("AAPL", 268.51, 268.5, 268.52)
        assert len(wire.asked("alpaca")) == 1

    def test_the_stream_tells_trades_minutes_and_their_corrections(self, provider) -> None:
        plan = provider.feed(["AAPL", "EUR-USD"])
        assert plan.url.endswith("/v2/iex") and plan.symbols == ("AAPL",)
        assert json.loads(plan.subscribe[0]) == {"action": "auth", "key": "PKTEST", "secret": "SECRET"}
        frames = [s.data for s in steps(by_file("alpaca", "ws_iex.ws.jsonl")) if s.server]
        events = [event for frame in frames for event in plan.decode(frame, NOW_US)]
        assert [type(event) for event in events] == [Notice, Notice, Notice, Tick, Candle, Candle]
        assert events[3] == Tick("AAPL", 268.51, None, None, 100, to_us(at("2026-10-30T15:04:26.101222")), NOW_US, None)
        assert [(event.volume, event.final) for event in events[4:]] == [(4211, True), (4311, True)]

    def test_errors_of_the_stream_are_told_as_what_they_are(self) -> None:
        told = []
        for step in steps(by_file("alpaca", "ws_errors.ws.jsonl")):
            if step.server:
                try:
                    told.append(type(alpaca_formats.decode(step.data, NOW_US, NAMES)[0]))
                except TruecastError as error:
                    told.append(type(error))
        assert told == [Notice, SourceKeyRefused, SourceOverBudget, SourceRefused, SourceRefused, SourceKeyRefused]

    def test_a_key_without_its_secret_is_refused_before_anybody_is_asked(self) -> None:
        reach = Reach(np.random.default_rng(1), base_url="http://127.0.0.1:9", key=SecretStr("PKTEST"))
        with pytest.raises(SourceKeyRefused, match="id:secret"):
            build_provider("alpaca", FixedClock(RECORDED_AT), reach).feed(["AAPL"])

    @given(st.data())
    def test_nonsense_makes_no_bar(self, data: st.DataObject) -> None:
        body = by_file("alpaca", "bars_1Day.json").body
        assert harmless(self.readers["bars_1Day.json"], body, data.draw(nonsense(body)))


def raw(body: bytes) -> bytes:
    """As answered to who asks for raw prices: the recording is of an adjusted answer."""
    return body.replace(b'"adjusted": true', b'"adjusted": false')


MINUTE, DAYS = asked("massive", M1), asked("massive", D1)


class TestMassive(WireContract):
    key = "massive"
    secret = "TESTKEY"
    served = (("AAPL", D1),)
    readers = {
        "aggs_1day.json": lambda body: massive_formats.parse_aggregates(raw(body), DAYS, "AAPL"),
        "aggs_1min_next.json": lambda body: massive_formats.parse_aggregates(raw(body), MINUTE, "AAPL"),
        "aggs_empty.json": lambda body: massive_formats.parse_aggregates(raw(body), DAYS, "NOPE12"),
        "splits.json": lambda body: massive_formats.parse_splits(body, "AAPL"),
        "dividends.json": lambda body: massive_formats.parse_dividends(body, "AAPL"),
        "snapshot_ticker.json": lambda body: massive_formats.parse_snapshot(body, "AAPL", "AAPL", RECORDED_AT),
    }
    decoders = {"ws_stocks.ws.jsonl": lambda frame: massive_formats.decode(frame, NOW_US, NAMES)}
    errors = {
        "error_401.json": SourceKeyRefused,
        "error_401_no_key.json": SourceKeyRefused,
        "error_403.json": SourceRefused,
        "error_429.json": SourceOverBudget,
        "error_502.html": SourceOutOfService,
    }
    not_read = frozenset(
        {
            "prev.json", "last_trade.json", "marketstatus_now.json", "tickers.json", "news.json",
            "ws_auth_failed.ws.jsonl",
        }
    )  # fmt: skip

    @pytest.fixture
    def wire(self, wire: WireServer) -> WireServer:
        def answer(path: str, _query) -> Made | None:
            return Made(raw(by_file("massive", "aggs_1day.json").body)) if "/range/1/day/" in path else None

        wire.make("massive", answer)
        return wire

    def test_adjusted_bars_are_refused(self) -> None:
        with pytest.raises(SourceAnswerMalformed, match="adjusted bars"):
            massive_formats.parse_aggregates(by_file("massive", "aggs_1day.json").body, DAYS, "AAPL")

    def test_the_next_page_is_asked_here_and_not_at_the_official_host(self) -> None:
        read = self.readers["aggs_1min_next.json"](by_file("massive", "aggs_1min_next.json").body)
        assert read.further == (
            "/v2/aggs/ticker/AAPL/range/1/minute/1793285040000/1793318400000?cursor=bGltaXQ9MiZzb3J0PWFzYw"
        )
        harmed = raw(by_file("massive", "aggs_1min_next.json").body).replace(b"/v2/aggs/", b"/v2/../admin/")
        with pytest.raises(SourceAnswerMalformed, match="next page"):
            massive_formats.parse_aggregates(harmed, MINUTE, "AAPL")

    async def test_pages_are_followed_with_the_key_and_end(self, provider, wire: WireServer) -> None:
        pages = [raw(by_file("massive", "aggs_1min_next.json").body)]
        last = json.loads(pages[0])
        del last["next_url"]
        last["results"] = [row | {"t": row["t"] + 240_000} for row in last["results"]]
        pages.append(json.dumps(last).encode())
        wire.make("massive", lambda _path, query: Made(pages["cursor" in query]))
        bars = await provider.bars("AAPL", M1, at("2026-10-29T14:00"))
        assert [from_us(us).minute for us in bars.start] == [40, 42, 44, 46]
        assert {one.headers["authorization"] for one in wire.asked("massive")} == {"Bearer TESTKEY"}

    async def test_factors_are_splits_and_dividends_against_the_close_before(self, provider) -> None:
        found = await provider.factors("AAPL")
        # No price before the dividend's day is recorded: it adjusts nothing.
        assert list(found) == [Factor(date(2020, 8, 30), 1.0, 0.25)]

    async def test_quotes_have_both_sides(self, provider) -> None:
        (quote,) = await provider.quotes(["AAPL"])
        assert (quote.price, quote.bid, quote.ask) == (268.51, 268.5, 268.52)
        assert quote.as_of == at("2026-10-30T15:04:00")

    def test_seconds_are_not_taken_for_milliseconds(self) -> None:
        body = raw(by_file("massive", "aggs_1day.json").body).replace(b"1793073600000", b"1793073600")
        with pytest.raises(SourceAnswerMalformed, match="wrong unit"):
            massive_formats.parse_aggregates(body, DAYS, "AAPL")

    def test_the_stream_tells_trades_and_minutes(self, provider) -> None:
        plan = provider.feed(["AAPL"])
        frames = [s.data for s in steps(by_file("massive", "ws_stocks.ws.jsonl")) if s.server]
        events = [event for frame in frames for event in plan.decode(frame, NOW_US)]
        assert [type(event) for event in events] == [Notice, Notice, Notice, Notice, Tick, Candle]
        assert (events[4].price, events[4].seq) == (268.51, 3681328)
        assert (events[5].start_us, events[5].final) == (to_us(at("2026-10-30T15:04")), True)

    def test_a_refused_key_of_the_stream_is_told(self) -> None:
        told = []
        for step in steps(by_file("massive", "ws_auth_failed.ws.jsonl")):
            if step.server:
                try:
                    massive_formats.decode(step.data, NOW_US, NAMES)
                except TruecastError as error:
                    told.append(type(error))
        assert told == [SourceKeyRefused, SourceOverBudget]

    @given(st.data())
    def test_nonsense_makes_no_bar(self, data: st.DataObject) -> None:
        body = by_file("massive", "aggs_1day.json").body
        assert harmless(self.readers["aggs_1day.json"], body, data.draw(nonsense(body)))


class TestFinnhub:
    """Its recorded candles are daily, and adjusted daily candles are not read: quotes and the stream are its contract."""

    @pytest.fixture
    async def finnhub(self, wire: WireServer) -> AsyncIterator[Provider]:
        reach = Reach(np.random.default_rng(1), base_url=wire.base_url("finnhub"), timeout_s=0.5, key=SecretStr("K"))
        built = build_provider("finnhub", FixedClock(RECORDED_AT), reach)
        yield built
        await built.close()

    async def test_a_quote(self, finnhub: Provider, wire: WireServer) -> None:
        body = by_file("finnhub", "quote.json").body
        with pytest.raises(SourceAnswerMalformed, match="a price of"):  # minutes ahead of us
            finnhub_formats.parse_quote(body, "AAPL", RECORDED_AT - timedelta(minutes=6))
        (quote,) = await finnhub.quotes(["AAPL"])
        assert (quote.price, quote.as_of) == (268.51, at("2026-10-30T15:04:26"))
        assert wire.asked("finnhub")[-1].headers["x-finnhub-token"] == "K"

    async def test_zeros_are_an_unknown_symbol(self, finnhub: Provider, wire: WireServer) -> None:
        wire.misbehave("finnhub", Fault(file="quote_unknown.json"))
        with pytest.raises(SymbolNotAtSource, match="all zeros"):
            await finnhub.quotes(["AAPL"])

    @pytest.mark.parametrize(
        ("file", "error"),
        [
            ("error_401.json", SourceKeyRefused),
            ("error_403_premium.json", SourceRefused),
            ("error_429.json", SourceOverBudget),
        ],
    )
    async def test_every_recorded_error_is_told_as_what_it_is(
        self, finnhub: Provider, wire: WireServer, file: str, error: type[TruecastError]
    ) -> None:
        wire.misbehave("finnhub", Fault(file=file))
        with pytest.raises(error):
            await finnhub.quotes(["AAPL"])
        with pytest.raises(error):
            await finnhub.bars("AAPL", M30, None)
        assert {one.file for one in recorded("finnhub") if one.status >= 400} == {
            "error_401.json", "error_403_premium.json", "error_429.json",
        }  # fmt: skip

    async def test_candles_are_read_and_daily_ones_are_not_offered(self, finnhub: Provider, wire: WireServer) -> None:
        document = json.loads(by_file("finnhub", "candle.json").body)
        document["t"] = [to_us(at(text)) // 1_000_000 for text in ("2026-10-29T14:00", "2026-10-30T14:00")]
        wire.make("finnhub", lambda _path, _query: Made(json.dumps(document).encode()))
        bars = await finnhub.bars("AAPL", M30, None)
        assert bars.close.tolist() == [266.02, 268.51]
        wire.make("finnhub", lambda _path, _query: Made(by_file("finnhub", "candle_no_data.json").body))
        assert len(await finnhub.bars("AAPL", M30, at("2026-10-30T20:00"))) == 0
        with pytest.raises(SymbolNotAtSource):
            await finnhub.bars("AAPL", M30, None)
        with pytest.raises(TruecastError, match="does not offer"):
            await finnhub.bars("AAPL", D1, None)
        assert list(finnhub.offers()) == []

    def test_the_stream_tells_trades_pings_and_what_is_refused(self, finnhub: Provider) -> None:
        plan = finnhub.feed(["AAPL"])
        assert plan.url.endswith("?token=K")
        frames = [s.data for s in steps(by_file("finnhub", "ws.ws.jsonl")) if s.server]
        events = [event for frame in frames for event in plan.decode(frame, NOW_US)]
        assert [(type(e), getattr(e, "kind", None)) for e in events] == [
            (Tick, None), (Notice, "heartbeat"), (Notice, "refused"),
        ]  # fmt: skip
        assert events[0].at_us == 1_793_372_666_800_000

    @given(st.data())
    def test_a_mutated_answer_is_an_error_or_sound(self, data: st.DataObject) -> None:
        reading = asked("finnhub", D1)
        readers = {
            "quote.json": lambda body: finnhub_formats.parse_quote(body, "AAPL", RECORDED_AT),
            "candle.json": lambda body: finnhub_formats.parse_candles(body, reading),
            "ws.ws.jsonl": lambda body: finnhub_formats.decode(body, NOW_US, NAMES),
        }
        file = data.draw(st.sampled_from(sorted(readers)))
        one = by_file("finnhub", file)
        bodies = [s.data for s in steps(one) if s.server] if file.endswith("jsonl") else [one.body]
        mutate = data.draw(st.sampled_from([broken_json, broken_bytes]))
        try:
            found = readers[file](mutate(data.draw, data.draw(st.sampled_from(bodies))))
        except TruecastError:
            return
        sound(found)

    @given(st.data())
    def test_nonsense_makes_no_bar(self, data: st.DataObject) -> None:
        body = by_file("finnhub", "candle.json").body
        reading = dataclasses.replace(asked("finnhub", D1), first_us=to_us(at("2026-01-01")))
        assert harmless(
            lambda harmed: finnhub_formats.parse_candles(harmed, reading), body, data.draw(nonsense(body))
        ) or json.loads(body)


END_OF_DAY = asked("tiingo", D1)
HALF_HOURS = dataclasses.replace(asked("tiingo", M30), now_us=to_us(at("2026-10-30T21:00")))


class TestTiingo(WireContract):
    key = "tiingo"
    secret = "TESTKEY"
    served = (("AAPL", D1),)
    readers = {
        "daily_prices.json": lambda body: tiingo.parse(body, END_OF_DAY),
        "daily_prices.csv": lambda body: tiingo.parse_csv(body, END_OF_DAY),
        "iex_prices.json": lambda body: tiingo.parse(body, HALF_HOURS),
    }
    errors = {
        "error_200_csv.txt": SymbolNotAtSource,
        "error_404.json": SymbolNotAtSource,
        "error_429.json": SourceOverBudget,
        "error_401.json": SourceKeyRefused,
    }
    not_read = frozenset({"meta.json", "crypto_prices.json", "news.json", "ws_iex.ws.jsonl"})

    def test_both_forms_give_the_same_bars(self) -> None:
        as_json = tiingo.parse(by_file("tiingo", "daily_prices.json").body, END_OF_DAY).bars
        as_csv = tiingo.parse_csv(by_file("tiingo", "daily_prices.csv").body, END_OF_DAY).bars
        assert as_json.close.tolist() == as_csv.close.tolist() == [260.59, 259.31, 257.98]
        assert as_json.high.tolist() == as_csv.high.tolist()

    def test_the_day_of_a_split_and_of_a_dividend_are_factors_before_them(self) -> None:
        document = json.loads(by_file("tiingo", "daily_prices.json").body)
        document[1]["splitFactor"], document[2]["divCash"] = 4.0, 0.5
        found = tiingo.parse_factors(json.dumps(document).encode(), "AAPL")
        assert found == [Factor(date(2026, 10, 27), 1.0, 0.25), Factor(date(2026, 10, 28), 1 - 0.5 / 259.31, 1.0)]

    def test_an_error_with_status_200_is_told(self) -> None:
        with pytest.raises(SymbolNotAtSource):
            tiingo.parse_csv(by_file("tiingo", "error_200_csv.txt").body, END_OF_DAY)
        with pytest.raises(SourceOverBudget):
            tiingo.parse(by_file("tiingo", "error_429.json").body, END_OF_DAY)

    def test_half_hours_without_a_volume_have_none(self) -> None:
        bars = tiingo.parse(by_file("tiingo", "iex_prices.json").body, HALF_HOURS).bars
        assert len(bars) == 2 and np.isnan(bars.volume).all()

    @given(st.data())
    def test_nonsense_makes_no_bar(self, data: st.DataObject) -> None:
        body = by_file("tiingo", "daily_prices.json").body
        spare = ("volume",)  # without one a bar has none: that is how intraday answers look
        assert harmless(self.readers["daily_prices.json"], body, data.draw(nonsense(body, spare=spare)))


RATES = dataclasses.replace(asked("stooq", D1, "EUR-USD", "FX"), later_us=0)


class TestStooq(WireContract):
    key = "stooq"
    secret = "TESTKEY"
    served = (("EUR-USD", D1),)
    readers = {
        "daily.csv": lambda body: stooq.parse(body, asked("stooq", D1)),
        "daily_fx.csv": lambda body: stooq.parse(body, RATES),
    }
    errors = {
        "no_data.txt": SymbolNotAtSource,
        "daily_limit.txt": SourceOverBudget,
        "apikey_needed.txt": SourceKeyRefused,
        "pow_interstitial.html": SourceRefused,
    }

    # Every refusal of Stooq's comes with status 200 and is named after what it says.
    def test_every_recorded_error_is_accounted_for(self) -> None:
        assert {one.file for one in recorded("stooq")} == set(self.errors) | set(self.readers)

    def test_a_file_without_volumes_has_none(self) -> None:
        bars = stooq.parse(by_file("stooq", "daily_fx.csv").body, RATES).bars
        assert bars.close.tolist() == [1.13655, 1.1394] and np.isnan(bars.volume).all()

    async def test_stocks_are_not_read(self, provider: Provider) -> None:
        with pytest.raises(TruecastError, match="does not offer"):
            await provider.bars("AAPL", D1, None)


@pytest.mark.parametrize("key", ["alpaca", "massive", "finnhub", "tiingo", "stooq", "oanda"])
async def test_without_its_key_a_source_is_listed_as_needing_one_and_asks_nobody(key: str) -> None:
    async with wire_server() as wire:
        reach = Reach(np.random.default_rng(1), base_url=wire.base_url(key), timeout_s=0.5)
        built = build_provider(key, FixedClock(RECORDED_AT), reach)
        assert built.info.needs_key
        symbol, interval = ("EUR-USD", D1) if key in {"stooq", "oanda"} else ("AAPL", M30)
        with pytest.raises(SourceKeyMissing):
            await built.bars(symbol, interval, None)
        assert wire.asked(key) == []
        await built.close()


def test_sessions_close_when_the_exchange_calendar_says() -> None:
    days = calendar("XNYS").expected(to_us(at("2003-01-01")), to_us(at("2040-12-31")), D1)
    ends = calendar("XNYS").ends(days, D1)
    ours = np.array([us_close_us(from_us(us).date()) for us in days.tolist()])
    differ = [from_us(us).date() for us in days[ours != ends].tolist()]
    assert differ == [date(2003, 12, 26)]  # once, and never again

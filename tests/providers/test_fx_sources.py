"""Exchange rates by the minute: OANDA and Dukascopy."""

import dataclasses
import json
import lzma
import struct
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from tests.providers.contract import RECORDED_AT, ProviderContract, WireContract, sound
from tests.providers.harm import harmless, nonsense
from tests.providers.mutate import broken_bytes
from tests.wire import Fault, WireServer
from tests.wire.index import by_file
from tests.wire.server import Made

from truecast.domain.interval import Interval
from truecast.kit.clock import FixedClock, from_us, to_us
from truecast.kit.errors import TruecastError
from truecast.kit.http import SourceAnswerMalformed
from truecast.providers import oanda
from truecast.providers.base import Reach, SeriesOffer
from truecast.providers.candles import Asked, Read
from truecast.providers.catalog import build_provider
from truecast.providers.dukascopy import Dukascopy
from truecast.providers.dukascopy_formats import (
    parse_minutes,
    parse_ticks,
    read,
    rows_of_minutes,
    rows_of_ticks,
)
from truecast.providers.errors import (
    SourceKeyMissing,
    SourceKeyRefused,
    SourceOutOfService,
    SourceRefused,
    SymbolNotAtSource,
)
from truecast.providers.oanda import Oanda, parse_prices

M1, M5, H1, D1 = Interval.M1, Interval.M5, Interval.H1, Interval.D1
NOW_US = to_us(RECORDED_AT)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def asked(source: str, interval: Interval) -> Asked:
    return Asked(source, "EUR-USD", interval, "FX", NOW_US, first_us=to_us(at("2002-01-01")))


FIVE, DAY = asked("oanda", M5), asked("oanda", D1)


class TestOanda(WireContract):
    key = "oanda"
    secret = "0123456789abcdef-0123456789abcdef:101-001-1234567-001"
    served = (("EUR-USD", M5),)
    readers = {
        "candles_M5.json": lambda body: oanda.parse(body, FIVE),
        "candles_BA.json": lambda body: oanda.parse(body, DAY),
        "pricing.json": lambda body: parse_prices(body, {"EUR_USD": "EUR-USD"}, RECORDED_AT),
    }
    errors = {
        "error_401.json": SourceKeyRefused,
        "error_400_count.json": SourceRefused,
        "error_400_instrument.json": SymbolNotAtSource,
    }
    not_read = frozenset({"pricing_stream.txt"})

    def test_the_candle_still_forming_is_dropped_and_the_weekend_is_a_hole(self) -> None:
        read_ = oanda.parse(by_file("oanda", "candles_M5.json").body, FIVE)
        assert read_.left_out == {"unfinished": 1}
        assert [from_us(us) for us in read_.bars.start] == [
            at("2026-10-23T20:45"), at("2026-10-23T20:50"), at("2026-10-23T20:55"),
            at("2026-10-25T21:00"), at("2026-10-25T21:05"),
        ]  # fmt: skip

    def test_a_day_is_labelled_by_the_date_on_which_it_ends_in_new_york(self) -> None:
        bars = oanda.parse(by_file("oanda", "candles_BA.json").body, DAY).bars
        assert from_us(int(bars.start[0])) == at("2026-10-29")
        assert from_us(int(bars.known_at[0])) == at("2026-10-29T21:00")
        assert (bars.open[0], bars.close[0]) == (1.1352, 1.13663)  # the middle of both sides

    def test_the_night_of_a_clock_change_is_no_problem(self) -> None:
        body = by_file("oanda", "candles_BA.json").body.replace(b"2026-10-28T21:00", b"2026-03-05T22:00")
        assert from_us(int(oanda.parse(body, DAY).bars.start[0])) == at("2026-03-06")
        with pytest.raises(SourceAnswerMalformed, match="17:00 New York"):
            oanda.parse(body.replace(b"2026-03-05T22:00", b"2026-03-09T22:00"), DAY)  # summer time has begun

    def test_a_candle_of_the_weekend_is_dropped_and_counted(self) -> None:
        body = by_file("oanda", "candles_M5.json").body.replace(b"2026-10-25T21:00", b"2026-10-24T12:00")
        read_ = oanda.parse(body, FIVE)
        assert (len(read_.bars), read_.left_out) == (4, {"unfinished": 1, "weekend": 1})

    async def test_prices_have_both_sides(self, provider: Oanda) -> None:
        (quote,) = await provider.quotes(["EUR-USD", "NO-SUCH"])
        assert (quote.symbol, quote.bid, quote.ask, quote.price) == ("EUR-USD", 1.13661, 1.13675, 1.13668)
        assert quote.as_of == at("2026-10-30T15:04:26.918273")

    async def test_the_token_goes_along_and_the_account_into_the_path(self, provider: Oanda, wire: WireServer) -> None:
        await provider.quotes(["EUR-USD"])
        (one,) = wire.asked("oanda")
        assert one.headers["authorization"] == "Bearer 0123456789abcdef-0123456789abcdef"
        assert "/v3/accounts/101-001-1234567-001/pricing" in one.path

    async def test_without_a_key_nobody_is_asked(self, wire: WireServer) -> None:
        bare = build_provider(
            "oanda", FixedClock(RECORDED_AT), Reach(np.random.default_rng(1), base_url=wire.base_url("oanda"))
        )
        for question in (bare.bars("EUR-USD", M5, None), bare.quotes(["EUR-USD"])):
            with pytest.raises(SourceKeyMissing):
                await question
        assert wire.asked("oanda") == [] and bare.info.needs_key

    async def test_a_long_time_comes_in_pages(self, provider: Oanda, wire: WireServer) -> None:
        document = json.loads(by_file("oanda", "candles_M5.json").body)
        first = to_us(at("2026-10-05T00:00"))

        def answer(_path: str, query) -> Made:
            begin = to_us(datetime.fromisoformat(query["from"]))
            starts = range(max(begin, first), first + 7_000 * 60_000_000, 60_000_000)
            candle = document["candles"][0]
            listed = [candle | {"time": f"{from_us(us):%Y-%m-%dT%H:%M:%S}.000000000Z"} for us in list(starts)[:5_000]]
            return Made(json.dumps(document | {"granularity": "M1", "candles": listed}).encode())

        wire.make("oanda", answer)
        bars = await provider.bars("EUR-USD", M1, at("2026-10-05"))
        assert len(bars) == 7_000 and len(wire.asked("oanda")) == 2

    @given(st.data())
    def test_nonsense_makes_no_bar(self, data: st.DataObject) -> None:
        body = by_file("oanda", "candles_M5.json").body
        # Whether a candle is finished is the source's word: the time that it would end is checked beside it.
        assert harmless(self.readers["candles_M5.json"], body, data.draw(nonsense(body, spare=("complete",))))


MINUTES, TICKS = "EURUSD_2026-09-28_BID_candles_min_1.bi5", "EURUSD_2026-09-28_10h_ticks.bi5"
DAY_US, HOUR_US = to_us(at("2026-09-28")), to_us(at("2026-09-28T10:00"))
MINUTE, HOURLY = asked("dukascopy", M1), asked("dukascopy", H1)


def packed(rows: list[tuple], form: str) -> bytes:
    raw = b"".join(struct.pack(form, *row) for row in rows)
    return lzma.compress(raw, format=lzma.FORMAT_ALONE)


def read_minutes(body: bytes) -> Read:
    side, without = parse_minutes(body, DAY_US, "EUR-USD")
    return read(rows_of_minutes(side, side, M1), MINUTE, without)


def read_ticks(body: bytes) -> Read:
    return read(rows_of_ticks(parse_ticks(body, HOUR_US, "EUR-USD"), H1), HOURLY)


class TestDukascopy(ProviderContract):
    """Not the contract of the wire: an empty file is an answer here, and a missing one no error."""

    @pytest.fixture
    def clock(self) -> FixedClock:
        return FixedClock(datetime(2026, 9, 29, 3, tzinfo=UTC))

    @pytest.fixture
    def wire(self, wire: WireServer) -> WireServer:
        """Both sides of the recorded day; nothing of any other."""
        bid = by_file("dukascopy", MINUTES).body

        def answer(path: str, _query) -> Made | None:
            recorded = ("/2026/08/28/BID_candles_min_1.bi5", "/2026/08/28/ASK_candles_min_1.bi5")
            return Made(bid) if path.endswith(recorded) else Made(b"", status=404)

        wire.make("dukascopy", answer)
        return wire

    @pytest.fixture
    async def provider(self, wire: WireServer, clock: FixedClock) -> AsyncIterator[Dukascopy]:
        reach = Reach(np.random.default_rng(1), base_url=wire.base_url("dukascopy"), timeout_s=0.5)
        built = build_provider("dukascopy", clock, reach)
        assert isinstance(built, Dukascopy)
        yield built
        await built.close()

    def asked_for(self, provider: Dukascopy) -> list[SeriesOffer]:
        return [provider.offer("EUR-USD", interval) for interval in (M1, H1)]

    @pytest.mark.parametrize(
        "fault",
        [
            Fault(reset=True), Fault(hang=True), Fault(truncate=True), Fault(html=True), Fault(body=b"{}"),
            Fault(status=404, body=b""), Fault(status=403, html=True), Fault(status=429, retry_after_s=33, body=b""),
            Fault(status=302, body=b""),
        ],
        ids=lambda fault: str(fault)[:60],
    )  # fmt: skip
    async def test_every_misbehaviour_is_a_typed_error(
        self, provider: Dukascopy, wire: WireServer, fault: Fault
    ) -> None:
        wire.misbehave("dukascopy", fault)
        with pytest.raises(TruecastError) as caught:
            await provider.bars("EUR-USD", M1, None)
        assert caught.value.status in {404, 502, 503}

    async def test_an_hour_of_the_weekend_is_empty_and_no_error(self, provider: Dukascopy, wire: WireServer) -> None:
        wire.misbehave("dukascopy", Fault(file="EURUSD_2026-09-26_10h_ticks_weekend.bi5"))
        assert len(await provider.bars("EUR-USD", M1, at("2026-09-28"))) == 0

    @given(st.data())
    def test_a_damaged_file_is_refused_or_sound(self, data: st.DataObject) -> None:
        name, parse = data.draw(st.sampled_from([(MINUTES, read_minutes), (TICKS, read_ticks)]))
        body = by_file("dukascopy", name).body
        damaged = data.draw(st.sampled_from([body, lzma.decompress(body)]))
        harmed = broken_bytes(data.draw, damaged)
        if damaged is not body:  # damage beneath the packing gets further in
            harmed = lzma.compress(harmed, format=lzma.FORMAT_ALONE, preset=0)
        try:
            found = parse(harmed)
        except SourceAnswerMalformed:
            return
        sound(found)

    # History is followed only when asked for.
    def test_offers_each_series_once_and_fully_described(self, provider: Dukascopy) -> None:
        assert list(provider.offers()) == []

    async def test_refuses_what_it_does_not_offer(self, provider: Dukascopy) -> None:
        for symbol, interval in (("NO-SUCH", M1), ("EUR-USD", D1)):
            with pytest.raises(Exception, match="does not offer"):
                await provider.bars(symbol, interval, None)

    async def test_months_are_counted_from_zero(self, provider: Dukascopy, wire: WireServer) -> None:
        await provider.bars("EUR-USD", M1, at("2026-09-28"))
        assert wire.paths("dukascopy")[0].endswith("/datafeed/EURUSD/2026/08/28/BID_candles_min_1.bi5")

    async def test_the_hours_of_ticks_stand_in_for_a_day_that_has_no_file_yet(
        self, provider: Dukascopy, wire: WireServer
    ) -> None:
        ticks = by_file("dukascopy", TICKS).body
        wire.make(
            "dukascopy", lambda path, _query: Made(ticks) if path.endswith("10h_ticks.bi5") else Made(
                b"", status=404 if "candles" in path else 200
            )
        )  # fmt: skip
        bars = await provider.bars("EUR-USD", H1, at("2026-09-28"))
        assert [from_us(us) for us in bars.start] == [at("2026-09-28T10:00")]

    def test_ticks_become_bars_of_the_middle(self) -> None:
        bars = read_ticks(by_file("dukascopy", TICKS).body).bars
        ticks = parse_ticks(by_file("dukascopy", TICKS).body, HOUR_US, "EUR-USD")
        middle = (ticks.bid + ticks.ask) / 2
        assert len(ticks.at) == 200 and bars.open[0] == round(middle[0], 6) == 1.135145
        assert (bars.high[0], bars.low[0]) == (round(middle.max(), 6), round(middle.min(), 6))
        by_minute = read(rows_of_ticks(ticks, M1), MINUTE).bars
        assert len(by_minute) < 60  # minutes without a tick are missing
        assert (by_minute.high.max(), by_minute.low.min()) == (bars.high[0], bars.low[0])

    def test_candles_are_open_close_low_high(self) -> None:
        minutes, without = parse_minutes(by_file("dukascopy", MINUTES).body, DAY_US, "EUR-USD")
        assert minutes.prices[0].tolist() == [1.13502, 1.13508, 1.13497, 1.13505]
        assert (len(minutes.start), without) == (1_440, 0)

    def test_a_pair_in_yen_has_three_digits(self) -> None:
        minutes, _ = parse_minutes(by_file("dukascopy", MINUTES).body, DAY_US, "USD-JPY")
        assert minutes.prices[0][0] == 113.502

    def test_a_minute_in_which_nothing_was_quoted_is_missing(self) -> None:
        rows = [(0, 100_000, 100_000, 100_000, 100_000, 1.5), (60, 100_000, 100_000, 100_000, 100_000, 0.0)]
        minutes, without = parse_minutes(packed(rows, ">5If"), DAY_US, "EUR-USD")
        assert (len(minutes.start), without) == (1, 1)

    def test_what_is_quoted_at_the_weekend_is_dropped_and_counted(self) -> None:
        saturday = to_us(at("2026-09-26"))
        minutes, _ = parse_minutes(by_file("dukascopy", MINUTES).body, saturday, "EUR-USD")
        found = read(rows_of_minutes(minutes, minutes, H1), dataclasses.replace(HOURLY))
        assert len(found.bars) == 0 and found.left_out == {"weekend": 24}

    @pytest.mark.parametrize(
        "rows",
        [
            pytest.param([(60, 1, 1, 1, 1, 1.0), (0, 1, 1, 1, 1, 1.0)], id="out-of-order"),
            pytest.param([(30, 1, 1, 1, 1, 1.0)], id="no-minute"),
            pytest.param([(86_400, 1, 1, 1, 1, 1.0)], id="another-day"),
            pytest.param([(0, 0, 1, 1, 1, 1.0)], id="zero"),
            pytest.param([(0, 5, 5, 5, 4, 1.0)], id="high-below"),
            pytest.param([(0, 5, 5, 6, 7, 1.0)], id="low-above"),
            pytest.param([(0, 5, 5, 5, 5, -1.0)], id="volume"),
            pytest.param([(0, 5, 5, 5, 5, float("nan"))], id="nan"),
        ],
    )
    def test_refuses_minutes_that_cannot_be(self, rows: list[tuple]) -> None:
        with pytest.raises(SourceAnswerMalformed):
            parse_minutes(packed(rows, ">5If"), DAY_US, "EUR-USD")

    @pytest.mark.parametrize("row", [(3_600_000, 2, 1, 1.0, 1.0), (0, 1, 2, 1.0, 1.0), (0, 0, 0, 1.0, 1.0)])
    def test_refuses_ticks_that_cannot_be(self, row: tuple) -> None:
        with pytest.raises(SourceAnswerMalformed):
            parse_ticks(packed([row], ">3I2f"), HOUR_US, "EUR-USD")

    def test_a_bomb_is_not_unpacked(self) -> None:
        with pytest.raises(SourceAnswerMalformed, match="unpacks to more"):
            parse_ticks(lzma.compress(b"\0" * 70_000_000, format=lzma.FORMAT_ALONE, preset=0), HOUR_US, "EUR-USD")

    async def test_haste_is_told(self, provider: Dukascopy, wire: WireServer) -> None:
        wire.misbehave("dukascopy", Fault(status=503, body=b""))
        with pytest.raises(SourceOutOfService):
            await provider.bars("EUR-USD", M1, at("2026-09-28"))


def test_the_key_is_not_shown() -> None:
    built = build_provider("oanda", FixedClock(RECORDED_AT), Reach(np.random.default_rng(1), key=SecretStr("abc:def")))
    assert "abc" not in repr(built.info)

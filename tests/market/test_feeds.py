"""Facts about live feeds: what is heard arrives once, what is not heard is fetched, and nothing out there ends it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.market.live import EVERY_S, House, StillClock, house, running, until
from tests.wire import Fault
from truecast.domain.event import Candle
from truecast.domain.interval import Interval
from truecast.jobs.feeds import FeedNotOffered, feeds_of
from truecast.kit.bus import Message
from truecast.kit.clock import Clock, FixedClock, ReplayClock, SystemClock, to_us
from truecast.kit.db import Database
from truecast.kit.db_errors import DatabaseUnavailable
from truecast.kit.settings import Settings
from truecast.market.feeds_inbox import Inbox
from truecast.market.ingest import Ingest, Ingested
from truecast.wiring import Role, build

NOW = datetime(2026, 11, 21, 5, 0, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock() -> StillClock:
    return StillClock(NOW)


@pytest.fixture
async def live(sqlite_db: Database, clock: StillClock) -> AsyncIterator[House]:
    async with house(sqlite_db, clock, silence_s_max=1.0) as built:
        for symbol in ("BTC-USDT", "ETH-USDT"):
            await built.history(symbol, 10)
        yield built


async def stored(live: House, symbol: str, start_s: int, source: str = "binance") -> bool:
    return start_s in await live.closes(symbol, source)


async def agrees(live: House, symbol: str, first_s: int) -> bool:
    """Every bar since then is there, once, as it was."""
    return await live.closes(symbol) == live.true(symbol, first_s, live.minute_s())


async def minutes(live: House, count: int = 1, symbol: str = "BTC-USDT", source: str = "binance") -> None:
    """Let them pass one by one, each heard to its end."""
    for _ in range(count):
        live.clock.advance(MINUTE)  # type: ignore[attr-defined]
        await until(lambda: stored(live, symbol, live.minute_s() - 60, source))


async def speaks(live: House) -> None:
    """And has looked after what was missed."""
    await until(lambda: live.feed.status.state == "live" and live.board.latest("BTC-USDT"))
    await until(lambda: live.feed._candles.whole)


class TestOnItsWay:
    async def test_ticks_reach_the_board_and_final_candles_the_store(self, live: House) -> None:
        first_s = live.minute_s() - 9 * 60
        async with running(live.feed):
            await speaks(live)
            await until(lambda: (quote := live.board.latest("BTC-USDT")) and quote.last and quote.bid)
            assert live.feed.status.state == "live"
            assert live.feed.hears("BTC-USDT") and not live.feed.hears("SOL-USDT")
            await minutes(live, 3)
            await until(lambda: stored(live, "ETH-USDT", live.minute_s() - 60))
        for symbol in ("BTC-USDT", "ETH-USDT"):
            assert await live.closes(symbol) == live.true(symbol, first_s, live.minute_s())
        assert await live.store.gaps() == []
        status = live.feed.status
        assert (status.state, status.bars, status.reconnects, status.malformed) == ("stopped", 6, 0, 0)
        assert not live.feed.hears("BTC-USDT")

    async def test_unfinished_candles_are_told_once_a_second_at_most_and_never_stored(self, live: House) -> None:
        told: list[Message] = []

        async def listen(message: Message) -> None:
            told.append(message)

        live.bus.subscribe("candles:BTC-USDT:1m", listen)
        async with running(live.feed):
            await until(lambda: live.feed.status.messages > 60)
        assert 1 <= len(told) <= 2 + live.feed.status.messages * EVERY_S
        start_s = live.minute_s()
        assert told[0].data["start"] == "2026-11-21T05:00:00Z" and told[0].data["end"] == "2026-11-21T05:01:00Z"
        assert {"open", "high", "low", "close", "volume"} < set(told[0].data)
        assert (told[0].data["final"], told[0].data["source"]) == (False, "binance")
        assert start_s not in await live.closes("BTC-USDT")

    async def test_a_candle_is_known_from_the_moment_it_came(self, live: House, clock: StillClock) -> None:
        async with running(live.feed):
            await speaks(live)
            clock.advance(timedelta(seconds=67))  # 12 s into the next minute
            await until(lambda: stored(live, "BTC-USDT", live.minute_s() - 60))
        bars = await live.store.read("BTC-USDT", Interval.M1, limit=1)
        assert bars.known_at[-1] == to_us(NOW + timedelta(seconds=67))

    async def test_while_the_database_is_away_final_candles_wait(
        self, sqlite_db: Database, clock: StillClock, live: House
    ) -> None:
        class Away(Ingest):
            left = 3

            async def take(self, bars, *, stand_in=False) -> Ingested:
                if self.left:
                    Away.left -= 1
                    raise DatabaseUnavailable(database="here", reason="away")
                return await super().take(bars, stand_in=stand_in)

        live.feed._candles._ingest = Away(live.store, live.bus, clock)
        async with running(live.feed):
            await speaks(live)
            await minutes(live)
        assert Away.left == 0
        assert str(live.feed.status.last_error).startswith("database_unavailable")

    async def test_a_series_without_a_past_waits_for_it(self, sqlite_db: Database, clock: StillClock) -> None:
        async with house(sqlite_db, clock) as live, running(live.feed):
            await speaks(live)
            clock.advance(MINUTE)
            await until(lambda: live.feed.status.messages > 40)
            assert await live.closes("BTC-USDT") == {}
            await live.history("BTC-USDT", 10)
            await minutes(live)
            assert len(await live.closes("BTC-USDT")) == 10

    async def test_of_one_that_never_says_final_a_candle_is_over_when_the_next_begins(
        self, sqlite_db: Database, clock: StillClock
    ) -> None:
        async with house(sqlite_db, clock, keys=("kraken",), symbols=("BTC-USD",)) as live:
            await live.history("BTC-USD", 10, "kraken")
            first_s = live.minute_s() - 9 * 60
            async with running(live.feed):
                await until(lambda: live.feed.status.messages > 10 and live.feed._candles.whole)
                await minutes(live, 2, "BTC-USD", "kraken")
            assert await live.closes("BTC-USD", "kraken") == live.true("BTC-USD", first_s, live.minute_s())
            assert live.feed.status.fills == 0


class TestLostAndFound:
    async def test_a_connection_that_is_cut_is_followed_by_another_and_the_hole_is_filled(
        self, live: House, clock: StillClock
    ) -> None:
        first_s = live.minute_s() - 9 * 60
        async with running(live.feed):
            await speaks(live)
            await minutes(live)
            live.wire.misbehave("binance", Fault(reset=True, path="/stream"))
            await until(lambda: live.feed.status.last_error)
            assert not live.feed.hears("BTC-USDT")
            clock.advance(7 * MINUTE)
            live.wire.behave("binance")
            await until(lambda: stored(live, "BTC-USDT", live.minute_s() - 60))
            await until(lambda: stored(live, "ETH-USDT", live.minute_s() - 60))
            await minutes(live)
            await until(lambda: stored(live, "ETH-USDT", live.minute_s() - 60))
        for symbol in ("BTC-USDT", "ETH-USDT"):
            assert await live.closes(symbol) == live.true(symbol, first_s, live.minute_s())
        gaps = await live.store.gaps()
        assert gaps and {(gap.state, gap.cause) for gap in gaps} == {("filled", "disconnect")}
        assert live.feed.status.reconnects == 1 and live.feed.status.fills >= 2

    @pytest.mark.parametrize("fault", [Fault(silent=True), Fault(truncate=True, path="/stream")], ids=["silent", "cut"])
    async def test_a_feed_that_goes_dead_is_left(self, live: House, fault: Fault) -> None:
        async with running(live.feed):
            await speaks(live)
            live.wire.misbehave("binance", fault)
            await until(lambda: live.feed.status.reconnects)
            assert str(live.feed.status.last_error).startswith(("feed_silent", "socket_closed"))
            live.wire.behave("binance")
            await until(lambda: live.feed.status.state == "live")
            await minutes(live)

    async def test_frames_that_cannot_be_read_are_counted_and_change_nothing(self, live: House) -> None:
        first_s = live.minute_s() - 9 * 60
        live.wire.misbehave("binance", Fault(garbage=True, path="/stream"))
        async with running(live.feed):
            await speaks(live)
            await minutes(live, 2)
            assert live.feed.status.malformed > 10
            assert live.feed.status.reconnects == 0
        assert await live.closes("BTC-USDT") == live.true("BTC-USDT", first_s, live.minute_s())

    async def test_a_feed_of_nothing_but_garbage_is_left(self, live: House) -> None:
        async with running(live.feed):
            await speaks(live)
            live.wire.misbehave("binance", Fault(html=True, path="/stream"))
            live.feed._line._socket._connection.transport.abort()
            await until(lambda: live.feed.status.last_error is not None)
            live.wire.behave("binance")
            await until(lambda: live.feed.status.state == "live" and live.feed.status.reconnects)

    async def test_messages_twice_and_in_disorder_leave_one_bar_each(self, live: House) -> None:
        first_s = live.minute_s() - 9 * 60
        live.wire.misbehave("binance", Fault(duplicate=True, reorder=True, slice_bytes=40, path="/stream"))
        async with running(live.feed):
            await speaks(live)
            await minutes(live, 3)
        assert live.feed.status.dropped["repeated"] > 5
        assert await live.closes("BTC-USDT") == live.true("BTC-USDT", first_s, live.minute_s())
        receipts = await live.store.read("BTC-USDT", Interval.M1)
        assert len(receipts) == len(set(receipts.start.tolist()))

    @pytest.mark.parametrize("skew_s", [120, -120])
    async def test_candles_of_a_clock_that_is_wrong_are_not_believed(
        self, live: House, clock: StillClock, skew_s: int
    ) -> None:
        first_s = live.minute_s() - 9 * 60
        live.wire.misbehave("binance", Fault(skew_s=skew_s, path="/stream"))
        async with running(live.feed):
            await until(lambda: live.feed.status.messages > 20)
            for _ in range(3):
                clock.advance(MINUTE)
                await asyncio.sleep(5 * EVERY_S)
            await until(lambda: live.feed.status.dropped["doubted"])
            live.wire.behave("binance")
            await minutes(live)
            await until(lambda: agrees(live, "BTC-USDT", first_s))

    async def test_missing_messages_are_noticed_and_the_latest_quotes_asked_for(self, live: House) -> None:
        async with running(live.feed):
            await speaks(live)
            await until(lambda: live.feed.status.resyncs == 1)  # at the start
            live.feed._watch._last["BTC-USDT", "trade"] -= 3
            await until(lambda: live.feed.status.gaps)
            assert live.feed.status.missing == 3
            assert live.feed._lost == {"BTC-USDT"}  # asked for at once, but not twice within 5 s
        assert [path for path in live.wire.paths("binance") if "ticker/24hr" in path]


class TestRenewal:
    async def test_a_source_that_is_about_to_close_is_left_without_a_hole(self, live: House) -> None:
        first_s = live.minute_s() - 9 * 60
        async with running(live.feed):
            await speaks(live)
            before = live.feed._line
            live.feed._line.renew.set()  # as a notice of the kind `closing` does
            await until(lambda: live.feed.status.renewals == 1)
            assert live.feed._line is not before and not before.alive
            await minutes(live, 2)
        assert await live.closes("BTC-USDT") == live.true("BTC-USDT", first_s, live.minute_s())
        assert (live.feed.status.reconnects, live.feed.status.fills) == (0, 0)

    async def test_a_notice_of_shutting_down_leads_to_another_connection(self, live: House) -> None:
        live.wire.misbehave("binance", Fault(file="ws_combined.ws.jsonl"), times=1)
        async with running(live.feed):
            await until(lambda: live.feed.status.renewals or live.feed.status.reconnects)
            await until(lambda: live.feed.status.state == "live")
        assert [one.method for one in live.wire.asked("binance")].count("WS") == 2

    async def test_a_connection_is_renewed_before_the_source_ends_it(
        self, sqlite_db: Database, clock: StillClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("truecast.market.feeds.FEED_AGE_JITTER_S", 0.1)
        async with house(sqlite_db, clock, age_s_max=0.5) as live, running(live.feed):
            await until(lambda: live.feed.status.renewals >= 2)
            assert live.feed.status.reconnects == 0

    async def test_what_is_followed_may_change(
        self, sqlite_db: Database, clock: StillClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("truecast.market.feeds.FEED_SYMBOLS_EVERY_S", 0.1)
        async with house(sqlite_db, clock, symbols=("BTC-USDT",)) as live, running(live.feed):
            await speaks(live)
            await live.followed.add("ETH-USDT")
            await until(lambda: live.board.latest("ETH-USDT") and live.feed.hears("ETH-USDT"))
            assert live.feed.hears("BTC-USDT")
            await live.followed.remove("BTC-USDT")
            await until(lambda: not live.feed.hears("BTC-USDT"))
            assert live.feed.hears("ETH-USDT")


class TestRefusals:
    @pytest.mark.parametrize(
        ("fault", "state", "code"),
        [
            (Fault(status=451), "refused", "source_refused"),
            (Fault(status=403, html=True), "refused", "source_refused"),
            (Fault(status=429, retry_after_s=33), "waiting", "source_over_budget"),
            (Fault(status=503), "waiting", "socket_refused"),
            (Fault(html=True), "waiting", "socket_refused"),
            (Fault(hang=True), "waiting", "socket_unreachable"),
            (Fault(reset=True), "waiting", "socket_unreachable"),
        ],
    )
    async def test_a_handshake_that_fails_is_told_and_waited_for(
        self, sqlite_db: Database, clock: StillClock, fault: Fault, state: str, code: str
    ) -> None:
        async with house(sqlite_db, clock, open_s_max=0.3) as live:
            live.wire.misbehave("binance", fault, times=1)
            async with running(live.feed):
                await until(lambda: live.feed.status.last_error)
                assert str(live.feed.status.last_error).startswith(code)
                await speaks(live)
            assert max(clock.slept_s) >= {"refused": 900, "waiting": fault.retry_after_s or 0}[state]

    async def test_without_a_key_nobody_is_asked(self, sqlite_db: Database, clock: StillClock) -> None:
        async with house(sqlite_db, clock, keys=("alpaca",), symbols=("AAPL",)) as live:
            await live.feed.run()  # ends by itself
            assert live.feed.status.state == "needs_key"
            assert live.wire.asked("alpaca") == []

    async def test_a_key_that_is_refused_ends_the_feed(self, sqlite_db: Database, clock: StillClock) -> None:
        async with house(sqlite_db, clock, keys=("alpaca",), symbols=("AAPL",), secret="id:wrong") as live:
            live.wire.misbehave("alpaca", Fault(file="ws_errors.ws.jsonl"))
            await asyncio.wait_for(live.feed.run(), 10)
            assert live.feed.status.state == "key_refused"
            assert str(live.feed.status.last_error).startswith("source_key_refused")
            assert "wrong" not in str(live.feed.status.last_error)
            assert [one.method for one in live.wire.asked("alpaca")].count("WS") == 1

    @pytest.mark.parametrize("key", ["coinbase", "kraken"])
    async def test_a_symbol_that_the_source_does_not_know_is_left_out_and_the_others_go_on(
        self, sqlite_db: Database, clock: StillClock, key: str
    ) -> None:
        async with house(sqlite_db, clock, keys=(key,), symbols=("BTC-USD", "NOPE-USD")) as live:
            async with running(live.feed):
                await until(lambda: live.board.latest("BTC-USD"))
                await until(lambda: live.feed.status.refused)
                assert not live.feed.hears("NOPE-USD")
                assert live.feed.hears("BTC-USD")
            assert set(live.feed.status.refused) == {"NOPE-USD"}
            assert "NOPE" in live.feed.status.refused["NOPE-USD"]

    async def test_lost_trades_of_a_quiet_market_show_in_the_heartbeat(
        self, sqlite_db: Database, clock: StillClock
    ) -> None:
        async with house(sqlite_db, clock, keys=("coinbase",), symbols=("BTC-USD",)) as live, running(live.feed):
            await until(lambda: live.feed.status.messages > 10)
            assert live.feed.status.gaps == 0
            live.feed._watch._last["BTC-USD", "trade"] -= 2
            await until(lambda: live.feed.status.gaps)


class TestWho:
    async def test_each_symbol_is_listened_to_at_the_first_of_its_sources(
        self, sqlite_db: Database, clock: StillClock
    ) -> None:
        async with house(sqlite_db, clock, keys=("kraken", "coinbase"), symbols=("BTC-USD",)) as live:
            first, second = live.feeds
            assert (await first._symbols(), await second._symbols()) == (["BTC-USD"], [])

    async def test_only_a_source_with_a_feed_can_be_listened_to(self, live: House, clock: StillClock) -> None:
        async with house(live.store.db, clock, keys=(), asked=("coingecko",)) as other:
            wiring = {"chain": other.chain, "store": other.store, "ingest": other.ingest, "bus": other.bus}
            more = {"board": other.board, "backfill": other.backfill, "offers_of": None, "clock": clock}
            more["generator"] = None
            with pytest.raises(FeedNotOffered):
                feeds_of(["coingecko"], other.sources, **wiring, **more)
            assert feeds_of(["binance"], other.sources, **wiring, **more) == []  # not in use


@pytest.mark.parametrize(
    ("clock", "names", "listens"),
    [
        (SystemClock(), ("binance",), ["binance"]),
        (SystemClock(), ("none",), []),
        (SystemClock(), ("kraken",), []),  # not among the sources
        (FixedClock(NOW), ("binance",), []),
        (ReplayClock(NOW, 1.0), ("binance",), []),
    ],
    ids=["live", "switched off", "another", "stopped", "replay"],
)
async def test_feeds_are_listened_to_where_the_clock_is_live(
    tmp_path: Path, clock: Clock, names: tuple[str, ...], listens: list[str]
) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path, sources=("sample", "binance"), feeds=names)
    for role, expected in ((Role.UP, listens), (Role.SERVE, [])):
        services = build(settings, role, clock=clock)
        assert [one.name for one in await services.feeds.standings()] == expected
        await services.background.close()


async def test_a_full_inbox_makes_the_socket_wait_and_drops_nothing() -> None:
    inbox = Inbox(finals_max=2, every_s=0.05)

    def candle(n: int, *, final: bool = True, close: float = 1.0) -> Candle:
        return Candle("BTC-USDT", Interval.M1, n * 60_000_000, 1, 1, 1, close, 0, final, n, n)

    await inbox.put_final(candle(1))
    await inbox.put_final(candle(2))
    assert inbox.full
    waiting = asyncio.create_task(inbox.put_final(candle(3)))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    assert [one.start_us for one in await inbox.finals()] == [60_000_000, 120_000_000]
    await waiting
    assert inbox.waiting == 1
    assert not inbox.put_forming(candle(3, final=False))  # it is over already
    assert not inbox.put_forming(candle(4, final=False, close=1.0))
    assert inbox.put_forming(candle(4, final=False, close=2.0))  # the first one is never told
    assert [one.close for one in await inbox.forming()] == [2.0]
    began_s = asyncio.get_running_loop().time()
    inbox.put_forming(candle(4, final=False, close=3.0))
    assert [one.close for one in await inbox.forming()] == [3.0]
    assert asyncio.get_running_loop().time() - began_s >= 0.045

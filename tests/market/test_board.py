"""The latest quotes in memory: nothing older replaces something newer, and a restart knows what was known."""

import time
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from truecast.domain.event import Tick
from truecast.domain.quote import Quote
from truecast.kit.clock import FixedClock, from_us, to_us
from truecast.kit.db import Database
from truecast.kit.limits import QUOTE_SILENT_S, TICK_SKEW_S_MAX
from truecast.kit.metrics import QUOTES_REFUSED
from truecast.market.board import QuoteBoard

NOON = datetime(2021, 1, 4, 12, tzinfo=UTC)
NOON_US = to_us(NOON)
S = 1_000_000


def tick(at_s: float = 0, *, price=None, bid=None, ask=None, symbol="BTC-USDT", late_s=0.1, seq=None) -> Tick:
    at_us = NOON_US + int(at_s * S)
    return Tick(symbol, price, bid, ask, None, at_us, at_us + int(late_s * S), seq)


def untimed(received_s: float, *, bid: float, ask: float, seq: int | None) -> Tick:
    return Tick("BTC-USDT", None, bid, ask, None, 0, NOON_US + int(received_s * S), seq)


def a_board(db: Database, **ranks: int) -> QuoteBoard:
    return QuoteBoard(db, FixedClock(NOON + timedelta(hours=1)), ranks)


def refused(source: str, reason: str) -> float:
    return QUOTES_REFUSED.labels(source, reason)._value.get()


async def test_the_last_price_and_both_sides_have_times_of_their_own(sqlite_db: Database):
    board = a_board(sqlite_db)
    assert board.latest("BTC-USDT") is None
    assert board.take(tick(0, bid=99.0, ask=101.0), "binance")
    live = board.latest("BTC-USDT")
    assert (live.last, live.last_at, live.bid, live.ask, live.quoted_at) == (None, None, 99.0, 101.0, NOON)
    assert board.take(tick(2, price=100.0), "binance")
    live = board.latest("BTC-USDT")
    assert (live.last, live.last_at, live.quoted_at) == (100.0, NOON + timedelta(seconds=2), NOON)
    assert (live.source, live.at) == ("binance", NOON + timedelta(seconds=2))
    assert live.received_at == NOON + timedelta(seconds=2.1)


async def test_what_comes_late_replaces_nothing_and_is_counted(sqlite_db: Database):
    board, before = a_board(sqlite_db), refused("late", "out_of_order")
    assert board.take(tick(10, price=100.0), "late")
    assert not board.take(tick(9, price=90.0, late_s=5), "late")
    assert board.latest("BTC-USDT").last == 100.0
    assert refused("late", "out_of_order") == before + 1


async def test_of_one_moment_the_higher_number_stands(sqlite_db: Database):
    board = a_board(sqlite_db)
    assert board.take(tick(1, price=100.0, seq=7), "binance")
    assert not board.take(tick(1, price=99.0, seq=6), "binance")
    assert not board.take(tick(1, price=99.0, seq=7), "binance")
    assert board.take(tick(1, price=101.0, seq=8), "binance")


async def test_without_a_time_of_the_source_its_number_decides(sqlite_db: Database):
    board = a_board(sqlite_db)
    assert board.take(untimed(1, bid=9, ask=11, seq=50), "binance")
    assert not board.take(untimed(2, bid=8, ask=10, seq=49), "binance")
    assert board.take(untimed(60, bid=8, ask=10, seq=1), "binance")  # it counts anew after a while
    assert board.latest("BTC-USDT").bid == 8


async def test_a_time_far_ahead_of_ours_is_refused_and_counted(sqlite_db: Database):
    board, before = a_board(sqlite_db), refused("ahead", "future")
    assert not board.take(tick(TICK_SKEW_S_MAX + 1, price=100.0, late_s=-TICK_SKEW_S_MAX - 1), "ahead")
    assert board.latest("BTC-USDT") is None
    assert refused("ahead", "future") == before + 1


async def test_a_time_a_little_ahead_is_ours_and_keeps_its_order(sqlite_db: Database):
    board = a_board(sqlite_db)
    assert board.take(tick(5, price=100.0, late_s=-3), "binance")  # received at +2
    assert board.latest("BTC-USDT").at == NOON + timedelta(seconds=2)
    assert not board.take(tick(4, price=99.0, late_s=0), "binance")  # before the first, by the source's own clock
    assert board.take(tick(6, price=98.0, late_s=-3), "binance")


async def test_one_source_is_followed_at_a_time(sqlite_db: Database):
    board = a_board(sqlite_db, kraken=1, binance=0)
    assert board.take(tick(0, price=100.0, bid=99.0, ask=101.0), "kraken")
    assert board.take(tick(1, price=100.5), "binance")  # preferred: at once
    live = board.latest("BTC-USDT")
    assert (live.source, live.last, live.bid) == ("binance", 100.5, None)  # the sides were another venue's
    assert not board.take(tick(2, price=100.1), "kraken")
    assert board.take(tick(2 + QUOTE_SILENT_S, price=100.2), "kraken")  # binance has gone silent


async def test_a_price_in_another_unit_is_no_move(sqlite_db: Database):
    board, before = a_board(sqlite_db), refused("cents", "far")
    assert board.take(tick(0, price=100.0), "cents")
    assert not board.take(tick(1, price=10_000.0), "cents")
    assert refused("cents", "far") == before + 1
    assert board.take(tick(3600, price=10_000.0), "cents")  # an hour later nobody can tell


async def test_a_polled_quote_is_taken_with_its_own_source_and_delay(sqlite_db: Database):
    board = a_board(sqlite_db)
    quote = Quote("SPY", 370.0, "yahoo", NOON, NOON + timedelta(minutes=15), "delayed_15m", 369.9, 370.1)
    assert board.take(quote)
    live = board.latest("SPY")
    assert (live.source, live.delay, live.last, live.bid, live.ask) == ("yahoo", "delayed_15m", 370.0, 369.9, 370.1)


async def test_a_restart_knows_what_was_written(db: Database):
    board = a_board(db)
    board.take(tick(0, price=100.0, bid=99.0, ask=101.0), "binance")
    board.take(tick(3, price=100.5, symbol="ETH-USDT"), "kraken")
    assert await board.keep() == 2
    assert await board.keep() == 0  # nothing has changed since
    again = a_board(db)
    assert await again.load() == 2
    assert again.snapshot() == board.snapshot()
    assert not again.take(tick(-1, price=1.0), "binance")
    assert again.take(tick(1, price=100.2), "binance")


async def test_an_older_row_never_overwrites_a_newer_one(db: Database):
    one, two = a_board(db), a_board(db)
    one.take(tick(10, price=100.0), "binance")
    two.take(tick(5, price=99.0), "binance")
    await one.keep()
    await two.keep()
    fresh = a_board(db)
    await fresh.load()
    assert fresh.latest("BTC-USDT").last == 100.0
    assert await two.load() == 1  # and the other process learns it
    assert two.latest("BTC-USDT").last == 100.0


async def test_a_row_from_the_future_is_not_read(sqlite_db: Database):
    board = a_board(sqlite_db)
    board.take(tick(0, price=100.0), "binance")
    await board.keep()
    past = QuoteBoard(sqlite_db, FixedClock(NOON - timedelta(days=1)))
    assert await past.load() == 0


async def test_listeners_are_told_what_changed(sqlite_db: Database):
    board, told = a_board(sqlite_db), list[str]()
    board.on_change(told.append)
    board.take(tick(0, price=1.0), "binance")
    board.take(tick(-1, price=1.0), "binance")
    assert told == ["BTC-USDT"]


@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.sampled_from(["a", "b"]), st.booleans(), st.integers(-20, 20)), max_size=60
    )
)
def test_the_shown_moment_never_goes_back(news: list[tuple[int, str, bool, int]]):
    board = QuoteBoard(None, FixedClock(NOON))  # never written here
    shown = from_us(0)
    for at_s, source, trade, late_s in news:
        sides = {} if trade else {"bid": 99.0, "ask": 101.0}
        board.take(tick(at_s, price=100.0 if trade else None, late_s=late_s, **sides), source)
        live = board.latest("BTC-USDT")
        if live is not None:
            assert live.at >= shown
            assert live.at <= live.received_at
            shown = live.at


async def test_a_tick_is_cheap(sqlite_db: Database):
    """Far above the 20,000 a second a feed decodes; the figure is in benchmarks/RESULTS.md."""
    board = a_board(sqlite_db)
    ticks = [tick(i / 1000, price=100.0, bid=99.0, ask=101.0, symbol=f"S{i % 50}") for i in range(20_000)]
    began = time.perf_counter()
    for one in ticks:
        board.take(one, "binance")
    assert time.perf_counter() - began < 5

"""Sequence numbers: what is repeated, late or missing. What a source without feed and quotes answers."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from truecast.domain.event import Candle, Notice, Tick
from truecast.domain.interval import Interval
from truecast.kit.clock import FixedClock
from truecast.providers.base import Reach, SeriesNotOffered, base_url, feed_url
from truecast.providers.catalog import build_provider, known_sources
from truecast.providers.feed import SequenceRule, SequenceWatch, is_trade

REACH = Reach(np.random.default_rng(1))


def trade(seq: int | None, symbol: str = "BTC-USDT") -> Tick:
    return Tick(symbol, 1.0, None, None, 1.0, 10**15, 0, seq)


def quote(seq: int) -> Tick:
    return Tick("BTC-USDT", None, 1.0, 2.0, None, 0, 0, seq)


def candle(start_us: int) -> Candle:
    return Candle("BTC-USDT", Interval.M1, start_us, 1, 1, 1, 1, 0, False, start_us, start_us)


def test_a_hole_in_gapless_numbers_is_counted_per_symbol() -> None:
    watch = SequenceWatch("gapless", "rising")
    assert [watch.judge(one) for one in (trade(5), trade(6), trade(9), trade(1, "ETH-USDT"))] == [
        ("fresh", 0), ("fresh", 0), ("gap", 2), ("fresh", 0),
    ]  # fmt: skip


def test_rising_numbers_may_skip_but_not_fall() -> None:
    watch = SequenceWatch("gapless", "rising")
    assert [watch.judge(quote(n))[0] for n in (5, 9, 9, 7, 10)] == ["fresh", "fresh", "repeated", "late", "fresh"]
    assert watch.judge(trade(1)) == ("fresh", 0)  # trades are counted apart


def test_a_candle_may_come_again_while_it_forms_but_not_after_the_next() -> None:
    watch = SequenceWatch("none", "none")
    assert [watch.judge(candle(n * 60_000_000))[0] for n in (1, 1, 2, 1, 2)] == [
        "fresh",
        "fresh",
        "fresh",
        "late",
        "fresh",
    ]


def test_numbers_that_are_not_there_or_promise_nothing_are_not_judged() -> None:
    assert SequenceWatch("none", "none").judge(trade(1)) == ("fresh", 0)
    watch = SequenceWatch("gapless", "rising")
    assert [watch.judge(trade(None)) for _ in range(2)] == [("fresh", 0)] * 2
    assert watch.judge(Notice("heartbeat", "", 0)) == ("fresh", 0)
    assert is_trade(trade(1)) and not is_trade(quote(1))


@given(st.lists(st.integers(0, 30), max_size=60), st.sampled_from(["rising", "gapless"]))
def test_what_is_let_through_rises_and_what_is_missing_adds_up(numbers: list[int], rule: SequenceRule) -> None:
    watch = SequenceWatch(rule, "none")
    verdicts = [(n, *watch.judge(trade(n))) for n in numbers]
    through = [n for n, verdict, _ in verdicts if verdict in {"fresh", "gap"}]
    assert through == sorted(set(through))
    if rule == "gapless" and through:
        assert sum(missing for *_, missing in verdicts) == through[-1] - through[0] + 1 - len(through)


async def test_a_source_without_quotes_and_feed_says_so(clock: FixedClock) -> None:
    sample = build_provider("sample", clock, REACH)
    assert sample.feed(["EUR-USD"]) is None
    assert await sample.quotes(["EUR-USD"]) == ()
    assert {one.symbol for one in await sample.instruments()} == {o.instrument.symbol for o in sample.offers()}
    assert sample.offer("EUR-USD", Interval.D1).instrument.symbol == "EUR-USD"
    with pytest.raises(SeriesNotOffered):
        sample.offer("EUR-USD", Interval.M1)
    first = datetime(2020, 12, 1, tzinfo=UTC)
    bars = await sample.between("EUR-USD", Interval.D1, first, first + timedelta(days=7))
    assert len(bars) == 5


def test_a_feed_is_beside_the_address_that_replaces_the_sources_own() -> None:
    info = known_sources()["binance"]
    assert feed_url(info, REACH) == "wss://data-stream.binance.vision"
    moved = Reach(np.random.default_rng(1), base_url="http://127.0.0.1:9/binance")
    assert (feed_url(info, moved), base_url(info, moved)) == ("ws://127.0.0.1:9/binance", "http://127.0.0.1:9/binance")
    secure = Reach(np.random.default_rng(1), base_url="https://mirror/")
    assert feed_url(info, secure) == "wss://mirror"


def test_the_metadata_of_every_source_is_whole() -> None:
    for key, info in known_sources().items():
        assert info.capabilities, key
        assert set(info.history) <= set(info.intervals), key
        assert all(limit.weight > 0 and limit.window_s > 0 for limit in info.limits), key
        assert "feed" not in info.capabilities or info.feed_url, key
        assert info.base_url is None or info.limits or key in {"ecb", "ccxt"} or not info.needs_key, key

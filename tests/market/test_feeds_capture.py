"""A stretch of what Binance really sent, once as fast as it came and once a hundred times as fast, over the live path."""

import gzip
import itertools
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.market.live import house, running, until
from tests.wire.dialogue import Capture
from tests.wire.server import Made
from truecast.domain.interval import Interval
from truecast.kit.bus import Message
from truecast.kit.clock import ClockKind
from truecast.kit.db import Database
from truecast.kit.limits import QUOTE_PUBLISH_S
from truecast.market.quote_news import QuoteNews
from truecast.market.quotes import Quotes

RECORDED = Path(__file__).parents[1] / "recorded" / "ticks" / "binance_spot_ethusdt_20240808_20s.gz"
AHEAD_S = 5.0  # by which the exchange's clock was ahead of the recorder's, and more


@dataclass(frozen=True)
class RecordedClock:
    """Passes `speed` times as fast as the machine's, from the moment at which the capture began."""

    start: datetime
    began_s: float
    speed: float
    kind: ClockKind = "system"

    def now(self) -> datetime:
        return self.start + timedelta(seconds=(time.monotonic() - self.began_s) * self.speed + AHEAD_S)

    async def sleep_until(self, when: datetime) -> None:
        raise AssertionError("nothing is waited for")


def recorded() -> list[tuple[int, bytes]]:
    """Receive time in nanoseconds, and the frame."""
    rows = (line.split(b" ", 1) for line in gzip.decompress(RECORDED.read_bytes()).splitlines())
    return [(int(at), frame) for at, frame in rows]


def last_of(frames: Sequence[tuple[int, bytes]]) -> tuple[float, float, float]:
    """The last price paid, the last bid and ask, read in the plainest way."""
    documents = [json.loads(frame) for _, frame in frames]
    trade = next(one["data"] for one in reversed(documents) if one["stream"].endswith("@trade"))
    book = next(one["data"] for one in reversed(documents) if one["stream"].endswith("@bookTicker"))
    return float(trade["p"]), float(book["b"]), float(book["a"])


@pytest.mark.parametrize(("speed", "seconds"), [(1.0, 2.0), (100.0, 20.0)])
async def test_the_capture_ends_on_the_board_and_on_the_bus(sqlite_db: Database, speed: float, seconds: float) -> None:
    frames = recorded()
    frames = [one for one in frames if one[0] - frames[0][0] < seconds * 1e9]
    clock = RecordedClock(datetime.fromtimestamp(frames[0][0] / 1e9, UTC), time.monotonic(), speed)
    told: list[Message] = []

    async def listen(message: Message) -> None:
        told.append(message)

    async with house(sqlite_db, clock, symbols=("ETH-USDT",), silence_s_max=60.0) as live:
        live.wire.make("binance", lambda _path, _query: Made(b"{}", 404))  # nobody recorded what HTTP said that day
        waits = [0.0, *((b - a) / 1e9 for (a, _), (b, _) in itertools.pairwise(frames))]
        live.wire.play("binance", Capture(list(zip(waits, (frame for _, frame in frames), strict=True)), speed))
        await live.store.add_series(live.sources["binance"].offer("ETH-USDT", Interval.M1), "binance")
        news = QuoteNews(Quotes(live.store, clock, live.board), live.board, live.store, live.bus)
        live.bus.subscribe("quotes:ETH-USDT", listen)
        began_s = time.monotonic()
        async with running(live.feed), running(news):
            await until(lambda: live.feed.status.messages == len(frames), seconds / speed + 20)
            took_s = time.monotonic() - began_s
            last, bid, ask = last_of(frames)
            await until(lambda: told and told[-1].data["price"] == last)
        status = live.feed.status
        assert (status.malformed, status.gaps, status.reconnects, sum(status.dropped.values())) == (0, 0, 0, 0)
        quote = live.board.latest("ETH-USDT")
        assert quote is not None and (quote.last, quote.bid, quote.ask, quote.source) == (last, bid, ask, "binance")
        assert 1 <= len(told) <= took_s / QUOTE_PUBLISH_S + 3  # the latest one each time, not every one
        assert (told[-1].data["bid"], told[-1].data["ask"]) == (bid, ask)

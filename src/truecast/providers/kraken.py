"""Spot crypto from Kraken: the last 720 candles of each interval, tickers of many, pairs, and WebSocket v2. No key.

Older candles cannot be had here: `since` does not reach back further.
"""

from collections.abc import Sequence

from truecast.domain.instrument import Instrument
from truecast.domain.quote import Quote
from truecast.kit.clock import Clock
from truecast.providers.base import Reach, SourceInfo, feed_url, info_beside
from truecast.providers.candles import Asked, Read
from truecast.providers.errors import SymbolNotAtSource
from truecast.providers.exchange import Exchange, followed, quotes_of_all
from truecast.providers.feed import FeedPlan
from truecast.providers.kraken_feed import plan
from truecast.providers.kraken_formats import (
    KEY,
    keyed_as,
    parse_ohlc,
    parse_pairs,
    parse_status,
    parse_tickers,
    spelled,
)
from truecast.providers.upstream import Upstream, upstream_of

_OHLC, _TICKER, _PAIRS = "0/public/OHLC", "0/public/Ticker", "0/public/AssetPairs"
_PAIRS_A_REQUEST = 40


class Kraken(Exchange):
    """Nearly every answer is HTTP 200; a list of errors inside is the failure."""

    page_bars = 720

    def __init__(self, info: SourceInfo, clock: Clock, upstream: Upstream, feed_root: str) -> None:
        super().__init__(info, clock, upstream, followed(__file__))
        self._feed_root = feed_root

    async def quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        """Last price, bid and ask; one request for forty pairs."""
        return await quotes_of_all(KEY, symbols, self._quotes, _PAIRS_A_REQUEST)

    async def instruments(self) -> Sequence[Instrument]:
        """Every pair that is online."""
        answer = await self._upstream.get(_PAIRS, about="its list of pairs")
        return sorted(parse_pairs(answer.body).values(), key=lambda one: one.symbol)

    def feed(self, symbols: Sequence[str]) -> FeedPlan:
        """Trades, tickers, and one-minute candles as they form."""
        return plan(self._feed_root, symbols)

    def _spelled(self, symbol: str) -> str:
        return spelled(symbol)

    async def _page(self, asked: Asked, start_us: int, _end_us: int) -> Read:
        params = {
            "pair": self._spelled(asked.symbol),
            "interval": str(asked.interval.seconds // 60),
            "since": str(start_us // 1_000_000 - 1),  # exclusive
        }
        answer = await self._upstream.get(_OHLC, params, about=asked.symbol)
        return parse_ohlc(answer.body, asked)

    async def _check_listed(self, symbol: str) -> None:
        answer = await self._upstream.get(_PAIRS, {"pair": self._spelled(symbol)}, about=symbol)
        status = parse_status(answer.body, symbol)
        if status != "online":
            raise SymbolNotAtSource(source=KEY, symbol=symbol, reason=f"its status is {status}")

    async def _quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        names = {name: symbol for symbol in symbols for name in keyed_as(symbol)}
        pairs = ",".join(self._spelled(symbol) for symbol in symbols)
        answer = await self._upstream.get(_TICKER, {"pair": pairs}, about=", ".join(symbols)[:60])
        return parse_tickers(answer.body, names, self.info, answer.received_at)


def create(clock: Clock, reach: Reach) -> Kraken:
    """The adapter, at Kraken or wherever `reach` says."""
    info = info_beside(__file__)
    return Kraken(info, clock, upstream_of(__file__, clock, reach), feed_url(info, reach))

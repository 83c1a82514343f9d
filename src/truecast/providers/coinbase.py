"""Spot crypto from Coinbase Exchange: candles 300 at a time, tickers one by one, products and the live feed. No key.

A minute without a trade has no candle; the whole history since listing can be had.
"""

from collections.abc import Sequence
from dataclasses import replace

from truecast.domain.instrument import Instrument
from truecast.domain.quote import Quote
from truecast.kit.clock import Clock, from_us, iso
from truecast.providers.base import Reach, SourceInfo, feed_url, info_beside
from truecast.providers.candles import Asked, Read
from truecast.providers.coinbase_feed import plan
from truecast.providers.coinbase_formats import KEY, parse_candles, parse_products, parse_status, parse_ticker
from truecast.providers.errors import SymbolNotAtSource
from truecast.providers.exchange import Exchange, by_id, followed, quotes_of_all
from truecast.providers.feed import FeedPlan
from truecast.providers.upstream import Upstream, upstream_of


class Coinbase(Exchange):
    """Candles are asked for in windows of 299: the ends are inclusive, and 301 would be refused."""

    page_bars = 299

    def __init__(self, info: SourceInfo, clock: Clock, upstream: Upstream, feed_root: str) -> None:
        super().__init__(info, clock, upstream, followed(__file__))
        self._feed_root = feed_root

    async def quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        """Last price, bid and ask; one request each."""
        return await quotes_of_all(KEY, symbols, self._quote, 1)

    async def instruments(self) -> Sequence[Instrument]:
        """Every product that is online."""
        answer = await self._upstream.get("products", about="its list of products")
        return sorted(parse_products(answer.body).values(), key=lambda one: one.symbol)

    def feed(self, symbols: Sequence[str]) -> FeedPlan:
        """Trades, tickers and a heartbeat a second."""
        return plan(self._feed_root, by_id(self._spelled, symbols))

    def _spelled(self, symbol: str) -> str:
        return symbol

    async def _page(self, asked: Asked, start_us: int, end_us: int) -> Read:
        step_us = asked.interval.seconds * 1_000_000
        until_us = min(end_us, start_us + self.page_bars * step_us)
        params = {
            "granularity": str(asked.interval.seconds),
            "start": iso(from_us(start_us)),
            "end": iso(from_us(until_us)),
        }
        answer = await self._upstream.get(f"products/{self._spelled(asked.symbol)}/candles", params, about=asked.symbol)
        read = parse_candles(answer.body, replace(asked, since_us=start_us, end_us=until_us))
        return replace(read, further=str(until_us))

    async def _check_listed(self, symbol: str) -> None:
        answer = await self._upstream.get("products", about=symbol)
        status = parse_status(answer.body, self._spelled(symbol))
        if status != "online":
            raise SymbolNotAtSource(source=KEY, symbol=symbol, reason=f"its status is {status}")

    async def _quote(self, symbols: Sequence[str]) -> Sequence[Quote]:
        [symbol] = symbols
        answer = await self._upstream.get(f"products/{self._spelled(symbol)}/ticker", about=symbol)
        return [parse_ticker(answer.body, symbol, self.info, answer.received_at)]


def create(clock: Clock, reach: Reach) -> Coinbase:
    """The adapter, at Coinbase or wherever `reach` says."""
    info = info_beside(__file__)
    return Coinbase(info, clock, upstream_of(__file__, clock, reach), feed_url(info, reach))

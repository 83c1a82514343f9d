"""Spot crypto from Binance: klines, tickers, what is listed, and the live streams. No key; served in most countries.

The whole history of every pair can be had, a thousand bars a request (weight 2 of 6,000 a minute).
"""

import json
from collections.abc import Mapping, Sequence

from truecast.domain.instrument import Instrument
from truecast.domain.quote import Quote
from truecast.kit.clock import Clock
from truecast.providers.base import Reach, SourceInfo, feed_url, info_beside
from truecast.providers.binance_feed import plan
from truecast.providers.binance_formats import (
    KEY,
    explain,
    parse_exchange_info,
    parse_klines,
    parse_status,
    parse_tickers,
)
from truecast.providers.candles import Asked, Read
from truecast.providers.errors import SymbolNotAtSource
from truecast.providers.exchange import Exchange, by_id, followed, quotes_of_all
from truecast.providers.feed import FeedPlan
from truecast.providers.universe import at_source
from truecast.providers.upstream import Upstream, upstream_of

_KLINES, _TICKERS, _INFO = "api/v3/klines", "api/v3/ticker/24hr", "api/v3/exchangeInfo"
_WEIGHT_KLINES, _WEIGHT_TICKERS, _WEIGHT_INFO = 2, 2, 20
_SYMBOLS_CHEAP = 20  # tickers of more cost 20 times as much


class Binance(Exchange):
    """The client it is given already times out, retries and raises on anything but 2xx."""

    page_bars = 1_000

    def __init__(self, info: SourceInfo, clock: Clock, upstream: Upstream, feed_root: str) -> None:
        super().__init__(info, clock, upstream, followed(__file__))
        self._feed_root = feed_root

    async def quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        """Last price, bid and ask; one request for twenty symbols."""
        return await quotes_of_all(KEY, symbols, self._quotes, _SYMBOLS_CHEAP)

    async def instruments(self) -> Sequence[Instrument]:
        """Every spot pair that trades now."""
        answer = await self._upstream.get(
            _INFO, {"showPermissionSets": "false"}, about="its list of symbols", weight=_WEIGHT_INFO
        )
        return sorted(parse_exchange_info(answer.body).values(), key=lambda one: one.symbol)

    def feed(self, symbols: Sequence[str]) -> FeedPlan:
        """Trades, best bid and ask, the last price once a second, and one-minute candles as they form."""
        return plan(self._feed_root, by_id(self._spelled, symbols))

    def _spelled(self, symbol: str) -> str:
        listed = at_source(KEY).get(symbol)
        return listed[1] if listed else symbol.replace("-", "")

    async def _page(self, asked: Asked, start_us: int, end_us: int) -> Read:
        params = {
            "symbol": self._spelled(asked.symbol),
            "interval": asked.interval.value,
            "startTime": str(start_us // 1_000),
            "endTime": str((end_us - 1) // 1_000),  # inclusive
            "limit": str(self.page_bars),
        }
        answer = await self._upstream.get(_KLINES, params, about=asked.symbol, weight=_WEIGHT_KLINES)
        return parse_klines(answer.body, asked)

    async def _check_listed(self, symbol: str) -> None:
        name = self._spelled(symbol)
        answer = await self._upstream.get(_INFO, {"symbols": _listed([name])}, about=symbol, weight=_WEIGHT_INFO)
        status = parse_status(answer.body, name)
        if status != "TRADING":
            raise SymbolNotAtSource(source=KEY, symbol=symbol, reason=f"its status is {status}")

    async def _quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        names: Mapping[str, str] = by_id(self._spelled, symbols)
        about = ", ".join(symbols)[:60]
        answer = await self._upstream.get(
            _TICKERS, {"symbols": _listed(list(names))}, about=about, weight=_WEIGHT_TICKERS
        )
        return parse_tickers(answer.body, names, self.info, answer.received_at)


def create(clock: Clock, reach: Reach) -> Binance:
    """The adapter, at Binance or wherever `reach` says."""
    info = info_beside(__file__)
    return Binance(info, clock, upstream_of(__file__, clock, reach, explain_body=explain), feed_url(info, reach))


def _listed(names: list[str]) -> str:
    return json.dumps(names, separators=(",", ":"))

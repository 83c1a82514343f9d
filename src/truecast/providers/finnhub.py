"""Quotes and live trades of US stocks from Finnhub, with a free key; intraday candles with a paid one.

Daily candles are not read: they are adjusted, and nothing tells by what.
"""

import asyncio
import json
from collections.abc import Sequence

from truecast.domain.interval import Interval
from truecast.domain.quote import Quote
from truecast.kit.clock import Clock
from truecast.kit.http import Response
from truecast.providers.base import Reach, feed_url
from truecast.providers.candles import Asked, Read
from truecast.providers.errors import SymbolNotAtSource
from truecast.providers.feed import FeedPlan
from truecast.providers.finnhub_formats import KEY, decode, explain, parse_candles, parse_quote
from truecast.providers.stocks import Stocks, Stretch
from truecast.providers.upstream import apart, upstream_of

_RESOLUTION = {Interval.M1: "1", Interval.M5: "5", Interval.M15: "15", Interval.M30: "30"}
_SILENCE_S_MAX = 120.0  # it pings about once a minute
_FEED_SYMBOLS_MAX = 50  # of the free plan


class Finnhub(Stocks):
    """Quotes, the stream, and candles for who pays for them."""

    feed_root = ""

    async def quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        """Last prices, one request each; who is not there is left out."""
        names = self._names.known(symbols)
        about = ", ".join(symbols)[:60]
        asked = (self._quote(name, symbol) for name, symbol in names.items())
        found = await asyncio.gather(*asked, return_exceptions=True)
        for one in found:
            if isinstance(one, BaseException) and not isinstance(one, SymbolNotAtSource):
                raise one
        quotes = [one for one in found if isinstance(one, Quote)]
        if not quotes:
            raise SymbolNotAtSource(source=KEY, symbol=about, reason="all zeros")
        return quotes

    def feed(self, symbols: Sequence[str]) -> FeedPlan:
        """Trades as they happen; fifty symbols on the free plan. Nothing acknowledges a subscription."""
        names = dict(list(self._names.known(symbols).items())[:_FEED_SYMBOLS_MAX])
        return FeedPlan(
            source=KEY,
            url=f"{self.feed_root}?token={self._secret()}",
            symbols=tuple(names.values()),
            subscribe=tuple(json.dumps({"type": "subscribe", "symbol": name}) for name in names),
            decode=lambda frame, received_us: decode(frame, received_us, names),
            silence_s_max=_SILENCE_S_MAX,
        )

    async def _page(self, stretch: Stretch, _token: str | None) -> tuple[Asked, Read]:
        first, last = (str(int(at.timestamp())) for at in (stretch.first, max(stretch.last, stretch.first)))
        params = {
            "symbol": self._name(stretch),
            "resolution": _RESOLUTION[stretch.interval],
            "from": first,
            "to": last,
        }
        answer = await self._get("/stock/candle", params, stretch.symbol)
        asked = self._asked(stretch, answer.received_at)
        return asked, await apart(parse_candles, answer.body, asked)

    async def _quote(self, name: str, symbol: str) -> Quote:
        answer = await self._get("/quote", {"symbol": name}, symbol)
        return parse_quote(answer.body, symbol, answer.received_at)

    async def _get(self, path: str, params: dict[str, str], about: str) -> Response:
        return await self._upstream.get(path, params, about=about, headers={"x-finnhub-token": self._secret()})


def create(clock: Clock, reach: Reach) -> Finnhub:
    """The adapter, at Finnhub or wherever `reach` says."""
    upstream = upstream_of(__file__, clock, reach, keyed=reach.key is not None, explain=explain)
    finnhub = Finnhub(__file__, clock, upstream, reach.key)
    finnhub.feed_root = feed_url(finnhub.info, reach)
    return finnhub

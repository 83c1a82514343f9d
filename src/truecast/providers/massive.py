"""US stocks and funds from Massive (formerly Polygon.io): raw aggregates, splits and dividends. Needs a key.

The free plan gives five requests a minute and the end of day; snapshots and the stream are paid for, and refused so.
"""

import asyncio
import datetime as dt
import json
from collections.abc import Sequence
from urllib.parse import parse_qsl

from truecast.domain.corporate import Factor
from truecast.domain.interval import Interval
from truecast.domain.quote import Quote
from truecast.kit.clock import Clock, from_us, to_us
from truecast.kit.http import Response
from truecast.providers.base import Reach, feed_url
from truecast.providers.candles import Asked, Read
from truecast.providers.errors import SymbolNotAtSource
from truecast.providers.feed import FeedPlan
from truecast.providers.massive_formats import (
    KEY,
    decode,
    explain,
    parse_aggregates,
    parse_dividends,
    parse_snapshot,
    parse_splits,
)
from truecast.providers.stocks import Stocks, Stretch, factors_from
from truecast.providers.upstream import apart, upstream_of

_SPAN = {
    Interval.M1: "1/minute", Interval.M5: "5/minute", Interval.M15: "15/minute", Interval.M30: "30/minute",
    Interval.D1: "1/day",
}  # fmt: skip
_ROWS = "50000"
_EVENTS = "1000"
_SILENCE_S_MAX = 3_600.0


class Massive(Stocks):
    """Aggregates, events, snapshots and the stream."""

    feed_root = ""

    async def factors(self, symbol: str) -> Sequence[Factor]:
        """Splits and dividends; dividends as far back as the plan has prices."""
        _, name = self._names.name(symbol, Interval.D1)
        params = {"ticker": name, "limit": _EVENTS}
        splits = await self._get("/v3/reference/splits", params, symbol)
        dividends = await self._get("/v3/reference/dividends", params, symbol)
        paid = parse_dividends(dividends.body, name)
        bars = await self.bars(symbol, Interval.D1, None) if paid else None
        times, prices = ([], []) if bars is None else (bars.start.tolist(), bars.close.tolist())
        closes = [(from_us(us).date(), close) for us, close in zip(times, prices, strict=True)]
        found = factors_from(parse_splits(splits.body, name), paid, closes, KEY)
        return [factor for factor in found if factor.date < self._clock.now().date()]

    async def quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        """Last trades, one request each; a paid plan has them."""
        names = self._names.known(symbols)
        if not names:
            raise SymbolNotAtSource(source=KEY, symbol=", ".join(symbols)[:60], reason="no US ticker")
        return list(await asyncio.gather(*(self._quote(name, symbol) for name, symbol in names.items())))

    def feed(self, symbols: Sequence[str]) -> FeedPlan:
        """Trades and minutes; a paid plan has them."""
        names = self._names.known(symbols)
        listed = ",".join(f"{kind}.{name}" for name in names for kind in ("AM", "T"))
        frames = ({"action": "auth", "params": self._secret()}, {"action": "subscribe", "params": listed})
        return FeedPlan(
            source=KEY,
            url=f"{self.feed_root}/stocks",
            symbols=tuple(names.values()),
            subscribe=tuple(json.dumps(frame) for frame in frames),
            decode=lambda frame, received_us: decode(frame, received_us, names),
            silence_s_max=_SILENCE_S_MAX,
            trades="rising",
            candles=(Interval.M1,),
        )

    async def _page(self, stretch: Stretch, token: str | None) -> tuple[Asked, Read]:
        name = self._name(stretch)
        first, last = (to_us(at) // 1_000 for at in (self._from(stretch), stretch.last))
        path = f"/v2/aggs/ticker/{name}/range/{_SPAN[stretch.interval]}/{first}/{max(last, first)}"
        params = {"adjusted": "false", "sort": "asc", "limit": _ROWS}
        if token is not None:
            path, _, query = token.partition("?")
            params = dict(parse_qsl(query))
        answer = await self._get(path, params, stretch.symbol)
        asked = self._asked(stretch, answer.received_at)
        return asked, await apart(parse_aggregates, answer.body, asked, name)

    @staticmethod
    def _from(stretch: Stretch) -> dt.datetime:
        """A day is stamped with its midnight in New York, hours after the label's."""
        return stretch.first if stretch.interval.is_intraday else stretch.first.replace(hour=0, minute=0, second=0)

    async def _quote(self, name: str, symbol: str) -> Quote:
        answer = await self._get(f"/v2/snapshot/locale/us/markets/stocks/tickers/{name}", {}, symbol)
        return parse_snapshot(answer.body, name, symbol, answer.received_at)

    async def _get(self, path: str, params: dict[str, str], about: str) -> Response:
        headers = {"authorization": f"Bearer {self._secret()}"}
        return await self._upstream.get(path, params, about=about, headers=headers)


def create(clock: Clock, reach: Reach) -> Massive:
    """The adapter, at Massive or wherever `reach` says."""
    upstream = upstream_of(__file__, clock, reach, keyed=reach.key is not None, explain=explain)
    massive = Massive(__file__, clock, upstream, reach.key)
    massive.feed_root = feed_url(massive.info, reach)
    return massive

"""US stocks and funds from Alpaca: bars of all exchanges 15 minutes late, IEX live. Needs a free key.

The key is `id:secret` (`TRUECAST_SOURCE_KEYS="alpaca=PK…:…"`). Bars are asked for raw and only up to 16 minutes ago:
the free plan refuses younger ones of all exchanges.
"""

import datetime as dt
import json
from collections.abc import Mapping, Sequence

from truecast.domain.interval import Interval
from truecast.domain.quote import Quote
from truecast.kit.clock import Clock, iso
from truecast.providers.alpaca_formats import KEY, decode, explain, parse_bars, parse_snapshots
from truecast.providers.base import Reach, feed_url
from truecast.providers.candles import Asked, Read
from truecast.providers.errors import SourceKeyRefused, SymbolNotAtSource
from truecast.providers.feed import FeedPlan
from truecast.providers.stocks import Stocks, Stretch
from truecast.providers.upstream import apart, upstream_of

_BARS, _SNAPSHOTS = "/v2/stocks/bars", "/v2/stocks/snapshots"
_PAGE_ROWS = 10_000
_TIMEFRAME = {
    Interval.M1: "1Min", Interval.M5: "5Min", Interval.M15: "15Min", Interval.M30: "30Min", Interval.D1: "1Day",
}  # fmt: skip
_LATE = dt.timedelta(minutes=16)
_SILENCE_S_MAX = 3_600.0  # at night nothing is said, and the server pings by itself
_FEED_SYMBOLS_MAX = 30  # of the free plan


class Alpaca(Stocks):
    """Bars, snapshots and the IEX stream."""

    feed_root = ""

    async def quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        """Last trade on IEX with bid and ask, all in one request."""
        names = self._names.known(symbols)
        about = ", ".join(symbols)[:60]
        if not names:
            raise SymbolNotAtSource(source=KEY, symbol=about, reason="no US ticker")
        params = {"symbols": ",".join(names), "feed": "iex"}
        answer = await self._upstream.get(_SNAPSHOTS, params, about=about, headers=self._headers())
        found = parse_snapshots(answer.body, names, answer.received_at)
        if not found:
            raise SymbolNotAtSource(source=KEY, symbol=about, reason="no snapshot of any")
        return found

    def feed(self, symbols: Sequence[str]) -> FeedPlan:
        """Trades, quotes and minutes on IEX, corrections of minutes included; thirty symbols on the free plan."""
        names = dict(list(self._names.known(symbols).items())[:_FEED_SYMBOLS_MAX])
        key, secret = self._pair()
        listed = list(names)
        frames = (
            {"action": "auth", "key": key, "secret": secret},
            {"action": "subscribe", "trades": listed, "quotes": listed, "bars": listed, "updatedBars": listed},
        )
        return FeedPlan(
            source=KEY,
            url=f"{self.feed_root}/v2/iex",
            symbols=tuple(names.values()),
            subscribe=tuple(json.dumps(frame) for frame in frames),
            decode=lambda frame, received_us: decode(frame, received_us, names),
            silence_s_max=_SILENCE_S_MAX,
        )

    async def _page(self, stretch: Stretch, token: str | None) -> tuple[Asked, Read]:
        name, first = self._name(stretch), stretch.first
        if not stretch.interval.is_intraday:  # a day is stamped 04:00Z or 05:00Z of its date
            first = first.replace(hour=0, minute=0, second=0, microsecond=0)
        params = {
            "symbols": name,
            "timeframe": _TIMEFRAME[stretch.interval],
            "start": iso(first),
            "end": iso(max(min(stretch.last, self._clock.now() - _LATE), first)),
            "limit": str(_PAGE_ROWS),
            "adjustment": "raw",
            "feed": "sip",
            **({"page_token": token} if token else {}),
        }
        answer = await self._upstream.get(_BARS, params, about=stretch.symbol, headers=self._headers())
        asked = self._asked(stretch, answer.received_at)
        return asked, await apart(parse_bars, answer.body, asked, name)

    def _headers(self) -> Mapping[str, str]:
        key, secret = self._pair()
        return {"apca-api-key-id": key, "apca-api-secret-key": secret}

    def _pair(self) -> tuple[str, str]:
        key, _, secret = self._secret().partition(":")
        if not secret:
            raise SourceKeyRefused(source=KEY, reason="give it as id:secret")
        return key, secret


def create(clock: Clock, reach: Reach) -> Alpaca:
    """The adapter, at Alpaca or wherever `reach` says."""
    upstream = upstream_of(__file__, clock, reach, keyed=reach.key is not None, explain=explain)
    alpaca = Alpaca(__file__, clock, upstream, reach.key)
    alpaca.feed_root = feed_url(alpaca.info, reach)
    return alpaca

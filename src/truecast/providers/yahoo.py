"""Stocks, funds, indices and exchange rates from Yahoo's charts: unofficial, best effort, no key.

Yahoo rewrites history after every split. Its charts are asked for up to now, so that they name every split there was,
and the prices that were paid are worked out from that; dividends and splits are told as factors.
"""

import asyncio
import datetime as dt
from collections.abc import Sequence
from urllib.parse import quote as quoted

from truecast.domain.bar import Bars
from truecast.domain.corporate import Factor
from truecast.domain.instrument import AssetClass, Instrument
from truecast.domain.interval import Interval
from truecast.domain.quote import Quote
from truecast.kit.clock import Clock
from truecast.kit.errors import TruecastError
from truecast.kit.http import Response
from truecast.providers.base import Reach
from truecast.providers.candles import told
from truecast.providers.errors import SymbolNotAtSource
from truecast.providers.names import Listed
from truecast.providers.universe import exchange_rate, us_stock
from truecast.providers.upstream import apart, upstream_of
from truecast.providers.yahoo_formats import KEY, Chart, factors_of, parse_chart, quote_of, read_chart

_WITH_EVENTS = (AssetClass.EQUITY, AssetClass.ETF)


class Yahoo(Listed):
    """Charts of whatever Yahoo has, as long as it answers."""

    async def bars(self, symbol: str, interval: Interval, since: dt.datetime | None) -> Bars:
        """From `since` on, as far back as Yahoo keeps that interval."""
        instrument, name = self._names.name(symbol, interval)
        chart, answer = await self._chart(instrument, name, interval, since)
        asked = self._names.asked(symbol, interval, answer.received_at, since=since)
        return told(read_chart(chart, asked), asked)

    async def between(self, symbol: str, interval: Interval, first: dt.datetime, end: dt.datetime) -> Bars:
        """A stretch of the past: asked for up to now, for the splits since."""
        instrument, name = self._names.name(symbol, interval)
        chart, answer = await self._chart(instrument, name, interval, first)
        asked = self._names.asked(symbol, interval, answer.received_at, since=first, end=end)
        return told(read_chart(chart, asked), asked)

    async def factors(self, symbol: str) -> Sequence[Factor]:
        """All splits and dividends of a stock or fund, from its whole daily chart."""
        instrument, name = self._names.name(symbol, Interval.D1)
        if instrument.asset_class not in _WITH_EVENTS:
            return ()
        chart, answer = await self._chart(instrument, name, Interval.D1, None)
        return [factor for factor in factors_of(chart) if factor.date < answer.received_at.date()]

    async def quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        """Last prices, one request each; who has none is left out."""
        names = self._names.known(symbols)
        found = await asyncio.gather(
            *(self._quote(name, symbol) for name, symbol in names.items()), return_exceptions=True
        )
        quotes = [one for one in found if isinstance(one, Quote)]
        errors = [one for one in found if isinstance(one, BaseException) and not isinstance(one, SymbolNotAtSource)]
        if errors:
            raise errors[0]
        if not quotes:
            raise SymbolNotAtSource(source=KEY, symbol=", ".join(symbols)[:60], reason="none of them")
        return quotes

    def _spelled(self, symbol: str) -> tuple[Instrument, str] | None:
        """Any US ticker, where BRK.B is BRK-B, and any pair of known currencies."""
        stock = us_stock(symbol)
        return (stock, symbol.replace(".", "-")) if stock else exchange_rate(KEY, symbol)

    async def _quote(self, name: str, symbol: str) -> Quote:
        path = f"/v8/finance/chart/{quoted(name)}"
        answer = await self._upstream.get(path, {"range": "1d", "interval": "1m"}, about=symbol)
        return quote_of(parse_chart(answer.body, name, Interval.M1, None, symbol), symbol, answer.received_at)

    async def _chart(
        self, instrument: Instrument, name: str, interval: Interval, since: dt.datetime | None
    ) -> tuple[Chart, Response]:
        now = self._clock.now()
        days = self.info.history.get(interval)
        oldest = dt.datetime.fromtimestamp(0, dt.UTC) if days is None else now - dt.timedelta(days=days)
        first = oldest if since is None else max(since - dt.timedelta(days=1), oldest)
        params = {
            "period1": str(int(first.timestamp())),
            "period2": str(int(now.timestamp()) + 1),
            "interval": interval.value,
            "includePrePost": "false",
            "events": "div,splits,capitalGains",
        }
        answer = await self._upstream.get(f"/v8/finance/chart/{quoted(name)}", params, about=instrument.symbol)
        currency = None if instrument.currency == "points" else instrument.currency
        chart = await apart(parse_chart, answer.body, name, interval, currency, instrument.symbol)
        return chart, answer


def explain(status: int, said: str, about: str) -> TruecastError | None:
    """404 is said with "No data found, symbol may be delisted"."""
    if status == 404:
        return SymbolNotAtSource(source=KEY, symbol=about, reason=said or "not found")
    return None


def create(clock: Clock, reach: Reach) -> Yahoo:
    """The adapter, at Yahoo or wherever `reach` says."""
    return Yahoo(__file__, clock, upstream_of(__file__, clock, reach, explain=explain))

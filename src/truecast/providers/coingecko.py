"""Dollar prices of coins from CoinGecko: the long tail, market capitalisations, and a second opinion. Key optional.

Averages over exchanges, not trades: hourly and daily series are its price at the end of each hour and day, without
open, high, low or volume; half-hours of the last day and four-hours of the last month come as candles.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from truecast.domain.instrument import Instrument
from truecast.domain.interval import Interval
from truecast.domain.quote import Quote
from truecast.kit.clock import Clock
from truecast.providers.base import Reach, SeriesOffer, SourceInfo, info_beside
from truecast.providers.candles import Asked, Read
from truecast.providers.coingecko_formats import (
    Coin,
    explain,
    parse_market_chart,
    parse_markets,
    parse_ohlc,
    parse_prices,
)
from truecast.providers.coins import coin_pair
from truecast.providers.exchange import Exchange, followed, quotes_of_all
from truecast.providers.upstream import Upstream, upstream_of

_CANDLE_DAYS = {Interval.M30: 1, Interval.H4: 30}  # the range decides the granularity
_POINT_DAYS = {Interval.H1: 90, Interval.D1: 365}
_LATER_US = {Interval.D1: 2_100_000_000}  # a day is complete at 00:35 UTC
_CACHED_US = 900_000_000  # an answer may be so old, and its last candle with it
_IDS_A_REQUEST = 100


class CoinGecko(Exchange):
    """One shared budget for everything: ask seldom, ask for much."""

    page_bars = 2_200

    def __init__(self, info: SourceInfo, clock: Clock, upstream: Upstream, headers: dict[str, str]) -> None:
        super().__init__(info, clock, upstream, followed(__file__))
        self._headers = headers
        table = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
        self._ids: dict[str, str] = dict(table["coins"])  # by ticker; `instruments` adds to it
        self._symbols: tuple[str, ...] = tuple(table["followed"]["symbols"])

    def offers(self) -> Sequence[SeriesOffer]:
        """The coins of the default universe, in dollars."""
        return [self.offer(symbol, interval) for symbol in self._symbols for interval in self._followed]

    def offer(self, symbol: str, interval: Interval) -> SeriesOffer:
        """Any known coin in dollars. Raises SeriesNotOffered."""
        offer = super().offer(symbol, interval)
        return replace(offer, derived="its price at the end of each bar") if interval in _POINT_DAYS else offer

    async def quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        """Prices; one request for a hundred coins."""
        return await quotes_of_all(
            self.info.key, [one for one in symbols if self._instrument(one)], self._prices, _IDS_A_REQUEST
        )

    async def instruments(self) -> Sequence[Instrument]:
        """The 250 largest coins in dollars; of two with one ticker the larger."""
        found = {}
        for coin in await self.markets():
            instrument = coin_pair(f"{coin.ticker}-USD")
            if coin.price is not None and instrument is not None and instrument.symbol not in found:
                found[instrument.symbol] = instrument
                self._ids.setdefault(coin.ticker, coin.id)
        return sorted(found.values(), key=lambda one: one.symbol)

    async def markets(self) -> list[Coin]:
        """The 250 largest coins with price and market capitalisation."""
        params = {"vs_currency": "usd", "per_page": "250", "page": "1"}
        answer = await self._upstream.get("api/v3/coins/markets", params, about="its coins", headers=self._headers)
        return parse_markets(answer.body)

    def _instrument(self, symbol: str) -> Instrument | None:
        ticker, _, quote = symbol.partition("-")
        return super()._instrument(symbol) if quote == "USD" and ticker in self._ids else None

    def _spelled(self, symbol: str) -> str:
        return self._ids[symbol.partition("-")[0]]

    async def _page(self, asked: Asked, _start_us: int, _end_us: int) -> Read:
        interval = asked.interval
        candles = interval in _CANDLE_DAYS
        days = _CANDLE_DAYS[interval] if candles else _POINT_DAYS[interval]
        path = f"api/v3/coins/{self._spelled(asked.symbol)}/{'ohlc' if candles else 'market_chart'}"
        params = {"vs_currency": "usd", "days": str(days)}
        answer = await self._upstream.get(path, params, about=asked.symbol, headers=self._headers)
        asked = replace(asked, later_us=_LATER_US.get(interval, _CACHED_US))
        return parse_ohlc(answer.body, asked) if candles else parse_market_chart(answer.body, asked)

    async def _prices(self, symbols: Sequence[str]) -> Sequence[Quote]:
        ids = {self._spelled(symbol): symbol for symbol in symbols}
        params = {"ids": ",".join(ids), "vs_currencies": "usd", "include_last_updated_at": "true"}
        about = ", ".join(symbols)[:60]
        answer = await self._upstream.get("api/v3/simple/price", params, about=about, headers=self._headers)
        return parse_prices(answer.body, ids, self.info, answer.received_at)


def create(clock: Clock, reach: Reach) -> CoinGecko:
    """The adapter, at CoinGecko or wherever `reach` says; a key for the paid plan goes with that plan's address."""
    info = info_beside(__file__)
    kind = "pro" if "pro-api" in (reach.base_url or "") else "demo"
    headers = {f"x-cg-{kind}-api-key": reach.key.get_secret_value()} if reach.key else {}
    upstream = upstream_of(__file__, clock, reach, keyed=reach.key is not None, explain_body=explain)
    return CoinGecko(info, clock, upstream, headers)

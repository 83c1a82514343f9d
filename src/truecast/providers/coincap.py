"""Dollar prices of coins from CoinCap v3. Switched off until a key is set. All numbers are strings, times ms.

A point of its history is the price at that moment: it closes the bar that ends there. Version 2 is gone; it answers
with a message where the list was.
"""

import datetime as dt
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from truecast.domain.instrument import Instrument
from truecast.domain.interval import Interval
from truecast.domain.quote import Quote
from truecast.kit.clock import Clock
from truecast.providers.base import Reach, SeriesOffer, SourceInfo, info_beside
from truecast.providers.candles import Asked, Read
from truecast.providers.coingecko_formats import closes_at
from truecast.providers.coins import coin_pair
from truecast.providers.errors import SourceKeyMissing, SourceRefused, SymbolNotAtSource
from truecast.providers.exchange import Exchange, as_quote, followed
from truecast.providers.payload import epoch_us, json_of, malformed, member, number, shown
from truecast.providers.upstream import Upstream, upstream_of

KEY = "coincap"
_MS_US = 1_000
_INTERVALS = {
    Interval.M1: "m1",
    Interval.M5: "m5",
    Interval.M15: "m15",
    Interval.M30: "m30",
    Interval.H1: "h1",
    Interval.D1: "d1",
}


class CoinCap(Exchange):
    """Without a key nothing is asked: every call raises SourceKeyMissing."""

    page_bars = 700

    def __init__(self, info: SourceInfo, clock: Clock, upstream: Upstream, key: str | None) -> None:
        super().__init__(info, clock, upstream, followed(__file__))
        self._key = key
        table = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
        self._ids: dict[str, str] = dict(table["coins"])
        self._symbols: tuple[str, ...] = tuple(table["followed"]["symbols"])

    def offers(self) -> Sequence[SeriesOffer]:
        """The coins of the default universe, in dollars."""
        return [self.offer(symbol, interval) for symbol in self._symbols for interval in self._followed]

    def offer(self, symbol: str, interval: Interval) -> SeriesOffer:
        """Any known coin in dollars. Raises SeriesNotOffered."""
        return replace(super().offer(symbol, interval), derived="its price at the end of each bar")

    async def quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        """Prices of all of them in one request."""
        ids = {self._ids[symbol.partition("-")[0]]: symbol for symbol in symbols if self._instrument(symbol)}
        about = ", ".join(symbols)[:60]
        if not ids:
            raise SymbolNotAtSource(source=KEY, symbol=about, reason="no such coin")
        body, received_at = await self._ask("v3/assets", {"ids": ",".join(ids)}, about)
        return parse_assets(body, ids, self.info, received_at)

    async def instruments(self) -> Sequence[Instrument]:
        """The hundred largest coins."""
        body, _ = await self._ask("v3/assets", {"limit": "100"}, "its coins")
        return list(parse_listed(body).values())

    def _instrument(self, symbol: str) -> Instrument | None:
        ticker, _, quote = symbol.partition("-")
        return super()._instrument(symbol) if quote == "USD" and ticker in self._ids else None

    def _spelled(self, symbol: str) -> str:
        return self._ids[symbol.partition("-")[0]]

    async def _page(self, asked: Asked, start_us: int, end_us: int) -> Read:
        step_us = asked.interval.seconds * 1_000_000
        until_us = min(end_us, start_us + self.page_bars * step_us)
        params = {
            "interval": _INTERVALS[asked.interval],
            "start": str((start_us + step_us) // _MS_US),
            "end": str((until_us + step_us) // _MS_US),
        }
        body, _ = await self._ask(f"v3/assets/{self._spelled(asked.symbol)}/history", params, asked.symbol)
        read = parse_history(body, replace(asked, since_us=start_us, end_us=until_us))
        return replace(read, further=str(until_us))

    async def _ask(self, path: str, params: Mapping[str, str], about: str) -> tuple[bytes, dt.datetime]:
        if self._key is None:
            raise SourceKeyMissing(source=KEY)
        headers = {"authorization": f"Bearer {self._key}"}
        answer = await self._upstream.get(path, params, about=about, headers=headers)
        return answer.body, answer.received_at


def create(clock: Clock, reach: Reach) -> CoinCap:
    """The adapter, at CoinCap or wherever `reach` says."""
    info = info_beside(__file__)
    key = reach.key.get_secret_value() if reach.key else None
    return CoinCap(info, clock, upstream_of(__file__, clock, reach, keyed=key is not None), key)


def parse_history(body: bytes, asked: Asked) -> Read:
    """An answer of /v3/assets/{id}/history."""
    points = (
        (epoch_us(_of(row, "time"), _MS_US, KEY), number(_of(row, "priceUsd"), "priceUsd", KEY)) for row in _rows(body)
    )
    return closes_at(points, asked)


def parse_assets(body: bytes, ids: Mapping[str, str], info: SourceInfo, received_at: dt.datetime) -> list[Quote]:
    """Prices of an answer of /v3/assets; `ids`: coin id -> our symbol. Raises SymbolNotAtSource when none is there."""
    at_us = epoch_us(_of(json_of(body, KEY), "timestamp"), _MS_US, KEY)
    found = []
    for row in _rows(body):
        coin = member(row, "id", str, KEY)
        if coin not in ids:
            continue
        price = number(row.get("priceUsd"), "priceUsd", KEY)
        if price <= 0:
            raise malformed(KEY, f"{coin} costs {price}")
        found.append(as_quote(info, ids[coin], price, at_us, received_at))
    if not found:
        raise SymbolNotAtSource(source=KEY, symbol=", ".join(ids.values())[:60], reason="no such coin")
    return found


def parse_listed(body: bytes) -> dict[str, Instrument]:
    """Coins of an answer of /v3/assets as instruments, by id; of two with one ticker the larger."""
    found: dict[str, Instrument] = {}
    for row in _rows(body):
        instrument = coin_pair(f"{member(row, 'symbol', str, KEY)}-USD")
        if instrument is not None and instrument not in found.values():
            found[member(row, "id", str, KEY)] = instrument
    return found


def _point(row: Any) -> tuple[int, float]:
    return epoch_us(_of(row, "time"), _MS_US, KEY), number(_of(row, "priceUsd"), "priceUsd", KEY)


def _rows(body: bytes) -> list[Any]:
    document = json_of(body, KEY)
    rows = _of(document, "data")
    if isinstance(rows, dict) and isinstance(rows.get("message"), str):
        raise SourceRefused(source=KEY, reason=rows["message"][:120])
    if not isinstance(rows, list):
        raise malformed(KEY, f"data is {shown(rows)}, no list")
    return rows


def _of(node: Any, name: str) -> Any:
    return node.get(name) if isinstance(node, dict) else None

"""Crypto candles from CryptoCompare (CoinDesk Data), averaged over exchanges. Switched off until a key is set.

Errors come with HTTP 200 and `Response: "Error"`. A request for `limit` candles brings one more; the last is still
running; time before a coin was listed is filled with zeros, which are no prices and are left out.
https://min-api.cryptocompare.com/documentation
"""

import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from truecast.domain.interval import Interval
from truecast.kit.clock import Clock
from truecast.kit.errors import TruecastError
from truecast.kit.http import SourceAnswerMalformed
from truecast.providers.base import Reach, SeriesOffer, SourceInfo, info_beside
from truecast.providers.candles import Asked, Read, Row, gathered
from truecast.providers.errors import (
    SourceKeyMissing,
    SourceKeyRefused,
    SourceOverBudget,
    SourceRefused,
    SymbolNotAtSource,
)
from truecast.providers.exchange import Exchange, followed
from truecast.providers.payload import epoch_us, json_of, malformed, member, members, number
from truecast.providers.upstream import Upstream, upstream_of

KEY = "cryptocompare"
_SECOND_US = 1_000_000
_PATHS = {Interval.M1: "histominute", Interval.H1: "histohour", Interval.D1: "histoday"}
_BAD_KEY, _NO_MARKET, _OVER_LIMIT = 1, 2, 99  # `Type`


class CryptoCompare(Exchange):
    """Without a key nothing is asked: every call raises SourceKeyMissing."""

    page_bars = 2_000

    def __init__(self, info: SourceInfo, clock: Clock, upstream: Upstream, key: str | None) -> None:
        super().__init__(info, clock, upstream, followed(__file__))
        self._key = key
        table = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
        self._symbols: tuple[str, ...] = tuple(table["followed"]["symbols"])

    def offers(self) -> Sequence[SeriesOffer]:
        """The coins of the default universe, in dollars."""
        return [self.offer(symbol, interval) for symbol in self._symbols for interval in self._followed]

    def _spelled(self, symbol: str) -> str:
        return symbol

    async def _page(self, asked: Asked, start_us: int, end_us: int) -> Read:
        if self._key is None:
            raise SourceKeyMissing(source=KEY)
        step_us = asked.interval.seconds * _SECOND_US
        until_us = min(end_us, start_us + self.page_bars * step_us)
        base, _, quote = self._spelled(asked.symbol).partition("-")
        params = {
            "fsym": base,
            "tsym": quote,
            "limit": str(-(-(until_us - start_us) // step_us)),
            "toTs": str(until_us // _SECOND_US),
        }
        headers = {"authorization": f"Apikey {self._key}"}
        path = f"data/v2/{_PATHS[asked.interval]}"
        answer = await self._upstream.get(path, params, about=asked.symbol, headers=headers)
        read = parse_candles(answer.body, replace(asked, since_us=start_us, end_us=until_us))
        return replace(read, further=str(until_us))


def create(clock: Clock, reach: Reach) -> CryptoCompare:
    """The adapter, at CryptoCompare or wherever `reach` says."""
    info = info_beside(__file__)
    key = reach.key.get_secret_value() if reach.key else None
    upstream = upstream_of(__file__, clock, reach, keyed=key is not None, explain_body=explain)
    return CryptoCompare(info, clock, upstream, key)


def parse_candles(body: bytes, asked: Asked) -> Read:
    """An answer of /data/v2/histominute, histohour or histoday."""
    document = json_of(body, KEY)
    refusal = _refusal(document, asked.symbol)
    if refusal is not None:
        raise refusal
    left_out: Counter[str] = Counter()
    kept: list[Row] = []
    for row in members(member(document, "Data", dict, KEY), "Data", KEY):
        open_, high, low, close, volume = (number(_of(row, name), name, KEY) for name in _NAMES)
        if open_ == high == low == close == volume == 0:
            left_out["before it was listed"] += 1
            continue
        kept.append((epoch_us(_of(row, "time"), _SECOND_US, KEY), open_, high, low, close, volume))
    return gathered(kept, asked, left_out)


def explain(_status: int, body: bytes, about: str, _retry_after_s: float | None) -> TruecastError | None:
    """What an error answer means; None where its HTTP status says it all."""
    try:
        return _refusal(json_of(body, KEY), about)
    except SourceAnswerMalformed:
        return None


def _refusal(document: Any, about: str) -> TruecastError | None:
    if not isinstance(document, dict):
        raise malformed(KEY, "the answer is no object")
    if document.get("Response") != "Error":
        return None
    kind, reason = document.get("Type"), str(document.get("Message", ""))[:120]
    if kind == _OVER_LIMIT:
        return SourceOverBudget(source=KEY, reason=reason)
    if kind == _BAD_KEY:
        return SourceKeyRefused(source=KEY, reason=reason)
    if kind == _NO_MARKET:
        return SymbolNotAtSource(source=KEY, symbol=about, reason=reason)
    return SourceRefused(source=KEY, reason=reason)


def _of(row: Any, name: str) -> Any:
    return row.get(name) if isinstance(row, dict) else None


_NAMES = ("open", "high", "low", "close", "volumefrom")

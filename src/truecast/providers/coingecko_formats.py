"""Reads CoinGecko's answers. Pure. JSON numbers, times in milliseconds, an unknown coin simply absent.

    ohlc row: [time of the CLOSE, open, high, low, close], no volume
    market_chart point: [time, price], near the full hour but not on it; the last one is now

https://docs.coingecko.com/v3.0.1/reference/endpoint-overview
"""

import datetime as dt
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from truecast.domain.quote import Quote
from truecast.kit.errors import TruecastError
from truecast.kit.http import SourceAnswerMalformed
from truecast.providers.base import SourceInfo
from truecast.providers.candles import Asked, Read, Row, gathered
from truecast.providers.errors import (
    SourceKeyMissing,
    SourceKeyRefused,
    SourceOverBudget,
    SourceRefused,
    SymbolNotAtSource,
)
from truecast.providers.exchange import as_quote
from truecast.providers.payload import epoch_us, json_of, malformed, member, members, number, shown, time_us
from truecast.providers.upstream import what_it_said

KEY = "coingecko"
_MS_US, _SECOND_US = 1_000, 1_000_000
_NEAR_US = 600 * _SECOND_US  # a point so long after the full hour still stands for it
_NO_KEY, _WRONG_KEY, _TOO_OLD = (10002,), (10003, 10010, 10011), (10012,)


@dataclass(frozen=True, slots=True)
class Coin:
    """A row of /coins/markets. Prices in dollars; what a dead coin does not have is None."""

    id: str
    ticker: str
    name: str
    price: float | None
    market_cap: float | None
    rank: int | None
    updated_at_us: int | None


def parse_ohlc(body: bytes, asked: Asked) -> Read:
    """An answer of /coins/{id}/ohlc. A candle that is still forming is stamped with the time it will close at."""
    step_us = asked.interval.seconds * _SECOND_US
    left_out: Counter[str] = Counter()
    kept: list[Row] = []
    for row in _list(body, asked.symbol):
        if not isinstance(row, list) or len(row) != 5:
            raise malformed(KEY, f"a candle of other than 5 numbers: {shown(row)}")
        open_, high, low, close = (number(value, name, KEY) for value, name in zip(row[1:], _NAMES, strict=True))
        close_us = epoch_us(row[0], _MS_US, KEY)
        if asked.now_us < close_us <= asked.now_us + 2 * step_us:
            left_out["unfinished"] += 1
            continue
        kept.append((close_us - step_us, open_, high, low, close, math.nan))
    return gathered(kept, asked, left_out)


def parse_market_chart(body: bytes, asked: Asked) -> Read:
    """Prices of /coins/{id}/market_chart at full hours (or midnights) as the closes of the bars before them.

    The volumes there are those of the last 24 hours, not of a bar, and are not taken.
    """
    points = members(_document(body, asked.symbol), "prices", KEY)
    return closes_at(((_point(point)) for point in points), asked)


def closes_at(points: Iterable[tuple[int, float]], asked: Asked) -> Read:
    """Prices at moments, as flat bars that end there; moments that are not near the end of a bar are left out."""
    step_us = asked.interval.seconds * _SECOND_US
    left_out: Counter[str] = Counter()
    kept: dict[int, tuple[int, Row]] = {}
    for at_us, price in points:
        late_us = at_us % step_us
        start_us = at_us - late_us - step_us
        if late_us >= min(_NEAR_US, step_us // 2):
            left_out["between two bars"] += 1
        elif start_us not in kept or at_us < kept[start_us][0]:
            kept[start_us] = at_us, (start_us, price, price, price, price, math.nan)
    return gathered([row for _, row in kept.values()], asked, left_out)


def parse_prices(body: bytes, ids: Mapping[str, str], info: SourceInfo, received_at: dt.datetime) -> list[Quote]:
    """An answer of /simple/price; `ids` is coin id -> our symbol. Raises SymbolNotAtSource when none is there."""
    document = _document(body, ", ".join(ids.values()))
    found = []
    for coin, symbol in ids.items():
        row = document.get(coin)
        if row is None:
            continue
        price = number(row.get("usd") if isinstance(row, dict) else None, "usd", KEY)
        if price <= 0:
            raise malformed(KEY, f"{coin} costs {price}")
        at_us = epoch_us(row.get("last_updated_at"), _SECOND_US, KEY)
        found.append(as_quote(info, symbol, price, at_us, received_at))
    if not found:
        raise SymbolNotAtSource(source=KEY, symbol=", ".join(ids.values())[:60], reason="no such coin")
    return found


def parse_markets(body: bytes) -> list[Coin]:
    """An answer of /coins/markets, largest first."""
    return [_coin(row) for row in _list(body, "its list of coins")]


def explain(status: int, body: bytes, about: str, retry_after_s: float | None) -> TruecastError | None:
    """What an error answer means; None where its HTTP status says it all."""
    if status == 429:
        return SourceOverBudget(source=KEY, reason="too many requests", retry_after_s=retry_after_s)
    try:
        document = json_of(body, KEY)
    except SourceAnswerMalformed:
        return None
    return _refusal(document, about, what_it_said(body))


def _refusal(document: Any, about: str, said: str) -> TruecastError | None:
    error = document.get("error", document.get("status")) if isinstance(document, dict) else None
    status = error.get("status", error) if isinstance(error, dict) else None
    code = status.get("error_code") if isinstance(status, dict) else None
    if code in _NO_KEY:
        return SourceKeyMissing(source=KEY)
    if code in _WRONG_KEY:
        return SourceKeyRefused(source=KEY, reason=said)
    if code in _TOO_OLD:
        return SourceRefused(source=KEY, reason=said)
    if code == 429:
        return SourceOverBudget(source=KEY, reason=said)
    if isinstance(error, str):
        return SymbolNotAtSource(source=KEY, symbol=about, reason=error[:120])
    return SourceRefused(source=KEY, reason=said) if type(code) is int else None


def _document(body: bytes, about: str) -> dict[str, Any]:
    document = json_of(body, KEY)
    if not isinstance(document, dict):
        raise malformed(KEY, f"{shown(document)} is no object")
    refusal = _refusal(document, about, what_it_said(body))
    if refusal is not None:
        raise refusal
    return document


def _list(body: bytes, about: str) -> list[Any]:
    document = json_of(body, KEY)
    if isinstance(document, list):
        return document
    raise _refusal(document, about, what_it_said(body)) or malformed(KEY, f"{shown(document)} is no list")


def _point(point: Any) -> tuple[int, float]:
    if not isinstance(point, list) or len(point) != 2:
        raise malformed(KEY, f"a point of other than 2 numbers: {shown(point)}")
    return epoch_us(point[0], _MS_US, KEY), number(point[1], "price", KEY)


def _coin(row: Any) -> Coin:
    price, cap, rank, updated = (row.get(name) if isinstance(row, dict) else None for name in _OPTIONAL)
    return Coin(
        id=member(row, "id", str, KEY),
        ticker=member(row, "symbol", str, KEY).upper(),
        name=member(row, "name", str, KEY),
        price=None if price is None else number(price, "current_price", KEY),
        market_cap=None if cap is None else number(cap, "market_cap", KEY),
        rank=None if rank is None else int(number(rank, "market_cap_rank", KEY)),
        updated_at_us=None if updated is None else time_us(updated, KEY),
    )


_NAMES = ("open", "high", "low", "close")
_OPTIONAL = ("current_price", "market_cap", "market_cap_rank", "last_updated")

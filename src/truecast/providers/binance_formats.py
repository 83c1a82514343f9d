"""Reads Binance's REST answers. Pure. Prices are strings, times milliseconds (microseconds in bulk files since 2025).

    kline: [openTime, open, high, low, close, volume, closeTime, quoteVolume, trades, takerBase, takerQuote, ignore]

The last kline is still forming until its closeTime has passed; maintenance leaves holes, which stay holes.
https://github.com/binance/binance-spot-api-docs/blob/master/rest-api.md
"""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from truecast.domain.instrument import Instrument
from truecast.domain.quote import Quote
from truecast.kit.errors import TruecastError
from truecast.kit.http import SourceAnswerMalformed
from truecast.providers.base import SourceInfo
from truecast.providers.candles import Asked, Read, Row, gathered
from truecast.providers.coins import coin_pair
from truecast.providers.errors import (
    SourceKeyRefused,
    SourceOutOfService,
    SourceOverBudget,
    SourceRefused,
    SymbolNotAtSource,
)
from truecast.providers.exchange import as_quote
from truecast.providers.payload import epoch_us, json_of, malformed, member, members, number, shown, text_of

KEY = "binance"
MS, US = 1_000, 1
_FIELDS = 12
_TRADING = "TRADING"

# https://github.com/binance/binance-spot-api-docs/blob/master/errors.md
_UNKNOWN_SYMBOL, _UNKNOWN_INTERVAL = -1121, -1120
_TOO_MANY = (-1003, -1015, -1034)
_BUSY = (-1000, -1001, -1006, -1007, -1008, -1016)
_BAD_KEY = (-2014, -2015, -1022, -1002)


def parse_klines(body: bytes, asked: Asked) -> Read:
    """An answer of /api/v3/klines; `further` is where the next page starts, if there were any rows."""
    rows = json_of(body, KEY)
    if not isinstance(rows, list):
        raise _refused(rows) or malformed(KEY, "klines are no list")
    return _read([_fields(row) for row in rows], asked, MS)


def parse_bulk(body: bytes, asked: Asked) -> Read:
    """A CSV of data.binance.vision: no header; times in ms, in µs since 2025."""
    rows: list[list[Any]] = [line.split(",") for line in text_of(body, KEY).splitlines() if line.strip()]
    unit = US if rows and len(rows[0][0]) >= 16 else MS
    for row in rows:
        if len(row) == _FIELDS:
            row[0], row[6] = _whole(row[0]), _whole(row[6])
    return _read([_fields(row) for row in rows], asked, unit)


def parse_tickers(body: bytes, names: Mapping[str, str], info: SourceInfo, received_at: dt.datetime) -> list[Quote]:
    """An answer of /api/v3/ticker/24hr (FULL or MINI, one or many). What did not trade for a day has no price."""
    document = json_of(body, KEY)
    found = []
    for row in document if isinstance(document, list) else [document]:
        name = member(row, "symbol", str, KEY)
        if name not in names:
            continue
        if member(row, "count", int, KEY) == 0:
            continue
        price = _price(row, "lastPrice")
        bid, ask = (_price(row, side) if side in row else None for side in ("bidPrice", "askPrice"))
        at_us = epoch_us(row.get("closeTime"), MS, KEY)
        found.append(as_quote(info, names[name], price, at_us, received_at, bid=bid, ask=ask))
    return found


def parse_exchange_info(body: bytes) -> dict[str, Instrument]:
    """An answer of /api/v3/exchangeInfo: what trades at present, by Binance's name."""
    found = {}
    for row in _symbols(body):
        if row.get("status") != _TRADING or row.get("isSpotTradingAllowed") is not True:
            continue
        base, quote = (member(row, side, str, KEY) for side in ("baseAsset", "quoteAsset"))
        instrument = coin_pair(f"{base}-{quote}", tick=_tick(row))
        if instrument is not None:
            found[member(row, "symbol", str, KEY)] = instrument
    return found


def parse_status(body: bytes, name: str) -> str:
    """What /api/v3/exchangeInfo says of one symbol: TRADING, BREAK, HALT, ..."""
    for row in _symbols(body):
        if row.get("symbol") == name:
            return member(row, "status", str, KEY)
    return "not listed"


def explain(status: int, body: bytes, about: str, retry_after_s: float | None) -> TruecastError | None:
    """What an error answer means; None where its HTTP status says it all."""
    if status == 451:
        return SourceRefused(source=KEY, reason="not served from this country (HTTP 451)")
    if status in (418, 429):
        reason = "this address is banned for a while (HTTP 418)" if status == 418 else "too much request weight used"
        return SourceOverBudget(source=KEY, reason=reason, retry_after_s=retry_after_s)
    if status == 403:
        return SourceOverBudget(source=KEY, reason="its firewall takes us for a flood (HTTP 403)")
    try:
        return _refused(json_of(body, KEY), about)
    except SourceAnswerMalformed:
        return None


def _refused(document: Any, about: str = "it") -> TruecastError | None:
    if not isinstance(document, dict) or type(document.get("code")) is not int:
        return None
    code, reason = document["code"], str(document.get("msg", ""))[:120]
    if code == _UNKNOWN_SYMBOL:
        return SymbolNotAtSource(source=KEY, symbol=about, reason=reason)
    if code in _BAD_KEY:
        return SourceKeyRefused(source=KEY, reason=reason)
    if code in _TOO_MANY:
        return SourceOverBudget(source=KEY, reason=reason)
    if code in _BUSY:
        return SourceOutOfService(source=KEY, reason=reason)
    return SourceRefused(source=KEY, reason=f"{reason} ({code})")


def _fields(row: Any) -> Row:
    """A kline row; one whose ends contradict each other is refused."""
    if not isinstance(row, list) or len(row) != _FIELDS:
        raise malformed(KEY, f"a kline of other than {_FIELDS} fields: {shown(row)}")
    start, end = row[0], row[6]
    if type(start) is not int or type(end) is not int or end <= start:
        raise malformed(KEY, f"a kline from {shown(start)} to {shown(end)}")
    open_, high, low, close, volume = (number(row[i], name, KEY) for i, name in enumerate(_NAMES, 1))
    return start, open_, high, low, close, volume


def _read(rows: Sequence[Row], asked: Asked, unit_us: int) -> Read:
    """In microseconds, without the rows of 2017 and 2018 that start at odd seconds: they are parts of bars."""
    step_us = asked.interval.seconds * 1_000_000
    left_out: Counter[str] = Counter()
    kept = []
    for row in rows:
        start_us = epoch_us(row[0], unit_us, KEY)
        if start_us % step_us and asked.first_us <= start_us < _TIDY_FROM_US:
            left_out["started at an odd second"] += 1
            continue
        kept.append((start_us, *row[1:]))
    further = str(kept[-1][0] + step_us) if kept else None
    return replace(gathered(kept, asked, left_out), further=further)


def _symbols(body: bytes) -> list[dict[str, Any]]:
    document = json_of(body, KEY)
    rows = members(document, "symbols", KEY)
    if not all(isinstance(row, dict) for row in rows):
        raise malformed(KEY, "a symbol that is no object")
    return rows


def _tick(row: Mapping[str, Any]) -> str:
    for one in members(row, "filters", KEY):
        if isinstance(one, dict) and one.get("filterType") == "PRICE_FILTER":
            text = one.get("tickSize")
            if number(text, "tickSize", KEY) > 0:
                return str(text).rstrip("0").rstrip(".") if "." in str(text) else str(text)
    raise malformed(KEY, f"{shown(row.get('symbol'))} has no tick")


def _price(row: Any, name: str) -> float:
    price = number(row.get(name) if isinstance(row, dict) else None, name, KEY)
    if price <= 0:
        raise malformed(KEY, f"{name} is {price}")
    return price


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 17):
        raise malformed(KEY, f"{shown(text)} is not a Unix time")
    return int(text)


_NAMES = ("open", "high", "low", "close", "volume")
_TIDY_FROM_US = 1_546_300_800_000_000  # 2019-01-01

"""Reads Kraken's REST answers. Pure. Strings for numbers, seconds for times, errors inside an HTTP 200.

    OHLC row: [time, open, high, low, close, vwap, volume, count]

The last row is the running candle and `last` the start of the newest committed one. A period without trades has a row
of its own, flat, with volume 0. The answer is keyed by a name that may differ from the one asked for (XBTUSD ->
XXBTZUSD): old assets carry X and Z in front.
https://docs.kraken.com/api/docs/rest-api/get-ohlc-data
"""

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from typing import Any

from truecast.domain.instrument import Instrument
from truecast.domain.quote import Quote
from truecast.kit.errors import TruecastError
from truecast.providers.base import SourceInfo
from truecast.providers.candles import Asked, Read, Row, gathered
from truecast.providers.coins import coin_pair
from truecast.providers.errors import SourceOutOfService, SourceOverBudget, SourceRefused, SymbolNotAtSource
from truecast.providers.exchange import as_quote
from truecast.providers.payload import epoch_us, json_of, malformed, member, members, number, shown
from truecast.providers.universe import at_source

KEY = "kraken"
_SECOND_US = 1_000_000
_OURS = {"XBT": "BTC", "XDG": "DOGE"}
_THEIRS = {ours: theirs for theirs, ours in _OURS.items()}
_LOCKED_OUT_S = 900.0


def spelled(symbol: str) -> str:
    """`BTC-USD` as REST wants it: XBTUSD."""
    listed = at_source(KEY).get(symbol)
    if listed:
        return listed[1]
    base, _, quote = symbol.partition("-")
    return _THEIRS.get(base, base) + _THEIRS.get(quote, quote)


def keyed_as(symbol: str) -> tuple[str, str]:
    """The names under which an answer may hold the pair."""
    base, _, quote = symbol.partition("-")
    return spelled(symbol), f"X{_THEIRS.get(base, base)}Z{_THEIRS.get(quote, quote)}"


def parse_ohlc(body: bytes, asked: Asked) -> Read:
    """An answer of /0/public/OHLC."""
    result = _result(body, asked.symbol)
    last_us = epoch_us(result.get("last"), _SECOND_US, KEY)
    keys = [key for key in result if key != "last"]
    if len(keys) != 1 or keys[0] not in keyed_as(asked.symbol):
        raise malformed(KEY, f"asked for {spelled(asked.symbol)}, answered {shown(keys)}")
    rows = [_row(row) for row in members(result, keys[0], KEY)]
    committed = [row for row in rows if row[0] <= last_us]
    return gathered(committed, asked, Counter({"unfinished": len(rows) - len(committed)}))


def parse_tickers(body: bytes, names: Mapping[str, str], info: SourceInfo, received_at: dt.datetime) -> list[Quote]:
    """An answer of /0/public/Ticker. It names no time: it is as of when it came."""
    found = []
    for key, row in _result(body, ", ".join(names.values())).items():
        if key in names:
            price, bid, ask = (_first(row, side) for side in ("c", "b", "a"))
            at_us = int(received_at.timestamp() * 1e6)
            found.append(as_quote(info, names[key], price, at_us, received_at, bid=bid, ask=ask))
    return found


def parse_pairs(body: bytes) -> dict[str, Instrument]:
    """An answer of /0/public/AssetPairs: what is online, by Kraken's name."""
    found = {}
    for key, row in _result(body, "its list of pairs").items():
        if not isinstance(row, dict) or row.get("status") != "online" or not isinstance(row.get("wsname"), str):
            continue
        base, _, quote = row["wsname"].partition("/")
        tick = member(row, "tick_size", str, KEY)
        if number(tick, "tick_size", KEY) <= 0:
            raise malformed(KEY, f"{shown(key)} has a tick of {shown(tick)}")
        instrument = coin_pair(f"{_OURS.get(base, base)}-{_OURS.get(quote, quote)}", tick=tick)
        if instrument is not None:
            found[key] = instrument
    return found


def parse_status(body: bytes, symbol: str) -> str:
    """What /0/public/AssetPairs says of one: online, cancel_only, delisted, ..."""
    result = _result(body, symbol)
    for key in keyed_as(symbol):
        if key in result:
            return member(result[key], "status", str, KEY)
    return "not listed"


def told_error(text: str, about: str) -> TruecastError:
    """The error for one entry of `error`, e.g. `EQuery:Unknown asset pair`."""
    reason = text[:120]
    if "Unknown asset pair" in text or "Invalid asset pair" in text:
        return SymbolNotAtSource(source=KEY, symbol=about, reason=reason)
    if "Too many requests" in text or "Rate limit" in text:
        return SourceOverBudget(source=KEY, reason=reason)
    if "lockout" in text:
        return SourceOverBudget(source=KEY, reason=reason, retry_after_s=_LOCKED_OUT_S)
    if text.startswith("EService"):
        return SourceOutOfService(source=KEY, reason=reason)
    return SourceRefused(source=KEY, reason=reason)


def _result(body: bytes, about: str) -> dict[str, Any]:
    document = json_of(body, KEY)
    errors = members(document, "error", KEY)
    if errors:
        raise told_error(str(errors[0]), about)
    found: dict[str, Any] = member(document, "result", dict, KEY)
    return found


def _row(row: Any) -> Row:
    if not isinstance(row, list) or len(row) != 8:
        raise malformed(KEY, f"a candle of other than 8 fields: {shown(row)}")
    open_, high, low, close, _, volume = (number(row[i], name, KEY) for i, name in enumerate(_NAMES, 1))
    return epoch_us(row[0], _SECOND_US, KEY), open_, high, low, close, volume


def _first(row: Any, side: str) -> float:
    cells = members(row, side, KEY)
    price = number(cells[0] if cells else None, side, KEY)
    if price <= 0:
        raise malformed(KEY, f"{side} is {price}")
    return price


_NAMES = ("open", "high", "low", "close", "vwap", "volume")

"""Reads Coinbase Exchange's REST answers. Pure. Candles are JSON numbers, everything else strings.

    candle: [time in seconds, LOW, HIGH, OPEN, CLOSE, volume], newest first

https://docs.cdp.coinbase.com/exchange/reference/exchangerestapi_getproductcandles
"""

import datetime as dt
from typing import Any

from truecast.domain.instrument import Instrument
from truecast.domain.quote import Quote
from truecast.providers.base import SourceInfo
from truecast.providers.candles import Asked, Read, Row, gathered
from truecast.providers.coins import coin_pair
from truecast.providers.errors import SourceRefused
from truecast.providers.exchange import as_quote
from truecast.providers.payload import epoch_us, json_of, malformed, member, number, shown, time_us

KEY = "coinbase"
_SECOND_US = 1_000_000


def parse_candles(body: bytes, asked: Asked) -> Read:
    """An answer of /products/{id}/candles."""
    return gathered([_row(row) for row in _list(body, "candles")], asked)


def parse_ticker(body: bytes, symbol: str, info: SourceInfo, received_at: dt.datetime) -> Quote:
    """An answer of /products/{id}/ticker."""
    row = json_of(body, KEY)
    price, bid, ask = (_price(row, name) for name in ("price", "bid", "ask"))
    at_us = time_us(member(row, "time", str, KEY), KEY)
    return as_quote(info, symbol, price, at_us, received_at, bid=bid, ask=ask)


def parse_products(body: bytes) -> dict[str, Instrument]:
    """An answer of /products: what trades at present."""
    found = {}
    for row in _list(body, "products"):
        name = member(row, "id", str, KEY)
        if row.get("status") != "online" or row.get("trading_disabled") is not False:
            continue
        tick = member(row, "quote_increment", str, KEY)
        if number(tick, "quote_increment", KEY) <= 0:
            raise malformed(KEY, f"{shown(name)} has a tick of {shown(tick)}")
        base, quote = (member(row, side, str, KEY) for side in ("base_currency", "quote_currency"))
        instrument = coin_pair(f"{base}-{quote}", tick=tick)
        if instrument is not None:
            found[name] = instrument
    return found


def parse_status(body: bytes, name: str) -> str:
    """What /products says of one: online, delisted, ..."""
    for row in _list(body, "products"):
        if isinstance(row, dict) and row.get("id") == name:
            return member(row, "status", str, KEY)
    return "not listed"


def _list(body: bytes, what: str) -> list[Any]:
    document = json_of(body, KEY)
    if isinstance(document, dict) and isinstance(document.get("message"), str):
        raise SourceRefused(source=KEY, reason=document["message"][:120])
    if not isinstance(document, list):
        raise malformed(KEY, f"{what} are no list")
    return document


def _row(row: Any) -> Row:
    if not isinstance(row, list) or len(row) != 6:
        raise malformed(KEY, f"a candle of other than 6 numbers: {shown(row)}")
    low, high, open_, close, volume = (number(row[i], name, KEY) for i, name in enumerate(_NAMES, 1))
    return epoch_us(row[0], _SECOND_US, KEY), open_, high, low, close, volume


def _price(row: Any, name: str) -> float:
    price = number(row.get(name) if isinstance(row, dict) else None, name, KEY)
    if price <= 0:
        raise malformed(KEY, f"{name} is {price}")
    return price


_NAMES = ("low", "high", "open", "close", "volume")

"""Reads Finnhub's quotes, candles and stream frames. Pure.

An unknown symbol is answered with zeros and status 200; candles come as parallel arrays; the stream's trades carry
milliseconds, everything else seconds.
"""

import datetime as dt
from collections.abc import Mapping, Sequence

from truecast.domain.event import Event, Notice, Tick
from truecast.domain.quote import Quote
from truecast.kit.clock import from_us, to_us
from truecast.kit.errors import TruecastError
from truecast.providers.candles import Asked, Read, gathered
from truecast.providers.errors import SourceRefused, SymbolNotAtSource
from truecast.providers.hours import SECOND_US
from truecast.providers.payload import epoch_us, json_of, malformed, member, members, number, same_length, shown
from truecast.providers.upstream import refused_key

KEY = "finnhub"
_LAST_US = 4_102_444_800 * SECOND_US  # 2100
_COLUMNS = ("o", "h", "l", "c", "v")


def parse_quote(body: bytes, symbol: str, received_at: dt.datetime) -> Quote:
    """The last price. Zeros mean that there is no such symbol."""
    document = json_of(body, KEY)
    price, stamp = number(_of(document, "c"), "the price", KEY), _of(document, "t")
    if price == 0 and stamp == 0:
        raise SymbolNotAtSource(source=KEY, symbol=symbol, reason="all zeros")
    at_us = _moment(stamp, SECOND_US)
    if price <= 0 or at_us > to_us(received_at) + 300 * SECOND_US:
        raise malformed(KEY, f"a price of {price} at {shown(stamp)}")
    at = min(from_us(at_us), received_at)
    return Quote(symbol, price, KEY, as_of=at, received_at=received_at, delay="realtime")


def parse_candles(body: bytes, asked: Asked) -> Read:
    """Bars; `no_data` is no error where a market was closed."""
    document = json_of(body, KEY)
    status = member(document, "s", str, KEY)
    if status == "no_data":
        return gathered((), asked)
    if status != "ok":
        raise SourceRefused(source=KEY, reason=f"status {shown(status)}")
    times = [_moment(at, SECOND_US) for at in members(document, "t", KEY)]
    columns = [members(document, name, KEY) for name in _COLUMNS]
    same_length([times, *columns], KEY)
    rows = []
    for start_us, *cells in zip(times, *columns, strict=True):
        o, h, low, c, volume = (number(cell, "a price or volume", KEY) for cell in cells)
        rows.append((start_us, o, h, low, c, volume))
    return gathered(rows, asked)


def decode(frame: str | bytes, received_us: int, names: Mapping[str, str]) -> Sequence[Event]:
    """A frame of the stream: trades in batches, pings, errors."""
    document = json_of(frame if isinstance(frame, bytes) else frame.encode(), KEY)
    kind = member(document, "type", str, KEY)
    if kind == "ping":
        return [Notice("heartbeat", "ping", received_us)]
    if kind == "error":
        said = str(document.get("msg", ""))[:100]
        if "symbol" in said.lower():
            return [Notice("refused", said, received_us)]
        raise explain(200, said.lower(), "") or SourceRefused(source=KEY, reason=said)
    if kind != "trade":
        return ()
    found = []
    for trade in members(document, "data", KEY):
        symbol = names.get(member(trade, "s", str, KEY))
        price, size = (number(trade.get(key), key, KEY) for key in "pv")
        at_us = _moment(trade.get("t"), 1_000)
        if price <= 0 or size < 0 or at_us < 10**15:
            raise malformed(KEY, f"a trade of {size} at {price}, or in another unit of time")
        if symbol is not None:
            found.append(Tick(symbol, price, None, None, size, at_us, received_us, None))
    return found


def explain(status: int, said: str, _about: str) -> TruecastError | None:
    """403 is said of what the plan does not have."""
    if "api key" in said or "token" in said:
        return refused_key(KEY, said)
    if status == 403:
        return SourceRefused(source=KEY, reason=said)
    return None


def _of(document: object, key: str) -> object:
    if not isinstance(document, dict) or key not in document:
        raise malformed(KEY, f"no {key!r} in {shown(document)}")
    return document[key]


def _moment(value: object, unit_us: int) -> int:
    at_us = epoch_us(value, unit_us, KEY)
    if not 0 < at_us < _LAST_US:
        raise malformed(KEY, f"a time of {shown(value)}: wrong unit?")
    return at_us

"""Reads Alpaca's market data: pages of bars, snapshots, and the frames of its stream. Pure.

Minutes without a trade are absent; the day is stamped with midnight in New York; bars cover the hours before and after
the session, too, which are left out. Times carry nanoseconds. Every frame of the stream is an array.
"""

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from truecast.domain.event import Candle, Event, Notice, NoticeKind, Tick
from truecast.domain.interval import Interval
from truecast.domain.quote import Quote
from truecast.kit.clock import from_us, to_us
from truecast.kit.errors import TruecastError
from truecast.providers.candles import Asked, Read, Row, gathered
from truecast.providers.errors import SourceOverBudget, SourceRefused
from truecast.providers.hours import NEW_YORK, SECOND_US, label_us
from truecast.providers.payload import json_of, malformed, member, number, shown, time_us
from truecast.providers.upstream import refused_key

KEY = "alpaca"
_KEY_ERRORS = frozenset({401, 402, 404})  # not authenticated, auth failed, auth timeout
_ENDINGS = frozenset({407, 500})  # slow client, internal error: connect again
_TOO_MANY = 406  # connections


def parse_bars(body: bytes, asked: Asked, name: str) -> Read:
    """A page of bars of one symbol; `further` is the next page's token."""
    document = json_of(body, KEY)
    bars = member(document, "bars", dict, KEY)
    token = document.get("next_page_token")
    if token is not None and not isinstance(token, str):
        raise malformed(KEY, f"a page token {shown(token)}")
    if strangers := set(bars) - {name}:
        raise malformed(KEY, f"bars of {shown(min(strangers))}, asked for {name}")
    rows = bars.get(name, [])
    if not isinstance(rows, list):
        raise malformed(KEY, f"bars {shown(rows)}")
    read = gathered([_row(row, asked.interval) for row in rows], asked)
    return Read(read.bars, read.left_out, token or None)


def parse_snapshots(body: bytes, names: Mapping[str, str], received_at: dt.datetime) -> list[Quote]:
    """Last trade, bid and ask of each symbol there is; an unknown one is absent or null."""
    document = json_of(body, KEY)
    if not isinstance(document, dict):
        raise malformed(KEY, f"{shown(document)} instead of snapshots")
    found = []
    for name, snapshot in document.items():
        if name not in names:
            raise malformed(KEY, f"a snapshot of {shown(name)}, which was not asked for")
        if snapshot is None or snapshot.get("latestTrade") is None:
            continue
        trade = member(snapshot, "latestTrade", dict, KEY)
        price = number(trade.get("p"), "a price", KEY)
        at_us = time_us(trade.get("t"), KEY)
        if price <= 0 or at_us > to_us(received_at) + 300 * SECOND_US:
            raise malformed(KEY, f"a price of {price}, or one from the future")
        bid, ask = _sides(snapshot.get("latestQuote") or {})
        found.append(
            Quote(
                symbol=names[name],
                price=price,
                source=KEY,
                as_of=min(from_us(at_us), received_at),
                received_at=received_at,
                delay="realtime",
                bid=bid,
                ask=ask,
            )
        )
    return found


def decode(frame: str | bytes, received_us: int, names: Mapping[str, str]) -> Sequence[Event]:
    """A frame of the stream: trades, quotes, minute bars and their corrections, notices."""
    text = frame if isinstance(frame, bytes) else frame.encode()
    messages = json_of(text, KEY)
    if not isinstance(messages, list):
        raise malformed(KEY, f"{shown(messages)} instead of an array")
    found = (_event(message, received_us, names) for message in messages)
    return [event for event in found if event is not None]


def _event(message: Any, received_us: int, names: Mapping[str, str]) -> Event | None:
    kind = member(message, "T", str, KEY)
    if kind == "error":
        return _error(message, received_us)
    if kind in ("success", "subscription"):
        about: NoticeKind = "subscribed" if kind == "subscription" else "status"
        return Notice(about, str(message.get("msg", kind))[:100], received_us)
    symbol = names.get(member(message, "S", str, KEY)) if kind in _READ else None
    if symbol is None:
        return None  # not asked for; statuses, limit bands, corrections of single trades
    return _READ[kind](message, symbol, time_us(message.get("t"), KEY), received_us)


def _trade(message: Any, symbol: str, at_us: int, received_us: int) -> Tick:
    price, size = (number(message.get(key), key, KEY) for key in "ps")
    if price <= 0 or size < 0:
        raise malformed(KEY, f"a trade of {size} at {price}")
    return Tick(symbol, price, None, None, size, at_us, received_us, None)


def _quote(message: Any, symbol: str, at_us: int, received_us: int) -> Tick | None:
    bid, ask = _sides(message)
    return None if bid is None and ask is None else Tick(symbol, None, bid, ask, None, at_us, received_us, None)


def _candle(message: Any, symbol: str, start_us: int, received_us: int) -> Candle:
    """A finished minute; `u` tells it again after late trades."""
    o, h, low, c, volume = (number(message.get(key), key, KEY) for key in "ohlcv")
    if not 0 < low <= min(o, c) <= max(o, c) <= h or volume < 0 or start_us % (60 * SECOND_US):
        raise malformed(KEY, f"a minute of {o}, {h}, {low}, {c}")
    end_us = start_us + 60 * SECOND_US
    return Candle(symbol, Interval.M1, start_us, o, h, low, c, volume, True, end_us, received_us)


_READ: Mapping[str, Callable[[Any, str, int, int], Event | None]] = {
    "t": _trade,
    "q": _quote,
    "b": _candle,
    "u": _candle,
}


def _error(message: Any, received_us: int) -> Notice:
    code, said = message.get("code"), str(message.get("msg", ""))[:100]
    if code in _ENDINGS:
        return Notice("closing", said, received_us)
    if code in _KEY_ERRORS:
        raise refused_key(KEY, said)
    if code == _TOO_MANY:
        raise SourceOverBudget(source=KEY, reason=said)
    raise SourceRefused(source=KEY, reason=f"{said} ({shown(code)})")


def explain(status: int, said: str, _about: str) -> TruecastError | None:
    """403 is a wrong key, or a plan that does not have it."""
    if status == 403 and said.startswith("forbidden"):
        return refused_key(KEY, said)
    return None


def _row(row: Any, interval: Interval) -> Row:
    at_us = time_us(member(row, "t", str, KEY), KEY)
    o, h, low, c, volume = (number(row.get(key), key, KEY) for key in "ohlcv")
    return (at_us if interval.is_intraday else _day_us(at_us), o, h, low, c, volume)


def _day_us(at_us: int) -> int:
    local = from_us(at_us).astimezone(NEW_YORK)
    if local.time() != dt.time():
        raise malformed(KEY, f"a day that begins at {local:%H:%M} in New York")
    return label_us(local.date())


def _sides(quote: Any) -> tuple[float | None, float | None]:
    """Bid and ask; 0 means that there is none. A crossed pair, as one venue alone can have, is none either."""
    if not isinstance(quote, dict):
        raise malformed(KEY, f"a quote {shown(quote)}")
    bid, ask = (number(quote.get(key, 0), key, KEY) for key in ("bp", "ap"))
    if bid < 0 or ask < 0 or not math.isfinite(bid + ask):
        raise malformed(KEY, f"bid {bid} and ask {ask}")
    if bid and ask and bid > ask:
        return None, None
    return bid or None, ask or None

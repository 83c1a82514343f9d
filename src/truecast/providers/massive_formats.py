"""Reads Massive's (formerly Polygon.io's) aggregates, events, snapshots and stream frames. Pure.

Times are milliseconds of a window's start (a day's is midnight in New York), of trades in a snapshot nanoseconds.
`results` is absent where there are none; `next_url` names the next page, without the key and with the official host.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from truecast.domain.event import Candle, Event, Notice, NoticeKind, Tick
from truecast.domain.interval import Interval
from truecast.domain.quote import Quote
from truecast.kit.clock import from_us, to_us
from truecast.kit.errors import TruecastError
from truecast.providers.candles import Asked, Read, Row, gathered
from truecast.providers.errors import SourceOverBudget, SourceRefused
from truecast.providers.hours import NEW_YORK, SECOND_US, label_us
from truecast.providers.payload import date_of, epoch_us, json_of, malformed, member, members, number, shown
from truecast.providers.upstream import refused_key

KEY = "massive"
_MS_US = 1_000
_GOOD = frozenset({"OK", "DELAYED"})
_LAST_US = 4_102_444_800 * SECOND_US  # 2100


def parse_aggregates(body: bytes, asked: Asked, name: str) -> Read:
    """A page of raw bars; `further` is the path and query of the next page."""
    document = _document(body)
    if member(document, "ticker", str, KEY) != name:
        raise malformed(KEY, f"bars of {shown(document['ticker'])}, asked for {name}")
    if member(document, "adjusted", bool, KEY):
        raise malformed(KEY, "adjusted bars, asked for raw ones")
    rows = members(document, "results", KEY) if "results" in document else []
    if member(document, "resultsCount", int, KEY) != len(rows):
        raise malformed(KEY, f"{len(rows)} bars, told {document['resultsCount']}")
    read = gathered([_row(row, asked.interval) for row in rows], asked)
    return Read(read.bars, read.left_out, _next(document))


def parse_splits(body: bytes, name: str) -> list[tuple[dt.date, float]]:
    """The mornings on which shares were split: new shares for one old."""
    found = []
    for row in _events(body, name):
        new, old = (number(row.get(key), key, KEY) for key in ("split_to", "split_from"))
        if not (new > 0 and old > 0):
            raise malformed(KEY, f"a split of {new} for {old}")
        found.append((date_of(row.get("execution_date"), KEY), new / old))
    return found


def parse_dividends(body: bytes, name: str) -> list[tuple[dt.date, float]]:
    """The mornings on which shares went without a dividend, and how much it was."""
    found = []
    for row in _events(body, name):
        if row.get("currency") != "USD":
            raise malformed(KEY, f"a dividend in {shown(row.get('currency'))}")
        cash = number(row.get("cash_amount"), "a dividend", KEY)
        if cash <= 0:
            raise malformed(KEY, f"a dividend of {cash}")
        found.append((date_of(row.get("ex_dividend_date"), KEY), cash))
    return found


def parse_snapshot(body: bytes, name: str, symbol: str, received_at: dt.datetime) -> Quote:
    """Last trade with bid and ask."""
    ticker = member(_document(body), "ticker", dict, KEY)
    if member(ticker, "ticker", str, KEY) != name:
        raise malformed(KEY, f"a snapshot of {shown(ticker['ticker'])}, asked for {name}")
    trade = member(ticker, "lastTrade", dict, KEY)
    price = number(trade.get("p"), "the price", KEY)
    nanoseconds = trade.get("t")
    if type(nanoseconds) is not int or not 0 < nanoseconds // 1_000 <= to_us(received_at) + 300 * SECOND_US:
        raise malformed(KEY, f"a trade at {shown(nanoseconds)} ns")
    if price <= 0 or nanoseconds < 10**18:
        raise malformed(KEY, f"a trade at {price}, or in another unit of time")
    quote = member(ticker, "lastQuote", dict, KEY) if ticker.get("lastQuote") is not None else {}
    bid, ask = (number(quote[key], "a quote", KEY) if key in quote else None for key in ("p", "P"))
    sound = bid is not None and ask is not None and 0 < bid <= ask
    return Quote(
        symbol=symbol,
        price=price,
        source=KEY,
        as_of=min(from_us(nanoseconds // 1_000), received_at),
        received_at=received_at,
        delay="delayed_15m",
        bid=bid if sound else None,
        ask=ask if sound else None,
    )


def decode(frame: str | bytes, received_us: int, names: Mapping[str, str]) -> Sequence[Event]:
    """A frame of the stream: trades, minutes, and what the server says about itself."""
    messages = json_of(frame if isinstance(frame, bytes) else frame.encode(), KEY)
    if not isinstance(messages, list):
        raise malformed(KEY, f"{shown(messages)} instead of an array")
    found = (_event(message, received_us, names) for message in messages)
    return [event for event in found if event is not None]


def _event(message: Any, received_us: int, names: Mapping[str, str]) -> Event | None:
    kind = member(message, "ev", str, KEY)
    if kind == "status":
        return _status(member(message, "status", str, KEY), str(message.get("message", ""))[:100], received_us)
    symbol = names.get(member(message, "sym", str, KEY)) if kind in ("T", "AM") else None
    if symbol is None:
        return None
    if kind == "T":
        price, size = (number(message.get(key), key, KEY) for key in "ps")
        if price <= 0 or size < 0:
            raise malformed(KEY, f"a trade of {size} at {price}")
        return Tick(symbol, price, None, None, size, _at_us(message, "t"), received_us, _sequence(message))
    o, h, low, c, volume = (number(message.get(key), key, KEY) for key in "ohlcv")
    start_us, end_us = _at_us(message, "s"), _at_us(message, "e")
    if not 0 < low <= min(o, c) <= max(o, c) <= h or volume < 0:
        raise malformed(KEY, f"a minute of {o}, {h}, {low}, {c}")
    if start_us % (60 * SECOND_US) or end_us != start_us + 60 * SECOND_US:
        raise malformed(KEY, "a minute that is none")
    return Candle(symbol, Interval.M1, start_us, o, h, low, c, volume, True, end_us, received_us)


def _status(status: str, said: str, received_us: int) -> Notice:
    if status in ("auth_failed", "auth_timeout"):
        raise refused_key(KEY, said)
    if status == "max_connections":
        raise SourceOverBudget(source=KEY, reason=said)
    if status == "error" or "not authorized" in said.lower():
        raise SourceRefused(source=KEY, reason=said)
    kind: NoticeKind = "subscribed" if said.startswith("subscribed") else "status"
    return Notice(kind, said or status[:100], received_us)


def _document(body: bytes) -> Any:
    """The document; a refusal that came with status 200 is raised as what it is."""
    document = json_of(body, KEY)
    status = member(document, "status", str, KEY)
    if status not in _GOOD:
        said = str(document.get("error") or document.get("message") or status)[:120]
        raise explain(200, said.lower(), "") or SourceRefused(source=KEY, reason=said)
    return document


def explain(_status_code: int, said: str, _about: str) -> TruecastError | None:
    """The sentences that Massive uses, whatever their status."""
    if "api key" in said and "not provided" not in said:
        return refused_key(KEY, said)
    if "maximum requests per minute" in said:
        return SourceOverBudget(source=KEY, reason="more than its requests per minute", retry_after_s=60.0)
    return None


def _row(row: Any, interval: Interval) -> Row:
    at_us = _at_us(row, "t")
    o, h, low, c, volume = (number(row.get(key), key, KEY) for key in "ohlcv")
    if not interval.is_intraday:
        local = from_us(at_us).astimezone(NEW_YORK)
        if local.time() != dt.time():
            raise malformed(KEY, f"a day that begins at {local:%H:%M} in New York")
        at_us = label_us(local.date())
    return (at_us, o, h, low, c, volume)


def _at_us(node: Any, key: str) -> int:
    at_us = epoch_us(node.get(key) if isinstance(node, dict) else None, _MS_US, KEY)
    if not 10**14 < at_us < _LAST_US:  # seconds taken for milliseconds are in January 1970
        raise malformed(KEY, f"a time of {shown(node.get(key))}: wrong unit?")
    return at_us


def _sequence(message: Any) -> int | None:
    found = message.get("q")
    return found if type(found) is int and found >= 0 else None


def _next(document: Any) -> str | None:
    url = document.get("next_url")
    if url is None:
        return None
    if not isinstance(url, str) or len(url) > 2_000:
        raise malformed(KEY, f"a next page {shown(url)}")
    try:
        parts = urlsplit(url)
        parse_qsl(parts.query, strict_parsing=True, max_num_fields=20)
    except ValueError:
        raise malformed(KEY, f"a next page {shown(url)}") from None
    if not parts.path.startswith("/v2/aggs/") or ".." in parts.path:
        raise malformed(KEY, f"a next page {shown(url)}")
    return f"{parts.path}?{parts.query}"


def _events(body: bytes, name: str) -> list[Any]:
    document = _document(body)
    rows = members(document, "results", KEY) if "results" in document else []
    for row in rows:
        if member(row, "ticker", str, KEY) != name:
            raise malformed(KEY, f"an event of {shown(row['ticker'])}, asked for {name}")
    return rows

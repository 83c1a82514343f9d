"""Reads Yahoo's chart documents (v8). Pure.

What they are like (yfinance 1.7 and its test fixtures): arrays of floats with binary noise and nulls; a daily row is
stamped with the session's open, the last one with the last trade while the session lasts, beside the day's own row or
instead of it; prices and volume are adjusted for every later split and dividends are told as of today's shares; 30m
sometimes comes as 60m; London shares are in pence (GBp).
"""

import datetime as dt
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from truecast.domain.corporate import Factor
from truecast.domain.interval import Interval
from truecast.domain.quote import Quote
from truecast.kit.clock import from_us, to_us
from truecast.providers.candles import Asked, Read, Row, gathered
from truecast.providers.errors import SourceOutOfService, SourceRefused, SymbolNotAtSource
from truecast.providers.hours import SECOND_US, aligned, label_us, local_day_us, over_at
from truecast.providers.payload import (
    epoch_us,
    is_html,
    json_of,
    malformed,
    member,
    members,
    number,
    same_length,
    shown,
)
from truecast.providers.stocks import factors_from

KEY = "yahoo"
_SHARES_MOST = 1_000.0  # new for one old, or old for one new: a split beyond that is a misprint
_LAST_TRADE_US = 600 * SECOND_US
_NOISE_DIGITS = 2  # beyond the digits that Yahoo itself shows
_Prices = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Event:
    """On the morning of `day`: `ratio` new shares for one old, or `cash` paid per share of today."""

    day: dt.date
    ratio: float = 1.0
    cash: float = 0.0


@dataclass(frozen=True, slots=True)
class Chart:
    """A document, checked. `rows` are as Yahoo adjusted them: (time as sent, start, prices or None, volume)."""

    zone: ZoneInfo
    digits: int
    rows: tuple[tuple[int, int, _Prices | None, float], ...]
    splits: tuple[Event, ...]  # oldest first
    dividends: tuple[Event, ...]
    left_out: Mapping[str, int]
    meta: Mapping[str, Any]


def parse_chart(body: bytes, name: str, interval: Interval, currency: str | None, about: str) -> Chart:
    """The chart of one symbol. `currency` None: of an index, which has none."""
    result = _result(body, about)
    meta = member(result, "meta", dict, KEY)
    if member(meta, "symbol", str, KEY) != name:
        raise malformed(KEY, f"a chart of {shown(meta['symbol'])}, asked for {name}")
    if member(meta, "dataGranularity", str, KEY) != interval.value:
        raise malformed(KEY, f"bars of {shown(meta['dataGranularity'])}, asked for {interval}")
    if currency is not None and meta.get("currency") != currency:
        raise malformed(KEY, f"prices in {shown(meta.get('currency'))}, expected {currency}")
    try:
        zone = ZoneInfo(member(meta, "exchangeTimezoneName", str, KEY))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise malformed(KEY, f"time zone {shown(meta['exchangeTimezoneName'])}") from None
    hint = member(meta, "priceHint", int, KEY)
    if not 0 <= hint <= 8:
        raise malformed(KEY, f"prices of {shown(hint)} digits")
    left_out: Counter[str] = Counter()
    rows = tuple(_rows(result, interval, zone, left_out))
    splits, dividends = _events(result, zone)
    return Chart(zone, hint + _NOISE_DIGITS, rows, splits, dividends, +left_out, meta)


def read_chart(chart: Chart, asked: Asked) -> Read:
    """The finished bars at the prices that were paid: splits are taken back out."""
    left_out = Counter(chart.left_out)
    rows: dict[int, tuple[int, Row]] = {}
    live_us = _seconds(chart.meta, "regularMarketTime")
    for at_us, start_us, prices, volume in chart.rows:
        if prices is None:
            left_out["without a price"] += 1
            continue
        if _forming(chart, asked, start_us, live_us):
            left_out["unfinished"] += 1
            continue
        day = from_us(at_us).astimezone(chart.zone).date()
        ratio = math.prod(split.ratio for split in chart.splits if split.day > day)
        o, h, low, c = (round(price * ratio, chart.digits) for price in prices)
        row = (start_us, o, h, low, c, volume / ratio)
        if start_us in rows and not asked.interval.is_intraday and live_us in (at_us, rows[start_us][0]):
            left_out["repeated"] += 1  # the last trade beside the day it belongs to
            if at_us == live_us:
                continue
        elif start_us in rows and rows[start_us][1] != row:
            raise malformed(KEY, f"two different rows for {from_us(start_us):%Y-%m-%d %H:%M}")
        rows[start_us] = at_us, row
    return gathered((row for _, row in rows.values()), asked, left_out)


def _forming(chart: Chart, asked: Asked, start_us: int, live_us: int) -> bool:
    """Whether the day of the last trade was not over when Yahoo wrote this: then its row is no bar, however late it is
    read. A day's last trade comes within minutes of its end; the row of a rarely traded share waits for the next day.
    """
    if asked.interval.is_intraday or local_day_us(live_us, chart.zone) != start_us:
        return False
    return live_us < over_at(asked.calendar, asked.interval, start_us) - _LAST_TRADE_US


def factors_of(chart: Chart) -> list[Factor]:
    """Splits and dividends as factors on the raw prices before them. Dividends are set against the close before, both
    as of today's shares; one without a close before it, at the beginning of history, adjusts nothing.
    """
    closes = [(from_us(at_us).astimezone(chart.zone).date(), prices[3]) for at_us, _, prices, _ in chart.rows if prices]
    splits = ((event.day, event.ratio) for event in chart.splits)
    dividends = ((event.day, event.cash) for event in chart.dividends)
    return factors_from(splits, dividends, closes, KEY)


def quote_of(chart: Chart, symbol: str, received_at: dt.datetime) -> Quote:
    """The last price, as the document's head has it."""
    price = number(chart.meta.get("regularMarketPrice"), "the price", KEY)
    at_us = _seconds(chart.meta, "regularMarketTime")
    if price <= 0 or at_us > to_us(received_at) + 300 * SECOND_US:
        raise malformed(KEY, f"a price of {price} at {at_us} µs")
    at = min(from_us(at_us), received_at)
    return Quote(symbol, price, KEY, as_of=at, received_at=received_at, delay="delayed_15m")


def _result(body: bytes, about: str) -> Any:
    if is_html(body) and b"will be right back" in body[:4096].lower():
        raise SourceOutOfService(source=KEY, reason="its maintenance page")
    document = json_of(body, KEY)
    part = next((document[key] for key in ("chart", "finance") if isinstance(document, dict) and key in document), None)
    error = part.get("error") if isinstance(part, dict) else None
    if error is not None:
        raise refusal(str(error.get("code")) if isinstance(error, dict) else "", about, shown(error))
    results = members(part, "result", KEY)
    if len(results) != 1:
        raise malformed(KEY, f"{len(results)} charts instead of one")
    return results[0]


def refusal(code: str, about: str, reason: str) -> SymbolNotAtSource | SourceRefused:
    """What an error inside the document means."""
    if code == "Not Found":
        return SymbolNotAtSource(source=KEY, symbol=about, reason="no data found, it may be delisted")
    return SourceRefused(source=KEY, reason=reason)


def _rows(
    result: Any, interval: Interval, zone: ZoneInfo, left_out: Counter[str]
) -> list[tuple[int, int, _Prices | None, float]]:
    quotes = members(member(result, "indicators", dict, KEY), "quote", KEY)
    if "timestamp" not in result:
        if quotes not in ([{}], []):
            raise malformed(KEY, "prices without times")
        return []
    times = members(result, "timestamp", KEY)
    if len(quotes) != 1:
        raise malformed(KEY, f"{len(quotes)} sets of prices instead of one")
    columns = [members(quotes[0], name, KEY) for name in ("open", "high", "low", "close", "volume")]
    same_length([times, *columns], KEY)
    found = []
    for n, (at, *cells) in enumerate(zip(times, *columns, strict=True)):
        at_us = epoch_us(at, SECOND_US, KEY)
        if at_us > _LAST_US:
            raise malformed(KEY, f"a time of {shown(at)}: wrong unit?")
        start_us = at_us if interval.is_intraday else local_day_us(at_us, zone)
        if not aligned(interval, start_us) and n == len(times) - 1:
            left_out["unfinished"] += 1  # the last trade, told as a bar
            continue
        found.append((at_us, start_us, _prices(cells[:4]), _volume(cells[4])))
    return found


def _prices(cells: Sequence[Any]) -> _Prices | None:
    """None where one is missing: half a bar is none."""
    if any(cell is None for cell in cells):
        return None
    o, h, low, c = (number(cell, "a price", KEY) for cell in cells)
    return o, h, low, c


def _volume(cell: Any) -> float:
    return math.nan if cell is None else number(cell, "a volume", KEY)


def _events(result: Any, zone: ZoneInfo) -> tuple[tuple[Event, ...], tuple[Event, ...]]:
    events = result.get("events", {})
    if not isinstance(events, dict):
        raise malformed(KEY, f"events {shown(events)}")
    splits = []
    for row in _listed(events, "splits"):
        new, old = (number(row.get(key), key, KEY) for key in ("numerator", "denominator"))
        if not (new > 0 and old > 0 and 1 / _SHARES_MOST <= new / old <= _SHARES_MOST):
            raise malformed(KEY, f"a split of {new} for {old}")
        splits.append(Event(_day(row, zone), ratio=new / old))
    dividends = [
        Event(_day(row, zone), cash=number(row.get("amount"), "a dividend", KEY))
        for row in (*_listed(events, "dividends"), *_listed(events, "capitalGains"))
    ]
    return tuple(sorted(splits, key=lambda e: e.day)), tuple(sorted(dividends, key=lambda e: e.day))


def _listed(events: Any, kind: str) -> list[Any]:
    rows = events.get(kind, {})
    if not isinstance(rows, dict) or not all(isinstance(row, dict) for row in rows.values()):
        raise malformed(KEY, f"{kind} {shown(rows)}")
    return list(rows.values())


def _day(row: Any, zone: ZoneInfo) -> dt.date:
    at_us = _seconds(row, "date")
    return from_us(at_us).astimezone(zone).date()


def _seconds(node: Any, key: str) -> int:
    at_us = epoch_us(node.get(key), SECOND_US, KEY)
    if at_us > _LAST_US:
        raise malformed(KEY, f"a time of {shown(node.get(key))}: wrong unit?")
    return at_us


_LAST_US = label_us(dt.date(2100, 1, 1))

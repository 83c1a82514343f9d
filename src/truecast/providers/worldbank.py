"""Yearly indicators from the World Bank. No key; newest first, the latest year mostly null, errors with status 200.

Any indicator can be asked for as `WB.<country>.<indicator>`, e.g. `WB.DE.FP.CPI.TOTL.ZG`: values may be negative.
"""

import datetime as dt
import re
from collections import Counter
from typing import Any

from truecast.domain.bar import Bars
from truecast.domain.instrument import AssetClass, Instrument
from truecast.domain.interval import Interval
from truecast.kit.clock import Clock
from truecast.providers.base import Reach, instrument_of
from truecast.providers.candles import Asked, Read, join, told
from truecast.providers.errors import SourceRefused, SymbolNotAtSource
from truecast.providers.hours import label_us
from truecast.providers.names import Listed
from truecast.providers.payload import json_of, malformed, member, members, number, shown
from truecast.providers.published import observed
from truecast.providers.upstream import upstream_of

_KEY = "worldbank"
_SYMBOL = re.compile(r"WB\.([A-Z]{2,3})\.([A-Z0-9]{2,}(?:\.[A-Z0-9]{2,}){1,6})\Z", re.ASCII)
_YEAR = re.compile(r"\d{4}\Z", re.ASCII)
_PAGES_MAX = 10
_INVALID = "120"  # "The provided parameter value is not valid": no such indicator, or country


class WorldBank(Listed):
    """Indicators of one country each. None is offered by itself: yearly numbers are followed when somebody asks."""

    async def bars(self, symbol: str, interval: Interval, since: dt.datetime | None) -> Bars:
        """Years from `since` on."""
        _, name = self._names.name(symbol, interval)
        country, _, indicator = name.partition("/")
        now = self._clock.now()
        years = f"{since.year if since else 1960}:{now.year}"
        reads, page, pages = [], 1, 1
        while page <= min(pages, _PAGES_MAX):
            params = {"format": "json", "per_page": "1000", "date": years, "page": str(page)}
            answer = await self._upstream.get(f"/v2/country/{country}/indicator/{indicator}", params, about=symbol)
            asked = self._names.asked(symbol, interval, answer.received_at, since=since)
            read = parse(answer.body, asked, name)
            reads.append(read)
            page, pages = page + 1, int(read.further or 1)
        return told(join(reads, asked) if len(reads) > 1 else reads[0], asked)

    def _spelled(self, symbol: str) -> tuple[Instrument, str] | None:
        """Any indicator by its code."""
        found = _SYMBOL.match(symbol)
        return _indicator(symbol, *found.groups()) if found else None


def parse(body: bytes, asked: Asked, name: str) -> Read:
    """One page as bars; `further` is how many pages there are."""
    document = json_of(body, _KEY)
    if not isinstance(document, list) or not document:
        raise malformed(_KEY, f"{shown(document)} instead of a page and its rows")
    if isinstance(document[0], dict) and "message" in document[0]:
        raise _refusal(members(document[0], "message", _KEY), asked)
    if len(document) != 2:
        raise malformed(_KEY, f"{len(document)} parts instead of a page and its rows")
    meta, rows = document
    pages = int(number(member(meta, "pages", int, _KEY), "pages", _KEY))
    if rows is None:
        return Read(Bars.empty(asked.symbol, asked.interval))
    if not isinstance(rows, list):
        raise malformed(_KEY, f"{shown(rows)} instead of rows")
    left_out: Counter[str] = Counter()
    found = [one for row in rows if (one := _observation(row, name, left_out)) is not None]
    read = observed(found, asked, left_out)
    return Read(read.bars, read.left_out, str(pages))


def _observation(row: Any, name: str, left_out: Counter[str]) -> tuple[int, float] | None:
    country, _, indicator = name.partition("/")
    if _id(row, "indicator") != indicator or country not in (_id(row, "country"), row.get("countryiso3code")):
        raise malformed(_KEY, f"a row of another series than {name}")
    year = member(row, "date", str, _KEY)
    if not _YEAR.match(year) or year == "0000":
        raise malformed(_KEY, f"{shown(year)} is not a year")
    if "value" not in row:
        raise malformed(_KEY, f"no value in {year}")
    if row["value"] is None:
        left_out["without a value"] += 1
        return None
    return label_us(dt.date(int(year), 1, 1)), number(row["value"], f"the value of {year}", _KEY)


def _refusal(messages: list[Any], asked: Asked) -> Exception:
    first = messages[0] if messages else {}
    said = str(member(first, "value", str, _KEY))[:120]
    if first.get("id") == _INVALID:
        return SymbolNotAtSource(source=_KEY, symbol=asked.symbol, reason=said)
    return SourceRefused(source=_KEY, reason=said)


def _id(row: Any, key: str) -> str:
    return member(member(row, key, dict, _KEY), "id", str, _KEY)


def _indicator(symbol: str, country: str, indicator: str) -> tuple[Instrument, str]:
    table = {
        "symbol": symbol,
        "name": f"World Bank indicator {indicator}, {country}",
        "asset_class": AssetClass.MACRO,
        "currency": "units",
        "tick": "0.001",
        "calendar": "WORLD-BANK",
        "signed": True,
    }
    return instrument_of(table), f"{country}/{indicator}"


def create(clock: Clock, reach: Reach) -> WorldBank:
    """The adapter, at the World Bank or wherever `reach` says."""
    return WorldBank(__file__, clock, upstream_of(__file__, clock, reach))

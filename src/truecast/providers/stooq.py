"""Exchange rates and indices by day from Stooq's CSV downloads: unofficial, and every refusal comes with status 200.

Since March 2026 a download needs a key that is given out behind a captcha, and since July 2026 a page may ask for a
proof of work, which is told as a refusal. Stock prices are adjusted there, with nothing to undo it: they are not read.
A file that was downloaded by hand is read by `truecast import`.
"""

import datetime as dt

from truecast.domain.bar import Bars
from truecast.domain.instrument import Instrument
from truecast.domain.interval import Interval
from truecast.kit.clock import Clock
from truecast.providers.base import Reach
from truecast.providers.candles import Asked, Read, Row, gathered, told
from truecast.providers.errors import SourceOverBudget, SourceRefused, SymbolNotAtSource
from truecast.providers.hours import label_us
from truecast.providers.names import Listed
from truecast.providers.payload import csv_of, date_of, is_html, malformed, number, shown, text_of
from truecast.providers.universe import exchange_rate
from truecast.providers.upstream import refused_key, upstream_of

_KEY = "stooq"
_HEADER = ["Date", "Open", "High", "Low", "Close"]


class Stooq(Listed):
    """Days of exchange rates and indices."""

    async def bars(self, symbol: str, interval: Interval, since: dt.datetime | None) -> Bars:
        """Days from `since` on."""
        _, name = self._names.name(symbol, interval)
        params = {"s": name.lower(), "i": "d", "apikey": self._secret()}
        if since is not None:
            params["d1"] = f"{since:%Y%m%d}"
        answer = await self._upstream.get("/q/d/l/", params, about=symbol)
        asked = self._names.asked(symbol, interval, answer.received_at, since=since)
        return told(parse(answer.body, asked), asked)

    def _spelled(self, symbol: str) -> tuple[Instrument, str] | None:
        """Any pair of known currencies."""
        return exchange_rate(_KEY, symbol)


def parse(body: bytes, asked: Asked) -> Read:
    """A download as bars, with or without a volume."""
    if is_html(body):
        raise SourceRefused(source=_KEY, reason="a page that asks for a proof of work, or another one for people")
    text = text_of(body, _KEY).strip()
    if text == "No data":
        raise SymbolNotAtSource(source=_KEY, symbol=asked.symbol, reason="no data")
    if text.startswith("Exceeded"):
        raise SourceOverBudget(source=_KEY, reason="more than its downloads per day", retry_after_s=86_400.0)
    if text.startswith("Get your apikey"):
        raise refused_key(_KEY, "it asks for one")
    header, rows = csv_of(body, _KEY)
    if header[:5] != _HEADER or header[5:] not in ([], ["Volume"]):
        raise malformed(_KEY, f"columns {shown(header)}")
    found: list[Row] = []
    for day, *cells in rows:
        o, h, low, c, *volume = (number(cell, "a price or volume", _KEY) for cell in cells)
        found.append((label_us(date_of(day, _KEY)), o, h, low, c, volume[0] if volume else float("nan")))
    return gathered(found, asked)


def create(clock: Clock, reach: Reach) -> Stooq:
    """The adapter, at Stooq or wherever `reach` says."""
    upstream = upstream_of(__file__, clock, reach, keyed=reach.key is not None)
    return Stooq(__file__, clock, upstream, reach.key)

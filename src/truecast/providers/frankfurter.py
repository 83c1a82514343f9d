"""Euro reference rates from Frankfurter: the ECB's numbers by another way, to fall back on and check against. No key.

A range that begins on a day without a fixing is answered from the fixing before it: what was not asked for is dropped.
Crosses are computed here from the euro rates; Frankfurter's own are rounded.
"""

import datetime as dt
from typing import Any

from truecast.domain.bar import Bars
from truecast.domain.instrument import Instrument
from truecast.domain.interval import Interval
from truecast.kit.clock import Clock
from truecast.kit.errors import TruecastError
from truecast.providers.base import Reach
from truecast.providers.candles import Asked, Read, told
from truecast.providers.currencies import cross, how_crossed
from truecast.providers.errors import SymbolNotAtSource
from truecast.providers.hours import label_us
from truecast.providers.names import Listed
from truecast.providers.payload import date_of, json_of, malformed, member, number
from truecast.providers.published import observed
from truecast.providers.universe import exchange_rate
from truecast.providers.upstream import apart, upstream_of

_KEY = "frankfurter"
_HUB = "EUR"


class Frankfurter(Listed):
    """Fixings of any pair of the currencies that the ECB quotes."""

    async def bars(self, symbol: str, interval: Interval, since: dt.datetime | None) -> Bars:
        """Fixings from `since` on."""
        _, name = self._names.name(symbol, interval)
        first = since.date() if since else self.info.first_date
        assert first is not None
        legs = ",".join(code for code in name.split("-") if code != _HUB)
        answer = await self._upstream.get(f"/v1/{first}..", {"symbols": legs}, about=symbol)
        asked = self._names.asked(symbol, interval, answer.received_at, since=since)
        return told(await apart(parse, answer.body, asked), asked)

    def _spelled(self, symbol: str) -> tuple[Instrument, str] | None:
        """Any pair of known currencies."""
        return exchange_rate(_KEY, symbol)

    def _derived(self, symbol: str) -> str | None:
        return how_crossed(symbol, _HUB)


def parse(body: bytes, asked: Asked) -> Read:
    """A range of days, or a single one, as bars. A day on which a leg was not quoted has no bar."""
    document = json_of(body, _KEY)
    if member(document, "base", str, _KEY) != _HUB or number(document.get("amount"), "amount", _KEY) != 1:
        raise malformed(_KEY, "rates that are not for one euro")
    rates: dict[str, Any] = member(document, "rates", dict, _KEY)
    if "date" in document:
        rates = {document["date"]: rates}
    found = []
    base, quote = asked.symbol.split("-")
    for day, quoted in rates.items():
        per_euro = {code: number(quoted[code], f"{code} on {day}", _KEY) for code in _legs(base, quote, quoted)}
        if {base, quote} - {_HUB} <= set(per_euro):
            value = per_euro[quote] if base == _HUB else cross(per_euro[base], per_euro.get(quote, 1.0))
            found.append((label_us(date_of(day, _KEY)), float(value)))
    if rates and not found:
        raise malformed(_KEY, f"rates of other currencies than {asked.symbol}")
    return observed(found, asked)


def _legs(base: str, quote: str, quoted: Any) -> list[str]:
    if not isinstance(quoted, dict):
        raise malformed(_KEY, "a day without rates")
    return [code for code in (base, quote) if code != _HUB and code in quoted]


def explain(status: int, said: str, about: str) -> TruecastError | None:
    """An unknown currency is 404 in v1 and 422 in v2; a future range is 404, too, and means the same to us."""
    if status in (404, 422) and ("not found" in said or "currency" in said):
        return SymbolNotAtSource(source=_KEY, symbol=about, reason=said)
    return None


def create(clock: Clock, reach: Reach) -> Frankfurter:
    """The adapter, at frankfurter.dev or at a mirror of one's own."""
    return Frankfurter(__file__, clock, upstream_of(__file__, clock, reach, explain=explain))

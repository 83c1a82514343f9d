"""US stocks and funds from Tiingo: end of day with raw and adjusted prices side by side, intraday from IEX. With a key.

Raw prices are read, and the splits and dividends of each day as factors. Errors of CSV answers come with status 200,
older ones of JSON answers, too.
"""

from collections.abc import Sequence
from typing import Any

from truecast.domain.corporate import Factor
from truecast.domain.interval import Interval
from truecast.kit.clock import Clock
from truecast.kit.errors import TruecastError
from truecast.kit.http import Response
from truecast.providers.base import Reach
from truecast.providers.candles import Asked, Read, Row, gathered
from truecast.providers.errors import SourceOverBudget, SourceRefused, SymbolNotAtSource
from truecast.providers.hours import label_us
from truecast.providers.payload import csv_of, date_of, json_of, malformed, number, shown, text_of, time_us
from truecast.providers.stocks import Stocks, Stretch, factors_from
from truecast.providers.upstream import apart, refused_key, upstream_of

_KEY = "tiingo"
_FREQUENCY = {Interval.M5: "5min", Interval.M15: "15min", Interval.M30: "30min"}
_PRICES = ("open", "high", "low", "close", "volume")


class Tiingo(Stocks):
    """End of day, and intraday as traded on IEX."""

    async def factors(self, symbol: str) -> Sequence[Factor]:
        """Every split and dividend, from the whole daily history."""
        _, name = self._names.name(symbol, Interval.D1)
        params = {"startDate": str(self.info.first_date), "format": "json"}
        answer = await self._get(f"/tiingo/daily/{name}/prices", params, symbol)
        found = await apart(parse_factors, answer.body, symbol)
        return [factor for factor in found if factor.date < answer.received_at.date()]

    async def _page(self, stretch: Stretch, _token: str | None) -> tuple[Asked, Read]:
        name = self._name(stretch)
        params = {"startDate": stretch.first.date().isoformat(), "endDate": stretch.last.date().isoformat()}
        if stretch.interval is Interval.D1:
            path = f"/tiingo/daily/{name}/prices"
        else:
            path = f"/iex/{name}/prices"
            params |= {"resampleFreq": _FREQUENCY[stretch.interval], "columns": ",".join(_PRICES)}
        answer = await self._get(path, params | {"format": "json"}, stretch.symbol)
        asked = self._asked(stretch, answer.received_at)
        return asked, await apart(parse, answer.body, asked)

    async def _get(self, path: str, params: dict[str, str], about: str) -> Response:
        return await self._upstream.get(path, params, about=about, headers={"authorization": f"Token {self._secret()}"})


def parse(body: bytes, asked: Asked) -> Read:
    """Daily or intraday rows as raw bars."""
    rows: list[Row] = []
    for row in _rows(body, asked.symbol):
        at_us = time_us(row.get("date"), _KEY)
        if not asked.interval.is_intraday and at_us % 86_400_000_000:
            raise malformed(_KEY, f"a day stamped {shown(row.get('date'))}")
        o, h, low, c = (number(row.get(name), name, _KEY) for name in _PRICES[:4])
        volume = number(row["volume"], "volume", _KEY) if "volume" in row else float("nan")
        rows.append((at_us, o, h, low, c, volume))
    return gathered(rows, asked)


def parse_csv(body: bytes, asked: Asked) -> Read:
    """The same as CSV, whose columns come in an order of their own."""
    if text_of(body, _KEY).startswith("Error"):
        raise _refusal(text_of(body, _KEY), asked.symbol)
    header, rows = csv_of(body, _KEY)
    if missing := [name for name in ("date", *_PRICES) if name not in header]:
        raise malformed(_KEY, f"no column {missing[0]}")
    found: list[Row] = []
    for cells in rows:
        row = dict(zip(header, cells, strict=True))
        o, h, low, c, volume = (number(row[name], name, _KEY) for name in _PRICES)
        found.append((label_us(date_of(row["date"], _KEY)), o, h, low, c, volume))
    return gathered(found, asked)


def parse_factors(body: bytes, symbol: str) -> list[Factor]:
    """Splits and dividends among daily rows."""
    splits, dividends, closes = [], [], []
    for row in sorted(_rows(body, symbol), key=lambda row: time_us(row.get("date"), _KEY)):
        day = date_of(str(row.get("date"))[:10], _KEY)
        ratio, cash = (number(row.get(name), name, _KEY) for name in ("splitFactor", "divCash"))
        close = number(row.get("close"), "close", _KEY)
        if ratio <= 0 or cash < 0 or close <= 0:
            raise malformed(_KEY, f"a split of {ratio} or a dividend of {cash} at {close}")
        closes.append((day, close))
        splits += [(day, ratio)] if ratio != 1 else []
        dividends += [(day, cash)] if cash else []
    return factors_from(splits, dividends, closes, _KEY)


def _rows(body: bytes, symbol: str) -> list[Any]:
    """The rows of an answer; an error that came with status 200 is raised as what it is."""
    if text_of(body, _KEY).startswith("Error"):
        raise _refusal(text_of(body, _KEY), symbol)
    document = json_of(body, _KEY)
    if isinstance(document, dict) and isinstance(document.get("detail"), str):
        raise _refusal(document["detail"], symbol)
    if not isinstance(document, list) or not all(isinstance(row, dict) for row in document):
        raise malformed(_KEY, f"{shown(document)} instead of rows")
    return document


def _refusal(said: str, symbol: str) -> TruecastError:
    return explain(200, said.lower(), symbol) or SourceRefused(source=_KEY, reason=said[:120])


def explain(_status: int, said: str, about: str) -> TruecastError | None:
    """The sentences that Tiingo uses, whatever their status."""
    if "not found" in said:
        return SymbolNotAtSource(source=_KEY, symbol=about, reason=said[:120])
    if "allocation" in said:
        return SourceOverBudget(source=_KEY, reason="more than its requests per hour", retry_after_s=3_600.0)
    if "token" in said:
        return refused_key(_KEY, said[:120])
    return None


def create(clock: Clock, reach: Reach) -> Tiingo:
    """The adapter, at Tiingo or wherever `reach` says."""
    upstream = upstream_of(__file__, clock, reach, keyed=reach.key is not None, explain=explain)
    return Tiingo(__file__, clock, upstream, reach.key)

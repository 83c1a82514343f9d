"""Exchange rates, yields and prices from the ECB's data portal (SDMX 2.1, CSV). No key.

The answer 404 means "no results": nothing new, or no such series. With `includeHistory` every row says from when to
when it was valid, which makes revisions visible; a row whose validity is not told is known by the rule of its calendar.
"""

import datetime as dt
import re
from collections import Counter
from collections.abc import Mapping

from truecast.domain.bar import Bars
from truecast.domain.instrument import AssetClass, Instrument
from truecast.domain.interval import Interval
from truecast.kit.clock import Clock
from truecast.providers.base import Reach, SeriesOffer
from truecast.providers.candles import Asked, Read, told
from truecast.providers.currencies import cross, how_crossed
from truecast.providers.errors import SymbolNotAtSource
from truecast.providers.hours import label_us
from truecast.providers.names import Listed
from truecast.providers.payload import csv_of, date_of, malformed, number, shown, time_us
from truecast.providers.published import observed, published_us, revised
from truecast.providers.universe import exchange_rate, universe
from truecast.providers.upstream import apart, upstream_of

_KEY = "ecb_sdmx"
_HUB = "EUR"
_FREQUENCIES = {"D": Interval.D1, "B": Interval.D1, "M": Interval.MO1, "Q": Interval.Q1, "A": Interval.Y1}
_PERIOD = re.compile(r"(\d{4})(?:-(?:Q([1-4])|(\d{2})))?\Z", re.ASCII)
_NEEDED = ("KEY", "FREQ", "TIME_PERIOD", "OBS_VALUE")

# Start of the period, from when the value was known (None: not told), value.
Observation = tuple[int, int | None, float]


class EcbSdmx(Listed):
    """Series of the data portal. Exchange rates are units of the currency for one euro; crosses are computed.

    Offered by themselves are the euro area's macro series: the exchange rates come from the source `ecb`, in one file.
    """

    def offer(self, symbol: str, interval: Interval) -> SeriesOffer:
        """A mapped series, or any exchange rate by day."""
        if _is_rate(symbol) and interval is Interval.D1 and (found := exchange_rate(_KEY, symbol)):
            derived = how_crossed(symbol, _HUB)
            return SeriesOffer(found[0], interval, "TARGET", self.info.delay, derived, self._names.origin)
        return super().offer(symbol, interval)

    async def bars(self, symbol: str, interval: Interval, since: dt.datetime | None) -> Bars:
        """Observations from `since` on, with what became of them."""
        offer = self.offer(symbol, interval)
        path, history = _path(symbol)
        params = {"format": "csvdata"} | ({"includeHistory": "true"} if history else {})
        if since is not None:
            params["startPeriod"] = since.date().isoformat() if interval is Interval.D1 else f"{since:%Y-%m}"
        try:
            answer = await self._upstream.get(f"/service/data/{path}", params, about=symbol)
        except SymbolNotAtSource:
            if since is None:
                raise
            return Bars.empty(symbol, interval)  # 404: no results since then
        asked = Asked.of(self.info, offer, answer.received_at, since=since)
        return told(await apart(parse, answer.body, asked), asked)

    def _spelled(self, symbol: str) -> tuple[Instrument, str] | None:
        """Any pair of known currencies."""
        return exchange_rate(_KEY, symbol)

    def _derived(self, symbol: str) -> str | None:
        return how_crossed(symbol, _HUB) if _is_rate(symbol) else None


def parse(body: bytes, asked: Asked) -> Read:
    """A `csvdata` answer as bars: of one series, or of the two legs of a cross."""
    by_series, left_out = observations(body, asked)
    if _is_rate(asked.symbol):
        return observed(_crossed(by_series, asked).items(), asked, left_out)
    if len(by_series) != 1:
        raise malformed(_KEY, f"{len(by_series)} series instead of one: {shown(sorted(by_series)[:3])}")
    (found,) = by_series.values()
    if all(known is None for _, known, _ in found):
        return observed([(start, value) for start, _, value in found], asked, left_out)
    dated = [(start, known or _by_rule(start, asked), value) for start, known, value in found]
    return revised(dated, asked, left_out)


def observations(body: bytes, asked: Asked) -> tuple[dict[str, list[Observation]], Counter[str]]:
    """Every observation that has a value, by series key."""
    header, rows = csv_of(body, _KEY)
    if missing := [name for name in _NEEDED if name not in header]:
        raise malformed(_KEY, f"no column {missing[0]} in {shown(header[:4])}")
    found: dict[str, list[Observation]] = {}
    left_out: Counter[str] = Counter()
    for cells in rows:
        row = dict(zip(header, cells, strict=True))
        if _FREQUENCIES.get(row["FREQ"]) is not asked.interval or row["KEY"].split(".")[1:2] != [row["FREQ"]]:
            raise malformed(_KEY, f"a row of {shown(row['KEY'])} at frequency {shown(row['FREQ'])}")
        if row.get("UNIT_MULT", "0") not in ("", "0"):
            raise malformed(_KEY, f"values in powers of ten ({shown(row['UNIT_MULT'])})")
        series = found.setdefault(row["KEY"], [])
        if row.get("ACTION") == "Delete" or row["OBS_VALUE"] in ("", "NaN"):
            left_out["without a value"] += 1
            continue
        value = number(row["OBS_VALUE"], f"the value of {row['TIME_PERIOD']}", _KEY)
        series.append((_start_us(row["TIME_PERIOD"], asked.interval), _valid_from(row), value))
    if not found:
        raise malformed(_KEY, "no rows in it")
    return found, left_out


def _crossed(by_series: Mapping[str, list[Observation]], asked: Asked) -> dict[int, float]:
    """The rate of each day on which both legs were quoted. EXR.D.USD.EUR.SP00.A is dollars for one euro."""
    per_euro: dict[str, dict[int, float]] = {}
    for key, series in by_series.items():
        parts = key.split(".")
        if len(parts) != 6 or parts[0] != "EXR" or parts[3:] != [_HUB, "SP00", "A"]:
            raise malformed(_KEY, f"{shown(key)} is no reference rate")
        per_euro[parts[2]] = {start: value for start, _, value in series}
        if len(per_euro[parts[2]]) != len(series):
            raise malformed(_KEY, f"{shown(key)} has a day twice")
    base, quote = asked.symbol.split("-")
    if {base, quote} - {_HUB} != set(per_euro):
        raise malformed(_KEY, f"rates of {sorted(per_euro)}, asked for {asked.symbol}")
    if base == _HUB:
        return per_euro[quote]
    legs = per_euro[base]
    quotes = per_euro.get(quote, dict.fromkeys(legs, 1.0))
    return {start: float(cross(legs[start], quotes[start])) for start in legs if start in quotes}


def _start_us(period: str, interval: Interval) -> int:
    if interval is Interval.D1:
        return label_us(date_of(period, _KEY))
    found = _PERIOD.match(period)
    shapes = {Interval.MO1: 3, Interval.Q1: 2, Interval.Y1: None}
    given = None if found is None else next((n for n in (2, 3) if found[n]), None)
    if found is None or given != shapes[interval]:
        raise malformed(_KEY, f"{shown(period)} is no period of {interval}")
    month = int(found[3] or 1) if not found[2] else 3 * int(found[2]) - 2
    return label_us(date_of(f"{found[1]}-{month:02d}-01", _KEY))


def _valid_from(row: Mapping[str, str]) -> int | None:
    return time_us(row["VALID_FROM"], _KEY) if row.get("VALID_FROM") else None


def _by_rule(start_us: int, asked: Asked) -> int:
    return min(published_us(asked.calendar, asked.interval, start_us), asked.now_us)


def _path(symbol: str) -> tuple[str, bool]:
    """Where a series is, and whether it is revised."""
    listed = universe().get(symbol)
    if listed is not None and listed.instrument.asset_class is AssetClass.MACRO:
        return listed.ids[_KEY], True
    legs = "+".join(code for code in symbol.split("-") if code != _HUB)
    return f"EXR/D.{legs}.{_HUB}.SP00.A", False


def _is_rate(symbol: str) -> bool:
    return "-" in symbol


def create(clock: Clock, reach: Reach) -> EcbSdmx:
    """The adapter, at the ECB or wherever `reach` says."""
    return EcbSdmx(__file__, clock, upstream_of(__file__, clock, reach))

"""Daily net asset values of two funds, from a server that answers `GET /prices/DEPOT.EQUITY.json` with

    [{"date": "2026-10-29", "value": "104.21"}, {"date": "2026-10-30", "value": "104.37"}]

The whole contract of a source is here: what it offers, its bars, and a pure function that reads an answer.
"""

import datetime as dt
import tomllib
from collections.abc import Sequence
from pathlib import Path

from truecast.domain.bar import Bar, Bars
from truecast.domain.interval import Interval
from truecast.kit.clock import Clock, to_us
from truecast.kit.http import HttpClient
from truecast.providers.base import Reach, SeriesOffer, Source, instrument_of, load_info
from truecast.providers.payload import date_of, json_of, malformed, member, number
from truecast.providers.upstream import client_of

KEY = "depot"
TOML = Path(__file__).with_suffix(".toml")
PUBLISHED = dt.timedelta(hours=20)  # the value of a day is published at 20:00 UTC


class Depot(Source):
    """The client it is given times out, retries, obeys the limits of depot.toml and raises on anything but 2xx."""

    def __init__(self, clock: Clock, http: HttpClient) -> None:
        self.info = load_info(TOML)
        self._clock = clock
        self._http = http

    def offers(self) -> Sequence[SeriesOffer]:
        """Both funds."""
        tables = tomllib.loads(TOML.read_text("utf-8"))["instrument"]
        return [
            SeriesOffer(instrument_of(table), Interval.D1, self.info.calendar, self.info.delay, None, self.info.name)
            for table in tables
        ]

    async def bars(self, symbol: str, interval: Interval, since: dt.datetime | None) -> Bars:
        """Every published value from `since` on. Asked for news, they were not known before they came."""
        self.offer(symbol, interval)
        answer = await self._http.get(f"prices/{symbol}.json")
        received_at = None if since is None else answer.received_at
        bars = parse(answer.body, symbol, self._clock.now(), received_at)
        return bars if since is None else bars[bars.start >= to_us(since)]

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()


def create(clock: Clock, reach: Reach) -> Depot:
    """What Truecast calls to build the source."""
    return Depot(clock, client_of(load_info(TOML), clock, reach))


def parse(body: bytes, symbol: str, now: dt.datetime, received_at: dt.datetime | None) -> Bars:
    """An answer as bars, oldest first. Raises SourceAnswerMalformed, whatever is wrong with it."""
    rows = json_of(body, KEY)
    if not isinstance(rows, list):
        raise malformed(KEY, "the answer is no list")
    values: dict[dt.date, float] = {}
    for row in rows:
        day = date_of(member(row, "date", str, KEY), KEY)
        value = number(row["value"], "value", KEY) if "value" in row else None
        if value is None or value <= 0 or day in values or not 1990 <= day.year <= now.year:
            raise malformed(KEY, f"the value of {day} is {value}, or there are two")
        values[day] = value
    bars = []
    for day, value in sorted(values.items()):
        start = dt.datetime.combine(day, dt.time(), dt.UTC)
        known_at = max(start + PUBLISHED, received_at or start)
        if start + PUBLISHED <= now:
            bars.append(Bar(start, known_at, value, value, value, value))
    return Bars.of(symbol, Interval.D1, bars, KEY)

"""Euro reference rates, live from the European Central Bank. No key; one fixing per TARGET day, about 16:00 Frankfurt.

Every poll reads the daily file (1.5 kB). Only when it holds a day that the caller has not, the 90-day file is read as
well, so that no day in between is missed; the full history comes as a zip, for a store that has nothing yet.
"""

import asyncio
import datetime as dt
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from truecast.domain.bar import Bars, FloatArray, IntArray
from truecast.domain.corporate import Factor
from truecast.domain.interval import Interval
from truecast.kit.clock import Clock, to_us
from truecast.kit.http import HttpClient
from truecast.kit.logs import get_logger
from truecast.providers.base import Reach, SeriesNotOffered, SeriesOffer, Source, SourceInfo, load_info
from truecast.providers.currencies import cross, how_crossed, pair
from truecast.providers.ecb_formats import Rates, column, malformed, parse
from truecast.providers.upstream import client_of

_KEY = "ecb"
_HUB = "EUR"
_NOT_MODIFIED = 304
_DAILY, _90_DAYS, _ALL = "eurofxref-daily.xml", "eurofxref-hist-90d.xml", "eurofxref-hist.zip"
_TOML = Path(__file__).with_suffix(".toml")

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file as it was received, and what the server said of its age."""

    rates: Rates
    received_at: dt.datetime
    last_modified: str | None


class Ecb(Source):
    """The reference rates and their crosses. Files are kept for `refresh_s`, so that forty series cost one request."""

    def __init__(self, clock: Clock, http: HttpClient) -> None:
        self.info: SourceInfo = load_info(_TOML)
        self._clock = clock
        self._http = http
        self._files: dict[str, Fetched] = {}
        self._fetching = asyncio.Lock()
        self._offers = {offer.instrument.symbol: offer for offer in _offered()}

    def offers(self) -> Sequence[SeriesOffer]:
        """Every currency against the euro, and crosses."""
        return list(self._offers.values())

    async def bars(self, symbol: str, interval: Interval, since: dt.datetime | None) -> Bars:
        """Fixings from `since` on.

        Asked for everything, the source tells what could be known when: known_at is the publication time. Asked for
        what is new since some day, it is not before the moment we received it.
        """
        if symbol not in self._offers or interval is not Interval.D1:
            raise SeriesNotOffered(source=_KEY, symbol=symbol, interval=interval.value)
        since_us = None if since is None else to_us(since)
        async with self._fetching:
            fetched = await self._covering(since_us)
        received_us = None if since_us is None else to_us(fetched.received_at)
        now_us = to_us(self._clock.now())
        return extract(fetched.rates, symbol, since_us=since_us, received_us=received_us, now_us=now_us)

    async def factors(self, _symbol: str) -> Sequence[Factor]:
        """Currencies have no splits."""
        return ()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def _covering(self, since_us: int | None) -> Fetched:
        daily = await self._file(_DAILY)
        if since_us is None:
            return _joined(await self._file(_ALL), daily)
        newest = int(daily.rates.start[-1])
        if newest <= since_us:
            _log.info("nothing_new", source=_KEY, newest=str(daily.rates.newest))
            return daily
        recent = self._files.get(_90_DAYS)
        # The longer file can lag the daily one: it is asked once after each new daily file, not until it has caught up.
        if recent is None or (recent.rates.start[-1] < newest and recent.received_at < daily.received_at):
            recent = await self._file(_90_DAYS, fresh=True)
        if recent.rates.start[0] > since_us:
            recent = await self._file(_ALL)
        return _joined(recent, daily)

    async def _file(self, name: str, *, fresh: bool = False) -> Fetched:
        """The file, kept for `refresh_s` unless a `fresh` one is asked for."""
        kept = self._files.get(name)
        if kept and not fresh and (self._clock.now() - kept.received_at).total_seconds() < self.info.refresh_s:
            return kept
        headers = {"if-modified-since": kept.last_modified} if kept and kept.last_modified else {}
        answer = await self._http.get(name, headers=headers)
        if answer.status != _NOT_MODIFIED:
            rates = await asyncio.to_thread(parse, answer.body)  # the full history takes a while
            found = Fetched(rates, answer.received_at, answer.headers.get("last-modified"))
        elif kept:
            found = Fetched(kept.rates, answer.received_at, kept.last_modified)
        else:
            raise malformed("304 Not Modified, but nothing had been fetched")
        self._files[name] = found
        return found


def extract(rates: Rates, symbol: str, *, since_us: int | None, received_us: int | None, now_us: int) -> Bars:
    """One pair out of all rates, days on which it was not quoted left out. Pure.

    `received_us` None: known_at is the publication alone.
    """
    first = 0 if since_us is None else int(np.searchsorted(rates.start, since_us))
    start = rates.start[first:]
    known_at = rates.published[first:] if received_us is None else np.maximum(rates.published[first:], received_us)
    base, quote = symbol.split("-")
    per_base, per_quote = (
        np.ones(len(start)) if code == _HUB else column(rates, code)[first:] for code in (base, quote)
    )
    rate = per_quote if base == _HUB else cross(per_base, per_quote)
    rows = ~np.isnan(per_base) & ~np.isnan(per_quote) & (known_at <= now_us)
    return _as_bars(symbol, start[rows], known_at[rows], rate[rows])


def create(clock: Clock, reach: Reach) -> Ecb:
    """The adapter, at the ECB or wherever `reach` says."""
    return Ecb(clock, client_of(load_info(_TOML), clock, reach))


def _offered() -> Sequence[SeriesOffer]:
    table = tomllib.loads(_TOML.read_text("utf-8"))["rates"]
    symbols = [f"{_HUB}-{code}" for code in table["currencies"]] + table["crosses"]
    return [
        SeriesOffer(
            instrument=pair(symbol),
            interval=Interval.D1,
            calendar="TARGET",
            delay="eod",
            derived=how_crossed(symbol, _HUB),
            origin="European Central Bank reference rates, live",
        )
        for symbol in symbols
    ]


def _joined(history: Fetched, daily: Fetched) -> Fetched:
    """The daily file can be ahead of the longer ones by some minutes."""
    received_at = max(history.received_at, daily.received_at)
    return Fetched(history.rates.later(daily.rates), received_at, None)


def _as_bars(symbol: str, start: IntArray, known_at: IntArray, rate: FloatArray) -> Bars:
    rows = len(start)
    return Bars(
        symbol=symbol,
        interval=Interval.D1,
        start=start,
        known_at=known_at,
        open=rate,
        high=rate,
        low=rate,
        close=rate,
        volume=np.full(rows, np.nan),
        final=np.ones(rows, np.bool_),
        source=np.zeros(rows, np.int16),
        sources=(_KEY,),
    )

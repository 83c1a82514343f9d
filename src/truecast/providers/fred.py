"""US statistics from FRED. With a key from ALFRED, every vintage; without, the graphs' CSV, the latest numbers only.

A vintage says when a value was first known, so that a reader of the past sees first releases and each revision in its
time. Without a key all numbers are the latest, known by the publication rule of their calendar, and the origin says so.
FRED answers at most 2,000 vintages at once: a longer history is asked for in stretches of real time.
"""

import dataclasses
import datetime as dt
import tomllib
from pathlib import Path

from pydantic import SecretStr

from truecast.domain.bar import Bars
from truecast.domain.interval import Interval
from truecast.kit.clock import Clock, to_us
from truecast.kit.errors import TruecastError
from truecast.providers.base import Reach
from truecast.providers.candles import told
from truecast.providers.errors import SourceRefused, SymbolNotAtSource
from truecast.providers.fred_formats import (
    BEGINNING,
    KEY,
    Page,
    parse_graph,
    parse_observations,
    parse_vintage_dates,
    vintages,
)
from truecast.providers.names import Listed
from truecast.providers.upstream import Upstream, apart, refused_key, upstream_of

_VINTAGES_MAX = 2_000  # of one answer
_PAGE_ROWS = 100_000
_END = "9999-12-31"
_LATEST_ONLY = "; latest vintage only, first releases differed"


class TooManyVintages(SourceRefused):
    """More vintages than one answer may have; asked for in stretches then."""

    code = "too_many_vintages"


class Fred(Listed):
    """The series that `fred.toml` lists."""

    def __init__(self, module: str, clock: Clock, upstream: Upstream, key: SecretStr | None) -> None:
        super().__init__(module, clock, upstream, key)
        if key is None:
            self.info = dataclasses.replace(self.info, capabilities=self.info.capabilities - {"vintages"})
            origin = self._names.origin + _LATEST_ONLY
            self._names = dataclasses.replace(self._names, info=self.info, origin=origin)

    async def bars(self, symbol: str, interval: Interval, since: dt.datetime | None) -> Bars:
        """Observations from `since` on; with a key, several rows for one that was revised."""
        _, name = self._names.name(symbol, interval)
        if self._key is None:
            params = {"id": name} | ({"cosd": since.date().isoformat()} if since else {})
            answer = await self._upstream.get("/graph/fredgraph.csv", params, about=symbol)
            asked = self._names.asked(symbol, interval, answer.received_at, since=since)
            return told(await apart(parse_graph, answer.body, name, asked), asked)
        try:
            pages = await self._window(symbol, name, since, BEGINNING, None)
        except TooManyVintages:
            pages = await self._stretches(symbol, name, since)
        asked = self._names.asked(symbol, interval, self._clock.now(), since=since)
        return told(vintages(pages, asked), asked)

    async def _window(
        self, symbol: str, name: str, since: dt.datetime | None, first: dt.date, last: dt.date | None
    ) -> list[Page]:
        params = self._params(name) | {
            "realtime_start": first.isoformat(),
            "realtime_end": last.isoformat() if last else _END,
            "limit": str(_PAGE_ROWS),
        }
        if since is not None:
            params["observation_start"] = since.date().isoformat()
        pages: list[Page] = []
        offset: int | None = 0
        while offset is not None:
            path = "/fred/series/observations"
            answer = await self._upstream.get(path, params | {"offset": str(offset)}, about=symbol)
            pages.append(await apart(parse_observations, answer.body, to_us(answer.received_at)))
            offset = pages[-1].next_offset
        return pages

    async def _stretches(self, symbol: str, name: str, since: dt.datetime | None) -> list[Page]:
        """Real time in stretches of as many vintages as FRED answers at once."""
        answer = await self._upstream.get("/fred/series/vintagedates", self._params(name), about=symbol)
        days = parse_vintage_dates(answer.body)
        firsts = [BEGINNING, *days[_VINTAGES_MAX::_VINTAGES_MAX]]
        lasts = [*(day - dt.timedelta(days=1) for day in firsts[1:]), None]
        pages = []
        for first, last in zip(firsts, lasts, strict=True):
            pages += await self._window(symbol, name, since, first, last)
        return pages

    def _params(self, name: str) -> dict[str, str]:
        return {"series_id": name, "api_key": self._secret(), "file_type": "json"}


def explain(status: int, said: str, about: str) -> TruecastError | None:
    """FRED says everything with status 400 and a sentence."""
    if status != 400:
        return None
    if "api_key" in said:
        return refused_key(KEY, said.removeprefix("bad request. ").strip())
    if "vintage dates" in said:
        return TooManyVintages(source=KEY, reason=said)
    if "does not exist" in said:
        return SymbolNotAtSource(source=KEY, symbol=about, reason=said.removeprefix("bad request. ").strip())
    return None


def create(clock: Clock, reach: Reach) -> Fred:
    """The adapter: at the API with a key, at the graphs without one, or wherever `reach` says."""
    graphs_url = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))["offers"]["files_url"]
    own_url = None if reach.key else graphs_url
    upstream = upstream_of(__file__, clock, reach, keyed=reach.key is not None, explain=explain, own_url=own_url)
    return Fred(__file__, clock, upstream, reach.key)

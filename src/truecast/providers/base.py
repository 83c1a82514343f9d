"""What every source offers, and what is known about it."""

import datetime as dt
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from numpy.random import Generator

from truecast.domain.bar import Bars
from truecast.domain.corporate import Factor
from truecast.domain.instrument import AssetClass, Instrument
from truecast.domain.interval import Interval
from truecast.domain.quote import Delay
from truecast.kit.errors import EXIT_NOT_FOUND, TruecastError
from truecast.kit.limits import HTTP_TIMEOUT_S


class SeriesNotOffered(TruecastError):
    """The source does not have that series."""

    code = "series_not_offered"
    status = 404
    title = "Series not offered"
    template = "{source} does not offer {symbol} at {interval}"
    exit_code = EXIT_NOT_FOUND


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """A source as its terms describe it, read from the TOML beside its adapter."""

    key: str
    name: str
    terms: str
    url: str
    licence: str
    attribution: str
    needs_key: bool
    unofficial: bool  # not documented or not meant for programs: may change or vanish at any time
    delay: Delay
    calendar: str
    intervals: tuple[Interval, ...]
    first_date: dt.date | None
    base_url: str | None  # None where nothing is fetched
    requests_per_min: int | None  # published limit; None where the source names none
    refresh_s: float  # asking more often than this brings nothing new


@dataclass(frozen=True, slots=True)
class SeriesOffer:
    """One series a source can deliver."""

    instrument: Instrument
    interval: Interval
    calendar: str
    delay: Delay
    derived: str | None  # how it was computed, e.g. "EUR-JPY / EUR-USD"; None for the source's own numbers
    origin: str  # one sentence: where the numbers come from


@dataclass(frozen=True, slots=True)
class Reach:
    """How the outside is reached: what an adapter may need beside the clock."""

    generator: Generator  # of retry jitter
    base_url: str | None = None  # None: the source's own address
    timeout_s: float = HTTP_TIMEOUT_S
    folder: Path | None = None  # of sources that read files


class Provider(Protocol):
    """A source of bars. Adapters only extract: nothing is repaired, filled or adjusted here."""

    info: SourceInfo

    def offers(self) -> Sequence[SeriesOffer]:
        """Every series that can be asked for."""

    async def bars(self, symbol: str, interval: Interval, since: dt.datetime | None) -> Bars:
        """Finished bars with `start >= since` (all there are for None) and `known_at` not after the clock's now.

        Oldest first, at most one per start. The columns may be views of shared arrays: never write to them.
        Raises SeriesNotOffered.
        """

    async def factors(self, symbol: str) -> Sequence[Factor]:
        """Splits and dividends that took effect up to now, oldest first; () where there are none."""

    async def close(self) -> None:
        """Let go of connections."""


def load_info(path: Path) -> SourceInfo:
    """The `[source]` table of a TOML; its key is the file's stem."""
    table: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))["source"]
    return SourceInfo(
        key=path.stem,
        name=table["name"],
        terms=table["terms"],
        url=table["url"],
        licence=table["licence"],
        attribution=table["attribution"],
        needs_key=table["needs_key"],
        unofficial=table["unofficial"],
        delay=table["delay"],
        calendar=table["calendar"],
        intervals=tuple(Interval(i) for i in table["intervals"]),
        first_date=table.get("first_date"),
        base_url=table.get("base_url"),
        requests_per_min=table.get("requests_per_min"),
        refresh_s=float(table["refresh_s"]),
    )


def instrument_of(table: dict[str, Any]) -> Instrument:
    """An `[[instrument]]` table of a TOML as a value."""
    return Instrument(
        symbol=table["symbol"],
        name=table["name"],
        asset_class=AssetClass(table["asset_class"]),
        currency=table["currency"],
        tick=Decimal(table["tick"]),
        calendar=table["calendar"],
        aliases=tuple(table.get("aliases", ())),
        signed=table.get("signed", False),
    )

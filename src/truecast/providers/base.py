"""What every source offers, and what is known about it."""

import datetime as dt
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.random import Generator
from pydantic import SecretStr

from truecast.domain.bar import Bars
from truecast.domain.corporate import Factor
from truecast.domain.instrument import AssetClass, Instrument
from truecast.domain.interval import Interval
from truecast.domain.quote import Delay, Quote
from truecast.kit.budget import Counted
from truecast.kit.clock import to_us
from truecast.kit.errors import EXIT_NOT_FOUND, TruecastError
from truecast.kit.guard import Guard
from truecast.kit.limits import HTTP_TIMEOUT_S
from truecast.providers.feed import FeedPlan

Capability = Literal["bars", "quotes", "feed", "instruments", "factors", "vintages"]
LimitScope = Literal["address", "key", "connection"]


class SeriesNotOffered(TruecastError):
    """The source does not have that series."""

    code = "series_not_offered"
    status = 404
    title = "Series not offered"
    template = "{source} does not offer {symbol} at {interval}"
    exit_code = EXIT_NOT_FOUND


@dataclass(frozen=True, slots=True)
class Limit:
    """A published limit: at most `weight` (requests, or units where requests weigh differently) in any `window_s`."""

    weight: int
    window_s: float
    scope: LimitScope = "address"  # whom the source counts
    counted: Counted = "weight"  # `requests`: each counts one here, whatever it weighs


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
    capabilities: frozenset[Capability] = frozenset({"bars"})
    asset_classes: frozenset[AssetClass] = frozenset()  # empty: any
    limits: tuple[Limit, ...] = ()
    history: Mapping[Interval, float | None] = field(default_factory=dict)  # days back; None or absent: no known end
    feed_url: str | None = None  # of its WebSocket


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
    key: SecretStr | None = None  # the user's own, for sources that need one
    guard: Guard | None = None  # budget, breaker and the rest, shared by all clients of the source


class Provider(Protocol):
    """A source. Adapters only extract: nothing is repaired, filled or adjusted here.

    Inherit from `Source` for what a source has not: then only `offers` and `bars` are left to write.
    """

    info: SourceInfo

    def offers(self) -> Sequence[SeriesOffer]:
        """The series of the default universe that this source has."""

    def offer(self, symbol: str, interval: Interval) -> SeriesOffer:
        """Any series by canonical symbol, also one outside the default universe. Asks nobody. Raises SeriesNotOffered.

        That the source trades it is known only after `instruments()` or `bars()`.
        """

    async def bars(self, symbol: str, interval: Interval, since: dt.datetime | None) -> Bars:
        """Finished bars with `start >= since` (all there are for None) and `known_at` not after the clock's now.

        Oldest first, at most one per start. A source with more than SOURCE_BARS_MAX of them gives the oldest from
        `since` on, or for None the newest; ask again from where it ended. The columns may be views of shared arrays:
        never write to them. Raises SeriesNotOffered and the errors of `providers/errors.py` and `kit/http.py`.
        """

    async def between(self, symbol: str, interval: Interval, first: dt.datetime, end: dt.datetime) -> Bars:
        """Finished bars with `first <= start < end`, the oldest SOURCE_BARS_MAX of them: for a gap in the past."""

    async def factors(self, symbol: str) -> Sequence[Factor]:
        """Splits and dividends that took effect up to now, oldest first; () where there are none."""

    async def quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        """The latest price of each symbol that has one, in as few requests as the source allows.

        A symbol the source does not have is left out, unless none is left: then SymbolNotAtSource.
        """

    async def instruments(self) -> Sequence[Instrument]:
        """Everything that trades here at present, by canonical symbol."""

    def feed(self, symbols: Sequence[str]) -> FeedPlan | None:
        """How to listen to these symbols live; None where the source has no feed."""

    async def close(self) -> None:
        """Let go of connections."""


class Source:
    """What a source without quotes, feed, list of instruments or corporate actions answers to being asked for them."""

    info: SourceInfo

    def offers(self) -> Sequence[SeriesOffer]:
        """See Provider."""
        raise NotImplementedError

    def offer(self, symbol: str, interval: Interval) -> SeriesOffer:
        """One of `offers()`. Raises SeriesNotOffered."""
        for offer in self.offers():
            if offer.instrument.symbol == symbol and offer.interval is interval:
                return offer
        raise SeriesNotOffered(source=self.info.key, symbol=symbol, interval=interval.value)

    async def bars(self, symbol: str, interval: Interval, since: dt.datetime | None) -> Bars:
        """See Provider."""
        raise NotImplementedError

    async def between(self, symbol: str, interval: Interval, first: dt.datetime, end: dt.datetime) -> Bars:
        """Everything since then, cut: for sources that cannot be asked for an end."""
        bars = await self.bars(symbol, interval, first)
        return bars[: int(np.searchsorted(bars.start, to_us(end)))]

    async def factors(self, _symbol: str) -> Sequence[Factor]:
        """None."""
        return ()

    async def quotes(self, _symbols: Sequence[str]) -> Sequence[Quote]:
        """None."""
        return ()

    async def instruments(self) -> Sequence[Instrument]:
        """Those of the default universe."""
        return tuple({offer.instrument.symbol: offer.instrument for offer in self.offers()}.values())

    def feed(self, _symbols: Sequence[str]) -> FeedPlan | None:
        """None."""
        return None

    async def close(self) -> None:
        """Nothing is open."""


def info_beside(module: str) -> SourceInfo:
    """The metadata beside an adapter's module (`__file__`)."""
    return load_info(Path(module).with_suffix(".toml"))


def load_info(path: Path) -> SourceInfo:
    """The `[source]` table of a TOML; its key is the file's stem.

    Limits are `[[source.limit]]` tables (weight, window_s, scope); `[source.history]` gives days back per interval.
    """
    table: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))["source"]
    per_min = table.get("requests_per_min")
    limits = tuple(_limit(row) for row in table.get("limit", ()))
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
        requests_per_min=per_min,
        refresh_s=float(table["refresh_s"]),
        capabilities=_capabilities(table.get("capabilities", ["bars"])),
        asset_classes=frozenset(AssetClass(name) for name in table.get("asset_classes", ())),
        limits=limits or ((Limit(per_min, 60.0),) if per_min else ()),
        history={Interval(name): days for name, days in table.get("history", {}).items()},
        feed_url=table.get("feed_url"),
    )


def _limit(row: dict[str, Any]) -> Limit:
    return Limit(row["weight"], row["window_s"], row.get("scope", "address"), row.get("counted", "weight"))


def feed_url(info: SourceInfo, reach: Reach) -> str:
    """Where the source's WebSocket is: its own, or beside the base URL that replaces the source's own."""
    url = info.feed_url if reach.base_url is None else reach.base_url.replace("http", "ws", 1)
    assert url is not None, f"{info.key} has no feed"
    return url.rstrip("/")


def base_url(info: SourceInfo, reach: Reach) -> str:
    """Where the source is: as the user says, else its own address."""
    url = reach.base_url or info.base_url
    assert url is not None, f"{info.key} is not fetched"
    return url


def _capabilities(names: Sequence[str]) -> frozenset[Capability]:
    known: dict[str, Capability] = {name: name for name in get_args(Capability)}
    return frozenset(known[name] for name in names)


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

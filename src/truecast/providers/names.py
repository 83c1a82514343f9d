"""Which series a source has: those of the default universe, and by rule any other that its names can spell."""

import datetime as dt
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from truecast.domain.instrument import AssetClass, Instrument
from truecast.domain.interval import Interval
from truecast.kit.clock import Clock
from truecast.providers.base import SeriesNotOffered, SeriesOffer, Source, SourceInfo, info_beside
from truecast.providers.candles import Asked
from truecast.providers.errors import SourceKeyMissing
from truecast.providers.universe import at_source, universe
from truecast.providers.upstream import Upstream

# An instrument outside the universe, and what the source calls it; None where its names cannot spell it.
Spell = Callable[[str], tuple[Instrument, str] | None]


@dataclass(frozen=True, slots=True)
class Names:
    """`by_class` are the intervals offered by themselves; any of the source's own intervals can be asked for."""

    info: SourceInfo
    origin: str
    by_class: Mapping[AssetClass, Sequence[Interval]]
    later_s: float = 0.0  # how much later than the end of a bar the source has it
    calendar: str | None = None  # where the source's series do not follow their instrument's calendar
    spell: Spell | None = None
    derived: Callable[[str], str | None] | None = None
    fixed: Mapping[str, Interval] | None = None  # the one interval of each symbol, where there is only one

    def offers(self) -> Sequence[SeriesOffer]:
        """The series of the default universe."""
        return [
            self._offer(instrument, interval)
            for instrument, _ in at_source(self.info.key, default=True).values()
            for interval in (self.can(instrument) if self.fixed else self.by_class.get(instrument.asset_class, ()))
        ]

    def offer(self, symbol: str, interval: Interval) -> SeriesOffer:
        """Any series the source may have. Raises SeriesNotOffered."""
        instrument, _ = self._find(symbol, interval)
        return self._offer(instrument, interval)

    def name(self, symbol: str, interval: Interval) -> tuple[Instrument, str]:
        """The instrument and what the source calls it. Raises SeriesNotOffered."""
        return self._find(symbol, interval)

    def known(self, symbols: Sequence[str]) -> dict[str, str]:
        """The source's names of those symbols that it can spell, by its own name."""
        found = {symbol: self._look_up(symbol) for symbol in symbols}
        return {one[1]: symbol for symbol, one in found.items() if one is not None}

    def can(self, instrument: Instrument) -> Sequence[Interval]:
        """The intervals at which the source has it."""
        if self.fixed is None:
            return self.info.intervals
        return (self.fixed[instrument.symbol],) if instrument.symbol in self.fixed else ()

    def asked(
        self,
        symbol: str,
        interval: Interval,
        now: dt.datetime,
        *,
        since: dt.datetime | None = None,
        end: dt.datetime | None = None,
    ) -> Asked:
        """What an answer received `now` is read for; see Asked."""
        offer = self.offer(symbol, interval)
        return Asked.of(self.info, offer, now, since=since, end=end, later_s=self.later_s)

    def _find(self, symbol: str, interval: Interval) -> tuple[Instrument, str]:
        found = self._look_up(symbol)
        if found is None or interval not in self.can(found[0]):
            raise SeriesNotOffered(source=self.info.key, symbol=symbol, interval=interval.value)
        return found

    def _look_up(self, symbol: str) -> tuple[Instrument, str] | None:
        mapped = at_source(self.info.key)
        if symbol in mapped:
            return mapped[symbol]
        if symbol in universe() or self.spell is None:
            return None  # it is somebody else's
        return self.spell(symbol)

    def _offer(self, instrument: Instrument, interval: Interval) -> SeriesOffer:
        return SeriesOffer(
            instrument=instrument,
            interval=interval,
            calendar=self.calendar or instrument.calendar,
            delay="monthly" if interval.seconds > Interval.W1.seconds else self.info.delay,
            derived=self.derived(instrument.symbol) if self.derived else None,
            origin=self.origin,
        )


class Listed(Source):
    """A source asked over HTTP whose `[offers]` say what it has. `module` is the adapter's `__file__`."""

    def __init__(self, module: str, clock: Clock, upstream: Upstream, key: SecretStr | None = None) -> None:
        self.info = info_beside(module)
        self._clock = clock
        self._upstream = upstream
        self._key = key
        self._names = names_of(module, self.info, spell=self._spelled, derived=self._derived)

    def offers(self) -> Sequence[SeriesOffer]:
        """Those of the default universe that its TOML offers by themselves."""
        return self._names.offers()

    def offer(self, symbol: str, interval: Interval) -> SeriesOffer:
        """Any listed series, and whatever else its names can spell. Raises SeriesNotOffered."""
        return self._names.offer(symbol, interval)

    async def close(self) -> None:
        """Close the connections."""
        await self._upstream.close()

    def _spelled(self, _symbol: str) -> tuple[Instrument, str] | None:
        """See Spell."""
        return None

    def _derived(self, _symbol: str) -> str | None:
        """How the numbers of that symbol are computed; None for the source's own."""
        return None

    def _secret(self) -> str:
        """The key. Raises SourceKeyMissing before anybody is asked."""
        if self._key is None:
            raise SourceKeyMissing(source=self.info.key)
        return self._key.get_secret_value()


def names_of(
    module: str,
    info: SourceInfo,
    *,
    spell: Spell | None = None,
    derived: Callable[[str], str | None] | None = None,
) -> Names:
    """From the `[offers]` table of the TOML beside a module: origin, later_s, calendar, and per class the intervals
    offered; or under `[offers.fixed]` the one interval of each symbol.
    """
    table = tomllib.loads(Path(module).with_suffix(".toml").read_text("utf-8"))["offers"]
    by_class = {one: tuple(Interval(i) for i in table[one.value]) for one in AssetClass if one.value in table}
    fixed = {symbol: Interval(text) for symbol, text in table["fixed"].items()} if "fixed" in table else None
    return Names(
        info=info,
        origin=table["origin"],
        by_class=by_class,
        later_s=float(table.get("later_s", 0)),
        calendar=table.get("calendar"),
        spell=spell,
        derived=derived,
        fixed=fixed,
    )

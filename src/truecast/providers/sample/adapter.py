"""The bundled sample as a source: real history that arrives when the clock says it was known.

Under a replay clock this is a live market; under the system clock it is history that ended.
"""

import datetime as dt
import functools
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from truecast.domain.bar import Bars, FloatArray, IntArray
from truecast.domain.corporate import Factor, events
from truecast.domain.instrument import Instrument
from truecast.domain.interval import Interval
from truecast.kit.clock import Clock, to_us
from truecast.providers.base import Reach, SeriesNotOffered, SeriesOffer, Source, SourceInfo, instrument_of, load_info
from truecast.providers.currencies import cross, pair
from truecast.providers.sample.codec import open_packed, unpack_numbers, unpack_times

_HERE = Path(__file__).parent
_KEY = "sample"
_HUB = "EUR"


@dataclass(frozen=True, slots=True)
class Packed:
    """One series as the manifest lists it."""

    offer: SeriesOffer
    file: str
    kind: str  # "ohlcv", "value" (one number a period) or "rates" (one row of numbers per currency, per euro)


class Sample(Source):
    """The bundled series, unpacked when first asked for and then shared."""

    def __init__(self, clock: Clock, folder: Path = _HERE) -> None:
        self.info: SourceInfo = load_info(_HERE / "sample.toml")
        self._clock = clock
        self._folder = folder
        self._manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text("utf-8"))
        self._series = _listed(self._manifest, folder)
        self._bars: dict[tuple[str, Interval], Bars] = {}
        self._rates: tuple[IntArray, IntArray, Mapping[str, FloatArray]] | None = None

    def offers(self) -> Sequence[SeriesOffer]:
        """Every bundled series."""
        return [packed.offer for packed in self._series.values()]

    async def bars(self, symbol: str, interval: Interval, since: dt.datetime | None) -> Bars:
        """The part of the series that starts at or after `since` and was known by now. Views, no copies."""
        whole = self._whole(symbol, interval)
        first = 0 if since is None else int(np.searchsorted(whole.start, to_us(since)))
        end = int(np.searchsorted(whole.known_at, to_us(self._clock.now()), side="right"))
        return whole[first : max(first, end)]

    async def factors(self, symbol: str) -> Sequence[Factor]:
        """An event is known once its session's UTC day is over: before the next session, the first that trades ex."""
        now = self._clock.now()
        rows = self._manifest["factors"].get(symbol, ())
        listed = [Factor(dt.date.fromisoformat(day), price, split) for day, price, split in rows]
        return [f for f in events(listed) if _midnight_after(f.date) <= now]

    async def close(self) -> None:
        """Nothing is open."""

    def last_known(self) -> dt.datetime:
        """When the newest bar of the sample became known: a clock beyond it sees nothing new."""
        return dt.datetime.fromisoformat(self._manifest["known_last"])

    def _whole(self, symbol: str, interval: Interval) -> Bars:
        key = (symbol, interval)
        if key not in self._series:
            raise SeriesNotOffered(source=self.info.key, symbol=symbol, interval=interval.value)
        if key not in self._bars:
            self._bars[key] = self._unpack(self._series[key])
        return self._bars[key]

    def _unpack(self, packed: Packed) -> Bars:
        if packed.kind == "rates":
            return self._unpack_rate(packed)
        with open_packed(self._folder / "data" / packed.file) as arrays:
            start, known_at = unpack_times(arrays)
            prices = unpack_numbers(arrays, "prices")
            volume = unpack_numbers(arrays, "volume")[0] if "volume" in arrays else None
        return _as_bars(packed.offer, start, known_at, prices, volume)

    def _unpack_rate(self, packed: Packed) -> Bars:
        if self._rates is None:
            with open_packed(self._folder / "data" / packed.file) as arrays:
                start, known_at = unpack_times(arrays)
                rates = unpack_numbers(arrays, "prices")
                legs = arrays["legs"].tolist()
            self._rates = start, known_at, dict(zip(legs, np.where(rates > 0, rates, np.nan), strict=True))
        start, known_at, per_euro = self._rates
        base, quote = packed.offer.instrument.symbol.split("-")
        rate = per_euro[quote] if base == _HUB else cross(per_euro.get(base, 1.0), per_euro.get(quote, 1.0))
        quoted = np.isfinite(rate)
        if quoted.all():
            return _as_bars(packed.offer, start, known_at, rate[None, :], None)
        return _as_bars(packed.offer, start[quoted], known_at[quoted], rate[None, quoted], None)


@functools.cache
def sample_instruments() -> Mapping[str, Instrument]:
    """The instruments that universe.toml describes, by symbol; exchange rates come from the currencies instead."""
    tables = tomllib.loads((_HERE / "universe.toml").read_text("utf-8"))["instrument"]
    return {table["symbol"]: instrument_of(table) for table in tables}


def create(clock: Clock, _reach: Reach) -> Sample:
    """The adapter over the data in the package; it reaches nothing outside."""
    return Sample(clock)


def _listed(manifest: dict[str, Any], folder: Path) -> dict[tuple[str, Interval], Packed]:
    known = sample_instruments()
    found = {}
    for row in manifest["series"]:
        symbol, interval = row["symbol"], Interval(row["interval"])
        offer = SeriesOffer(
            instrument=known[symbol] if symbol in known else pair(symbol),
            interval=interval,
            calendar=row["calendar"],
            delay=row["delay"],
            derived=row["derived"],
            origin=row["origin"],
        )
        found[symbol, interval] = Packed(offer, row["file"], row["kind"])
    assert found, f"no series in {folder}"
    return found


def _as_bars(
    offer: SeriesOffer, start: IntArray, known_at: IntArray, prices: FloatArray, volume: FloatArray | None
) -> Bars:
    """One price row stands for open, high, low and close; constant columns are broadcast and take no memory."""
    assert (np.diff(known_at) >= 0).all(), "a later bar was known before an earlier one"
    rows = len(start)
    open_, high, low, close = prices if len(prices) == 4 else (prices[0],) * 4
    return Bars(
        symbol=offer.instrument.symbol,
        interval=offer.interval,
        start=start,
        known_at=known_at,
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=np.broadcast_to(np.float64(np.nan), rows) if volume is None else volume,
        final=np.broadcast_to(np.True_, rows),
        source=np.broadcast_to(np.int16(0), rows),
        sources=(_KEY,),
    )


def _midnight_after(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), dt.UTC)

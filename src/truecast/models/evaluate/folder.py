"""Series of an evaluation from a folder of CSV files: any that `truecast import` reads, and wide tables of closes.

Prices of a symbol whose factors lie beside them are made comparable across splits and dividends, as on the live path.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from truecast.domain.instrument import AssetClass, Universe
from truecast.domain.interval import Interval
from truecast.features.frame import Frame, frame_of
from truecast.kit.clock import Clock, to_us
from truecast.kit.errors import EXIT_NOT_FOUND, TruecastError
from truecast.market.adjust import adjust
from truecast.market.calendar import calendar
from truecast.providers.base import SeriesOffer
from truecast.providers.csv_folder import CsvFolder, Options
from truecast.providers.csv_names import Hints
from truecast.providers.sample.adapter import sample_instruments

# Symbols that nobody knows: a round-the-clock calendar assumes nothing about sessions.
_UNKNOWN = Hints(asset_class=AssetClass.EQUITY, currency="USD", calendar="24/7")


class NoSeries(TruecastError):
    """There is nothing to evaluate at that interval."""

    code = "no_series"
    status = 404
    title = "No series"
    template = "{where} has no series at {interval}: {reason}"
    exit_code = EXIT_NOT_FOUND


@dataclass(frozen=True, slots=True)
class Read:
    """What the folder gave, and what it did not."""

    frames: tuple[Frame, ...]
    notes: tuple[str, ...]
    classes: Mapping[str, str]  # asset class by symbol


async def read_folder(folder: Path, interval: Interval, clock: Clock) -> Read:
    """Every series at the interval. Raises CsvRefused when there is no such folder, and NoSeries."""
    options = Options(universe=Universe.of(sample_instruments().values()), hints=_UNKNOWN, wide=True)
    source = CsvFolder(clock, folder, options)
    notes = [f"not read: {problem.detail}" for problem in source.report.problems]
    notes += [f"{f.file}: {f.rows_refused} rows refused" for f in source.report.files if f.rows and f.rows_refused]
    frames = [await _frame(source, offer, clock) for offer in source.offers() if offer.interval is interval]
    frames = [frame for frame in frames if len(frame)]
    if not frames:
        there = sorted({offer.interval.value for offer in source.offers()})
        reason = f"it has {', '.join(there)}" if there else (notes[0] if notes else "no CSV files")
        raise NoSeries(where=str(folder), interval=interval.value, reason=reason)
    classes = {offer.instrument.symbol: offer.instrument.asset_class.value for offer in source.offers()}
    return Read(tuple(frames), tuple(notes), classes)


async def _frame(source: CsvFolder, offer: SeriesOffer, clock: Clock) -> Frame:
    instrument = offer.instrument
    bars = await source.bars(instrument.symbol, offer.interval, None)
    factors = await source.factors(instrument.symbol)
    if factors and instrument.asset_class in (AssetClass.EQUITY, AssetClass.ETF):
        bars = adjust(bars, factors, "all", as_of_us=to_us(clock.now()))
    ends = calendar(offer.calendar).ends(bars.start, bars.interval)
    assert (np.diff(ends) >= 0).all()
    return frame_of(bars, ends, signed=instrument.signed, calendar=offer.calendar)

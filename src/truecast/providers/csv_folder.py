"""Imports a folder of CSV files: prices in the layouts people have them, and a report of every row that was not read.

    for imported in import_folder(Path("data"), Options(universe=..., publication=...)):
        print(imported.report.file, imported.report.rows, imported.report.problem)

Understood: `time,open,high,low,close[,volume]` in any order and case, one value a period (`Date,Price`), the ECB's wide
table of euro rates, and `SYMBOL_factors.csv` with splits and dividends; plain or .gz. A file is taken or refused with a
reason, a row likewise; nothing is repaired and nothing is guessed.
"""

import datetime as dt
import gzip
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from io import BufferedIOBase
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from truecast.domain.bar import COLUMNS, Bars, FloatArray, IntArray
from truecast.domain.corporate import Factor, events
from truecast.domain.instrument import Instrument, Universe
from truecast.domain.interval import Interval
from truecast.domain.quote import Delay
from truecast.kit.clock import Clock, from_us, to_us
from truecast.kit.errors import TruecastError
from truecast.kit.limits import CSV_FILE_BYTES_MAX, CSV_REFUSED_ROWS_LISTED_MAX
from truecast.providers.base import Reach, SeriesNotOffered, SeriesOffer, Source, SourceInfo, load_info
from truecast.providers.csv_layout import CsvRefused, Unreadable
from truecast.providers.csv_names import Hints, read_name, resolve
from truecast.providers.csv_starts import Placed, bar_end, place
from truecast.providers.csv_table import Table, read_table
from truecast.providers.currencies import pair
from truecast.providers.sample.adapter import sample_instruments

_KEY = "csv_folder"
_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz")
_HUB = "EUR"

Publication = Callable[[str, IntArray, Interval], IntArray]  # calendar name, starts, interval -> known_at


@dataclass(frozen=True, slots=True)
class Options:
    """How a folder is to be read. `publication` gives known_at; without it a bar is known at its nominal end."""

    universe: Universe = field(default_factory=lambda: Universe.of(()))
    publication: Publication = bar_end
    timezone: str | None = None  # of times that name no zone; None: UTC
    month_first: bool | None = None  # of 03/04/2021, where the file itself cannot tell
    hints: Hints = field(default_factory=Hints)
    wide: bool = False  # whether a table with unknown columns has a symbol's closes in each


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A line that was not read, and why."""

    file: str
    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of one file. `problem` is set when none of it could be used."""

    file: str
    symbols: tuple[str, ...]
    interval: Interval | None
    rows: int  # read
    rows_refused: int
    refused: tuple[RefusedRow, ...]  # the first of them
    notes: tuple[str, ...]
    problem: TruecastError | None


@dataclass(frozen=True, slots=True)
class ImportedSeries:
    """One series of a file."""

    offer: SeriesOffer
    bars: Bars


@dataclass(frozen=True, slots=True)
class FileImport:
    """One file: its report, its series, or the splits and dividends of one symbol."""

    report: FileReport
    series: tuple[ImportedSeries, ...] = ()
    factors: tuple[Factor, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of every file."""

    files: tuple[FileReport, ...]

    @property
    def rows(self) -> int:
        """Rows read."""
        return sum(file.rows for file in self.files)

    @property
    def rows_refused(self) -> int:
        """Rows refused in files that were read."""
        return sum(file.rows_refused for file in self.files)

    @property
    def problems(self) -> tuple[TruecastError, ...]:
        """One for every file that could not be used."""
        return tuple(file.problem for file in self.files if file.problem)


def list_files(folder: Path) -> list[Path]:
    """Every CSV file below the folder, in order of path. Raises CsvRefused when there is no such folder."""
    if not folder.is_dir():
        raise CsvRefused(file=str(folder), reason="no such folder")
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name.lower().endswith(_ENDINGS))


def import_folder(folder: Path, options: Options) -> Iterator[FileImport]:
    """The files one after the other, so that only one is in memory."""
    _zone(options)
    for path in list_files(folder):
        yield import_file(path, options, name=path.relative_to(folder).as_posix())


def import_file(
    path: Path, options: Options, *, name: str | None = None, tell: Callable[[int], None] | None = None
) -> FileImport:
    """One file; whatever is wrong with it stands in its report. `tell` hears the bytes read so far."""
    file = name or path.name
    try:
        with _opened(path) as stream:
            table = read_table(stream, tell, wide=options.wide)
        return _import_table(table, _stem(path), file, options)
    except Unreadable as error:
        problem: TruecastError = CsvRefused(file=file, reason=str(error))
    except OSError as error:
        problem = CsvRefused(file=file, reason=error.strerror or str(error))
    except TruecastError as error:
        problem = error
    return FileImport(FileReport(file, (), None, 0, 0, (), (), problem))


def _import_table(table: Table, stem: str, file: str, options: Options) -> FileImport:
    text, interval = read_name(stem)
    if table.layout.kind == "factors":
        return _import_factors(table, text, file, options)
    placed = place(table, interval, zone=_zone(options), month_first=options.month_first)
    found = [_series(wanted, table, placed, options, file) for wanted in _wanted(table, text, file, options)]
    series = tuple(one for one in found if len(one.bars))
    refused = sorted([*table.refused, *placed.refused])
    notes = [*table.notes, *placed.notes]
    if table.holes:
        notes.append(f"{table.holes} cells without a value")
    report = FileReport(
        file=file,
        symbols=tuple(one.offer.instrument.symbol for one in series),
        interval=placed.interval,
        rows=len(placed.rows),
        rows_refused=len(refused),
        refused=_listed(file, refused),
        notes=tuple(notes),
        problem=None if series else CsvRefused(file=file, reason="no row has a value"),
    )
    return FileImport(report, series)


def _wanted(table: Table, text: str, file: str, options: Options) -> list[tuple[Instrument, str]]:
    """Instruments with the column that holds them; "" for the usual ones."""
    if table.layout.kind == "rates":
        return [(pair(f"{_HUB}-{code}"), code) for code in table.layout.columns]
    if table.layout.kind == "wide":
        return [(_resolved(name, file, table, options), name) for name in table.layout.columns]
    return [(_resolved(text, file, table, options), "")]


def _resolved(text: str, file: str, table: Table, options: Options) -> Instrument:
    return resolve(text, options.universe, options.hints, decimals=table.decimals, file=file)


def _series(
    wanted: tuple[Instrument, str], table: Table, placed: Placed, options: Options, file: str
) -> ImportedSeries:
    instrument, code = wanted
    calendar = "TARGET" if table.layout.kind == "rates" else instrument.calendar
    start, rows, interval = placed.start, placed.rows, placed.interval
    delay: Delay = "eod" if interval.seconds <= Interval.W1.seconds else "monthly"
    offer = SeriesOffer(instrument, interval, calendar, delay, None, f"imported from {Path(file).name}")
    columns = {role: column[rows] for role, column in table.columns.items()}
    if table.layout.kind == "ohlcv":
        prices = [columns[role] for role in ("open", "high", "low", "close")]
    else:
        value = columns[code or "value"]
        start, prices = start[~np.isnan(value)], [value[~np.isnan(value)]] * 4
    volume = columns.get("volume", np.full(len(start), np.nan))
    known_at = options.publication(calendar, start, interval)
    return ImportedSeries(offer, _as_bars(offer, start, known_at, prices, volume))


def _import_factors(table: Table, text: str, file: str, options: Options) -> FileImport:
    instrument = resolve(text, options.universe, options.hints, decimals=2, file=file)
    placed = place(table, Interval.D1, zone=None, month_first=options.month_first)
    columns = (table.columns["pricefactor"][placed.rows], table.columns["splitfactor"][placed.rows])
    accumulated = [
        Factor(from_us(us).date(), float(price), float(split))
        for us, price, split in zip(placed.start.tolist(), *columns, strict=True)
    ]
    if not all(0 < f.price_factor < np.inf and 0 < f.split_factor < np.inf for f in accumulated):
        raise Unreadable("a factor is not a positive number")
    refused = sorted([*table.refused, *placed.refused])
    rows, listed = len(accumulated), _listed(file, refused)
    report = FileReport(file, (instrument.symbol,), None, rows, len(refused), listed, tuple(table.notes), None)
    return FileImport(report, factors=events(accumulated))


def _opened(path: Path) -> BufferedIOBase:
    if path.stat().st_size > CSV_FILE_BYTES_MAX:
        raise Unreadable(f"more than {CSV_FILE_BYTES_MAX} bytes")
    return gzip.GzipFile(path) if path.suffix == ".gz" else path.open("rb")


def _listed(file: str, refused: Sequence[tuple[int, str]]) -> tuple[RefusedRow, ...]:
    return tuple(RefusedRow(file, line, reason) for line, reason in refused[:CSV_REFUSED_ROWS_LISTED_MAX])


def _stem(path: Path) -> str:
    name = path.name.removesuffix(".gz")
    return name.rsplit(".", 1)[0]


def _zone(options: Options) -> ZoneInfo | None:
    if options.timezone is None:
        return None
    try:
        return ZoneInfo(options.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise CsvRefused(file="--timezone", reason=f"{options.timezone!r} is no IANA time zone") from None


def _as_bars(
    offer: SeriesOffer, start: IntArray, known_at: IntArray, prices: Sequence[FloatArray], volume: FloatArray
) -> Bars:
    rows = len(start)
    open_, high, low, close = prices
    return Bars(
        symbol=offer.instrument.symbol,
        interval=offer.interval,
        start=start,
        known_at=known_at,
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=volume,
        final=np.broadcast_to(np.True_, rows),
        source=np.broadcast_to(np.int16(0), rows),
        sources=(_KEY,),
    )


def _joined(one: Bars, other: Bars) -> Bars:
    """Both files' bars, oldest first; where both have a start, the first file's."""
    new = other[~np.isin(other.start, one.start)]
    order = np.argsort(np.concatenate([one.start, new.start]))
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(one, name), getattr(new, name)])[order] for name in (*COLUMNS, "source")
    }
    return replace(one, **columns)


class CsvFolder(Source):
    """A folder as a source: read once, when first asked."""

    def __init__(self, clock: Clock, folder: Path, options: Options) -> None:
        self.info: SourceInfo = load_info(Path(__file__).with_suffix(".toml"))
        self._clock = clock
        self._series: dict[tuple[str, Interval], ImportedSeries] = {}
        self._factors: dict[str, tuple[Factor, ...]] = {}
        reports = []
        for imported in import_folder(folder, options):
            for one in imported.series:
                key = (one.offer.instrument.symbol, one.offer.interval)
                earlier = self._series.get(key)
                self._series[key] = replace(one, bars=_joined(earlier.bars, one.bars)) if earlier else one
            if imported.factors:
                self._factors[imported.report.symbols[0]] = imported.factors
            reports.append(imported.report)
        self.report = ImportReport(tuple(reports))

    def offers(self) -> Sequence[SeriesOffer]:
        """Every series that could be read."""
        return [one.offer for one in self._series.values()]

    async def bars(self, symbol: str, interval: Interval, since: dt.datetime | None) -> Bars:
        """The part that starts at or after `since` and was known by now."""
        one = self._series.get((symbol, interval))
        if one is None:
            raise SeriesNotOffered(source=_KEY, symbol=symbol, interval=interval.value)
        first = 0 if since is None else int(np.searchsorted(one.bars.start, to_us(since)))
        part = one.bars[first:]
        return part[part.known_at <= to_us(self._clock.now())]

    async def factors(self, symbol: str) -> Sequence[Factor]:
        """Those whose session's UTC day is over."""
        today = self._clock.now().date()
        return [factor for factor in self._factors.get(symbol, ()) if factor.date < today]

    async def close(self) -> None:
        """Nothing is open."""


def create(clock: Clock, reach: Reach) -> CsvFolder:
    """The adapter over `reach.folder`. Raises CsvRefused when there is none."""
    if reach.folder is None:
        raise CsvRefused(file=_KEY, reason="no folder was given")
    return CsvFolder(clock, reach.folder, Options(universe=Universe.of(sample_instruments().values())))

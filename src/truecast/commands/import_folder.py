"""`truecast import DIR`: CSV files into the store, with a report of everything that was not read."""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import orjson
import typer

from truecast.commands.progress import prepared
from truecast.commands.text import aligned
from truecast.domain.bar import IntArray
from truecast.domain.corporate import Factor
from truecast.domain.instrument import AssetClass, Universe
from truecast.domain.interval import Interval
from truecast.kit.errors import EXIT_DATA
from truecast.kit.settings import Settings
from truecast.market.calendar import calendar as calendar_named
from truecast.market.ingest import Ingested
from truecast.providers.csv_folder import FileImport, FileReport, ImportedSeries, Options, import_file, list_files
from truecast.providers.csv_names import Hints
from truecast.providers.sample.adapter import sample_instruments
from truecast.services import Services
from truecast.wiring import Role, build

SOURCE = "csv_folder"
_ROWS_SHOWN = 5  # refused rows of one file on the terminal; --json has more

app = typer.Typer(add_completion=False)


@dataclass(frozen=True, slots=True)
class Taken:
    """One file, and what the store made of it."""

    report: FileReport
    ingested: Ingested
    notes: tuple[str, ...]


@app.command("import")
def import_csv(
    folder: Annotated[Path, typer.Argument(help="Folder with .csv or .csv.gz files, also in folders below it.")],
    *,
    asset_class: Annotated[
        AssetClass | None, typer.Option("--class", help="Of symbols that are not known yet.", case_sensitive=False)
    ] = None,
    currency: Annotated[str | None, typer.Option(help="Of symbols that are not known yet.")] = None,
    calendar: Annotated[str | None, typer.Option(help="Of symbols that are not known yet, e.g. XNYS.")] = None,
    timezone: Annotated[str | None, typer.Option(help="Of times that name none, e.g. Europe/Athens.")] = None,
    month_first: Annotated[
        bool | None, typer.Option("--month-first/--day-first", help="How to read 03/04/2021.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Import a folder of CSV files into the store."""
    hints = Hints(asset_class=asset_class, currency=currency, calendar=calendar)
    taken = asyncio.run(_import(Settings(), folder, hints, timezone, month_first))
    if as_json:
        typer.echo(orjson.dumps([_plain(one) for one in taken]))
    else:
        typer.echo("\n".join(_lines(taken)))
    if any(one.report.problem for one in taken):
        raise typer.Exit(EXIT_DATA)


async def _import(
    settings: Settings, folder: Path, hints: Hints, timezone: str | None, month_first: bool | None
) -> list[Taken]:
    paths = _factors_first(list_files(folder))
    async with prepared(build(settings, Role.TOOL)) as services:
        known = {i.symbol: i for i in (await services.store.universe()).instruments}
        options = Options(
            universe=Universe.of({**sample_instruments(), **known}.values()),
            publication=lambda name, start, interval: calendar_named(name).known_at(start, interval),
            timezone=timezone,
            month_first=month_first,
            hints=hints,
        )
        intake = _Intake(services, {}, {})
        taken = []
        for number, path in enumerate(paths):
            services.loading.step("files", number, len(paths))
            imported = await asyncio.to_thread(import_file, path, options, name=path.relative_to(folder).as_posix())
            taken.append(await intake.take(imported))
        await intake.take_factors_alone(known)
    return taken


def _factors_first(paths: Sequence[Path]) -> list[Path]:
    """A symbol's splits must be known before its bars, or the first bar after one looks like a wrong number."""
    return sorted(paths, key=lambda path: ("_factors" not in path.name.lower(), path))


@dataclass(frozen=True, slots=True)
class _Intake:
    """The way of the files into the store; holds the factors whose bars have not come yet."""

    services: Services
    factors: dict[str, Sequence[Factor]]
    seen: dict[tuple[str, Interval], IntArray]  # the starts that are in

    async def take(self, imported: FileImport) -> Taken:
        """What one file brings. Of a series split over files, the first to have a start counts."""
        notes = list(imported.report.notes)
        ingested = Ingested()
        if imported.factors:
            self.factors[imported.report.symbols[0]] = imported.factors
        for one in imported.series:
            key = (one.offer.instrument.symbol, one.offer.interval)
            bars = one.bars
            if key in self.seen:
                bars = bars[~np.isin(bars.start, self.seen[key])]
                if again := len(one.bars) - len(bars):
                    notes.append(f"{key[0]} {key[1]}: {again:,} rows were in an earlier file: ignored")
            self.seen[key] = np.union1d(self.seen.get(key, bars.start), bars.start)
            if len(bars):
                ingested += await self._take_series(replace(one, bars=bars))
        return Taken(imported.report, ingested, tuple(notes))

    async def take_factors_alone(self, known: Collection[str]) -> None:
        """Those of instruments whose bars came another time."""
        for symbol, factors in self.factors.items():
            if symbol in known:
                await self._take_factors(symbol, factors)

    async def _take_series(self, one: ImportedSeries) -> Ingested:
        symbol = one.offer.instrument.symbol
        await self.services.store.add_series(one.offer, SOURCE)
        if factors := self.factors.pop(symbol, ()):
            await self._take_factors(symbol, factors)
        return await self.services.ingest.take(one.bars)

    async def _take_factors(self, symbol: str, factors: Sequence[Factor]) -> None:
        now = self.services.clock.now()
        await self.services.store.add_factors(symbol, SOURCE, factors, received_at=now)


def _lines(taken: Sequence[Taken]) -> Iterator[str]:
    rows: list[Sequence[str]] = [("file", "what", "rows", "new", "corrected", "refused", "quarantined")]
    for one in taken:
        report, appended = one.report, one.ingested.appended
        numbers = (report.rows, appended.inserted, appended.corrected, report.rows_refused, one.ingested.quarantined)
        rows.append((report.file, _what(report), *(f"{number:,}" for number in numbers)))
    yield from aligned(rows, right=range(2, 7))
    for one in taken:
        if one.report.problem is not None:
            yield f"not read: {one.report.problem.detail} [{one.report.problem.code}]"
        for row in one.report.refused[:_ROWS_SHOWN]:
            yield f"refused: {row.file} line {row.line}: {row.reason}"
        if (more := one.report.rows_refused - _ROWS_SHOWN) > 0:
            yield f"refused: {one.report.file}: {more:,} more rows; --json lists them"
        yield from (f"note: {one.report.file}: {note}" for note in one.notes)


def _what(report: FileReport) -> str:
    if report.problem is not None:
        return "-"
    names = ", ".join(report.symbols[:3]) + (f" and {len(report.symbols) - 3} more" if len(report.symbols) > 3 else "")
    return f"{names} {report.interval or 'factors'}"


def _plain(one: Taken) -> dict[str, object]:
    report, appended = one.report, one.ingested.appended
    problem = report.problem
    return {
        "file": report.file,
        "symbols": report.symbols,
        "interval": report.interval,
        "rows": report.rows,
        "inserted": appended.inserted,
        "corrected": appended.corrected,
        "unchanged": appended.unchanged,
        "quarantined": one.ingested.quarantined,
        "rows_refused": report.rows_refused,
        "refused": [{"line": row.line, "reason": row.reason} for row in report.refused],
        "notes": one.notes,
        "problem": None if problem is None else {"code": problem.code, "detail": problem.detail},
    }

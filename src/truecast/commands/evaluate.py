"""`truecast evaluate`: how good every model is on series of your own or of the store, with standard errors."""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import orjson
import typer

from truecast.commands.progress import prepared
from truecast.domain.interval import Interval, parse_interval
from truecast.features.frame import Frame, frame_of
from truecast.forecasts.basis import adjustment_for
from truecast.kit.clock import SystemClock
from truecast.kit.errors import EXIT_DATA, MalformedRequest
from truecast.kit.settings import Settings
from truecast.market.calendar import calendar
from truecast.market.history import available
from truecast.models.evaluate.folder import NoSeries, Read, read_folder
from truecast.models.evaluate.phases import watched
from truecast.models.evaluate.plan import ALL, Plan, plan_of
from truecast.models.evaluate.plots import write_plots
from truecast.models.evaluate.report import plain, profiled, report_of, summary, write_report
from truecast.models.evaluate.run import run
from truecast.models.evaluate.table import library, write_table
from truecast.wiring import build

app = typer.Typer(add_completion=False)


@app.command()
def evaluate(
    *,
    out: Annotated[
        Path,
        typer.Option(
            help="Folder for the table, the report and the plots; goes on where it holds the same evaluation."
        ),
    ],
    bars: Annotated[
        Path | None,
        typer.Option(help="Folder with CSV files: time or date, open … close, or one column of closes per symbol."),
    ] = None,
    symbols: Annotated[str | None, typer.Option(help="Symbols of the store with commas between, or all.")] = None,
    interval: Annotated[str, typer.Option("--interval", "-i", help="Length of a step: 1h, 1d, 1w, 1mo.")] = "1d",
    models: Annotated[str, typer.Option(help="Names with commas between, or all; naive is always there.")] = ALL,
    horizons: Annotated[str, typer.Option(help="Steps ahead with commas between, 1 to 168.")] = "1,5,10",
    origins: Annotated[
        int, typer.Option(help="Forecasts per series and model: the last bars whose outcomes are known.")
    ] = 250,
    refit_every: Annotated[int, typer.Option(help="Origins that one fit serves; between, bars come by update.")] = 20,
    embargo: Annotated[int, typer.Option(help="Bars between what a fit saw and the first origin it serves.")] = 0,
    seed: Annotated[int, typer.Option(help="For models that draw.")] = 0,
    seeds: Annotated[int, typer.Option(help="Seeds, from --seed on, that trained models are evaluated with.")] = 1,
    workers: Annotated[int | None, typer.Option(help="Processes; as many as there are cores when left out.")] = None,
    profile: Annotated[bool, typer.Option(help="Also print the time of each phase.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print report.json.")] = False,
) -> None:
    """Evaluate models at rolling origins: one long table, a report with standard errors, and plots."""
    plan = plan_of(
        parse_interval(interval),
        models=_listed(models),
        horizons=_listed(horizons),
        origins=origins,
        refit_every=refit_every,
        embargo=embargo,
        seed=seed,
        seeds=seeds,
    )
    library()  # so that a missing one is told before the work and not after it
    with watched("read") as reading:
        read = asyncio.run(_read(bars, symbols, plan))
    with _told() as tell:
        done = run(plan, read.frames, out, workers=workers, tell=tell, classes=read.classes)
    with watched("score") as scoring:
        report = report_of(done)
    with watched("write") as writing:
        table = write_table(out, plan.interval, done.records)
        write_plots(out, report)
        _, as_text = write_report(out, report)
    if as_json:
        typer.echo(orjson.dumps(plain(report)))
    else:
        said = [*read.notes, *(f"left out: {symbol} has {n:,} bars" for symbol, n in done.left_out)]
        said += [f"not evaluated: {f.model} on {f.symbol}: {f.detail} [{f.code}]" for f in done.failures]
        if profile:
            said = [*profiled(done, reading.seconds, scoring.seconds, writing.seconds), "", *said]
        typer.echo("\n".join([*summary(report), *said, f"table   {table}", f"report  {as_text}"]))
    if done.failures:
        raise typer.Exit(EXIT_DATA)


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


async def _read(bars: Path | None, symbols: str | None, plan: Plan) -> Read:
    if (bars is None) == (symbols is None):
        raise MalformedRequest(reason="give either --bars with a folder or --symbols with names or all")
    if bars is not None:
        return await read_folder(bars, plan.interval, SystemClock())
    assert symbols is not None
    return await _read_store(_listed(symbols), plan.interval)


async def _read_store(names: list[str], interval: Interval) -> Read:
    """Whole histories as known now, adjusted as on the live path. Raises UnknownSymbol, NoSeries."""
    frames: list[Frame] = []
    classes: dict[str, str] = {}
    async with prepared(build(Settings())) as services:
        universe, kept = await services.store.universe(), await services.store.series()
        if names == [ALL]:
            names = [
                i.symbol
                for i in universe.instruments
                if interval in available([s for s in kept if s.symbol == i.symbol and s.bars])
            ]
        for instrument in dict.fromkeys(universe.get(name) for name in names):
            slice_ = await services.history.bars(instrument, interval, adjust=adjustment_for(instrument))
            ends = calendar(slice_.calendar).ends(slice_.bars.start, interval)
            frames.append(frame_of(slice_.bars, ends, signed=instrument.signed, calendar=slice_.calendar))
            classes[instrument.symbol] = instrument.asset_class.value
    if not any(len(frame) for frame in frames):
        raise NoSeries(where="the store", interval=interval.value, reason="no bars")
    return Read(tuple(frame for frame in frames if len(frame)), (), classes)


@contextlib.contextmanager
def _told() -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, silence elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    # Imported here because it takes a tenth of a second and most calls have nothing to show.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("trainings, models x series")
        yield lambda done, total: progress.update(bar, completed=done, total=total)

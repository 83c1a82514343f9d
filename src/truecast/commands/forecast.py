"""`truecast forecast EUR-USD --horizon 10`: quantiles as a table, as JSON or as a picture."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from truecast.api.forecast_body import forecast_body
from truecast.api.provenance import anchor_provenance
from truecast.api.shapes import Provenance, as_time
from truecast.commands import plot as picture
from truecast.commands.progress import prepared
from truecast.commands.text import aligned
from truecast.domain.forecast import Forecast, Skill
from truecast.domain.horizon import Horizon, parse_horizon
from truecast.domain.instrument import Instrument
from truecast.domain.interval import parse_interval
from truecast.domain.quantiles import LevelOutOfRange, check_levels
from truecast.kit.clock import iso
from truecast.kit.limits import LEVEL_MAX, LEVEL_MIN
from truecast.kit.settings import Settings
from truecast.wiring import build

LEVELS_DEFAULT = ("0.5", "0.8", "0.95")

app = typer.Typer(add_completion=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """A checked request."""

    symbol: str
    horizon: Horizon
    model: str
    levels: tuple[float, ...]
    as_of: datetime | None
    plot: Path | None


@app.command()
def forecast(
    symbol: Annotated[str, typer.Argument(help="In any spelling: EUR-USD, eurusd, AAPL, bitcoin, ^VIX, US.CPI.")],
    *,
    horizon: Annotated[str | None, typer.Option("--horizon", "-h", help="Steps ahead, 1 to 168.")] = None,
    interval: Annotated[str, typer.Option("--interval", "-i", help="Length of a step: 1h, 1d, 1w, 1mo.")] = "1d",
    model: Annotated[str, typer.Option(help="A model's name, or auto.")] = "auto",
    level: Annotated[list[str], typer.Option(help="Confidence of an interval, 0.5 to 0.995; may be repeated.")] = [  # noqa: B006 typer copies it
        *LEVELS_DEFAULT
    ],
    as_of: Annotated[str | None, typer.Option(help="Say what would have been said then; not recorded.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Also draw the fan into this .png, .svg or .pdf.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what POST /api/v1/forecasts answers.")] = False,
) -> None:
    """Forecast one symbol, with the source of the data and the model's record."""
    settings = Settings()
    asked = Asked(
        symbol=symbol,
        horizon=parse_horizon(horizon or settings.horizon_steps_default, parse_interval(interval)),
        model=model,
        levels=check_levels([_level(text) for text in level]),
        as_of=None if as_of is None else as_time(as_of),
        plot=None if plot is None else picture.check_path(plot),
    )
    answer = asyncio.run(_forecast(settings, asked))
    typer.echo(_as_json(answer, asked) if as_json else "\n".join(_lines(answer, asked)))


@dataclass(frozen=True, slots=True)
class Answer:
    """A forecast with what a reader needs to judge it."""

    said: Forecast
    instrument: Instrument
    provenance: Provenance


async def _forecast(settings: Settings, asked: Asked) -> Answer:
    async with prepared(build(settings)) as services:
        said = await services.issuer.forecast(
            asked.symbol,
            asked.horizon.interval,
            asked.horizon.steps,
            model=asked.model,
            as_of=asked.as_of,
            record=asked.as_of is None,
        )
        instrument = (await services.store.universe()).get(said.symbol)
        kept = await services.store.series(instrument.symbol)
        provenance = anchor_provenance(said, kept, asked.as_of or services.clock.now())
        if asked.plot is not None:
            history = await services.history.bars(
                instrument, asked.horizon.interval, as_of=said.as_of, limit=_BARS_DRAWN_MAX, adjust="all"
            )
            line = f"Source: {provenance.origin} ({provenance.source}). Data as of {iso(provenance.as_of)}."
            picture.draw(asked.plot, said, history.bars, instrument, source_line=line)
    return Answer(said, instrument, provenance)


def _level(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise LevelOutOfRange(level=text, least=LEVEL_MIN, most=LEVEL_MAX) from None


def _as_json(answer: Answer, asked: Asked) -> str:
    body = forecast_body(
        answer.said,
        instrument=answer.instrument,
        provenance=answer.provenance,
        levels=asked.levels,
        requested_model=asked.model,
    )
    return body.model_dump_json(by_alias=True)


def _lines(answer: Answer, asked: Asked) -> Iterator[str]:
    said, instrument = answer.said, answer.instrument
    digits = _digits(float(instrument.tick))
    horizon, anchor = said.horizon, said.anchor
    model = f"{said.model} {said.model_version}" + ("" if asked.model == said.model else f" (asked: {asked.model})")
    yield f"{said.symbol} in {instrument.currency}, {horizon.steps} x {horizon.interval.value}, model {model}"
    yield f"last bar   {_short_time(anchor.bar_start)}  {anchor.price:,.{digits}f}"
    yield f"source     {_source(answer.provenance)}"
    yield f"origin     {answer.provenance.origin}"
    yield ""
    rows = list(_rows(said, asked.levels, digits))
    yield from aligned(rows, right=range(len(rows[0])))
    yield ""
    if said.choice is not None:
        yield f"why        {said.choice.reason}"
    yield f"skill      {_skill(said.skill)}"
    if said.coverage:
        covered = ", ".join(f"{c.level:.0%}: {c.measured:.1%}" for c in said.coverage)
        yield f"intervals  held {covered} of the last {said.coverage[0].n:,} outcomes, one step ahead"
    yield f"recorded   {said.id or 'no'}"
    if asked.plot is not None:
        yield f"picture    {asked.plot}"


def _rows(said: Forecast, levels: Sequence[float], digits: int) -> Iterator[Sequence[str]]:
    yield ("step", "bar", "median", *(f"{level * 100:g} %" for level in levels))
    median = said.quantiles.median()
    bounds = [said.quantiles.interval(level) for level in levels]
    for h, target in enumerate(said.targets):
        ranges = [f"{lower[h]:,.{digits}f} … {upper[h]:,.{digits}f}" for lower, upper in bounds]
        yield (str(h + 1), _short_time(target), f"{median[h]:,.{digits}f}", *ranges)


def _source(provenance: Provenance) -> str:
    age = _age(timedelta(seconds=provenance.age_s))
    stale = ", STALE" if provenance.stale else ""
    derived = f", derived: {provenance.derived}" if provenance.derived else ""
    return f"{provenance.source}, as of {iso(provenance.as_of)}, {age} old{stale}{derived}"


def _skill(skill: Skill) -> str:
    if skill.crps_ratio is None or skill.p_value is None:
        return "not measured: too little history"
    said = {
        "positive": "better than the random walk",
        "none": "cannot be told from the random walk",
        "negative": "worse than the random walk",
    }[skill.verdict]
    return f"{said}: CRPS ratio {skill.crps_ratio:.3f}, p = {skill.p_value:.2g}, {skill.n:,} origins"


def _age(age: timedelta) -> str:
    if age.days >= 2:
        return f"{age.days} days"
    minutes = int(age.total_seconds() // 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def _short_time(when: datetime) -> str:
    return f"{when:%Y-%m-%d}" if (when.hour, when.minute) == (0, 0) else f"{when:%Y-%m-%d %H:%MZ}"


def _digits(tick: float) -> int:
    return max(0, len(f"{tick:.10f}".rstrip("0").partition(".")[2]))


_BARS_DRAWN_MAX = 2_000

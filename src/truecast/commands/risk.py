"""`truecast risk SYMBOL...`: what may be lost with a symbol, or with several of equal or given weights."""

import asyncio
from collections.abc import Iterator
from typing import Annotated

import typer
from pydantic import ValidationError

from truecast.api.risk_body import EstimateShape, PositionIn, RiskBody, RiskRequest, question_of, risk_body
from truecast.api.shapes import as_time
from truecast.commands.progress import prepared
from truecast.commands.text import aligned
from truecast.domain.interval import parse_interval
from truecast.kit.clock import iso
from truecast.kit.errors import MalformedRequest
from truecast.kit.settings import Settings
from truecast.risk.read import measure
from truecast.risk.var import Method
from truecast.wiring import build

app = typer.Typer(add_completion=False)


@app.command()
def risk(
    symbols: Annotated[list[str], typer.Argument(help="EUR-USD, SPY, …; with weights SPY=0.6 EUR-USD=0.4.")],
    *,
    interval: Annotated[str, typer.Option("--interval", "-i", help="Length of a bar.")] = "1d",
    horizon: Annotated[int, typer.Option("--horizon", "-h", help="Bars over which losses are measured.")] = 1,
    period_days: Annotated[int, typer.Option("--days", help="So far back from the last bar.")] = 1_095,
    level: Annotated[list[float] | None, typer.Option("--level", "-l", help="Repeat for several.")] = None,
    method: Annotated[Method | None, typer.Option("--method", help="Only this one.")] = None,
    benchmark: Annotated[str | None, typer.Option("--benchmark", help="In the place of that of the class.")] = None,
    bootstrap: Annotated[bool, typer.Option("--bootstrap/--no-bootstrap", help="Intervals of the numbers.")] = True,
    as_of: Annotated[str | None, typer.Option("--as-of", help="As it was known then, e.g. 2026-01-05T00:00Z.")] = None,
    currency: Annotated[
        str | None, typer.Option("--currency", help="In which losses are measured, e.g. EUR; own: each in its own.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Volatility, value at risk, drawdowns, ratios and stress, with intervals."""
    positions = [_position(text) for text in symbols]
    try:
        asked = RiskRequest(
            positions=positions,
            interval=parse_interval(interval),
            period_days=period_days,
            levels=level or [0.95, 0.99],
            horizon=horizon,
            method=method,
            benchmark=benchmark,
            bootstrap=bootstrap,
            as_of=None if as_of is None else as_time(as_of),
            currency=currency,
        )
    except ValidationError as wrong:
        first = wrong.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise MalformedRequest(reason=f"{where}: {first['msg']}") from None
    body = asyncio.run(_risk(asked))
    typer.echo(body.model_dump_json(by_alias=True) if as_json else "\n".join(_lines(body)))


async def _risk(asked: RiskRequest) -> RiskBody:
    question = question_of(asked)
    async with prepared(build(Settings())) as services:
        measured = await measure(question, services.store, services.history, services.compute)
        return risk_body(measured, question, symbol=len(question.positions) == 1)


def _position(text: str) -> PositionIn:
    symbol, _, weight = text.partition("=")
    try:
        return PositionIn(symbol=symbol, weight=float(weight) if weight else 1.0)
    except ValueError:
        raise MalformedRequest(reason=f"{text[:64]!r} is no symbol, nor SYMBOL=WEIGHT") from None


def _lines(body: RiskBody) -> Iterator[str]:
    held = ", ".join(f"{100 * one.weight:.4g} % {one.symbol}" for one in body.positions)
    span = f"{body.first:%Y-%m-%d} to {body.last:%Y-%m-%d}"
    unit = "" if body.currency is None else f" in {body.currency}"
    yield f"{body.symbol or held}: {body.n:,} returns of {body.interval.value}{unit}, {span}"
    for one in body.positions:
        source = one.provenance
        yield f"source     {one.symbol}: {source.source}, {source.origin}, as of {iso(source.as_of)}"
    yield ""
    rows = [
        ("volatility, annual", _percent(body.volatility)),
        ("volatility now, annual", _percent(body.volatility_now)),
        ("growth, annual", _percent(body.growth)),
    ]
    for tail in body.tails:
        named = f"{100 * tail.level:g} % over {body.horizon}, {tail.method.value}"
        rows.append((f"value at risk {named}", _percent(tail.value_at_risk)))
        rows.append((f"expected shortfall {named}", _percent(tail.expected_shortfall)))
    deepest, now = body.max_drawdown, body.current_drawdown
    rows += [
        ("maximum drawdown", f"{_percent(deepest.depth)}, {deepest.peak:%Y-%m-%d} to {deepest.trough:%Y-%m-%d}"),
        ("drawdown now", f"{_percent(now.depth)}, since {now.peak:%Y-%m-%d}"),
        ("Sharpe", _number(body.sharpe)),
        ("Sortino", _number(body.sortino)),
        ("Calmar", _number(body.calmar)),
    ]
    if body.benchmark is not None:
        other = body.benchmark
        rows += [
            (f"beta to {other.symbol}", f"{_number(other.beta)}, {other.n:,} returns"),
            ("alpha, annual", _percent(other.alpha)),
            ("correlation", _number(other.correlation)),
            ("tracking error, annual", _percent(other.tracking_error)),
        ]
    for bad in body.stress:
        told = (
            bad.reason
            or f"{100 * (bad.change or 0):.1f} %, at worst {100 * (bad.max_drawdown or 0):.1f} % below a peak"
        )
        rows.append((f"in {bad.window}", told))
    yield from aligned(rows, right=())
    yield from body.notes


def _percent(one: EstimateShape) -> str:
    return _told(one, 100, " %")


def _number(one: EstimateShape) -> str:
    return _told(one, 1, "")


def _told(one: EstimateShape, factor: float, unit: str) -> str:
    if one.value is None:
        return f"- ({one.reason})"
    between = "" if one.low is None or one.high is None else f" ({factor * one.low:.2f} to {factor * one.high:.2f})"
    return f"{factor * one.value:.2f}{unit}{between}"

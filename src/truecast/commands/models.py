"""`truecast models …`: what can serve, the versions of trained models, training, promotion, rollback."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

import orjson
import typer

from truecast.commands.progress import prepared
from truecast.commands.text import aligned
from truecast.domain.instrument import AssetClass
from truecast.domain.interval import Interval, parse_interval
from truecast.kit.clock import from_us, iso
from truecast.kit.errors import EXIT_DATA, MalformedRequest
from truecast.kit.limits import EVENTS_LISTED_MAX
from truecast.kit.settings import Settings
from truecast.models.catalog import GROWERS, Catalogue
from truecast.models.registry.answers import Changed, Loaded, Trained
from truecast.models.registry.card import Card
from truecast.models.registry.events import Event
from truecast.models.registry.judge import Comparison
from truecast.models.registry.record import Lived
from truecast.models.registry.registry import Registry
from truecast.models.roster import Listed, listed, names
from truecast.wiring import Role, build

app = typer.Typer(add_completion=False)

WHO = "command"
Name = Annotated[str, typer.Argument(help="A model that is trained: lightgbm, xgboost, random_forest.")]
Class = Annotated[str | None, typer.Option("--class", help="Only this asset class: fx, crypto, equity, …")]
Length = Annotated[str | None, typer.Option("--interval", "-i", help="Only this interval: 1h, 1d, …")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def models() -> None:
    """Look after the models. Nothing that was trained serves before it is promoted."""


@app.command("list")
def list_models(*, as_json: Json = False) -> None:
    """Every model, and whether it can serve."""
    catalogue = asyncio.run(_catalogue())
    if as_json:
        typer.echo(orjson.dumps([_status(catalogue, name) for name in names(catalogue)]))
        return
    rows = [("model", "scope", "status", "version", "reason")]
    for name in names(catalogue):
        one, scopes = listed(catalogue, name), sorted(catalogue.scopes(name).items())
        if not scopes:
            rows.append((name, "", one.status.status, one.status.version or "", one.status.reason or _made_of(one)))
        for scope, said in scopes:
            rows.append((name, " ".join(scope), said.status, said.version or "", said.reason or ""))
    typer.echo("\n".join(aligned(rows, right=())))


@app.command()
def show(name: Name, *, as_json: Json = False) -> None:
    """The versions of a model, newest first: what they learned from, and how well they did."""
    found, lived = asyncio.run(_show(name))
    if as_json:
        plain = [
            _loaded(one)
            | {"card": None if card is None else orjson.loads(card.encoded())}
            | {"live": [comparison.plain() for comparison in _live(lived, one)]}
            for one, card in found
        ]
        typer.echo(orjson.dumps(plain))
        return
    lines = [line for one, card in found for line in _told(one, card, _live(lived, one))]
    lines += [f"hint: {hint.told}" for hint in lived.hints]
    typer.echo("\n".join(lines) if lines else f"No version of {name} was trained yet: truecast models train {name}")


@app.command()
def train(
    name: Name,
    *,
    asset_class: Class = None,
    interval: Length = None,
    promote: Annotated[bool, typer.Option("--promote", help="Promote what the evidence allows.")] = False,
    as_json: Json = False,
) -> None:
    """Train a challenger for every scope that fits, each in a process of its own. Takes minutes."""
    done, changed = asyncio.run(_train(name, _class(asset_class), _interval(interval), promote=promote))
    if as_json:
        typer.echo(orjson.dumps({"trained": [_trained(one) for one in done], "promoted": [_plain(c) for c in changed]}))
    else:
        rows = [(one.asset_class, one.interval, one.version or f"refused: {_why(one)}") for one in done]
        typer.echo("\n".join([*aligned(rows, right=()), *map(_change, changed)]) or "no series are stored that fit")
    if all(one.version is None for one in done):
        raise typer.Exit(EXIT_DATA)


@app.command()
def promote(
    name: Name,
    *,
    version: Annotated[str | None, typer.Option("--version", help="Which; the newest challengers by default.")] = None,
    asset_class: Class = None,
    interval: Length = None,
    as_json: Json = False,
) -> None:
    """Put a version in service, if its evidence suffices."""
    _say(asyncio.run(_promote(name, version, _class(asset_class), _interval(interval))), as_json=as_json)


@app.command()
def rollback(name: Name, *, asset_class: Class = None, interval: Length = None, as_json: Json = False) -> None:
    """Put back what served before the last promotion."""
    _say(asyncio.run(_rollback(name, _class(asset_class), _interval(interval))), as_json=as_json)


@app.command()
def reload(*, as_json: Json = False) -> None:
    """Verify all files of what should serve. A server that runs does so when asked by POST /models/reload."""
    loaded = asyncio.run(_reload())
    if as_json:
        typer.echo(orjson.dumps([_loaded(one) for one in loaded]))
    else:
        rows = [(o.model, o.asset_class, o.interval, o.version, o.status, o.reason or "") for o in loaded]
        typer.echo("\n".join(aligned(rows, right=())) if rows else "No trained model serves")
    if any(one.status == "unavailable" for one in loaded):
        raise typer.Exit(EXIT_DATA)


@app.command()
def events(
    name: Annotated[str | None, typer.Argument(help="Only of this model.")] = None,
    *,
    limit: Annotated[int, typer.Option(min=1, max=EVENTS_LISTED_MAX, help="So many, the latest.")] = 50,
    as_json: Json = False,
) -> None:
    """What happened: trained, refused, promoted, rolled back, loaded, failed, stale; latest first."""
    found = asyncio.run(_events(name, limit))
    if as_json:
        typer.echo(orjson.dumps([_event(one) for one in found]))
        return
    rows = [(iso(e.at), e.kind, e.model, e.asset_class, e.interval, e.version or "", e.who, e.reason) for e in found]
    typer.echo("\n".join(aligned(rows, right=())) if rows else "Nothing has happened yet")


@contextlib.asynccontextmanager
async def _registry() -> AsyncIterator[Registry]:
    async with prepared(build(Settings(), Role.COMMAND)) as services:
        yield services.models


async def _catalogue() -> Catalogue:
    async with _registry() as registry:
        return registry.catalogue()


async def _show(name: str) -> tuple[list[tuple[Loaded, Card | None]], Lived]:
    async with _registry() as registry:
        lived = await registry.live(name) if name in GROWERS else Lived({}, [])
        found = [(loaded, await registry.card(version)) for version, loaded in registry.versions(name)]
        return [*found, *((one, None) for one in await registry.foreign(name))], lived


async def _train(
    name: str, asset_class: str | None, interval: Interval | None, *, promote: bool
) -> tuple[list[Trained], list[Changed]]:
    async with _registry() as registry:
        done = await registry.train(name, asset_class, interval, who=WHO)
        waiting = any(one.version for one in done)
        return done, await registry.promote(name, None, asset_class, interval, who=WHO) if promote and waiting else []


async def _promote(name: str, version: str | None, asset_class: str | None, interval: Interval | None) -> list[Changed]:
    async with _registry() as registry:
        return await registry.promote(name, version, asset_class, interval, who=WHO)


async def _rollback(name: str, asset_class: str | None, interval: Interval | None) -> list[Changed]:
    async with _registry() as registry:
        return await registry.rollback(name, asset_class, interval, who=WHO)


async def _reload() -> list[Loaded]:
    async with _registry() as registry:
        return await registry.load(again=True)


async def _events(name: str | None, limit: int) -> list[Event]:
    async with _registry() as registry:
        return await registry.events(name, limit=limit)


def _class(text: str | None) -> str | None:
    known = [one.value for one in AssetClass]
    if text is not None and text not in known:
        raise MalformedRequest(reason=f"{text!r} is no asset class: {', '.join(known)}")
    return text


def _interval(text: str | None) -> Interval | None:
    return None if text is None else parse_interval(text)


def _say(changed: Sequence[Changed], *, as_json: bool) -> None:
    typer.echo(orjson.dumps([_plain(c) for c in changed]) if as_json else "\n".join(map(_change, changed)))


def _change(one: Changed) -> str:
    serves = f"is served by {one.version}" if one.version else "is served by nothing"
    return f"{one.model} {one.asset_class} {one.interval} {serves}, before by {one.before or 'nothing'}"


def _why(one: Trained) -> str:
    return "" if one.refused is None else one.refused.detail


def _live(lived: Lived, one: Loaded) -> Sequence[Comparison]:
    return lived.record.get(((one.asset_class, one.interval), one.version), ())


def _told(one: Loaded, card: Card | None, live: Sequence[Comparison]) -> list[str]:
    head = f"{one.version}  {one.asset_class} {one.interval}  {one.status}{f': {one.reason}' if one.reason else ''}"
    if card is None:
        return [head]
    judged = card.judged
    versus = [*judged.walk, *judged.naive, *judged.champion]
    learned = f"{sum(card.rows[:1]):,} rows of {len(card.symbols)} series, {iso(from_us(card.trained_from))} to"
    return [
        head,
        f"  learned from {learned} {iso(from_us(card.trained_until))}",
        f"  {card.feature_set}, seed {card.seed}, horizons {card.anchors[0]} to {card.anchors[-1]}",
        f"  believed {' '.join(f'{share:.2f}' for share in card.shrink)}",
        *(f"  {_compared(comparison)}" for comparison in versus),
        *(f"  sealed: {_compared(comparison)}" for comparison in live),
    ]


def _compared(one: Comparison) -> str:
    ratio = "-" if one.crps_ratio is None else f"{one.crps_ratio:.4f}"
    p_value = "-" if one.p_value is None else f"{one.p_value:.3f}"
    worse = "  worse" if one.worse else ""
    return f"CRPS against {one.against} at horizon {one.horizon}: {ratio}, p {p_value}, {one.moments} moments{worse}"


def _status(catalogue: Catalogue, name: str) -> dict[str, Any]:
    def plain(status: Any) -> dict[str, Any]:
        facts = {field: getattr(status, field) for field in ("status", "reason", "version")}
        return facts | {"trained_until": None if status.trained_until is None else iso(status.trained_until)}

    one = listed(catalogue, name)
    scopes = [{"asset_class": a, "interval": i, **plain(s)} for (a, i), s in sorted(catalogue.scopes(name).items())]
    members = [
        {
            "intervals": [interval.value for interval in of.intervals],
            "models": list(of.models),
            "absent": [{"model": gone.model, "reason": gone.reason} for gone in of.absent],
        }
        for of in one.members
    ]
    about = {"name": name, "title": one.title, "description": one.description}
    return {**about, **plain(one.status), "scopes": scopes, "members": members}


def _made_of(one: Listed) -> str:
    """What `auto` and `ensemble` are made of, in the place of a reason; nothing for the others."""
    return "; ".join(f"{of.intervals[0]} to {of.intervals[-1]}: {', '.join(of.models)}" for of in one.members)


def _trained(one: Trained) -> dict[str, Any]:
    facts = {"model": one.model, "asset_class": one.asset_class, "interval": one.interval, "version": one.version}
    return facts | {"refused": None if one.refused is None else one.refused.detail}


def _event(one: Event) -> dict[str, Any]:
    return {name: getattr(one, name) for name in type(one).__slots__ if name != "at"} | {"at": iso(one.at)}


def _loaded(one: Loaded) -> dict[str, Any]:
    return {name: getattr(one, name) for name in type(one).__slots__}


def _plain(one: Changed) -> dict[str, Any]:
    return {name: getattr(one, name) for name in type(one).__slots__}

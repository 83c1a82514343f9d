"""`truecast keys`: make, list and revoke API keys, with the right of who can open the database."""

import asyncio
from datetime import datetime, timedelta
from typing import Annotated

import orjson
import typer

from truecast.accounts.keys import KeyInfo
from truecast.accounts.principal import Scope
from truecast.commands.progress import prepared
from truecast.kit.clock import iso
from truecast.kit.settings import Settings
from truecast.wiring import Role, build

DAYS_MAX = 3_650

app = typer.Typer(add_completion=False)


@app.callback()
def keys() -> None:
    """Look after API keys."""


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is for, e.g. notebook.")],
    scope: Annotated[list[Scope], typer.Option(help="What it allows; may be given several times.")] = [Scope.READ],  # noqa: B006 typer's way
    days: Annotated[
        int | None, typer.Option(min=1, max=DAYS_MAX, help="Days until it expires; never if left out.")
    ] = None,
) -> None:
    """Make a key and print it: it cannot be had again."""
    info, text = asyncio.run(_create(Settings(), name, scope, days))
    typer.echo(text)
    typer.echo(f"{info.name}: {', '.join(info.scopes)}; expires {_day(info.expires_at)}", err=True)


@app.command("list")
def list_keys(*, as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False) -> None:
    """All keys, without what would let somebody use them."""
    found = asyncio.run(_all(Settings()))
    if as_json:
        typer.echo(orjson.dumps(found))
        return
    for info in found:
        state = "revoked" if info.revoked_at else f"expires {_day(info.expires_at)}"
        used = f"used {_day(info.last_used_at)}" if info.last_used_at else "never used"
        typer.echo(f"{info.id}  {info.name:<24} {','.join(info.scopes):<28} {state}, {used}")


@app.command()
def revoke(id: Annotated[str, typer.Argument(help="The part of the key after `tc_`.")]) -> None:  # noqa: A002 the name users see
    """Let nobody in with it any more."""
    asyncio.run(_revoke(Settings(), id))
    typer.echo(f"{id} is revoked")


async def _create(settings: Settings, name: str, scopes: list[Scope], days: int | None) -> tuple[KeyInfo, str]:
    async with prepared(build(settings, Role.TOOL)) as services:
        expires_at = None if days is None else services.clock.now() + timedelta(days=days)
        return await services.keys.create(name, scopes, expires_at)


async def _all(settings: Settings) -> list[KeyInfo]:
    async with prepared(build(settings, Role.TOOL)) as services:
        return await services.keys.all()


async def _revoke(settings: Settings, id_: str) -> None:
    async with prepared(build(settings, Role.TOOL)) as services:
        await services.keys.revoke(id_)


def _day(at: datetime | None) -> str:
    return "never" if at is None else iso(at)[:10]

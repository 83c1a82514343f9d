"""`truecast ledger verify`: is what was forecast still what was said?"""

import asyncio
from typing import Annotated

import orjson
import typer

from truecast.commands.progress import prepared
from truecast.forecasts.verify import Verification
from truecast.kit.errors import EXIT_DATA, TruecastError
from truecast.kit.settings import Settings
from truecast.wiring import Role, build

app = typer.Typer(add_completion=False)


class LedgerBroken(TruecastError):
    """A row is not what it was when it was written."""

    code = "ledger_broken"
    title = "Ledger broken"
    template = "The ledger is broken at row {first_broken} of {rows}: {reason}"
    exit_code = EXIT_DATA


@app.callback()
def ledger() -> None:
    """Look after the sealed forecasts."""


@app.command()
def verify(*, as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False) -> None:
    """Recompute the chain of hashes; names the first row that is not what it was."""
    found = asyncio.run(_verify(Settings()))
    if not found.ok:
        raise LedgerBroken(first_broken=found.first_broken, rows=found.rows, reason=found.reason)
    if as_json:
        typer.echo(orjson.dumps({"ok": True, "rows": found.rows, "head": found.head}))
    else:
        typer.echo(f"The ledger is intact: {found.rows:,} rows, head {found.head}")


async def _verify(settings: Settings) -> Verification:
    async with prepared(build(settings, Role.TOOL)) as services:
        return await services.ledger.verify()

"""The command line. Importing it costs little: a command's module is imported when the command is called.

Exit codes are those of kit/errors.py. Results go to stdout, errors to stderr: one line, or with `--json` one problem.
"""

import importlib
import json
import sys
from collections.abc import Sequence
from typing import Annotated, Any, cast

import typer
from typer.core import TyperCommand, TyperGroup

from truecast import __version__
from truecast.kit.errors import EXIT_FAILURE, EXIT_USAGE, MalformedRequest, TruecastError

# The one named place that decides what is loaded when: module under truecast.commands, and its line in `--help`.
COMMANDS = {
    "up": ("up", "Run everything in one process: page, API, ingestion and jobs."),
    "forecast": ("forecast", "Forecast one symbol, with the source of the data and the model's record."),
    "symbols": ("symbols", "List what can be forecast; follow symbols, or no longer: list, add, remove."),
    "jobs": ("jobs", "Look after the jobs: list, run, enable, disable, history."),
    "import": ("import_folder", "Import a folder of CSV files into the store."),
    "evaluate": ("evaluate", "Evaluate models on series of the store or of a folder, with standard errors."),
    "risk": ("risk", "What may be lost with a symbol or a portfolio, and how surely that can be said."),
    "models": ("models", "Look after trained models: list, show, train, promote, rollback, reload, events."),
    "ledger": ("ledger", "Look after the sealed forecasts: `ledger verify`."),
    "keys": ("keys", "Look after API keys: create, list, revoke."),
    "cache": ("cache", "Look after the answers that a running server keeps: show, clear, refresh, invalidate."),
    "gaps": ("gaps", "List missing bars, why they are missing, and what was done; `--fill` asks for them."),
    "doctor": ("doctor", "Check settings, database, disk, clock, sources and page."),
    "serve": ("serve", "Run the API only, over a store that `truecast work` fills."),
    "work": ("work", "Run ingestion and jobs only."),
    "db": ("db", "Look after the database: `db upgrade`."),
    "openapi": ("openapi", "Print the OpenAPI document of the API."),
}
EXIT_INTERRUPTED = 130

_UsageError: type[Exception] = typer.BadParameter.__bases__[0]  # typer exports no base of its usage errors


class _LazyGroup(TyperGroup):
    """Knows every command by name and one line; loads the one that is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command itself instead of its stand-in."""
        name, stand_in, rest = super().resolve_command(ctx, args)
        return name, stand_in and load(str(name)), rest


def load(name: str) -> Any:
    """The command called `name`, with all its options."""
    module = importlib.import_module(f"truecast.commands.{COMMANDS[name][0]}")
    command = typer.main.get_command(module.app)
    command.name = name
    return command


app = typer.Typer(
    cls=_LazyGroup,
    help="Truecast: market forecasts that keep score.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"truecast {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", is_eager=True, callback=_say_version)
    ] = False,
) -> None:
    pass


def run(arguments: Sequence[str]) -> int:
    """Run one command line; the answer is the exit code."""
    group = cast(TyperGroup, typer.main.get_command(app))
    group.commands = {name: TyperCommand(name, help=line) for name, (_, line) in COMMANDS.items()}
    as_json = "--json" in arguments
    try:
        code = group.main(args=list(arguments), prog_name="truecast", standalone_mode=False)
    except TruecastError as error:
        return tell(error, as_json=as_json)
    except _UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # its message is the help text
            typer.echo(str(error), err=True)
            return EXIT_USAGE
        reason = " ".join(cast(typer.BadParameter, error).format_message().split())
        return tell(MalformedRequest(reason=reason), as_json=as_json)
    except (typer.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    return code if isinstance(code, int) else 0


def tell(error: TruecastError, *, as_json: bool) -> int:
    """Say what went wrong on stderr; the answer is the exit code."""
    if as_json:
        problem = {**error.facts, "code": error.code, "title": error.title, "detail": error.detail}
        typer.echo(json.dumps(problem, default=str), err=True)
    else:
        typer.echo(f"truecast: {error.detail} [{error.code}]", err=True)
    return error.exit_code or EXIT_FAILURE


def main() -> None:
    """The entry point."""
    sys.exit(run(sys.argv[1:]))

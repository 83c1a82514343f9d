"""`truecast up`: page, API, ingestion and jobs in one process, live or over the replayed past."""

import asyncio
import sys
from datetime import datetime
from typing import Annotated

import typer

from truecast.api.app import create_app
from truecast.api.shapes import as_time
from truecast.commands.invite import invite
from truecast.commands.listen import bind, serve, start_logs, url_of
from truecast.commands.progress import watch
from truecast.kit.clock import ReplayClock, SystemClock, iso
from truecast.kit.errors import MalformedRequest
from truecast.kit.settings import Settings
from truecast.services import Services
from truecast.wiring import SAMPLE, Role, build, build_replay

SPEED_MAX = 1e9  # as fast as the machine can: the clock waits for the work anyway

app = typer.Typer(add_completion=False)


@app.command()
def up(
    *,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Port to listen on; 0 takes any free one.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    replay: Annotated[str | None, typer.Option(help="Run on a clock that starts on this day, e.g. 2021-01-04.")] = None,
    speed: Annotated[str, typer.Option(help="Seconds replayed per second, or max.")] = "3600",
    sample: Annotated[bool, typer.Option("--sample/--no-sample", help="Load the bundled sample data.")] = True,
) -> None:
    """Run everything in one process: page, API, ingestion and jobs."""
    settings = Settings(**_given(port=port, host=host))
    clock = None if replay is None else ReplayClock(_day(replay), _speed(speed))
    if not sample:
        settings = settings.model_copy(update={"sources": tuple(key for key in settings.sources if key != SAMPLE)})
    start_logs(settings)
    with bind(settings.host, settings.port) as listener:
        services = build_replay(settings, clock) if clock else build(settings, Role.UP)
        serve(create_app(services), listener, started=lambda: _tell(services, url_of(listener)))


def _given(**options: int | str | None) -> dict[str, int | str]:
    return {name: value for name, value in options.items() if value is not None}


def _day(text: str) -> datetime:
    when = as_time(text)
    if when > SystemClock().now():
        raise MalformedRequest(reason=f"a replay starts in the past, not on {text}")
    return when


def _speed(text: str) -> float:
    if text == "max":
        return SPEED_MAX
    try:
        return float(text)
    except ValueError:
        raise MalformedRequest(reason=f"{text!r} is no speed: give a number, or max") from None


def _tell(services: Services, url: str) -> None:
    """The one line on stdout, when the page can be opened; and progress for who watches."""
    clock = services.clock
    replaying = f"  (REPLAY from {iso(clock.now())})" if clock.kind != "system" else ""
    typer.echo(f"Truecast: {url}{replaying}")
    _watching.append(asyncio.ensure_future(invite(services, url)))
    if sys.stderr.isatty():
        _watching.append(asyncio.ensure_future(watch(services.loading)))


_watching: list[asyncio.Future[None]] = []  # the loop itself keeps only weak references

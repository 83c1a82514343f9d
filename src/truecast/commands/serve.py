"""`truecast serve`: the API without the jobs, as many processes as needed over one database."""

import asyncio
from typing import Annotated

import typer

from truecast.api.app import create_app
from truecast.commands.invite import invite
from truecast.commands.listen import bind, serve, start_logs, url_of
from truecast.kit.settings import Settings
from truecast.services import Services
from truecast.wiring import Role, build

app = typer.Typer(add_completion=False)


@app.command("serve")
def serve_api(
    *,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Port to listen on; 0 takes any free one.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
) -> None:
    """Run the API only, over a store that `truecast work` fills."""
    given = {name: value for name, value in {"port": port, "host": host}.items() if value is not None}
    settings = Settings(**given)
    start_logs(settings)
    with bind(settings.host, settings.port) as listener:
        url = url_of(listener)
        services = build(settings, Role.SERVE)
        serve(create_app(services), listener, started=lambda: _tell(services, url))


def _tell(services: Services, url: str) -> None:
    typer.echo(f"Truecast: {url}")
    _running.append(asyncio.ensure_future(invite(services, url)))


_running: list[asyncio.Future[None]] = []  # the loop itself keeps only weak references

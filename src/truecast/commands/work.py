"""`truecast work`: ingestion and jobs, without the API."""

import asyncio
import contextlib
import signal

import typer

from truecast.commands.progress import prepared
from truecast.commands.voice import start_voice
from truecast.kit.logs import get_logger
from truecast.kit.settings import Settings
from truecast.wiring import Role, build

app = typer.Typer(add_completion=False)
_log = get_logger(__name__)


@app.command()
def work() -> None:
    """Run ingestion and jobs only."""
    settings = Settings()
    start_voice(settings)
    asyncio.run(work_until_told(settings))


async def work_until_told(settings: Settings) -> None:
    """The jobs until SIGTERM or SIGINT; the one in flight is cancelled, and its transaction is kept or undone."""
    me = asyncio.current_task()
    assert me is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, me.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        async with prepared(build(settings, Role.WORK)) as services:
            _log.info("working", database=services.db.where, sources=list(services.providers))
            await services.background.run()

"""Progress on a terminal; silence elsewhere."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

from truecast.services import Loading, Services

_REFRESH_S = 0.1


@contextlib.asynccontextmanager
async def prepared(services: Services) -> AsyncIterator[Services]:
    """The services over a store that is ready; closed at the end."""
    try:
        async with shown(services.loading):
            await services.background.prepare(services.loading)
        yield services
    finally:
        await services.background.close()


@contextlib.asynccontextmanager
async def shown(loading: Loading) -> AsyncIterator[None]:
    """Show how far the start is, while it lasts and where somebody watches."""
    if not sys.stderr.isatty():
        yield
        return
    watcher = asyncio.create_task(watch(loading))
    try:
        yield
    finally:
        watcher.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watcher


async def watch(loading: Loading) -> None:
    """Draw a bar per stage until the start has ended one way or the other."""
    while not loading.total and not loading.ready and loading.failed is None:
        await asyncio.sleep(_REFRESH_S)
    # Imported here because it takes a tenth of a second and most calls have nothing to show.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        stage, bar = "", None
        while not loading.ready and loading.failed is None:
            if loading.stage != stage and loading.total:
                stage, bar = loading.stage, progress.add_task(loading.stage, total=loading.total)
            if bar is not None:
                progress.update(bar, completed=loading.done, total=loading.total)
            await asyncio.sleep(_REFRESH_S)

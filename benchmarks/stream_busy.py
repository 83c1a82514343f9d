"""What a server has to do beside its streams: LightGBM is trained and a cycle of forecasts runs, as they always do."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from training_latency import STEPS, request

from truecast.kit.settings import Settings
from truecast.models.train_process import trained_apart
from truecast.services import Services
from truecast.wiring import Role, build


@contextlib.asynccontextmanager
async def busy() -> AsyncIterator[None]:
    """Until the end of the block, with the bundled sample: LightGBM is trained, and a cycle of forecasts runs."""
    with tempfile.TemporaryDirectory() as folder:
        services = build(Settings(data_dir=Path(folder), sources=("sample",), _env_file=None), Role.UP)
        await services.background.prepare(services.loading)
        work = [asyncio.create_task(one) for one in (trained_apart(request(), tell=_told), _cycles(services))]
        try:
            await asyncio.sleep(5.0)  # both have begun
            yield
            for task in work:
                assert not task.done(), f"the work ended: {task.exception() or 'make it longer'}"
        finally:
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            await services.background.close()


async def _cycles(services: Services) -> None:
    """What the jobs have computed over all series, again and again."""
    while True:
        await services.rounds.learn_news()
        await services.rounds.issue_news(STEPS, again=True)


def _told(_done: int, _total: int) -> None:
    """Nobody asks how far it is."""

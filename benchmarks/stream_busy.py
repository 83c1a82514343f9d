"""What a serving process has to do beside its streams: a training in a process of its own, and forecasts."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

from training_latency import STEPS, SYMBOLS, request

from truecast.domain.interval import Interval
from truecast.kit.clock import SystemClock
from truecast.kit.settings import Settings
from truecast.models.train_process import trained_apart
from truecast.services import Services
from truecast.wiring import build


@contextlib.asynccontextmanager
async def busy() -> AsyncIterator[None]:
    """Until the end of the block, with the bundled sample: LightGBM is trained, and a cycle of forecasts runs."""
    with tempfile.TemporaryDirectory() as folder:
        services = build(Settings(data_dir=Path(folder), _env_file=None))
        await services.background.prepare(services.loading)
        work = [asyncio.create_task(one) for one in (trained_apart(request(), tell=_told), _cycles(services))]
        try:
            await asyncio.sleep(2.0)  # both have begun
            yield
            assert not any(task.done() for task in work), "the work ended: make it longer"
        finally:
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            await services.background.close()


async def _cycles(services: Services) -> None:
    """The issuing job over what is new; then forecasts as of past days, of which each has to be computed."""
    await services.issuer.learn_news()
    await services.issuer.issue_news(STEPS)
    day = 0
    while True:
        as_of = SystemClock().now() - timedelta(days=40 + day // len(SYMBOLS))
        await services.issuer.forecast(SYMBOLS[day % len(SYMBOLS)], Interval.D1, STEPS, as_of=as_of, record=False)
        day += 1


def _told(_done: int, _total: int) -> None:
    """Nobody asks how far it is."""

"""The lease of one scope: of all processes one trains it, and that of a process that dies runs out."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

from truecast.kit.clock import Clock
from truecast.kit.db import Database
from truecast.kit.errors import TruecastError
from truecast.kit.limits import MODEL_LEASE_S
from truecast.models.registry import rows
from truecast.models.registry.answers import TrainingUnderWay
from truecast.models.registry.events import Key

_SPAN = timedelta(seconds=MODEL_LEASE_S)


@contextlib.asynccontextmanager
async def held(
    db: Database, clock: Clock, holder: str, key: Key, changed: Callable[[], Awaitable[object]]
) -> AsyncIterator[None]:
    """Be the one that trains the scope, or raise TrainingUnderWay. `changed` is told when it begins and ends."""
    async with rows.writing(db) as conn:
        now = clock.now()
        if not await rows.take_lease(conn, key, holder, now, now + _SPAN):
            raise TrainingUnderWay(model=key[0], scope=" ".join(key[1]))
    await changed()
    renewal = asyncio.create_task(_renew(db, clock, holder, key))
    try:
        yield
    finally:
        renewal.cancel()
        with contextlib.suppress(asyncio.CancelledError, TruecastError):
            await renewal
        async with rows.writing(db) as conn:
            await rows.drop_lease(conn, key, holder)
        await changed()


async def _renew(db: Database, clock: Clock, holder: str, key: Key) -> None:
    while True:
        await asyncio.sleep(MODEL_LEASE_S / 4)
        with contextlib.suppress(TruecastError):  # a database that is away for a while is asked again
            async with rows.writing(db) as conn:
                await rows.renew_lease(conn, key, holder, clock.now() + _SPAN)

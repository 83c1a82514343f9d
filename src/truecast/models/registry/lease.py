"""The lease of one scope: of all processes one trains it, and that of a process that dies runs out."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncConnection

from truecast.kit.leases import Lease, Leases, in_force
from truecast.models.registry.answers import TrainingUnderWay
from truecast.models.registry.events import Key

_PREFIX = "train:"


@contextlib.asynccontextmanager
async def held(leases: Leases, key: Key, changed: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """Be the one that trains the scope, or raise TrainingUnderWay. `changed` is told when it begins and ends.

    Raises LeaseLost out of the block when another process may have begun to train it.
    """
    try:
        async with leases.hold(_name(key)) as ours:
            if not ours:
                raise TrainingUnderWay(model=key[0], scope=" ".join(key[1]))
            await changed()
            yield
    finally:
        await changed()


async def under_way(conn: AsyncConnection) -> dict[Key, Lease]:
    """The trainings of all processes."""
    return {_key(lease.name): lease for lease in await in_force(conn, _PREFIX)}


def _name(key: Key) -> str:
    return _PREFIX + ":".join((key[0], *key[1]))


def _key(name: str) -> Key:
    model, asset_class, interval = name.removeprefix(_PREFIX).split(":")
    return model, (asset_class, interval)

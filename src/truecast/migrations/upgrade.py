"""Bring a database to the schema of this release."""

import truecast.forecasts.tables
import truecast.market.tables  # noqa: F401
from sqlalchemy import inspect

from truecast.kit.db import Database, metadata


async def upgrade(db: Database) -> None:
    """Create what is missing."""
    async with db.write() as conn:
        await conn.run_sync(metadata.create_all)


async def pending(db: Database) -> list[str]:
    """Names of what is missing."""
    async with db.read() as conn:
        present = await conn.run_sync(lambda sync: inspect(sync).get_table_names())
    return sorted(set(metadata.tables) - set(present))

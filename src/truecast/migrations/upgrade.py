"""Bring a database to the schema of this release."""

import truecast.forecasts.tables
import truecast.market.tables  # noqa: F401
from truecast.kit.db import Database, metadata


async def upgrade(db: Database) -> None:
    """Create what is missing."""
    async with db.write() as conn:
        await conn.run_sync(metadata.create_all)

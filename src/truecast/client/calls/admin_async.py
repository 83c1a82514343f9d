"""Calls about admin, awaited.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

from truecast.client.ask import Ask
from truecast.client.asker import AsyncAsker
from truecast.client.shapes import Backup, DatabaseShape


class AsyncAdminCalls(AsyncAsker):
    """Everything about admin."""

    async def get_database(self) -> DatabaseShape:
        """How large it is, table by table, and whether its schema is that of this release.

        Raises: DatabaseUnavailable.
        """
        return await self._ask(Ask("GET", "/api/v1/admin/database", DatabaseShape))

    async def make_backup(self) -> Backup:
        """Copy the embedded database while it goes on working, and check the copy. PostgreSQL has `pg_dump` for
        that.

        Raises: BackupElsewhere, DiskFull.
        """
        return await self._ask(Ask("POST", "/api/v1/admin/backup", Backup))

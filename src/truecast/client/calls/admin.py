"""Calls about admin.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

from truecast.client.ask import Ask
from truecast.client.asker import Asker
from truecast.client.shapes import Backup, DatabaseShape


class AdminCalls(Asker):
    """Everything about admin."""

    def get_database(self) -> DatabaseShape:
        """How large it is, table by table, and whether its schema is that of this release.

        Raises: DatabaseUnavailable.
        """
        return self._ask(Ask("GET", "/api/v1/admin/database", DatabaseShape))

    def make_backup(self) -> Backup:
        """Copy the embedded database while it goes on working, and check the copy. PostgreSQL has `pg_dump` for
        that.

        Raises: BackupElsewhere, DiskFull.
        """
        return self._ask(Ask("POST", "/api/v1/admin/backup", Backup))

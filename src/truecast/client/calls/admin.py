"""Calls about admin.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

from truecast.client.ask import Ask
from truecast.client.asker import Asker
from truecast.client.shapes import AnswerKindLike, Backup, CacheShape, DatabaseShape, Dropped, Refreshed


class AdminCalls(Asker):
    """Everything about admin."""

    def get_database(self) -> DatabaseShape:
        """How large it is, table by table, and whether its schema is that of this release.

        Raises: DatabaseUnavailable, DatabaseBusy.
        """
        return self._ask(Ask("GET", "/api/v1/admin/database", DatabaseShape))

    def make_backup(self, *, idempotency_key: str | None = None) -> Backup:
        """Copy the embedded database while it goes on working, and check the copy. PostgreSQL has `pg_dump` for
        that.

        idempotency_key: Yours, to repeat this call from another process; otherwise one is made for each call.
        Raises: BackupElsewhere, RequestUnderWay, AnswerNotKept, IdempotencyKeyInvalid, IdempotencyKeyReused,
            DatabaseBusy, DatabaseUnavailable, DiskFull.
        """
        return self._ask(Ask("POST", "/api/v1/admin/backup", Backup, repeat="by_key", key=idempotency_key))

    def get_cache(self) -> CacheShape:
        """What is kept, how much memory it takes, and how often it was of use.

        Raises: DatabaseBusy, DatabaseUnavailable.
        """
        return self._ask(Ask("GET", "/api/v1/admin/cache", CacheShape))

    def clear_cache(self, *, idempotency_key: str | None = None) -> Dropped:
        """Drop every answer, here and in Redis. Nothing is lost: they are made anew when they are asked for.

        idempotency_key: Yours, to repeat this call from another process; otherwise one is made for each call.
        Raises: RequestUnderWay, AnswerNotKept, IdempotencyKeyInvalid, IdempotencyKeyReused, DatabaseBusy,
            DatabaseUnavailable.
        """
        return self._ask(Ask("POST", "/api/v1/admin/cache/clear", Dropped, repeat="by_key", key=idempotency_key))

    def invalidate_cache(
        self, *, symbol: str | None = None, kind: AnswerKindLike | None = None, idempotency_key: str | None = None
    ) -> Dropped:
        """Drop the answers about a symbol, or those of a kind. Without either, nothing is dropped.

        idempotency_key: Yours, to repeat this call from another process; otherwise one is made for each call.
        Raises: UnknownSymbol, AmbiguousSymbol, RequestUnderWay, AnswerNotKept, IdempotencyKeyInvalid,
            IdempotencyKeyReused, DatabaseBusy, DatabaseUnavailable.
        """
        return self._ask(
            Ask(
                "POST",
                "/api/v1/admin/cache/invalidate",
                Dropped,
                body={"symbol": symbol, "kind": kind},
                repeat="by_key",
                key=idempotency_key,
            )
        )

    def refresh_cache(self, *, idempotency_key: str | None = None) -> Refreshed:
        """Make anew what this process keeps, what was asked for last first, up to 200 answers.

        idempotency_key: Yours, to repeat this call from another process; otherwise one is made for each call.
        Raises: RequestUnderWay, AnswerNotKept, IdempotencyKeyInvalid, IdempotencyKeyReused, DatabaseBusy,
            DatabaseUnavailable.
        """
        return self._ask(Ask("POST", "/api/v1/admin/cache/refresh", Refreshed, repeat="by_key", key=idempotency_key))

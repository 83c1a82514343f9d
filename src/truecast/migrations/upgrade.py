"""Bring a database to the schema of this release, forward only, when the product starts.

Alembic is loaded only when there is something to do: it costs more than opening the database.
"""

from pathlib import Path

import sqlalchemy as sa

from truecast.kit.db import Database
from truecast.kit.errors import EXIT_CONFIG, TruecastError

_HEAD = "0014"  # a test compares it with the newest file in versions/
_VERSION = sa.table("alembic_version", sa.column("version_num", sa.String))


class DatabaseTooNew(TruecastError):
    """A newer release has been here. Its schema is unknown to this one, and there is no way back."""

    code = "database_too_new"
    status = 503
    title = "Database is of a newer release"
    template = "The database {database} has schema {found}, this release knows schemas up to {known}"
    exit_code = EXIT_CONFIG


def head() -> str:
    """The schema of this release."""
    return _HEAD


async def revision(db: Database) -> str | None:
    """The schema of the database; None for an empty one."""
    async with db.read() as conn:
        if not await conn.run_sync(lambda sync: sa.inspect(sync).has_table(_VERSION.name)):
            return None
        found: str | None = await conn.scalar(sa.select(_VERSION.c.version_num))
        return found


async def is_current(db: Database) -> bool:
    """Whether `upgrade` has nothing to do."""
    return await revision(db) == _HEAD


async def pending(db: Database) -> list[str]:
    """The revisions that the database still lacks, in the order in which they will run."""
    found = await revision(db)
    return [f"{number:04}" for number in range(int(found or 0) + 1, int(_HEAD) + 1)]


async def upgrade(db: Database) -> None:
    """Run what is missing, in one transaction; nothing when the database is at head. Raises DatabaseTooNew."""
    found = await revision(db)
    if found == _HEAD:
        return
    if found is not None and found > _HEAD:
        raise DatabaseTooNew(database=db.where, found=found, known=_HEAD)
    async with db.write() as conn:
        await conn.run_sync(_run)


def _run(connection: sa.Connection) -> None:
    # Heavy, and needed here alone.
    from alembic.operations import Operations  # noqa: PLC0415
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    scripts = ScriptDirectory(str(Path(__file__).parent))
    options = {"fn": lambda at, _: scripts._upgrade_revs(_HEAD, at)}  # noqa: SLF001 what alembic.command.upgrade does
    context = MigrationContext.configure(connection, opts=options)
    if connection.dialect.name == "postgresql":
        # Several processes may start at once on an empty database: the others wait, then find it done.
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(7274697661)"))
    with Operations.context(context):
        context.run_migrations()

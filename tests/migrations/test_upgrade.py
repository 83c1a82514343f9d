"""The schema that migrations make is the schema the code expects, on both databases."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import truecast.accounts.tables
import truecast.forecasts.drift
import truecast.forecasts.tables
import truecast.jobs.tables
import truecast.kit.leases
import truecast.market.tables
import truecast.models.registry.tables
import truecast.providers.told  # noqa: F401
from truecast.kit.db import Database, metadata
from truecast.migrations import upgrade as migrations


async def test_migrations_and_tables_agree(db: Database) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    def differences(connection: sa.Connection) -> list[Any]:
        return compare_metadata(MigrationContext.configure(connection), metadata)

    async with db.read() as conn:
        assert await conn.run_sync(differences) == []


TRIGGERS = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name",
    "postgresql": "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1",
}
TABLES = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name <> 'alembic_version' ORDER BY name",
    "postgresql": "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
    "WHERE connamespace = 'public'::regnamespace AND conname NOT LIKE 'alembic%' ORDER BY 1",
}


async def test_migrations_make_the_same_triggers_and_constraints_as_the_tables(db: Database) -> None:
    migrated = await _dump(db)
    async with db.write() as conn:
        await conn.run_sync(metadata.drop_all)
        await conn.run_sync(metadata.create_all)
    assert migrated == await _dump(db)
    assert len(migrated[0]) >= len(metadata.tables) // 2


async def _dump(db: Database) -> tuple[Any, Any]:
    async with db.read() as conn:
        triggers = [tuple(row) for row in await conn.exec_driver_sql(TRIGGERS[db.dialect])]
        tables = [
            (name, sorted(part.strip(" ,") for part in sql.replace('"', "").splitlines()))
            for name, sql in await conn.exec_driver_sql(TABLES[db.dialect])
        ]
    return triggers, tables


async def test_upgrading_twice_changes_nothing(db: Database) -> None:
    assert await migrations.is_current(db)
    await migrations.upgrade(db)
    assert await migrations.revision(db) == migrations.head()


async def test_an_empty_database_is_not_current(tmp_path: Path) -> None:
    db = Database.open(f"sqlite:///{tmp_path}/empty.db")
    assert await migrations.revision(db) is None
    assert not await migrations.is_current(db)
    assert (await migrations.pending(db))[:2] == ["0001", "0002"]
    await migrations.upgrade(db)
    assert await migrations.pending(db) == []
    await db.close()


def test_the_head_is_the_newest_revision() -> None:
    versions = Path(migrations.__file__).parent / "versions"
    assert max(path.stem for path in versions.glob("r*.py")) == f"r{migrations.head()}"


async def test_a_database_of_a_newer_release_is_left_alone(db: Database) -> None:
    async with db.write() as conn:
        await conn.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(migrations.DatabaseTooNew, match="9999"):
        await migrations.upgrade(db)


async def test_an_upgrade_that_fails_leaves_an_empty_database(tmp_path: Path) -> None:
    db = Database.open(f"sqlite:///{tmp_path}/half.db")
    async with db.write() as conn:
        await conn.exec_driver_sql("CREATE TABLE scores (in_the_way INTEGER)")
    with pytest.raises(sa.exc.OperationalError, match="already exists"):
        await migrations.upgrade(db)
    async with db.read() as conn:
        assert await conn.run_sync(lambda c: sa.inspect(c).get_table_names()) == ["scores"]
    await db.close()


def test_two_processes_may_upgrade_at_once(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys\n"
        "from truecast.kit.db import Database\n"
        "from truecast.migrations.upgrade import upgrade\n"
        "asyncio.run(upgrade(Database.open(sys.argv[1])))\n"
        "import os; os._exit(0)"
    )
    url = f"sqlite:///{tmp_path}/two.db"
    processes = [subprocess.Popen([sys.executable, "-c", code, url]) for _ in range(2)]
    assert [p.wait(timeout=60) for p in processes] == [0, 0]


def test_alembic_is_not_loaded_when_there_is_nothing_to_do(sqlite_db: Database) -> None:
    code = (
        "import asyncio, sys\n"
        "from truecast.kit.db import Database\n"
        "from truecast.migrations.upgrade import upgrade\n"
        "async def main():\n"
        "    db = Database.open(sys.argv[1]); await upgrade(db); await db.close()\n"
        "asyncio.run(main())\n"
        "assert not any(name.startswith('alembic') for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, f"sqlite:///{sqlite_db.path}"], check=True, timeout=60)

"""The database for who runs the server: its size, and a copy that can be used."""

import os
import sqlite3
from pathlib import Path

import httpx
import pytest

from truecast.kit.backup import BackupElsewhere, copied_before, copy_to
from truecast.kit.db import Database
from truecast.kit.sizes import sizes_of
from truecast.services import Services

URL = "/api/v1/admin"


async def test_the_database_says_how_large_it_is(client: httpx.AsyncClient):
    found = (await client.get(f"{URL}/database")).json()
    assert (found["dialect"], found["pending"]) == ("sqlite", [])
    assert found["bytes"] > 1_000_000
    assert next(table["rows"] for table in found["tables"] if table["name"] == "bars") > 1_000


async def test_both_databases_are_measured(db: Database):
    total, tables = await sizes_of(db)
    assert total > 0
    assert {"bars", "ledger"} <= {table.name for table in tables}


async def test_a_backup_is_a_database_with_the_same_ledger(client: httpx.AsyncClient, services: Services):
    made = await client.post(f"{URL}/backup")
    assert made.status_code == 201
    copy = made.json()
    assert copy["checked"] == "ok"
    assert os.stat(copy["path"]).st_mode & 0o077 == 0, "it holds hashes of keys"  # noqa: PTH116
    with sqlite3.connect(copy["path"]) as conn:
        (head,) = conn.execute("SELECT hash FROM ledger ORDER BY seq DESC LIMIT 1").fetchone()
    assert head == (await services.ledger.verify()).head
    assert copy["ledger_rows"] == (await services.ledger.verify()).rows


async def test_a_backup_that_was_begun_for_a_request_is_found_and_what_is_left_of_a_half_one_removed(
    services: Services, tmp_path: Path
):
    half, other = tmp_path / "truecast-20210106T213000Z-abc.part", tmp_path / "truecast-20210106T213000Z-def.part"
    half.touch()
    other.touch()
    assert await copied_before(tmp_path, "abc") is None
    assert not half.exists() and other.exists()
    made = await copy_to(services.db, tmp_path / "truecast-20210106T213000Z-abc.db")
    assert await copied_before(tmp_path, "abc") == made


async def test_a_backup_that_cannot_be_written_is_told(client: httpx.AsyncClient, services: Services):
    (services.settings.data_dir / "backups").write_text("in the way")
    refused = await client.post(f"{URL}/backup")
    assert refused.status_code >= 500
    assert refused.headers["Content-Type"] == "application/problem+json"


async def test_postgresql_is_backed_up_by_its_own_tools(postgres_db: Database, tmp_path: Path):
    with pytest.raises(BackupElsewhere, match="pg_dump"):
        await copy_to(postgres_db, tmp_path / "copy.db")

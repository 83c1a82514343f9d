"""The database: transactions, what may go wrong with a disk or a server, and who may run on it."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.market.offers import NOW, bar, bars, offer, walk
from tests.servers import cannot_run, free_port
from truecast.domain.interval import Interval
from truecast.kit.db import Database, DatabaseInUse, DatabaseUrlInvalid, ProcessLock, UtcTime, driver_of
from truecast.kit.db_errors import DatabaseBusy, DatabaseCorrupt, DatabaseReadOnly, DatabaseUnavailable, DiskFull
from truecast.market.bulk import fetch
from truecast.market.store import BarStore
from truecast.migrations.upgrade import upgrade

table = sa.Table("thing", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("at", UtcTime))


@pytest.fixture
async def things(db: Database) -> Database:
    async with db.write() as conn:
        await conn.run_sync(table.create)
    return db


async def count(db: Database) -> int:
    async with db.read() as conn:
        return int(await conn.scalar(sa.select(sa.func.count()).select_from(table)) or 0)


async def test_a_time_comes_back_as_the_same_aware_instant(things: Database) -> None:
    tokyo = datetime.fromisoformat("2021-01-04T09:00:00.123456+09:00")
    async with things.write() as conn:
        await conn.execute(sa.insert(table), [{"id": 1, "at": tokyo}, {"id": 2, "at": None}])
        assert await conn.scalar(sa.text("SELECT at FROM thing WHERE id = 1")) == 1_609_718_400_123_456
    async with things.read() as conn:
        found = list(await conn.scalars(sa.select(table.c.at).order_by(table.c.id)))
    assert found == [tokyo, None] and found[0].tzinfo is UTC


async def test_a_block_that_raises_leaves_nothing(things: Database) -> None:
    async def fail() -> None:
        async with things.write() as conn:
            await conn.execute(sa.insert(table), [{"id": 1}])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await count(things) == 0


async def test_a_file_that_cannot_be_opened_is_found_out_without_a_thread(tmp_path: Path) -> None:
    """The driver's thread would outlive it, and answer an event loop that may be closed by then."""
    started: list[str] = []
    before = threading.gettrace()
    threading.settrace(lambda *_: started.append(threading.current_thread().name))
    try:
        with pytest.raises(DatabaseUnavailable):
            async with Database.open(f"sqlite:///{tmp_path}/nowhere/truecast.db").read():
                pass
    finally:
        threading.settrace(before)  # type: ignore[arg-type]
    assert started == []


async def test_a_read_sees_one_snapshot(things: Database) -> None:
    async with things.read() as conn:
        query = sa.select(sa.func.count()).select_from(table)
        assert await fetch(conn, "SELECT count(*) FROM thing") == [(0,)]  # past SQLAlchemy, and through it
        async with things.write() as other:
            await other.execute(sa.insert(table), [{"id": 1}])
        assert await conn.scalar(query) == 0
        assert await fetch(conn, "SELECT count(*) FROM thing") == [(0,)]
    assert await count(things) == 1


async def test_what_a_read_writes_is_not_kept(things: Database) -> None:
    try:
        async with things.read() as conn:
            await conn.execute(sa.insert(table), [{"id": 1}])
    except DatabaseReadOnly:
        assert things.dialect == "postgresql"
    assert await count(things) == 0


async def test_writers_queue_instead_of_failing(things: Database) -> None:
    async def add(i: int) -> None:
        async with things.write() as conn:
            n = await conn.scalar(sa.select(sa.func.count()).select_from(table))
            await asyncio.sleep(0)
            await conn.execute(sa.insert(table), [{"id": i}])
            assert things.dialect == "postgresql" or n == await conn.scalar(
                sa.select(sa.func.count() - 1).select_from(table)
            )

    await asyncio.gather(*(add(i) for i in range(12)))
    assert await count(things) == 12


async def test_a_cancelled_writer_lets_the_next_one_through(things: Database) -> None:
    async def forever() -> None:
        async with things.write() as conn:
            await conn.execute(sa.insert(table), [{"id": 1}])
            await asyncio.sleep(3600)

    task = asyncio.create_task(forever())
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(10):
        async with things.write() as conn:
            await conn.execute(sa.insert(table), [{"id": 2}])
    assert await count(things) == 1


async def test_a_lock_held_by_another_process_is_busy_not_forever(sqlite_db: Database) -> None:
    holder = Database.open(f"sqlite:///{sqlite_db.path}")
    async with holder.write() as conn:
        await conn.exec_driver_sql("CREATE TABLE x (y)")
        async with sqlite_db.read() as reader:  # readers never wait
            await reader.exec_driver_sql("SELECT 1")
        with pytest.raises(DatabaseBusy) as caught:
            async with sqlite_db.write():
                pass
    assert (caught.value.status, caught.value.code) == (503, "database_busy")
    await holder.close()


@pytest.mark.parametrize("url", ["mysql://x/y", "nonsense", "sqlite://", "sqlite:///:memory:", ""])
def test_refuses_a_url_it_cannot_serve(url: str) -> None:
    with pytest.raises(DatabaseUrlInvalid):
        Database.open(url)


@pytest.mark.parametrize(
    "url", ["postgres://u:secret@h/d", "postgresql://u:secret@h/d?sslmode=require", "postgresql+asyncpg://u:secret@h/d"]
)
async def test_a_password_is_never_shown(url: str) -> None:
    db = Database.open(url)
    assert "secret" not in db.where and db.dialect == "postgresql"
    await db.close()


async def test_a_server_that_is_away_is_unavailable() -> None:
    db = Database.open(f"postgresql://u:secret@127.0.0.1:{free_port()}/d")
    with pytest.raises(DatabaseUnavailable) as caught:
        async with db.read():
            pass
    assert caught.value.exit_code == 69 and "secret" not in caught.value.detail
    await db.close()


async def test_a_missing_database_on_the_server_is_unavailable(postgres_url: str) -> None:
    db = Database.open(f"{postgres_url.rsplit('/', 1)[0]}/nothing_here")
    with pytest.raises(DatabaseUnavailable, match="nothing_here"):
        async with db.read():
            pass
    await db.close()


@pytest.mark.parametrize("past_sqlalchemy", [False, True])
async def test_a_connection_the_server_ended_is_unavailable_once_and_then_replaced(
    postgres_db: Database, *, past_sqlalchemy: bool
) -> None:
    async def be_cut_off() -> None:
        async with postgres_db.read() as conn:
            pid = await conn.scalar(sa.text("SELECT pg_backend_pid()"))
            async with postgres_db.write() as other:
                await other.exec_driver_sql(f"SELECT pg_terminate_backend({pid})")
            if past_sqlalchemy:
                await (await driver_of(conn)).fetch("SELECT 1")
            await conn.scalar(sa.text("SELECT 1"))

    with pytest.raises(DatabaseUnavailable):
        await be_cut_off()
    async with postgres_db.read() as conn:
        assert await conn.scalar(sa.text("SELECT 1")) == 1


async def test_connections_that_lay_idle_are_asked_before_they_are_used(
    postgres_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("truecast.kit.db_postgres._IDLE_S", 0.0)
    async with postgres_db.read() as one, postgres_db.read() as two:  # two of them in the pool
        pids = [await conn.scalar(sa.text("SELECT pg_backend_pid()")) for conn in (one, two)]
    async with postgres_db.read() as conn:
        kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid = ANY(:pids) AND pid <> pg_backend_pid()"
        assert await conn.scalar(sa.text(kill), {"pids": pids}) == 1
    async with postgres_db.read() as one, postgres_db.read() as two:  # nobody notices
        assert [await conn.scalar(sa.text("SELECT 1")) for conn in (one, two)] == [1, 1]


async def test_the_newest_bars_of_a_table_just_filled_are_read_along_the_key(postgres_db: Database) -> None:
    async with postgres_db.write() as conn:
        await conn.exec_driver_sql(
            "INSERT INTO bars SELECT 1, i * 60000000, i * 60000000, 1, 1, 1, 1, NULL, true FROM generate_series(1, 5000::bigint) i"
        )
    newest = "SELECT close FROM bars WHERE series_id = 1 ORDER BY start DESC, known_at DESC LIMIT 10"
    async with postgres_db.read() as conn:
        plan = [row[0] for row in await conn.exec_driver_sql(f"EXPLAIN {newest}")]
    assert any("Index Scan Backward" in line for line in plan), plan


async def test_a_folder_that_does_not_exist_is_unavailable(tmp_path: Path) -> None:
    db = Database.open(f"sqlite:///{tmp_path}/no/such/x.db")
    with pytest.raises(DatabaseUnavailable):
        async with db.read():
            pass
    await db.close()


@pytest.mark.parametrize("content", [b"PK\x03\x04 this is a zip file" * 400, b"x" * 50])
async def test_a_file_that_is_no_database_is_corrupt(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(content)
    db = Database.open(f"sqlite:///{path}")
    with pytest.raises(DatabaseCorrupt) as caught:
        async with db.write():
            pass
    assert caught.value.exit_code == 74
    await db.close()


async def test_damaged_pages_are_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    db = await _store_with_bars(path, 5_000)
    await db.close()
    with path.open("r+b") as file:
        file.seek(200 * 1024)
        file.write(os.urandom(64 * 1024))
    db = Database.open(f"sqlite:///{path}")
    with pytest.raises(DatabaseCorrupt):
        await BarStore(db).read("EUR-USD", Interval.H1)
    await db.close()


async def test_errors_that_are_not_the_databases_pass_untouched(db: Database) -> None:
    with pytest.raises(sa.exc.DBAPIError, match="no_such_table"):
        async with db.read() as conn:
            await conn.exec_driver_sql("SELECT * FROM no_such_table")


async def _store_with_bars(path: Path, n: int) -> Database:
    db = Database.open(f"sqlite:///{path}")
    await upgrade(db)
    store = BarStore(db)
    await store.add_series(offer(), "test")
    await store.append(walk(n), received_at=NOW)
    return db


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = shutil.which("mount")
    done = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if not done or done.returncode:
        cannot_run("a small file system cannot be mounted (it takes root)")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


async def test_a_full_disk_says_so_keeps_what_was_acknowledged_and_recovers(small_disk: Path) -> None:
    db = await _store_with_bars(small_disk / "x.db", 2_000)
    store = BarStore(db)
    with pytest.raises(DiskFull) as caught:
        await store.append(walk(100_000, seed=1), received_at=NOW)
    assert (caught.value.status, caught.value.exit_code) == (507, 74)
    assert len(await store.read("EUR-USD", Interval.H1)) == 2_000
    remount(small_disk, "size=60m")
    assert (await store.append(walk(50_000), received_at=NOW)).inserted == 48_000
    await db.close()


async def test_a_file_system_that_becomes_read_only_meanwhile_says_so(small_disk: Path) -> None:
    db = await _store_with_bars(small_disk / "x.db", 500)
    await db.engine.dispose()  # no connection is open: a file system in use cannot be made read-only
    remount(small_disk, "ro")
    with pytest.raises(DatabaseReadOnly):
        await BarStore(db).append(walk(9_000), received_at=NOW)
    await db.close()


async def test_a_database_that_may_not_grow_is_full(tmp_path: Path) -> None:
    db = await _store_with_bars(tmp_path / "x.db", 100)
    store = BarStore(db)
    async with db.write() as conn:  # the connection goes back to the pool and serves the next transaction, too
        pages = await conn.scalar(sa.text("PRAGMA page_count"))
        await conn.exec_driver_sql(f"PRAGMA max_page_count={pages + 4}")
    with pytest.raises(DiskFull):
        await store.append(walk(10_000), received_at=NOW)
    assert len(await store.read("EUR-USD", Interval.H1)) == 100
    await db.close()


async def test_a_file_system_that_became_read_only_says_so_and_can_be_read(small_disk: Path) -> None:
    db = await _store_with_bars(small_disk / "x.db", 500)
    await db.close()
    remount(small_disk, "ro")
    db = Database.open(f"sqlite:///{small_disk}/x.db")
    store = BarStore(db)
    with pytest.raises(DatabaseReadOnly) as caught:
        await store.append(bars([bar(10_000_000 / 3600)]), received_at=NOW + timedelta(days=9999))
    assert (caught.value.status, caught.value.exit_code) == (503, 74)
    assert len(await store.read("EUR-USD", Interval.H1)) == 500
    await db.close()


def test_a_second_process_on_the_same_database_is_refused_by_name_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    code = (
        "import sys, pathlib\n"
        "from truecast.kit.db import ProcessLock\n"
        "lock = ProcessLock(pathlib.Path(sys.argv[1])); lock.acquire()\n"
        "print('held', flush=True); sys.stdin.read()"
    )
    first = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with first:
        assert first.stdout and first.stdout.readline() == "held\n"
        with pytest.raises(DatabaseInUse) as caught:
            ProcessLock(path).acquire()
        assert caught.value.facts["pid"] == first.pid
        assert (caught.value.status, caught.value.exit_code) == (409, 69)
        first.send_signal(signal.SIGKILL)
        first.wait()
        with ProcessLock(path) as lock:  # a crash leaves nothing behind
            assert lock.path.read_text() == f"{os.getpid()}\n"
    ProcessLock(path).release()


async def test_readers_are_not_blocked_by_the_process_lock(sqlite_db: Database) -> None:
    assert sqlite_db.path
    with ProcessLock(sqlite_db.path):
        async with sqlite_db.read() as conn:
            assert await conn.scalar(sa.text("SELECT 1")) == 1


async def test_a_commit_is_on_disk_before_it_is_acknowledged(sqlite_db: Database) -> None:
    async with sqlite_db.read() as conn:
        assert await conn.scalar(sa.text("PRAGMA synchronous")) == 2  # FULL
        assert await conn.scalar(sa.text("PRAGMA journal_mode")) == "wal"
        assert await conn.scalar(sa.text("PRAGMA foreign_keys")) == 1

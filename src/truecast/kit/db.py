"""The one relational database: SQLite (WAL) or PostgreSQL behind SQLAlchemy 2 Core, with typed errors.

A transaction is a context manager: `async with db.read() as conn` sees one snapshot, `async with db.write() as conn` is
all or nothing. SQLite has one writer at a time; writers of this process queue on a lock instead of fighting over the
file's. Bulk paths reach the driver through `driver_of(conn)`.
"""

import asyncio
import contextlib
import fcntl
import importlib
import math
import os
import sqlite3
import time
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from sqlalchemy import (
    DDL,
    BigInteger,
    Connection,
    Dialect,
    Engine,
    Integer,
    MetaData,
    Table,
    TypeDecorator,
    event,
    text,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.util import await_only

from truecast.kit.clock import from_us, to_us
from truecast.kit.db_check import try_write_sqlite
from truecast.kit.db_errors import DatabaseReadOnly, DatabaseUnavailable, typed_error
from truecast.kit.db_postgres import postgres_engine, snapshot
from truecast.kit.errors import EXIT_CONFIG, EXIT_UNAVAILABLE, TruecastError
from truecast.kit.limits import WRITE_CHECK_EVERY_S
from truecast.kit.metrics import DATABASE_WRITES_WAITING

DialectName = Literal["sqlite", "postgresql"]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite gives a row number only to a column declared exactly INTEGER.
RowId = BigInteger().with_variant(Integer(), "sqlite")

_BUSY_TIMEOUT_MS = 5_000
_WRITES = "truecast_writes"
_SQLITE_PRAGMAS = (
    f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}",  # first: switching to WAL below may itself have to wait
    "PRAGMA journal_mode=WAL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA recursive_triggers=ON",  # else INSERT OR REPLACE deletes rows without asking the append-only triggers
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-8000",  # KiB, per connection
    "PRAGMA mmap_size=134217728",
    "PRAGMA journal_size_limit=67108864",  # a bulk import must not leave a giant WAL behind
)


class DatabaseUrlInvalid(TruecastError):
    """Neither SQLite nor PostgreSQL."""

    code = "database_url_invalid"
    title = "Database URL invalid"
    template = "The database URL is not one of sqlite:///path or postgresql://user@host/name: {reason}"
    exit_code = EXIT_CONFIG


class DatabaseInUse(TruecastError):
    """A second process wants to be the one that writes."""

    code = "database_in_use"
    status = 409
    title = "Database in use"
    template = "Process {pid} already runs on the database {path}"
    exit_code = EXIT_UNAVAILABLE


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC datetime, kept as a BIGINT of microseconds since the epoch: the same on both databases."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 its signature
        """To microseconds."""
        return None if value is None else to_us(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 its signature
        """From microseconds."""
        return None if value is None else from_us(value)


class Database:
    """A pool of connections to one database. Opening does not connect; the first transaction does."""

    def __init__(self, engine: AsyncEngine, dialect: DialectName, path: Path | None) -> None:
        self.engine = engine
        self._plain = engine.execution_options(isolation_level="AUTOCOMMIT")  # same pool; transactions are the driver's
        self.dialect = dialect
        self.path = path  # of the SQLite file
        self._writer = asyncio.Lock()
        self._checked_s = -math.inf
        self._trouble: TruecastError | None = None

    @classmethod
    def open(cls, url: str, *, synchronous: Literal["FULL", "NORMAL"] = "FULL") -> "Database":
        """The database at `url`: `sqlite:///path`, `postgresql://user@host/name` (or `postgres://`)."""
        parsed = _parse(url)
        if parsed.get_backend_name() == "postgresql":
            return cls(postgres_engine(parsed), "postgresql", None)
        path = Path(parsed.database or "").expanduser()
        return cls(_sqlite_engine(path, synchronous), "sqlite", path)

    @property
    def where(self) -> str:
        """The database for a person to read; never with a password."""
        return str(self.path) if self.path else self.engine.url.render_as_string(hide_password=True)

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """One snapshot for reading. Whatever is written through it is rolled back."""
        with _typed(self.where):
            if self.dialect == "sqlite":
                async with self.engine.connect() as conn:
                    await conn.begin()
                    yield conn
                return
            async with self._plain.connect() as conn, snapshot(await driver_of(conn)):
                yield conn

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Until the transactions before have ended."""
        with DATABASE_WRITES_WAITING.track_inprogress():
            async with self._writer:
                yield

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        async with self._turn() if self.dialect == "sqlite" else contextlib.nullcontext():
            with _typed(self.where):
                async with self.engine.connect() as conn:
                    await conn.execution_options(**{_WRITES: True})
                    async with conn.begin():
                        if self.dialect == "postgresql":
                            # asyncpg's transaction starts with SQLAlchemy's first statement; raw driver calls before
                            # it would stand outside.
                            await conn.exec_driver_sql("SELECT 1")
                        yield conn

    async def check_write(self) -> TruecastError | None:
        """What a write would meet now, or None when it would go well; at most WRITE_CHECK_EVERY_S old."""
        now_s = time.monotonic()
        if now_s >= self._checked_s + WRITE_CHECK_EVERY_S and not self._writer.locked():
            self._checked_s, self._trouble = now_s, None
            try:
                with _typed(self.where):
                    await self._try_write()
            except TruecastError as error:
                self._trouble = error
        return self._trouble

    async def _try_write(self) -> None:
        if self.path is not None:
            await asyncio.to_thread(try_write_sqlite, self.path)
            return
        async with self.write() as conn:
            if await conn.scalar(text("SELECT current_setting('transaction_read_only') = 'on'")):
                raise DatabaseReadOnly(database=self.where, reason="the server takes no writes")

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


async def driver_of(conn: AsyncConnection) -> Any:
    """The driver's own connection (aiosqlite or asyncpg) inside the same transaction, for bulk rows."""
    return (await conn.get_raw_connection()).driver_connection


def append_only(table: Table) -> Table:
    """Have the database itself refuse UPDATE and DELETE on `table`, on SQLite and PostgreSQL."""
    for dialect in ("sqlite", "postgresql"):
        for statement in append_only_ddl(table.name, dialect):
            ddl = DDL(statement.replace("%", "%%"))  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
            event.listen(table, "after_create", ddl.execute_if(dialect=dialect))
    return table


def append_only_ddl(table: str, dialect: str) -> list[str]:
    """The statements that make `table` append-only; a migration runs the same ones."""
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER {table}_refuses_{verb} BEFORE {verb.upper()} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            for verb in ("update", "delete")
        ]
    function = (
        "CREATE OR REPLACE FUNCTION truecast_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$"
    )
    trigger = (
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION truecast_append_only()"
    )
    return [function, trigger]


def upsert(
    conn: AsyncConnection, table: Table, key: list[str], changing: list[str], *, newer: str | None = None
) -> Any:
    """INSERT that updates `changing` where a row of that `key` is there; does nothing without any.

    With `newer` only a row whose column of that name is larger updates the one that is there.
    """
    # The dialect in use is loaded already; the other one would cost every start 50 ms.
    insert: Any = importlib.import_module(f"sqlalchemy.dialects.{conn.dialect.name}").insert(table)
    if not changing:
        return insert.on_conflict_do_nothing(index_elements=key)
    where = None if newer is None else table.c[newer] < insert.excluded[newer]
    set_ = {name: insert.excluded[name] for name in changing}
    return insert.on_conflict_do_update(index_elements=key, set_=set_, where=where)


class ProcessLock:
    """Held by the one process that runs on an embedded database; readers and the command line are not blocked.

    The kernel frees it when the process dies, so a crash never leaves it behind. The file keeps the holder's pid.
    """

    _mode: ClassVar[int] = 0o600

    def __init__(self, database: Path) -> None:
        self.path = database.with_name(database.name + ".lock")
        self._file: int | None = None

    def acquire(self) -> None:
        """Take it, or raise DatabaseInUse naming the holder."""
        with _typed(str(self.path)):
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, self._mode)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.read(file, 32).decode("ascii", "replace").strip()
            os.close(file)
            raise DatabaseInUse(pid=int(pid) if pid.isdigit() else None, path=str(self.path)) from None
        os.ftruncate(file, 0)
        os.write(file, f"{os.getpid()}\n".encode())
        self._file = file

    def release(self) -> None:
        """Let go; harmless when it is not held. The file stays: removing it would let two processes lock two files."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url.replace("postgres://", "postgresql://", 1))
    except ArgumentError:
        raise DatabaseUrlInvalid(reason="it cannot be parsed") from None
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise DatabaseUrlInvalid(reason=f"{parsed.get_backend_name()} is not supported")
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise DatabaseUrlInvalid(reason="SQLite needs a file")
    return parsed


def _sqlite_engine(path: Path, synchronous: str) -> AsyncEngine:
    engine = create_async_engine(_sqlite_url(path), pool_size=5)

    @event.listens_for(engine.sync_engine, "do_connect")
    def _openable(_dialect: object, _record: object, arguments: list[Any], options: dict[str, Any]) -> None:
        # aiosqlite's thread outlives a file that cannot be opened, and may answer an event loop that is closed by then.
        sqlite3.connect(arguments[0], uri=bool(options.get("uri"))).close()

    @event.listens_for(engine.sync_engine, "connect")
    def _configure(connection: Any, _record: object) -> None:
        try:
            _configure_sqlite(connection, synchronous)
        except BaseException:
            connection.close()  # the pool drops it as it is, and its thread would never end
            raise

    _listen_begin(engine.sync_engine)
    return engine


def _configure_sqlite(connection: Any, synchronous: str) -> None:
    # The driver's implicit BEGIN cannot be IMMEDIATE and skips DDL and SELECT: we begin ourselves.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (*_SQLITE_PRAGMAS, f"PRAGMA synchronous={synchronous}"):
        try:
            cursor.execute(pragma)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_READONLY:
                raise  # a file that cannot be written can still be read in the mode it has
    cursor.close()


def _sqlite_url(path: Path) -> URL:
    """The file; where nothing can be written beside it, the file as it is, for WAL cannot even read without a file of
    its own beside the database. A WAL that is there belongs to a process that writes, and is shared in the usual way.
    """
    beside = path.with_name(path.name + "-wal")
    if path.exists() and not os.access(path.parent, os.W_OK) and not beside.exists():
        return URL.create("sqlite+aiosqlite", database=f"file:{path}", query={"immutable": "1", "uri": "true"})
    return URL.create("sqlite+aiosqlite", database=str(path))


def _listen_begin(engine: Engine) -> None:
    @event.listens_for(engine, "begin")
    def _emit(conn: Connection) -> None:
        # IMMEDIATE: a transaction that will write takes the lock first, because a reader that turns writer may be
        # refused in the middle (SQLITE_BUSY_SNAPSHOT) and cannot simply wait.
        statement = "BEGIN IMMEDIATE" if conn.get_execution_options().get(_WRITES) else "BEGIN"
        # Straight to the driver: through a cursor it would be three round trips to its thread instead of one.
        await_only(conn.connection.driver_connection.execute(statement))  # type: ignore[union-attr]


@contextlib.contextmanager
def _typed(where: str) -> Any:
    """Driver errors as ours; everything else passes untouched."""
    try:
        yield
    except Exception as error:
        typed = typed_error(error, where)
        if typed is None:
            raise
        raise typed from error


__all__ = ["Database", "DatabaseInUse", "DatabaseUnavailable", "ProcessLock", "RowId", "UtcTime", "metadata"]

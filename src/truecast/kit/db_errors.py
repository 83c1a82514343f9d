"""What may go wrong with a database, as typed errors, and how each driver says it."""

import errno
import os
import shutil
import sqlite3
from pathlib import Path

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from truecast.kit.errors import EXIT_IO, EXIT_UNAVAILABLE, TruecastError


class DatabaseReadOnly(TruecastError):
    """The file, its folder or the server refuses writes."""

    code = "database_read_only"
    status = 503
    title = "Database is read-only"
    template = "The database {database} cannot be written: {reason}"
    exit_code = EXIT_IO


class DiskFull(TruecastError):
    """No room for another page. What was committed stays readable."""

    code = "disk_full"
    status = 507
    title = "Disk full"
    template = "There is no space left for the database {database}: {reason}"
    exit_code = EXIT_IO


class DatabaseUnavailable(TruecastError):
    """The file cannot be opened or the server cannot be reached."""

    code = "database_unavailable"
    status = 503
    title = "Database unavailable"
    template = "The database {database} cannot be reached: {reason}"
    exit_code = EXIT_UNAVAILABLE


class DatabaseBusy(TruecastError):
    """Another transaction held the lock for too long; the same request may be tried again."""

    code = "database_busy"
    status = 503
    title = "Database busy"
    template = "The database {database} is locked by another transaction: {reason}"
    exit_code = EXIT_UNAVAILABLE


class DatabaseCorrupt(TruecastError):
    """The file is not a database, or pages of it are damaged."""

    code = "database_corrupt"
    status = 500
    title = "Database corrupt"
    template = "The database {database} is damaged: {reason}"
    exit_code = EXIT_IO


# https://sqlite.org/rescode.html, primary codes
_SQLITE: dict[int, type[TruecastError]] = {
    sqlite3.SQLITE_READONLY: DatabaseReadOnly,
    sqlite3.SQLITE_FULL: DiskFull,
    sqlite3.SQLITE_BUSY: DatabaseBusy,
    sqlite3.SQLITE_LOCKED: DatabaseBusy,
    sqlite3.SQLITE_CORRUPT: DatabaseCorrupt,
    sqlite3.SQLITE_NOTADB: DatabaseCorrupt,
    sqlite3.SQLITE_CANTOPEN: DatabaseUnavailable,
    sqlite3.SQLITE_PERM: DatabaseUnavailable,
    sqlite3.SQLITE_AUTH: DatabaseUnavailable,
    sqlite3.SQLITE_IOERR: DatabaseUnavailable,
}

# https://www.postgresql.org/docs/15/errcodes-appendix.html, whole codes before classes
_POSTGRES: dict[str, type[TruecastError]] = {
    "25006": DatabaseReadOnly,
    "53100": DiskFull,
    "40001": DatabaseBusy,
    "40P01": DatabaseBusy,
    "55P03": DatabaseBusy,
    "3D000": DatabaseUnavailable,
    "08": DatabaseUnavailable,
    "28": DatabaseUnavailable,
    "53": DatabaseUnavailable,
    "57": DatabaseUnavailable,
    "58": DatabaseUnavailable,
    "XX": DatabaseCorrupt,
}

_OS: dict[int, type[TruecastError]] = {
    errno.ENOSPC: DiskFull,
    errno.EDQUOT: DiskFull,
    errno.EROFS: DatabaseReadOnly,
    errno.EACCES: DatabaseReadOnly,
    errno.EPERM: DatabaseReadOnly,
}

_FREE_BYTES_MIN = 65_536  # less than this, and SQLite's shared-memory file cannot grow


def typed_error(error: Exception, where: str) -> TruecastError | None:
    """Our error for what a driver raised, or None when it is none of the world's doing (a bug, a constraint)."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    for cause in _causes(error):
        if isinstance(cause, TruecastError):
            return None
        if (found := _kind(cause, where)) is not None:
            return found(database=where, reason=str(cause).splitlines()[0] if str(cause) else reason)
    if isinstance(error, PoolTimeout) or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return DatabaseUnavailable(database=where, reason=reason)
    return None


def _causes(error: BaseException) -> list[BaseException]:
    """The error and what it stands for, innermost driver error first."""
    chain: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and len(chain) < 5:
        chain.append(at)
        at = at.orig if isinstance(at, DBAPIError) and at.orig is not None else at.__cause__
    return chain[::-1]


def _kind(error: BaseException, where: str) -> type[TruecastError] | None:
    if isinstance(error, sqlite3.Error):
        return _sqlite_kind(error, where)
    if isinstance(sqlstate := getattr(error, "sqlstate", None), str):
        return _POSTGRES.get(sqlstate) or _POSTGRES.get(sqlstate[:2])
    if isinstance(error, OSError):
        return _OS.get(error.errno or 0, DatabaseUnavailable)
    return None


def _sqlite_kind(error: sqlite3.Error, where: str) -> type[TruecastError] | None:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    file = Path(where)
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and file.exists():
        # Said of the files beside the database: shared memory that cannot grow, a WAL that cannot be created.
        if shutil.disk_usage(file).free < _FREE_BYTES_MIN:
            return DiskFull
        if not (os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)):
            return DatabaseReadOnly
    return _SQLITE.get(code)

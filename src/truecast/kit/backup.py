"""A copy of the embedded database, made while it works, checked before it is called one."""

import asyncio
import contextlib
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from truecast.kit.db import Database
from truecast.kit.db_errors import typed_error
from truecast.kit.errors import TruecastError

_PAGES_AT_ONCE = 2_048  # between two steps others may write


class BackupElsewhere(TruecastError):
    """A server has tools of its own for this."""

    code = "backup_elsewhere"
    status = 409
    title = "Backup elsewhere"
    template = "{where} is a server of its own: back it up with pg_dump"


class BackupDamaged(TruecastError):
    """The copy did not pass the database's own check; it was removed."""

    code = "backup_damaged"
    status = 500
    title = "Backup damaged"
    template = "The copy was removed, because the database said of it: {reason}"


@dataclass(frozen=True, slots=True)
class Copied:
    """A good copy."""

    path: Path
    bytes: int
    ledger_rows: int
    integrity: str


async def copy_to(db: Database, path: Path) -> Copied:
    """Copy the embedded database to `path` by its online backup. Raises BackupElsewhere, DiskFull, BackupDamaged."""
    if db.path is None:
        raise BackupElsewhere(where=db.where)
    return await asyncio.to_thread(_copy, db.path, path)


async def copied_before(folder: Path, mark: str) -> Copied | None:
    """The copy whose name ends so, checked again; what a process that died left of one is removed."""
    return await asyncio.to_thread(_found, folder, mark)


def _found(folder: Path, mark: str) -> Copied | None:
    for draft in folder.glob(f"*-{mark}.part"):
        draft.unlink()
    path = next(folder.glob(f"*-{mark}.db"), None)
    if path is None:
        return None
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as copy:
        found, rows = _looked_at(copy)
    return Copied(path, path.stat().st_size, rows, found)


def _copy(source: Path, path: Path) -> Copied:
    draft = path.with_suffix(".part")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))  # it holds hashes of keys
        found, rows = _copied(source, draft)
        if found == "ok":
            draft.replace(path)
    except (OSError, sqlite3.Error) as error:
        draft.unlink(missing_ok=True)
        raise typed_error(error, str(path)) or error from None
    if found != "ok":
        draft.unlink()
        raise BackupDamaged(reason=found)
    return Copied(path, path.stat().st_size, rows, found)


def _copied(source: Path, draft: Path) -> tuple[str, int]:
    """What the copy says of its own integrity, and the rows of its ledger."""
    with (
        contextlib.closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as old,
        contextlib.closing(sqlite3.connect(draft)) as new,
    ):
        old.backup(new, pages=_PAGES_AT_ONCE)
        new.execute("PRAGMA journal_mode=DELETE")
        return _looked_at(new)


def _looked_at(copy: sqlite3.Connection) -> tuple[str, int]:
    (found,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
    (rows,) = copy.execute("SELECT count(*) FROM ledger").fetchone()
    return found, rows

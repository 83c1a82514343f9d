"""Whether an embedded database takes writes, found out by writing."""

import contextlib
import sqlite3
from pathlib import Path

from truecast.kit.limits import WRITE_CHECK_WAIT_S


def try_write_sqlite(path: Path) -> None:
    """Write a page as it is, by a connection of its own: those that are open may still hold a file that is gone."""
    with contextlib.closing(
        sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=WRITE_CHECK_WAIT_S, isolation_level=None)
    ) as conn:
        (version,) = conn.execute("PRAGMA user_version").fetchone()
        conn.execute("BEGIN IMMEDIATE")
        conn.execute(f"PRAGMA user_version={int(version)}")
        conn.execute("COMMIT")

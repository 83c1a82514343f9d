"""A small installation with real data: the bundled sample up to an evening in 2021, and one day of jobs after it."""

import asyncio
import contextlib
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from truecast.kit.clock import FixedClock
from truecast.kit.settings import Settings
from truecast.services import Services
from truecast.wiring import Role, build

START = datetime(2021, 1, 5, 21, 30, tzinfo=UTC)  # a Tuesday: New York has closed
NOW = datetime(2021, 1, 6, 21, 30, tzinfo=UTC)  # and again, so that the first daily forecasts have met their outcome


def settings_in(folder: Path, **given: object) -> Settings:
    """Settings of an installation in that folder, deaf to the environment's `.env`."""
    return Settings(_env_file=None, data_dir=folder, sources=("sample",), scheduled_steps=5, **given)


def make(folder: Path) -> Path:
    """Build it once per test session: load what was known at START, then run the jobs up to NOW. The database file."""
    services = build(settings_in(folder), Role.UP, clock=FixedClock(START), until=NOW)
    asyncio.run(_fill(services))
    return folder / "truecast.db"


async def _fill(services: Services) -> None:
    try:
        await services.background.prepare(services.loading)
        await services.background.run()
    finally:
        await services.background.close()


def copy(made: Path, folder: Path) -> Path:
    """The same installation in another folder, free to be changed."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(made, folder / "truecast.db")
    return folder


def forge(database: Path, *, row: int) -> None:
    """Change one row of the ledger as somebody with the file in his hands could."""
    with contextlib.closing(sqlite3.connect(database)) as conn, conn:
        guards = conn.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'ledger'"
        ).fetchall()
        for (name,) in guards:
            conn.execute(f'DROP TRIGGER "{name}"')
        changed = conn.execute(
            """UPDATE ledger SET body = replace(body, '"steps":5', '"steps":4') WHERE seq = ?""", (row,)
        )
        assert changed.rowcount == 1

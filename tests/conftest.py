"""Fixtures for every test: a clock that stands still, fresh databases of both kinds, the shared real data."""

import asyncio
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import installation
from tests.servers import cannot_run, postgres_server
from truecast.kit.clock import FixedClock
from truecast.kit.db import Database
from truecast.migrations.upgrade import upgrade

# Examples are searched for in every run, and are the same in every run; no deadline, because the machine is shared.
settings.register_profile(
    "truecast", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
settings.load_profile("truecast")


@pytest.fixture
def clock() -> FixedClock:
    """2021-01-04 12:00 UTC, a Monday inside the window in which the real data overlap."""
    return FixedClock(datetime(2021, 1, 4, 12, tzinfo=UTC))


@pytest.fixture(scope="session")
def sqlite_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite database with all tables. Copy it, never write to it: the tables take longer than most tests."""
    made = tmp_path_factory.mktemp("sqlite") / "made.db"
    asyncio.run(_upgraded(f"sqlite:///{made}"))
    return made


@pytest.fixture
async def sqlite_db(sqlite_made: Path, tmp_path: Path) -> AsyncIterator[Database]:
    """An empty SQLite database with all tables."""
    shutil.copy(sqlite_made, tmp_path / "truecast.db")
    db = Database.open(f"sqlite:///{tmp_path}/truecast.db")
    yield db
    await db.close()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """One PostgreSQL server for the session; TRUECAST_TEST_POSTGRES names one that already runs."""
    given = os.environ.get("TRUECAST_TEST_POSTGRES")  # noqa: TID251 tests have no Settings
    if given:
        yield given
        return
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_made(postgres_url: str) -> Iterator[str]:
    """The name of an empty database with all tables, to be copied."""
    name = f"made{uuid.uuid4().hex}"
    asyncio.run(_on_server(postgres_url, f'CREATE DATABASE "{name}"'))
    asyncio.run(_upgraded(_beside(postgres_url, name)))
    yield name
    asyncio.run(_on_server(postgres_url, f'DROP DATABASE "{name}"'))


@pytest.fixture
async def postgres_db(postgres_url: str, postgres_made: str) -> AsyncIterator[Database]:
    """An empty PostgreSQL database of its own with all tables."""
    name = f"t{uuid.uuid4().hex}"
    await _on_server(postgres_url, f'CREATE DATABASE "{name}" TEMPLATE "{postgres_made}"')
    db = Database.open(_beside(postgres_url, name))
    yield db
    await db.close()
    await _on_server(postgres_url, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(params=["sqlite", "postgresql"])
def db(request: pytest.FixtureRequest) -> Database:
    """The same test on both databases."""
    name = {"sqlite": "sqlite_db", "postgresql": "postgres_db"}[request.param]
    found: Database = request.getfixturevalue(name)
    return found


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        cannot_run(f"the real data are not at {folder}")
    return folder


def _beside(url: str, name: str) -> str:
    return f"{url.rsplit('/', 1)[0]}/{name}"


async def _upgraded(url: str) -> None:
    db = Database.open(url)
    await upgrade(db)
    await db.close()


async def _on_server(url: str, statement: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def made_installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a small installation with real data; see tests/installation.py. Copy it, never write to it."""
    return installation.make(tmp_path_factory.mktemp("installation"))

"""`truecast doctor`: is this installation well? Says what is wrong and how to mend it; shows no secret."""

import asyncio
import platform
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Literal

import orjson
import typer

from truecast import __version__
from truecast.api.site import WEB_DIR
from truecast.commands.text import aligned
from truecast.jobs.runs import last_runs
from truecast.kit.clock import SystemClock, iso
from truecast.kit.db import Database, DatabaseInUse, ProcessLock
from truecast.kit.errors import EXIT_FAILURE, TruecastError
from truecast.kit.limits import DISK_FREE_BYTES_MIN
from truecast.kit.logs import Redaction
from truecast.kit.settings import Settings
from truecast.market.store import BarStore
from truecast.migrations.upgrade import pending
from truecast.providers.catalog import known_sources

Mark = Literal["ok", "warn", "fail"]

PACKAGES = ("fastapi", "uvicorn", "pydantic", "sqlalchemy", "aiosqlite", "asyncpg", "numpy", "exchange_calendars")
BUILT_NOT_BEFORE = "2026-01-01"  # a clock before this release is wrong

app = typer.Typer(add_completion=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    mark: Mark
    about: str
    said: str


@app.command()
def doctor(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Check settings, database, disk, clock, sources and page."""
    settings = Settings()
    findings = [*_versions(), *_settings(settings), *_clock(), *_page(), *_disk(settings), *_lock(settings)]
    findings += asyncio.run(_store(settings))
    if as_json:
        typer.echo(orjson.dumps([asdict(finding) for finding in findings]))
    else:
        rows = [(finding.mark, finding.about, finding.said) for finding in findings]
        typer.echo("\n".join(aligned(rows, right=())))
    if any(finding.mark == "fail" for finding in findings):
        raise typer.Exit(EXIT_FAILURE)


def _versions() -> Iterator[Finding]:
    yield Finding("ok", "truecast", __version__)
    yield Finding("ok", "python", f"{platform.python_version()} at {sys.executable}, {platform.platform()}")
    for name in PACKAGES:
        try:
            yield Finding("ok", name, version(name))
        except PackageNotFoundError:
            yield Finding("fail", name, "not installed; install truecast again")


def _settings(settings: Settings) -> Iterator[Finding]:
    redact = Redaction([] if settings.secret_key is None else [settings.secret_key])
    for name in sorted(type(settings).model_fields):
        value = getattr(settings, name)
        yield Finding("ok", f"setting {name}", "not set" if value is None else str(redact.value(value, name)))


def _clock() -> Iterator[Finding]:
    now = iso(SystemClock().now())
    wrong = now < BUILT_NOT_BEFORE
    yield Finding("fail" if wrong else "ok", "clock", f"{now}, before this release: set it right" if wrong else now)


def _page() -> Iterator[Finding]:
    built = (WEB_DIR / "index.html").is_file()
    yield Finding("ok" if built else "warn", "page", str(WEB_DIR) if built else "not built; `make web` builds it")


def _disk(settings: Settings) -> Iterator[Finding]:
    folder = _existing(settings.data_dir)
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        yield Finding("fail", "disk", f"{folder}: {error.strerror}")
        return
    enough = free >= DISK_FREE_BYTES_MIN
    yield Finding("ok" if enough else "warn", "disk", f"{free / 2**30:.1f} GiB free at {folder}")


def _lock(settings: Settings) -> Iterator[Finding]:
    path = Database.open(settings.database_url).path
    if path is None or not path.exists():
        return
    lock = ProcessLock(path)
    try:
        with lock:
            yield Finding("ok", "process", "no process runs on the database")
    except DatabaseInUse as error:
        yield Finding("ok", "process", error.detail)
    except TruecastError as error:
        yield Finding("fail", "process", error.detail)


async def _store(settings: Settings) -> list[Finding]:
    db = Database.open(settings.database_url)
    if db.path is not None and not db.path.exists():
        return [Finding("ok", "database", f"{db.where} does not exist yet; the first start makes it")]
    try:
        return [finding async for finding in _open_store(db, settings)]
    except TruecastError as error:
        return [Finding("fail", "database", error.detail)]
    finally:
        await db.close()


async def _open_store(db: Database, settings: Settings) -> AsyncIterator[Finding]:
    waiting = await pending(db)
    yield Finding("ok", "database", db.where)
    if waiting:
        yield Finding("warn", "migrations", f"waiting: {', '.join(waiting)}; `truecast db upgrade` runs them")
        return
    yield Finding("ok", "migrations", "up to date")
    kept = await BarStore(db).series()
    async with db.read() as conn:
        last = await last_runs(conn)
    sources = known_sources()
    for key in settings.sources:
        if key not in sources:
            yield Finding("fail", f"source {key}", f"unknown; known are {', '.join(sorted(sources))}")
            continue
        run = last.get(f"ingest:{key}")
        series = [s for s in kept if s.source == key and s.bars]
        said = f"{len(series)} series, {sum(s.bars for s in series):,} bars"
        if run is None:
            yield Finding("ok", f"source {key}", f"{said}, not asked yet")
        elif run.error is not None:
            yield Finding("warn", f"source {key}", f"{said}, last asked {iso(run.started_at)}: {run.error[:200]}")
        else:
            yield Finding("ok", f"source {key}", f"{said}, last asked {iso(run.started_at)}: {run.outcome}")


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next(path for path in (folder, *folder.parents) if path.exists())

"""Real servers for tests, each in a temporary folder on a free port. Where one cannot run, the test is skipped
loudly; under CI=true it fails instead, so that no promise goes untested there unnoticed."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

_START_TIMEOUT_S = 30.0
_POSTGRES_FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)


def cannot_run(what: str) -> None:
    """Skip; fail under CI."""
    if os.environ.get("CI") == "true":  # noqa: TID251 tests have no Settings
        pytest.fail(f"CI must run these tests, but {what}")
    pytest.skip(f"NOT TESTED: {what}")


def free_port() -> int:
    """A TCP port nobody listens on at the moment."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@contextlib.contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of a fresh PostgreSQL, its maintenance database `postgres`. fsync is off: it is thrown away.

    Where the tests' files are in memory, its own are, too: a database is made in a tenth of the time.
    """
    programs = _postgres_programs()
    if programs is None:
        cannot_run("no PostgreSQL server is installed")
        return
    root = os.environ.get("PYTEST_DEBUG_TEMPROOT")  # noqa: TID251 tests have no Settings
    folder = Path(tempfile.mkdtemp(prefix="truecast-pg-", dir=root))
    as_user = _unprivileged(folder)
    try:
        data, port = folder / "data", free_port()
        _run([*as_user, programs / "initdb", "-D", data, "-U", "truecast", "-A", "trust", "-E", "UTF8", "--no-sync"])
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c shared_buffers=64MB"
        log = folder / "log"
        _run([*as_user, programs / "pg_ctl", "-D", data, "-l", log, "-w", "-t", "60", "-o", options, "start"])
        try:
            yield f"postgresql://truecast@127.0.0.1:{port}/postgres"
        finally:
            _run([*as_user, programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def redis_server(port: int | None = None) -> Iterator[str]:
    """The URL of a fresh Redis that keeps nothing on disk, on that port if one is given."""
    program = shutil.which("redis-server")
    if program is None:
        cannot_run("no redis-server is installed")
        return
    port = port or free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=tempfile.gettempdir()) as process:
        try:
            _wait_for_port(port)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()


def _postgres_programs() -> Path | None:
    for pattern in _POSTGRES_FOLDERS:
        for folder in sorted(Path("/").glob(pattern.lstrip("/")), reverse=True):
            if (folder / "initdb").exists():
                return folder
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def _unprivileged(folder: Path) -> list[str]:
    """PostgreSQL refuses to run as root: then it runs as the user `postgres`."""
    if os.geteuid() != 0:
        return []
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        cannot_run("PostgreSQL refuses to run as root and there is no user postgres")
        raise
    os.chown(folder, user.pw_uid, user.pw_gid)
    return ["runuser", "-u", "postgres", "--"]


def _run(command: list[str | Path]) -> None:
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=120, cwd="/", check=False)
    if done.returncode:
        cannot_run(f"{Path(command[-1]).name}: {done.stdout[-500:]}{done.stderr[-500:]}")


def _wait_for_port(port: int) -> None:
    until = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    cannot_run(f"nothing listens on port {port}")

"""The command line, run in this process or in one of its own, over a copy of the installation."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import installation
from truecast import cli


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> object:
        return json.loads(self.out)


Command = Callable[..., Ran]


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder that the settings point at; nothing else of the environment counts."""
    for name in list(os.environ):  # noqa: TID251 to make it empty
        if name.startswith("TRUECAST_") or name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "PORT", "LOG_LEVEL"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)  # no .env here
    monkeypatch.setenv("TRUECAST_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TRUECAST_SOURCES", "sample")
    return tmp_path / "data"


@pytest.fixture
def installed(made_installation: Path, data_dir: Path) -> Path:
    """The data folder with the installation in it."""
    return installation.copy(made_installation, data_dir)


@pytest.fixture
def truecast(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in this process."""

    def run(*arguments: str) -> Ran:
        capsys.readouterr()
        code = cli.run(arguments)
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return run


@pytest.fixture
def truecast_process(data_dir: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start a command in a process of its own; killed at the end if it still runs."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "truecast", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()

"""The wheel stands on its own: installed where nothing else is, it has the page, the data, and forecasts."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SIZE_BYTES_MAX = 12_000_000


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


def run(*words: object, cwd: Path = ROOT, **variables: str) -> str:
    """Standard output of a command that must succeed, without the settings of the machine."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("TRUECAST_")}  # noqa: TID251 for the child
    done = subprocess.run(
        list(map(str, words)),
        check=False,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=600,
        env=inherited | variables,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_holds_the_page_the_data_the_sessions_and_the_licences(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"truecast/py.typed", "truecast/web/index.html", "truecast/providers/sample/manifest.json"} <= names
    for suffix in (".npz", ".toml", ".js", ".css"):
        assert any(name.startswith("truecast/") and name.endswith(suffix) for name in names), suffix
    assert any("/market/data/" in name for name in names), "the table of sessions"
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert any(name.endswith("licenses/NOTICE") for name in names)
    assert all(name.startswith(("truecast/", "truecast-")) for name in names)
    assert not any("node_modules" in name or name.endswith((".db", ".map")) for name in names)


def test_is_small(wheel: Path) -> None:
    assert wheel.stat().st_size <= SIZE_BYTES_MAX


def test_installed_alone_it_forecasts(wheel: Path, tmp_path: Path) -> None:
    venv, elsewhere = tmp_path / "venv", tmp_path / "elsewhere"
    elsewhere.mkdir()
    run(sys.executable, "-m", "venv", "--without-pip", venv)
    # What is used is compiled as it is used: all of it would be most of the time.
    options = ("-qq", "--only-binary=:all:", "--no-compile", "--no-warn-script-location")
    into = ("--python", venv / "bin/python")
    run(sys.executable, "-m", "pip", *into, "install", *options, wheel, PIP_CONSTRAINT="constraints.txt")
    inside = {"TRUECAST_DATA_DIR": str(tmp_path / "data"), "TRUECAST_SOURCES": "sample"}
    truecast = venv / "bin" / "truecast"
    assert "forecast" in run(truecast, "--help", cwd=elsewhere)
    body = json.loads(run(truecast, "forecast", "EUR-USD", "--json", cwd=elsewhere, **inside))
    assert len(body["steps"]) == 10
    program = "from truecast.client import Client; print(Client('http://127.0.0.1:1').url)"
    assert run(venv / "bin/python", "-c", program, cwd=elsewhere).strip() == "http://127.0.0.1:1"
    where = run(venv / "bin/python", "-c", "import truecast; print(truecast.__file__)", cwd=elsewhere)
    assert Path(where.strip()).is_relative_to(venv)

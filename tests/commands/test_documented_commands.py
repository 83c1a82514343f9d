"""Every command shown in the user pages that ends by itself and needs nothing else does what it says: exit code 0."""

import shlex
from pathlib import Path

import pytest

from tests import installation
from tests.test_docs import blocks
from truecast.cli import run

RUNNABLE = {"forecast", "symbols", "ledger", "openapi"}
ASKING = ("$ truecast symbols add", "$ truecast symbols remove")  # the sources: test_symbols.py runs them with some
COMMANDS = sorted(
    {
        line.removeprefix("$ truecast ")
        for _, body in blocks("console")
        for line in body.splitlines()
        if line.startswith("$ truecast ") and line.split()[2] in RUNNABLE and not line.startswith(ASKING)
    }
)


@pytest.mark.parametrize("line", COMMANDS)
def test_succeeds(
    *,
    line: str,
    made_installation: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TRUECAST_DATA_DIR", str(installation.copy(made_installation, tmp_path / "data")))
    monkeypatch.setenv("TRUECAST_SOURCES", "sample")
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line)
    code = run(words)
    told = capsys.readouterr()
    assert code == 0, told.err
    assert told.out
    for picture in (word for word in words if word.endswith(".png")):
        assert Path(picture).stat().st_size > 10_000


def test_some_are_shown() -> None:
    assert len(COMMANDS) >= 4

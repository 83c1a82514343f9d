"""The rule of the root conftest: a skip is told loudly, and fails the run where nothing may be skipped."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SKIPPING = "import pytest\n\ndef test_a():\n    pytest.skip('no server here')\n\ndef test_b():\n    pass\n"
PASSING = "def test_b():\n    pass\n"


@pytest.mark.parametrize(
    ("code", "ci", "exit_code", "told", "options"),
    [
        (SKIPPING, "true", 1, True, ()),
        (SKIPPING, "true", 1, True, ("-p", "xdist", "-n", "1")),
        (SKIPPING, "", 0, True, ()),
        (PASSING, "true", 0, False, ()),
    ],
)
def test_a_skip_is_told_and_fails_under_ci(
    *, tmp_path: Path, code: str, ci: str, exit_code: int, told: bool, options: tuple[str, ...]
) -> None:
    shutil.copy(ROOT / "conftest.py", tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_it.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"CI": ci, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},  # noqa: TID251 for the child
    )
    assert done.returncode == exit_code, done.stdout
    assert ("SKIPPED: 1 tests did not run" in done.stdout) == told
    assert ("no server here" in done.stdout) == told

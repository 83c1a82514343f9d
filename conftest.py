"""Where tests keep their files; and a skipped test is told loudly, and fails the run where none may be (CI=true)."""

import os
from pathlib import Path

import pytest

_MEMORY = Path("/dev/shm")  # noqa: S108 the file system itself
_ROOM_BYTES = 2_147_483_648

if "PYTEST_XDIST_WORKER" in os.environ:  # noqa: TID251 one of several: they share the cores already
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # noqa: TID251 read when numpy is loaded, which is later

if _MEMORY.is_dir():
    found = os.statvfs(_MEMORY)
    if found.f_bavail * found.f_frsize >= _ROOM_BYTES and not found.f_flag & os.ST_NOEXEC:
        # A commit waits milliseconds for a disk, and the tests make tens of thousands. pytest's own name for the place.
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))  # noqa: TID251


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List what was skipped, and why, after everything else."""
    skipped = terminalreporter.stats.get("skipped", [])
    if not skipped:
        return
    terminalreporter.section(f"SKIPPED: {len(skipped)} tests did not run", sep="!", red=True, bold=True)
    for report in skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        terminalreporter.line(f"{report.nodeid}: {reason}", red=True)
    if _forbidden():
        terminalreporter.line("CI=true: a skipped test fails the run.", red=True, bold=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Turn success into failure where a test was skipped and none may be."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if _forbidden() and reporter and reporter.stats.get("skipped") and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _forbidden() -> bool:
    return os.environ.get("CI") == "true"  # noqa: TID251 the product's settings do not concern the tests

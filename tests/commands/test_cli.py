"""The command line as such: what it loads, what it says, how it ends."""

import json
import subprocess
import sys

import pytest

from truecast import __version__, cli

HEAVY = ("numpy", "sqlalchemy", "fastapi", "httpx", "pydantic", "rich", "matplotlib", "alembic", "pandas", "structlog")


def modules_after(code: str) -> set[str]:
    """Top-level modules that are loaded once `code` has run in a fresh interpreter."""
    script = f"{code}\nimport sys\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    return set(
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    )


def test_importing_the_command_line_loads_nothing_heavy():
    assert not modules_after("import truecast.cli") & set(HEAVY)


def test_a_forecast_loads_no_server_no_network_and_no_plotting():
    loaded = modules_after("import truecast.commands.forecast")
    assert not loaded & {"fastapi", "starlette", "uvicorn", "httpx", "matplotlib", "alembic", "pandas"}


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_can_be_loaded_and_explains_itself(truecast, name: str):
    ran = truecast(name, "--help")
    assert ran.code == 0
    assert "Usage: truecast" in ran.out


def test_says_its_version(truecast):
    assert truecast("--version").out == f"truecast {__version__}\n"


def test_lists_every_command(truecast):
    ran = truecast("--help")
    assert ran.code == 0
    for name in cli.COMMANDS:
        assert name in ran.out


@pytest.mark.parametrize(
    "arguments",
    [("foracast",), ("forecast",), ("forecast", "SPY", "--nope"), ("up", "--port", "x"), ("up", "--port", "65536")],
)
def test_a_wrong_command_line_is_one_line_on_stderr(truecast, arguments):
    ran = truecast(*arguments)
    assert (ran.code, ran.out) == (64, "")
    assert ran.err.startswith("truecast: ")
    assert ran.err.count("\n") == 1


def test_suggests_what_was_meant(truecast):
    assert "forecast" in truecast("foracast").err


def test_without_a_command_it_explains_itself(truecast):
    ran = truecast()
    assert ran.code == 64
    assert "COMMAND" in ran.out + ran.err


def test_an_error_is_a_problem_when_json_was_asked_for(truecast, installed):
    ran = truecast("forecast", "EUR-USX", "--json")
    assert (ran.code, ran.out) == (66, "")
    problem = json.loads(ran.err)
    assert problem["code"] == "unknown_symbol"
    assert "EUR-USD" in problem["nearest"]


def test_wrong_settings_are_named_all_at_once(truecast, monkeypatch):
    monkeypatch.setenv("TRUECAST_SOURCES", "")
    monkeypatch.setenv("TRUECAST_SCHEDULED_STEPS", "169")
    monkeypatch.setenv("TRUECAST_LOG_LEVEL", "loud")
    ran = truecast("symbols")
    assert ran.code == 78
    assert "TRUECAST_SCHEDULED_STEPS" in ran.err
    assert "TRUECAST_LOG_LEVEL" in ran.err


def test_the_reader_of_a_pipe_may_leave():
    process = subprocess.Popen(
        [sys.executable, "-m", "truecast", "openapi"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    said = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(timeout=60) == 1
    assert said == ""

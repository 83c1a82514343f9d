"""The client is light: a program that asks a server does not load one."""

import subprocess
import sys

HEAVY = (
    "numpy",
    "pandas",
    "polars",
    "fastapi",
    "starlette",
    "pydantic",
    "sqlalchemy",
    "uvicorn",
    "orjson",
    "structlog",
)


def test_nothing_of_the_server_and_nothing_heavy_is_loaded() -> None:
    program = "import sys, truecast.client; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(done.stdout.split())
    assert not loaded & set(HEAVY)
    ours = {name for name in loaded if name.startswith("truecast.")}
    assert all(name.startswith("truecast.client") for name in ours)
    assert "truecast.client.sync" in ours

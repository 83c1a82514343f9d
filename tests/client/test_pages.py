"""The Python of the user pages runs as it stands, against a real server."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.api.stream_house import House
from tests.test_docs import blocks

SHOWN = [(where, body) for where, body in blocks("python") if "truecast.client" in body]


@pytest.mark.parametrize(("where", "body"), SHOWN, ids=[f"{where}:{i}" for i, (where, _) in enumerate(SHOWN)])
async def test_a_block_of_a_page_runs(house: House, tmp_path: Path, where: str, body: str) -> None:
    program = tmp_path / "block.py"
    program.write_text(body)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("TRUECAST_")}  # noqa: TID251 for the child
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        str(program),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=inherited | {"TRUECAST_URL": house.http},
    )
    printed, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, printed.decode()


def test_every_part_of_the_client_is_shown() -> None:
    pages = [where for where, _ in SHOWN]
    assert pages.count("docs/client.md") >= 6
    assert "docs/authentication.md" in pages

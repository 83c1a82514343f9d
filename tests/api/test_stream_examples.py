"""The example that needs no client of ours, run as users run it; the others: tests/client/test_examples.py."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.stream_house import House, open_house
from truecast.services import Services

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
async def house(services: Services) -> AsyncIterator[House]:
    async with open_house(services) as house:
        yield house


async def run(house: House, name: str, messages: int) -> str:
    """What it prints. Messages are published until it has heard enough."""
    command = [sys.executable, str(EXAMPLES / name), "SPY", "--url", house.http, "--messages", str(messages)]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    running = asyncio.create_task(process.communicate())
    i = 0
    while not running.done():
        i += 1
        await house.publish("quotes:SPY", price=i, provenance={"source": "test"})
        await asyncio.sleep(0.05)
    printed, _ = running.result()
    assert process.returncode == 0, printed
    return printed.decode()


async def test_prices_as_server_sent_events(house: House) -> None:
    printed = await run(house, "stream_sse.py", 3)
    assert printed.count("quotes:SPY") == 3

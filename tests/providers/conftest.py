"""The wire server, for every adapter that asks one."""

from collections.abc import AsyncIterator

import pytest
from tests.wire import WireServer, wire_server


@pytest.fixture
async def wire() -> AsyncIterator[WireServer]:
    """Replays what was recorded of every source, and misbehaves when told to."""
    async with wire_server() as running:
        yield running

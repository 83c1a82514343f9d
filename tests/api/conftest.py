"""An API over real data on a clock that stands at NOW."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests import installation
from truecast.api.app import create_app
from truecast.kit.clock import FixedClock
from truecast.services import Services
from truecast.wiring import Role, build


@pytest.fixture
async def services(made_installation: Path, tmp_path: Path) -> AsyncIterator[Services]:
    """The services of a process that only answers, over a copy of the installation."""
    folder = installation.copy(made_installation, tmp_path / "data")
    services = build(installation.settings_in(folder), Role.SERVE, clock=FixedClock(installation.NOW))
    services.loading.ready = True
    yield services
    await services.background.close()


@pytest.fixture
async def client(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    """Speaks to the app without a network. Whatever fails inside must come out as an answer, never as an exception."""
    transport = httpx.ASGITransport(app=create_app(services))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client

"""An API over real data on a clock that stands at NOW."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests import installation
from truecast.api.app import create_app
from truecast.kit.clock import FixedClock
from truecast.kit.settings import Settings
from truecast.services import Services
from truecast.wiring import Role, build


@pytest.fixture
def settings(made_installation: Path, tmp_path: Path) -> Settings:
    """Over a copy of the installation. A test file that needs others says so in a fixture of the same name."""
    return installation.settings_in(installation.copy(made_installation, tmp_path / "data"))


@pytest.fixture
async def services(settings: Settings) -> AsyncIterator[Services]:
    """The services of a process that only answers."""
    services = build(settings, Role.SERVE, clock=FixedClock(installation.NOW))
    services.loading.ready = True
    yield services
    await services.background.close()


@pytest.fixture
async def client(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    """Speaks to the app without a network. Whatever fails inside must come out as an answer, never as an exception."""
    transport = httpx.ASGITransport(app=create_app(services))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


@pytest.fixture
def rates() -> dict[str, int]:
    """The limits of a server that wants keys. A test file that needs others says so in a fixture of the same name."""
    return {"prices": 3, "failed": 4}


@pytest.fixture
async def guarded(settings: Settings, rates: dict[str, int]) -> AsyncIterator[Services]:
    """A server that wants keys, behind a proxy on this machine."""
    changes = {"require_keys": True, "rate_limits": rates, "trusted_proxies": ("127.0.0.1",)}
    services = build(settings.model_copy(update=changes), Role.SERVE, clock=FixedClock(installation.NOW))
    services.loading.ready = True
    yield services
    await services.background.close()


@pytest.fixture
async def stranger(guarded: Services) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody without a key."""
    transport = httpx.ASGITransport(app=create_app(guarded))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client

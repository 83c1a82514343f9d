"""Servers for the client: the app without a network, and on a real socket."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.api.conftest import services, settings
from tests.api.stream_house import House, open_house
from truecast.api.app import create_app
from truecast.client import AsyncClient, Client
from truecast.services import Services

__all__ = ["services", "settings"]


@pytest.fixture
async def asking(services: Services) -> AsyncIterator[AsyncClient]:
    """A client of the app, without a network."""
    transport = httpx.ASGITransport(app=create_app(services))
    async with AsyncClient("http://127.0.0.1", transport=transport) as client:
        yield client


@pytest.fixture
async def house(services: Services) -> AsyncIterator[House]:
    """A server on a real socket, in the loop of the test."""
    async with open_house(services) as house:
        yield house


@pytest.fixture
def blocking(house: House) -> Client:
    """A client that blocks: to be called in a thread, since the server runs in the loop of the test."""
    return Client(house.http)

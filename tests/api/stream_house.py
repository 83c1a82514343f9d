"""A server with streams on a real socket, in the test's own loop, and clients that note what they hear."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx
import uvicorn
from websockets.asyncio.client import ClientConnection, connect

from truecast.api.app import create_app
from truecast.commands.listen import config_of
from truecast.services import Services

WAIT_S = 30.0


class House:
    """The server. `publish` goes through its bus, as ingest and ledger do."""

    def __init__(self, services: Services, port: int, app: Any) -> None:
        self.services = services
        self.bus = services.bus
        self.port = port
        self.app = app
        self.hub = app.state.streams.hub
        self.url = f"ws://127.0.0.1:{port}/api/v1/stream/ws"
        self.http = f"http://127.0.0.1:{port}"

    @contextlib.asynccontextmanager
    async def client(self, **given: Any) -> AsyncIterator["Client"]:
        """A WebSocket client that has been welcomed."""
        async with connect(self.url, compression=None, ping_interval=None, **given) as socket_:
            client = Client(socket_)
            client.welcome = await client.next()
            yield client

    async def publish(self, topic: str, **data: Any) -> None:
        await self.bus.publish(topic, data)


class Client:
    """Speaks JSON."""

    def __init__(self, socket_: ClientConnection) -> None:
        self.socket = socket_
        self.welcome: dict[str, Any] = {}

    async def say(self, **said: Any) -> None:
        await self.socket.send(json.dumps(said))

    async def next(self) -> dict[str, Any]:
        """The next message that is no heartbeat."""
        async with asyncio.timeout(WAIT_S):
            while True:
                said: dict[str, Any] = json.loads(await self.socket.recv())
                if said.get("event") != "heartbeat":
                    return said

    async def messages(self, n: int) -> list[dict[str, Any]]:
        return [await self.next() for _ in range(n)]

    async def ask(self, **said: Any) -> dict[str, Any]:
        await self.say(**said)
        return await self.next()

    async def subscribe(self, *topics: str, **more: Any) -> dict[str, Any]:
        return await self.ask(action="subscribe", topics=list(topics), **more)


@contextlib.asynccontextmanager
async def open_house(services: Services, *, ping_s: float | None = None) -> AsyncIterator[House]:
    """Until the end of the block. `ping_s`: how often it looks whether a WebSocket is still there."""
    app = create_app(services)
    config = config_of(app)
    config.lifespan = "off"  # the services are ready, and run no jobs
    if ping_s is not None:
        config.ws_ping_interval = config.ws_ping_timeout = ping_s
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(256)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            await asyncio.sleep(0.01)
        house = House(services, listener.getsockname()[1], app)
        try:
            yield house
        finally:
            await app.state.streams.close()
            server.should_exit = True
            await running


async def post(house: House, path: str, **body: Any) -> httpx.Response:
    async with httpx.AsyncClient(base_url=house.http) as client:
        return await client.post(f"/api/v1{path}", json=body or None)

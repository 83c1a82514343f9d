"""Facts about the WebSocket client: every end of a connection has a type, and none repeats a key."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.servers import free_port
from tests.wire import Fault, WireServer, wire_server
from truecast.kit.ws import Socket, SocketClosed, SocketRefused, SocketUnreachable, connect


@pytest.fixture
async def wire() -> AsyncIterator[WireServer]:
    async with wire_server() as running:
        yield running


async def to_the_end(socket: Socket) -> None:
    while True:
        await socket.receive()


async def test_speaks_and_ends(wire: WireServer) -> None:
    async with asyncio.timeout(10):
        socket = await connect(wire.ws_url("binance", "/ws"))
        await socket.send("hello")
        while wire.heard("binance") != [b"hello"]:
            await asyncio.sleep(0.01)
        await socket.close()
        await socket.close()
        with pytest.raises(SocketClosed):
            await socket.send("again")
        with pytest.raises(SocketClosed):
            await to_the_end(socket)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(status=403, html=True), SocketRefused),
        (Fault(html=True), SocketRefused),
        (Fault(reset=True), SocketUnreachable),
        (Fault(hang=True), SocketUnreachable),
        (Fault(status=302), SocketRefused),  # redirects are not followed
    ],
)
async def test_a_handshake_that_fails_has_a_type(wire: WireServer, fault: Fault, error: type[Exception]) -> None:
    wire.misbehave("binance", fault)
    with pytest.raises(error) as raised:
        await connect(wire.ws_url("binance", "/ws?token=TOPSECRET"), open_s_max=0.5)
    assert "TOPSECRET" not in str(raised.value)


async def test_how_long_to_wait_is_told(wire: WireServer) -> None:
    wire.misbehave("binance", Fault(status=429, retry_after_s=7))
    with pytest.raises(SocketRefused) as raised:
        await connect(wire.ws_url("binance", "/ws"))
    assert (raised.value.answered, raised.value.retry_after_s) == (429, 7.0)


@pytest.mark.parametrize("url", ["ws://127.0.0.1:{port}/x", "ws://nowhere.invalid/", "http://127.0.0.1/", "nonsense"])
async def test_nobody_there(url: str) -> None:
    with pytest.raises(SocketUnreachable):
        await connect(url.format(port=free_port()), open_s_max=2)

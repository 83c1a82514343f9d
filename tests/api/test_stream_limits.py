"""What no client may cost: subscriptions by the thousand, answers nobody takes, connections nobody is behind."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.api.stream_house import WAIT_S, House, open_house
from tests.api.test_stream_chaos import handshake
from tests.api.test_stream_socketio import client_of
from truecast.api import stream_hub
from truecast.api.stream_protocol import Filter
from truecast.commands.listen import config_of
from truecast.kit.limits import (
    STREAM_INBOUND_BURST,
    STREAM_MESSAGE_BYTES_MAX,
    STREAM_QUEUE_BYTES_MAX,
    STREAM_SILENT_S_MAX,
    STREAM_SUBSCRIPTIONS_MAX,
)
from truecast.services import Services

BIG = "x" * 20_000


class EverySymbol:
    """Every topic exists, and much is known of it."""

    async def resolve(self, topics: Sequence[str]) -> Mapping[str, str]:
        return {topic: topic for topic in topics}

    async def of(self, _topic: str, _wanted: Filter) -> Mapping[str, Any]:
        return {"big": BIG}


@pytest.fixture
async def house(services: Services) -> AsyncIterator[House]:
    async with open_house(services) as house:
        yield house


async def test_of_ten_thousand_subscriptions_a_connection_gets_its_share(house: House) -> None:
    house.hub._snapshots = EverySymbol()
    async with house.client() as client, client_of(house) as other:
        codes = []
        for part in range(40):
            topics = [f"quotes:S{part * 250 + i}" for i in range(250)]
            codes.append((await client.subscribe(*topics, snapshot=False)).get("code"))
        assert codes == [None] + ["too_many_subscriptions"] * 39
        assert len(house.hub._topics) == 250
        six = [f"quotes:T{i}" for i in range(STREAM_SUBSCRIPTIONS_MAX - 250)]
        assert len((await client.subscribe(*six, snapshot=False))["topics"]) == 6
        assert (await client.subscribe("health"))["code"] == "too_many_subscriptions"
        assert (await client.subscribe("quotes:S1", snapshot=False))["topics"], "what one has may be asked for again"
        pairs = {"currency_pairs": [f"S{i}" for i in range(10_000)]}
        with pytest.raises(ConnectionClosed):  # so long a message is none
            await other.emit("subscribe_rates", pairs)
    assert house.hub.count() == 0


async def test_who_takes_no_answers_is_not_listened_to(house: House) -> None:
    """Snapshots by the hundred are not made for a client that reads none of them."""
    house.hub._snapshots = EverySymbol()
    topics = [f"scores:S{i}" for i in range(60)]
    async with connect(house.url, compression=None, ping_interval=None) as socket_:
        await socket_.recv()
        (connection,) = house.hub._connections
        socket_.transport.pause_reading()
        for _ in range(12):
            await socket_.send(json.dumps({"action": "subscribe", "topics": topics}))
        async with asyncio.timeout(WAIT_S):
            while connection.has_room and not connection.closed:
                await asyncio.sleep(0.01)
        one_answer = len(topics) * (len(BIG) + 500)
        for _ in range(20):
            await asyncio.sleep(0.01)
            assert connection.outlet.buffered() < STREAM_QUEUE_BYTES_MAX + 2 * one_answer
        socket_.transport.resume_reading()
        answers = 0
        async with asyncio.timeout(WAIT_S):
            while answers < 12:
                answers += json.loads(await socket_.recv()).get("event") == "subscribed"


async def test_messages_have_64_kib_in_every_skin(house: House) -> None:
    long = "x" * (STREAM_MESSAGE_BYTES_MAX + 1)
    async with client_of(house) as client:
        await client._socket.send(f'42["subscribe",{{"symbol":"{long}"}}]')
        with pytest.raises(ConnectionClosed) as closed:
            await client.until("nothing more")
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009
    async with httpx.AsyncClient(base_url=house.http, timeout=WAIT_S) as http:
        path = "/socket.io/?EIO=4&transport=polling"
        sid = json.loads((await http.get(path)).text[1:])["sid"]
        assert (await http.post(f"{path}&sid={sid}", content=f"4{long}")).status_code == 400
        answer = await http.get(f"/api/v1/stream/sse?topics={long[:20_000]}")
        assert (answer.status_code, answer.json()["code"]) == (422, "malformed_request")


async def test_who_says_too_much_over_socketio_is_sent_away_with_a_code(house: House) -> None:
    async with client_of(house) as noisy, client_of(house) as other:
        for _ in range(2 * STREAM_INBOUND_BURST):
            await noisy._socket.send('42["unsubscribe",{"type":"all"}]')
        assert (await noisy.until("error"))["code"] == "stream_rate_exceeded"
        with pytest.raises(ConnectionClosed):
            await noisy.until("nothing more")
        assert (await other.emit("unsubscribe", {"type": "all"}))["ok"]


async def test_a_websocket_that_answers_no_pings_is_given_up(services: Services) -> None:
    assert config_of(services).ws_ping_interval == config_of(services).ws_ping_timeout == 20  # type: ignore[arg-type]
    async with open_house(services, ping_s=0.3) as house:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        writer.write(handshake(house.port))
        async with asyncio.timeout(WAIT_S):
            while house.hub.count() == 0:
                await asyncio.sleep(0.01)
            said = await reader.read()  # until the server closes
            while house.hub.count():
                await asyncio.sleep(0.01)
        writer.close()
    assert b"\x89" in said, "it was asked"


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux has it")
async def test_who_acknowledges_nothing_is_given_up_by_the_network(house: House) -> None:
    """Nobody answers pings over server-sent events: there it is the kernel that notices."""
    async with (
        httpx.AsyncClient(base_url=house.http) as http,
        http.stream("GET", "/api/v1/stream/sse?topics=health"),
        house.client(),
    ):
        assert len(house.hub._connections) == 2
        for connection in house.hub._connections:
            sock = connection.outlet._transport.get_extra_info("socket")
            waits_ms = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            assert waits_ms == STREAM_SILENT_S_MAX * 1_000


class ImpatientProxy:
    """Keeps what comes until it is much, or for a while, and ends who says nothing for `idle_s`."""

    def __init__(self, port: int, idle_s: float) -> None:
        self._upstream, self._idle_s = port, idle_s

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        up_writer.write(await reader.readuntil(b"\r\n\r\n"))
        try:
            while data := await asyncio.wait_for(up_reader.read(4_096), self._idle_s):
                await asyncio.sleep(0.05)
                writer.write(data)
        except TimeoutError:
            pass
        writer.transport.abort()
        up_writer.transport.abort()


@asynccontextmanager
async def impatient(port: int, idle_s: float) -> AsyncIterator[str]:
    server = await asyncio.start_server(ImpatientProxy(port, idle_s).serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@pytest.mark.parametrize(("beat_s", "lives"), [(0.5, True), (100.0, False)])
async def test_comments_keep_an_event_stream_alive_behind_a_proxy(
    services: Services, monkeypatch: pytest.MonkeyPatch, beat_s: float, *, lives: bool
) -> None:
    monkeypatch.setattr(stream_hub, "STREAM_HEARTBEAT_S", beat_s)
    monkeypatch.setattr(stream_hub, "STREAM_SLOW_S_MAX", 1.4)
    comments, ended = 0, False
    async with (
        open_house(services) as house,
        impatient(house.port, 3.0) as url,
        httpx.AsyncClient(base_url=url, timeout=WAIT_S) as http,
        http.stream("GET", "/api/v1/stream/sse?topics=scores:SPY") as answer,
    ):
        assert answer.headers["x-accel-buffering"] == "no"
        assert answer.headers["cache-control"] == "no-store"
        try:
            async for line in answer.aiter_lines():
                comments += line.startswith(": 20")
                if comments == 5:
                    break
        except (httpx.RemoteProtocolError, httpx.ReadError):
            ended = True
    assert (comments == 5, ended) == (lives, not lives)

"""Streams under what goes wrong: cut connections, clients that never read, nonsense by the thousand."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed

from tests.api.fault_proxy import fault_proxy
from tests.api.stream_chaos import SKINS, Report, caught_up
from tests.api.stream_house import WAIT_S, House, open_house
from truecast.kit.limits import STREAM_SLOW_S_MAX
from truecast.services import Services

TOPICS = ("candles:EUR-USD:1d", "scores:SPY", "forecasts:SPY")


@pytest.fixture
async def house(services: Services) -> AsyncIterator[House]:
    async with open_house(services) as house:
        yield house


async def test_cut_connections_lose_nothing_in_silence_and_hear_nothing_twice(house: House) -> None:
    """benchmarks/stream.py does the same with 1,000 clients for minutes."""
    report, rounds = Report(), 150
    async with fault_proxy(house.port, generator=np.random.default_rng(11), life_s=0.6) as proxy:
        followers = [SKINS[i % 3](i, TOPICS, report) for i in range(25)]
        tasks = [asyncio.create_task(one.run(proxy.port)) for one in followers]
        async with asyncio.timeout(WAIT_S):
            while len([places for places in report.places.values() if len(places) == len(TOPICS)]) < 25:
                await asyncio.sleep(0.05)
        for i in range(rounds):
            for topic in TOPICS:
                await house.publish(topic, i=i, model="naive", interval="1d")
            await asyncio.sleep(0.02)
        await caught_up(report, dict.fromkeys(TOPICS, rounds), WAIT_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert (report.gaps, report.duplicates) == (0, 0)
    assert proxy.cut > 25
    assert report.recovered > 25
    assert report.messages <= 25 * rounds * len(TOPICS)


async def test_a_client_that_never_reads_is_closed_and_the_others_hear_everything(house: House) -> None:
    big = "x" * 20_000
    async with house.client() as other:
        await other.subscribe("scores:SPY")
        with socket.socket() as raw:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            raw.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(raw, ("127.0.0.1", house.port))
            await loop.sock_sendall(raw, handshake(house.port))
            while b"welcome" not in await loop.sock_recv(raw, 4096):
                pass
            await loop.sock_sendall(raw, masked('{"action":"subscribe","topics":["scores:SPY"]}'))
            async with asyncio.timeout(WAIT_S):
                while house.hub._topics["scores:SPY"].users < 2:
                    await asyncio.sleep(0.01)
                while not house.hub._slow:
                    await house.publish("scores:SPY", big=big)
                    await other.next()
                (slow,) = house.hub._slow
                assert slow.outlet.buffered() < 320_000  # bounded
                while house.hub.count() > 1:
                    await house.publish("scores:SPY", big=big)
                    assert (await other.next())["data"]["big"] == big
                    await asyncio.sleep(STREAM_SLOW_S_MAX / 20)
        assert slow.closed
        assert (await other.ask(action="ping"))["event"] == "pong"


async def test_a_client_without_room_gets_the_latest_price_and_is_told_what_it_was_spared(house: House) -> None:
    async with house.client() as client:
        (topic,) = (await client.subscribe("quotes:SPY", "scores:SPY", snapshot=False))["topics"][:1]
        connection = next(iter(house.hub._connections))
        await house.publish("quotes:SPY", i=0)
        house.hub.paused(connection)
        for i in range(1, 10):
            await house.publish("quotes:SPY", i=i)
            await house.publish("scores:SPY", i=i)
        house.hub.resumed(connection)
        heard = await client.messages(12)
        assert [m["data"]["i"] for m in heard if m["topic"] == "scores:SPY"] == list(range(1, 10))
        prices = [m for m in heard if m["topic"] == "quotes:SPY"]
        assert [m.get("data", m.get("skipped")) for m in prices] == [{"i": 0}, 8, {"i": 9}]
        assert topic["epoch"] == prices[-1]["epoch"]
        await house.publish("quotes:SPY", i=10)
        assert (await client.next())["data"]["i"] == 10


async def test_a_slow_client_whose_messages_are_gone_is_sent_away_with_a_code(house: House) -> None:
    async with house.client() as client:
        await client.subscribe("scores:SPY")
        connection = next(iter(house.hub._connections))
        house.hub.paused(connection)
        for i in range(300):
            await house.publish("scores:SPY", i=i)
        house.hub.resumed(connection)
        said = await client.next()
        assert (said["event"], said["code"]) == ("closing", "slow_consumer")
        with pytest.raises(ConnectionClosed) as closed:
            await client.next()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4008


def handshake(port: int) -> bytes:
    lines = [
        "GET /api/v1/stream/ws HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def masked(text: str) -> bytes:
    """A frame of a client, under a mask of zeros."""
    payload = text.encode()
    assert json.loads(payload)
    assert len(payload) < 126
    return bytes([0x81, 0x80 | len(payload), 0, 0, 0, 0]) + payload

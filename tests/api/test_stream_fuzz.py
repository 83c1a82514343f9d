"""Ten thousand malformed messages over all three skins: answered or closed with a code, and nobody else notices."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.api.stream_house import WAIT_S, House, open_house
from tests.api.test_stream_chaos import handshake, masked
from tests.api.test_stream_socketio import client_of
from tests.api.test_stream_ws import BAD
from truecast.api import stream_connection
from truecast.api.stream_protocol import Ping, Subscribe, Unsubscribe, parse
from truecast.kit.errors import TruecastError
from truecast.services import Services

SEEDS = [text for text, _ in BAD if len(text) < 1_000] + [
    '{"action": "subscribe", "topics": ["scores:SPY"], "since": {"scores:SPY": ["e", 1]}, "snapshot": false}',
    '{"action": "subscribe", "topics": ["quotes:SPY"], "interval_s": 0.5, "id": 7}',
    '{"action": "subscribe", "topics": ["forecasts:SPY"], "filter": {"model": "naive", "interval": "1d"}}',
    '{"action": "unsubscribe", "topics": ["scores:SPY"]}',
    '{"action": "ping", "id": "x"}',
]
PACKETS = [
    '42["subscribe",{"symbol":"SPY"}]',
    '421["subscribe_rates",{"currency_pairs":["EUR_USD"],"interval":5}]',
    '42["subscribe_predictions",{"currency_pair":"EUR-USD","model_type":"naive","interval":60}]',
    '427["unsubscribe",{"type":"all"}]',
    '42["subscribe",{"topics":["scores:SPY"],"since":{"scores:SPY":["e",1]}}]',
    '451-["subscribe",{"_placeholder":true,"num":0}]',
    "40/other,",
    '40{"ticket":"x"}',
    "41",
    "3",
    "2probe",
    "6",
]
QUERIES = [
    "topics=scores:SPY,health&snapshot=false",
    "topics=quotes:EUR-USD&interval_s=0.5",
    "topics=forecasts:SPY&model=naive&interval=1d",
    "topics=health&ticket=none",
]


@pytest.fixture
async def house(services: Services, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """A server that is patient with those who say much: here every message is to be looked at."""
    monkeypatch.setattr(stream_connection, "STREAM_INBOUND_BURST", 10**9)
    async with open_house(services) as house:
        yield house


@asynccontextmanager
async def undisturbed(house: House) -> AsyncIterator[None]:
    """Somebody else listens meanwhile, and hears every message in its order."""
    async with house.client() as client:
        await client.subscribe("scores:AAPL", snapshot=False)
        done, heard = asyncio.Event(), list[int]()

        async def listen() -> None:
            while not done.is_set() or len(heard) < 10:
                await house.publish("scores:AAPL", i=0)
                heard.append((await client.next())["offset"])
                await asyncio.sleep(0.01)

        listening = asyncio.create_task(listen())
        yield
        done.set()
        await listening
        assert heard == list(range(1, len(heard) + 1))
        assert (await client.ask(action="ping"))["event"] == "pong"


def mutated(seeds: Sequence[str], generator: np.random.Generator) -> bytes:
    text = bytearray(seeds[int(generator.integers(len(seeds)))].encode() or b"{}")
    for _ in range(int(generator.integers(1, 6))):
        at = int(generator.integers(len(text)))
        match int(generator.integers(4)):
            case 0:
                text[at] = int(generator.integers(256))
            case 1:
                text[at:at] = bytes(generator.integers(32, 127, 8, np.uint8))
            case 2:
                del text[at : at + int(generator.integers(1, 9))]
                text = text or bytearray(b"{")
            case _:
                text += text[:at]
    return bytes(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(["action", "topics", "since", "filter", "interval_s", "snapshot", "id", "model", "x"])
ACTIONS = st.sampled_from(["subscribe", "unsubscribe", "ping"])


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(said=st.dictionaries(FIELDS, JSON, max_size=6), action=ACTIONS)
def test_whatever_is_said_is_understood_or_a_typed_error(said: dict[str, object], action: str) -> None:
    for plain in (said, {**said, "action": action}, {**said, "action": action, "topics": ["health"]}):
        with suppress(TruecastError):
            assert isinstance(parse(json.dumps(plain)), Subscribe | Unsubscribe | Ping)


async def test_seven_thousand_messages_over_websockets_are_each_answered(house: House) -> None:
    generator, left = np.random.default_rng(5), 7_000
    async with undisturbed(house):
        while left:
            async with house.client() as client:
                for _ in range(min(left, 500)):
                    text = mutated(SEEDS, generator).decode(errors="replace")
                    await client.socket.send(text.encode() if generator.random() < 0.05 else text)
                await client.say(action="ping", id="the last")
                answers, last = 0, {}
                while last != {"event": "pong", "id": "the last"}:
                    last = await client.next()
                    answers += last.get("event") in ("error", "subscribed", "unsubscribed", "pong")
                assert answers == min(left, 500) + 1
                left -= min(left, 500)


async def test_three_thousand_packets_over_socketio_harm_nobody(house: House) -> None:
    """A packet that is none ends the connection that sent it, as its library has it."""
    generator, left = np.random.default_rng(6), 3_000
    async with undisturbed(house), client_of(house) as other:
        while left:
            async with client_of(house) as client:
                with suppress(ConnectionClosed):
                    while left:
                        await client._socket.send(mutated(PACKETS, generator).decode(errors="replace"))
                        left -= 1
                        if left % 25 == 0:
                            await client._socket.send("42" + json.dumps(["nothing of the kind", {}]))
                            await client.until("error")  # which may be one of those before
        assert (await other.emit("subscribe", {"symbol": "SPY"}))["ok"]


async def test_two_hundred_queries_of_sse_are_refused_or_answered(house: House) -> None:
    generator = np.random.default_rng(7)
    seen: set[int] = set()
    async with undisturbed(house), httpx.AsyncClient(base_url=house.http, timeout=WAIT_S) as http:
        for i in range(200):
            query = mutated(QUERIES, generator).decode(errors="replace")
            last = mutated(["019a0000:12"], generator).decode(errors="replace").encode("ascii", "ignore")
            headers = {} if i % 2 else {"Last-Event-ID": bytes(c for c in last if 32 <= c < 127)}
            async with http.stream("GET", "/api/v1/stream/sse", params=query, headers=headers) as answer:
                seen.add(answer.status_code)
                if answer.status_code != 200:
                    assert json.loads(await answer.aread())["code"], query
    assert {200, 422, 404} <= seen <= {200, 401, 404, 409, 422, 501}


async def test_frames_that_are_none_close_the_connection_and_no_other(house: House) -> None:
    """Wrong opcodes, reserved bits, no mask, lengths that lie, a control frame in parts, text that is not UTF-8."""
    generator, closed = np.random.default_rng(8), 0
    good = masked('{"action":"ping"}')
    frames = [
        b"\x83\x80\0\0\0\0",
        b"\xf1\x80\0\0\0\0",
        b"\x81\x05hello",
        b"\x81\xff" + b"\xff" * 8,
        b"\x09\x80\0\0\0\0",
    ]
    frames += [b"\x81\x82\0\0\0\0\xc3\x28", b"\x88\x81\0\0\0\0\x01", good[:3]]
    async with undisturbed(house):
        for i in range(150):
            reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
            writer.write(handshake(house.port))
            await reader.readuntil(b"\r\n\r\n")
            raw = bytearray(frames[i % len(frames)] + good)
            if i >= len(frames):
                raw[int(generator.integers(len(raw)))] = int(generator.integers(256))
            writer.write(bytes(raw))
            writer.write_eof()
            with suppress(OSError):
                async with asyncio.timeout(WAIT_S):
                    await reader.read()
                    closed += 1
            writer.transport.abort()
    assert closed > 100


async def test_pings_of_a_client_that_reads_no_pongs_do_not_pile_up(house: House) -> None:
    async with connect(house.url, compression=None, ping_interval=None) as socket_:
        await socket_.recv()
        (connection,) = house.hub._connections
        socket_.transport.pause_reading()
        ping = b"\x89\xfd\0\0\0\0" + b"x" * 125
        for _ in range(400):
            socket_.transport.write(ping * 200)
            await asyncio.sleep(0)
            if not connection.has_room:
                break
        for _ in range(100):
            socket_.transport.write(ping * 200)
            await asyncio.sleep(0)
        assert connection.outlet.buffered() < 600_000
        socket_.transport.abort()

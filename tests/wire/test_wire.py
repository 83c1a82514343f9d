"""The recorded providers: every file is served byte for byte, and misbehaves when told to."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator

import httpx
import pytest
import websockets

from tests.wire import HTML, Fault, Recorded, WireServer, recorded, recorded_folders, wire_server
from tests.wire.dialogue import Capture, steps
from tests.wire.index import FOLDER, match

EVERY = [one for folder in recorded_folders() for one in recorded(folder)]
SPOKEN = [one for one in EVERY if one.method in {"GET", "POST"}]
DIALOGUES = [one for one in EVERY if one.file.endswith(".ws.jsonl")]


def named(one: Recorded) -> str:
    return f"{one.provider}/{one.file}"


@pytest.fixture
async def wire() -> AsyncIterator[WireServer]:
    async with wire_server() as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=5) as client:
        yield client


def test_no_recording_is_without_an_index_and_no_index_without_a_recording() -> None:
    for folder in recorded_folders():
        files = {path.name for path in (FOLDER / folder).iterdir()} - {"_index.json"}
        assert files == {one.file for one in recorded(folder)}


@pytest.mark.parametrize("one", [one for one in EVERY if not one.file.endswith(".ws.jsonl")], ids=named)
async def test_every_file_is_served_on_command_byte_for_byte(
    wire: WireServer, http: httpx.AsyncClient, one: Recorded
) -> None:
    wire.misbehave(one.provider, Fault(file=one.file))
    answer = await http.get(f"{wire.base_url(one.provider)}/anything")
    assert (answer.status_code, answer.content) == (one.status, one.body if one.status != 304 else b"")
    assert all(answer.headers[name] == value for name, value in one.headers.items())
    by_hand = await http.get(f"http://{wire.root}/_wire/{one.provider}/{one.file}")
    assert by_hand.content == answer.content


def test_most_files_are_the_answer_to_their_own_request() -> None:
    """The rest is described in words ("any", "bad key"), or asked exactly as another one is."""
    own = [one for one in SPOKEN if match(one.provider, one.method, one.path, one.query) == one]
    assert len(own) >= 0.9 * len(SPOKEN), [named(one) for one in SPOKEN if one not in own]


@pytest.mark.parametrize("one", DIALOGUES, ids=named)
async def test_every_dialogue_is_played_frame_by_frame(wire: WireServer, one: Recorded) -> None:
    wire.misbehave(one.provider, Fault(file=one.file), times=1)
    dialogue = steps(one)
    async with websockets.connect(wire.ws_url(one.provider)) as socket:
        for step in dialogue:
            if step.server and step.frame in {"text", "binary"}:
                said = await asyncio.wait_for(socket.recv(), 5)
                assert (said.encode() if isinstance(said, str) else said) == step.data
            elif not step.server and step.frame == "text":
                await socket.send(step.data.decode())
    assert wire.heard(one.provider) == [step.data for step in dialogue if not step.server and step.frame == "text"]


async def test_a_request_gets_the_recording_with_the_same_path_and_no_contradiction(
    wire: WireServer, http: httpx.AsyncClient
) -> None:
    url = f"{wire.base_url('binance')}/api/v3/klines"
    hours = await http.get(url, params={"symbol": "BTCUSDT", "interval": "1h", "limit": "1000", "startTime": "1"})
    assert hours.content == (FOLDER / "binance" / "klines_1h_gap.json").read_bytes()
    nope = await http.get(url, params={"symbol": "NOPE", "interval": "1m"})
    assert (nope.status_code, nope.json()["code"]) == (400, -1121)
    assert (await http.get(url, params={"symbol": "XYZUSDT", "interval": "1h"})).status_code == 404
    assert wire.paths("binance")[1] == "/api/v3/klines?symbol=NOPE&interval=1m"


class TestMisbehaviour:
    async def test_latency(self, wire: WireServer, http: httpx.AsyncClient) -> None:
        wire.misbehave("kraken", Fault(latency_s=0.1))
        began = time.monotonic()
        assert (await http.get(f"{wire.base_url('kraken')}/0/public/Time")).status_code == 200
        assert time.monotonic() - began >= 0.1

    async def test_hang_and_only_as_often_as_said(self, wire: WireServer, http: httpx.AsyncClient) -> None:
        wire.misbehave("kraken", Fault(hang=True), times=1)
        url = f"{wire.base_url('kraken')}/0/public/Time"
        with pytest.raises(httpx.ReadTimeout):
            await http.get(url, timeout=0.1)
        assert (await http.get(url)).status_code == 200

    async def test_reset(self, wire: WireServer, http: httpx.AsyncClient) -> None:
        wire.misbehave("kraken", Fault(reset=True, path="Time"))
        with pytest.raises(httpx.TransportError):
            await http.get(f"{wire.base_url('kraken')}/0/public/Time")
        assert (await http.get(f"{wire.base_url('kraken')}/0/public/SystemStatus")).status_code == 200

    async def test_slices_arrive_whole(self, wire: WireServer, http: httpx.AsyncClient) -> None:
        wire.misbehave("kraken", Fault(slice_bytes=7))
        answer = await http.get(f"{wire.base_url('kraken')}/0/public/Time")
        assert answer.content == (FOLDER / "kraken" / "Time.json").read_bytes()

    @pytest.mark.parametrize("slice_bytes", [0, 7])
    async def test_truncate(self, wire: WireServer, http: httpx.AsyncClient, slice_bytes: int) -> None:
        wire.misbehave("kraken", Fault(truncate=True, slice_bytes=slice_bytes))
        with pytest.raises(httpx.RemoteProtocolError):
            await http.get(f"{wire.base_url('kraken')}/0/public/Time")

    async def test_429_with_retry_after_wrong_type_and_html(self, wire: WireServer, http: httpx.AsyncClient) -> None:
        url = f"{wire.base_url('kraken')}/0/public/Time"
        wire.misbehave("kraken", Fault(status=429, retry_after_s=33))
        answer = await http.get(url)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "33")
        wire.misbehave("kraken", Fault(content_type="text/html"))
        assert (await http.get(url)).headers["content-type"] == "text/html"
        wire.misbehave("kraken", Fault(html=True))
        answer = await http.get(url)
        assert (answer.status_code, answer.content) == (200, HTML)
        wire.behave("kraken")
        assert (await http.get(url)).json()["result"]["unixtime"] == 1793372667

    async def test_clock_skew_in_every_spelling_of_time(self, wire: WireServer, http: httpx.AsyncClient) -> None:
        wire.misbehave("kraken", Fault(skew_s=60))
        assert (await http.get(f"{wire.base_url('kraken')}/0/public/Time")).json()["result"]["unixtime"] == 1793372727
        wire.misbehave("binance", Fault(skew_s=-60))
        answer = await http.get(f"{wire.base_url('binance')}/api/v3/time")
        assert answer.json() == {"serverTime": 1793372607123}
        wire.misbehave("coinbase", Fault(skew_s=60))
        answer = await http.get(f"{wire.base_url('coinbase')}/products/BTC-USD/ticker")
        assert answer.json()["time"] == "2026-10-30T15:05:26.918273Z"

    async def test_messages_twice_in_disorder_broken_silent_and_cut(self, wire: WireServer) -> None:
        plain = await self._listen(wire, None)
        assert [message["data"]["e"] for message in map(json.loads, plain)] == [
            "kline", "24hrMiniTicker", "trade", "kline", "kline", "serverShutdown",
        ]  # fmt: skip
        assert await self._listen(wire, Fault(duplicate=True)) == [m for m in plain for _ in range(2)]
        assert await self._listen(wire, Fault(reorder=True)) == [plain[i] for i in (1, 0, 2, 4, 3, 5)]
        assert len(await self._listen(wire, Fault(garbage=True))) == 12
        assert await self._listen(wire, Fault(silent=True, after=2)) == plain[:2]
        assert await self._listen(wire, Fault(reset=True, after=3)) == plain[:3]

    async def _listen(self, wire: WireServer, fault: Fault | None) -> list[str]:
        wire.behave("binance")
        if fault is not None:
            wire.misbehave("binance", fault)
        heard: list[str] = []
        async with websockets.connect(wire.ws_url("binance", "/stream?streams=btcusdt@kline_1m")) as socket:
            with contextlib.suppress(TimeoutError, websockets.ConnectionClosed):
                while True:
                    heard.append(str(await asyncio.wait_for(socket.recv(), 0.3)))
        return heard

    async def test_a_websocket_may_be_refused(self, wire: WireServer) -> None:
        wire.misbehave("binance", Fault(status=403, html=True))
        with pytest.raises(websockets.InvalidStatus):
            await websockets.connect(wire.ws_url("binance", "/ws"))

    async def test_a_capture_is_played_at_its_own_speed_or_faster(self, wire: WireServer) -> None:
        wire.play("binance", Capture([(0.0, b"1"), (0.2, b"2"), (0.2, b"3")], speed=4))
        began = time.monotonic()
        async with websockets.connect(wire.ws_url("binance", "/stream")) as socket:
            assert [await socket.recv() for _ in range(3)] == ["1", "2", "3"]
        assert 0.09 <= time.monotonic() - began < 0.39

    async def test_by_hand(self, wire: WireServer, http: httpx.AsyncClient) -> None:
        url = f"{wire.base_url('binance')}/api/v3/ping"
        order = f"http://{wire.root}/_wire/binance/misbehave?status=429&retry_after_s=5&times=1"
        assert (await http.get(order)).json() == {"done": True}
        assert [(await http.get(url)).status_code for _ in range(2)] == [429, 200]
        assert "klines_1m.json" in (await http.get(f"http://{wire.root}/")).json()["binance"]

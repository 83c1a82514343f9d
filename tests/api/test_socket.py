"""Bad input over a real socket, served as `truecast serve` serves: a typed problem or an orderly end, others unaffected."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest

from tests.api.stream_house import House, open_house
from tests.api.test_errors import STANDARD
from truecast.accounts.principal import Scope
from truecast.api import intake
from truecast.kit.limits import REQUEST_BODY_BYTES_MAX, REQUEST_HEAD_BYTES_MAX
from truecast.services import Services

WAIT_S = 60.0
FORECAST = b'{"symbol": "SPY", "interval": "1d", "horizon": 1, "model": "naive"}'


@pytest.fixture
async def house(services: Services) -> AsyncIterator[House]:
    async with open_house(services) as house:
        yield house


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same deadlines, sooner."""
    monkeypatch.setattr(intake, "REQUEST_HEAD_S_MAX", 0.4)
    monkeypatch.setattr(intake, "REQUEST_S_MAX", 0.8)


class Raw:
    """A client that says what it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), WAIT_S)).decode("latin-1").split("\r\n")
        headers = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in head[1:] if line}
        body = await asyncio.wait_for(self.reader.readexactly(int(headers["content-length"])), WAIT_S)
        return int(head[0].split()[1]), headers, body

    async def rest(self) -> bytes:
        """Everything until the server ends the connection."""
        try:
            return await asyncio.wait_for(self.reader.read(), WAIT_S)
        except ConnectionResetError:
            return b""


@asynccontextmanager
async def raw(house: House) -> AsyncIterator[Raw]:
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    try:
        yield Raw(reader, writer)
    finally:
        writer.close()


def head(method: str, path: str, *lines: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *lines, "", ""]).encode("latin-1")


def refused(answer: tuple[int, dict[str, str], bytes], status: int, code: str) -> None:
    found, headers, body = answer
    problem = json.loads(body)
    assert (found, problem["code"], problem["status"]) == (status, code, status)
    assert headers["content-type"] == "application/problem+json"
    assert problem.keys() >= STANDARD and problem["request_id"] == headers["x-request-id"]
    assert b"Traceback" not in body


async def well(house: House) -> None:
    """Others are answered."""
    async with httpx.AsyncClient(base_url=house.http, timeout=WAIT_S) as client:
        assert (await client.get("/api/v1/symbols?limit=1")).status_code == 200


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost 127.0.0.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: many\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    ],
)
async def test_what_is_no_http_is_told_so_and_the_connection_ends(house: House, data: bytes):
    async with raw(house) as client:
        await client.say(data)
        refused(await client.answer(), 400, "malformed_http")
        assert await client.rest() == b""
    await well(house)


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("where", ["header", "address", "headers"])
async def test_a_giant_head_is_refused(house: House, where: str, at_once: bool):
    much = "x" * (REQUEST_HEAD_BYTES_MAX + 1)
    data = {
        "header": head("GET", "/api/v1/info", f"X-Much: {much}"),
        "address": head("GET", f"/api/v1/symbols?query={much}"),
        "headers": head("GET", "/api/v1/info", *(f"X-{i}: {'y' * 80}" for i in range(1_000))),
    }[where]
    async with raw(house) as client:
        step = len(data) if at_once else 8_192
        for first in range(0, len(data), step):
            client.writer.write(data[first : first + step])
            await asyncio.sleep(0)
        refused(await client.answer(), 431, "head_too_large")
        assert await client.rest() == b""
    await well(house)


async def test_giant_bodies_are_refused_declared_or_not(house: House):
    kind = "Content-Type: application/json"
    async with raw(house) as client:
        await client.say(head("POST", "/api/v1/forecasts", kind, f"Content-Length: {REQUEST_BODY_BYTES_MAX + 1}"))
        refused(await client.answer(), 413, "body_too_large")
    async with raw(house) as client:
        await client.say(head("POST", "/api/v1/forecasts", kind, "Transfer-Encoding: chunked"))
        chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
        for _ in range(REQUEST_BODY_BYTES_MAX // 65_536 + 1):
            client.writer.write(chunk)
        refused(await client.answer(), 413, "body_too_large")
    await well(house)


async def test_a_slow_head_is_ended_and_others_do_not_notice(house: House, hurried: None):
    async with raw(house) as slow, raw(house) as silent, raw(house) as quick:
        await slow.say(b"GET /api/v1/info HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: ")
        trickle = asyncio.create_task(_drip(slow))
        await quick.say(head("GET", "/api/v1/symbols?limit=1"))
        assert (await quick.answer())[0] == 200
        refused(await slow.answer(), 408, "request_too_slow")
        assert await slow.rest() == b""
        assert await silent.rest() == b"", "who says nothing is told nothing"
        trickle.cancel()
    await well(house)


async def test_a_slow_body_is_ended(house: House, hurried: None):
    async with raw(house) as slow:
        lines = ("Content-Type: application/json", f"Content-Length: {len(FORECAST)}")
        await slow.say(head("POST", "/api/v1/forecasts", *lines) + FORECAST[:10])
        refused(await slow.answer(), 408, "request_too_slow")
        assert await slow.rest() == b""
    await well(house)


async def test_a_second_request_on_a_connection_has_a_deadline_of_its_own(house: House, hurried: None):
    async with raw(house) as client:
        for _ in range(2):
            await client.say(head("GET", "/api/v1/symbols?limit=1"))
            assert (await client.answer())[0] == 200
        await client.say(b"GET /api/v1/symbols")
        refused(await client.answer(), 408, "request_too_slow")
        assert await client.rest() == b""


async def test_who_hangs_up_in_the_middle_leaves_nothing_behind(house: House, caplog: pytest.LogCaptureFixture):
    for said in (b"GET /api", head("POST", "/api/v1/forecasts", "Content-Length: 100") + b"{", b""):
        async with raw(house) as client:
            await client.say(said)
            client.writer.transport.abort()
    async with raw(house) as client:
        await client.say(head("POST", "/api/v1/jobs/resolve/run", "Idempotency-Key: gone"))
        client.writer.transport.abort()
    await well(house)
    assert not [record for record in caplog.records if record.exc_info]


async def test_pipelined_requests_are_answered_in_their_order(house: House):
    async with raw(house) as client:
        body = head("POST", "/api/v1/forecasts", "Content-Type: application/json", f"Content-Length: {len(FORECAST)}")
        await client.say(
            head("GET", "/api/v1/symbols/SPY") + body + FORECAST + head("GET", "/nope") + head("GET", "/health/live")
        )
        answers = [await client.answer() for _ in range(4)]
    assert [status for status, _, _ in answers] == [200, 200, 404, 200]
    assert [json.loads(text).get("symbol") for _, _, text in answers[:2]] == ["SPY", "SPY"]


CANDLES = "/api/v1/prices/SPY/candles?limit=3&start=2020-12-01&end=2020-12-20"


def as_said(answer: tuple[int, dict[str, str], bytes]) -> tuple[int, dict[str, str], bytes]:
    """Without what differs from answer to answer."""
    status, headers, body = answer
    return status, {name: text for name, text in headers.items() if name not in ("x-request-id", "date")}, body


@pytest.mark.parametrize("lines", [(), ("Connection: close",), ("Connection: keep-alive",)])
async def test_a_kept_answer_that_is_sent_in_whole_is_the_one_of_the_long_way(house: House, lines: tuple[str, ...]):
    express, said = house.app.express, []
    for way in (None, express, express):
        house.app.express = way
        async with raw(house) as client:
            await client.say(head("GET", CANDLES, *lines))
            answer = await client.answer()
            said.append(as_said(answer))
            tag = f"If-None-Match: {answer[1]['etag']}"
            if "Connection: close" in lines:
                assert await client.rest() == b"" and answer[1]["connection"] == "close"
                continue
            await client.say(head("GET", CANDLES, tag))
            same = await asyncio.wait_for(client.reader.readuntil(b"\r\n\r\n"), WAIT_S)
            assert same.startswith(b"HTTP/1.1 304 ") and answer[1]["etag"].encode() in same
            await client.say(head("GET", CANDLES))
            assert as_said(await client.answer()) == said[0]
    assert said[0] == said[1] == said[2] and said[0][0] == 200 and "date" in answer[1]


async def test_kept_answers_keep_their_place_among_pipelined_ones(house: House):
    async with raw(house) as client:
        hot, slow = head("GET", CANDLES), head("GET", "/api/v1/symbols/SPY")
        await client.say(hot)
        first = as_said(await client.answer())
        await client.say(hot + slow + hot + hot + slow + hot)
        answers = [as_said(await client.answer()) for _ in range(6)]
    assert [answer == first for answer in answers] == [True, False, True, True, False, True]


async def test_the_same_bytes_are_the_same_request_only_where_they_were_one_and_nothing_else(house: House):
    hot, other = head("GET", CANDLES), head("GET", "/api/v1/symbols/SPY")
    async with raw(house) as client:
        await client.say(hot)
        first = as_said(await client.answer())
        for _ in range(3):
            await client.say(hot)
            assert as_said(await client.answer()) == first
        for _ in range(3):  # two at once stay two
            await client.say(hot + hot)
            assert [as_said(await client.answer()) for _ in range(2)] == [first, first]
        for _ in range(2):  # what was the end of a head is a request of its own when it comes alone
            await client.say(hot[:-2] + b"X-Note: ")
            await asyncio.sleep(0.05)
            await client.say(other)
            assert as_said(await client.answer()) == first
            await client.say(other)
            assert json.loads((await client.answer())[2])["symbol"] == "SPY"
        await client.say(hot[:10])
        await asyncio.sleep(0.05)
        await client.say(hot[10:])
        assert as_said(await client.answer()) == first


async def test_who_asks_all_the_time_is_not_sent_away_and_who_stops_is(house: House):
    async with raw(house) as busy, raw(house) as idle:
        for client in (idle, busy):
            for _ in range(3):
                await client.say(head("GET", CANDLES))
                await client.answer()
        for _ in range(14):
            await busy.say(head("GET", CANDLES))
            await busy.answer()
            await asyncio.sleep(0.5)
        assert await idle.rest() == b""
        await busy.say(head("GET", CANDLES))
        assert (await busy.answer())[0] == 200


async def test_a_revoked_key_is_refused_whatever_was_remembered_of_it(guarded: Services):
    async with open_house(guarded) as house, raw(house) as client:
        info, text = await guarded.keys.create("reader", [Scope.READ], None)
        asked = head("GET", CANDLES, f"Authorization: Bearer {text}")
        for _ in range(3):
            await client.say(asked)
            assert (await client.answer())[0] == 200
        await guarded.keys.revoke(info.id)
        await client.say(asked)
        refused(await client.answer(), 401, "key_refused")


async def test_what_fails_on_the_short_way_goes_the_long_way(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    async with raw(house) as client:
        await client.say(head("GET", CANDLES))
        first = as_said(await client.answer())
        monkeypatch.setattr(type(house.app.express), "answer", broken)
        await client.say(head("GET", CANDLES))
        with caplog.at_level("ERROR"):
            assert as_said(await client.answer()) == first
    assert "short way failed" in caplog.text


async def test_an_old_client_gets_a_kept_answer_and_the_end(house: House):
    async with raw(house) as client:
        for _ in range(2):
            await client.say(head("GET", CANDLES))
            answer = await client.answer()
    async with raw(house) as client:
        await client.say(head("GET", CANDLES).replace(b"HTTP/1.1", b"HTTP/1.0"))
        status, headers, body = await client.answer()
        assert (status, headers["connection"], body) == (200, "close", answer[2])
        assert await client.rest() == b""


@pytest.mark.parametrize(
    ("kind", "body", "status", "code"),
    [
        ("text/plain", FORECAST, 415, "unsupported_media_type"),
        ("application/x-www-form-urlencoded", b"symbol=SPY", 415, "unsupported_media_type"),
        ("", FORECAST, 415, "unsupported_media_type"),
        (
            "application/json",
            FORECAST.replace(b'"horizon": 1', b'"horizon": 1, "horizon": 2'),
            422,
            "malformed_request",
        ),
        ("application/json", FORECAST.replace(b"1,", b'"1",'), 422, "horizon_out_of_range"),
        ("application/json", FORECAST.replace(b"{", b'{"colour": "red", '), 422, "malformed_request"),
        ("application/json", FORECAST.replace(b'"horizon": 1', b'"horizon": Infinity'), 422, "malformed_request"),
        ("application/json", FORECAST.replace(b'"horizon": 1', b'"horizon": 1e999'), 422, "malformed_request"),
        ("application/json", b"[" * 100_000 + b"]" * 100_000, 422, "malformed_request"),
        ("application/json", FORECAST.replace(b"SPY", b"S\xffPY"), 422, "malformed_request"),
        ("application/json", b"", 422, "malformed_request"),
    ],
)
async def test_a_body_that_is_wrong_is_told_how(house: House, kind: str, body: bytes, status: int, code: str):
    async with raw(house) as client:
        lines = [f"Content-Type: {kind}"] if kind else []
        await client.say(head("POST", "/api/v1/forecasts", *lines, f"Content-Length: {len(body)}") + body)
        refused(await client.answer(), status, code)


async def test_wrong_keys_and_forged_addresses_get_nothing(guarded: Services):
    guarded = replace(guarded, settings=guarded.settings.model_copy(update={"trusted_proxies": ()}))
    async with open_house(guarded) as house, httpx.AsyncClient(base_url=house.http, timeout=WAIT_S) as client:
        info, gone = await guarded.keys.create("gone", [Scope.ADMIN], None)
        await guarded.keys.revoke(info.id)
        url = "/api/v1/symbols"
        codes = []
        for i, text in enumerate((gone, "tc_" + "0" * 12 + "_" + "A" * 43, "tc_'; --", "x" * 10_000, gone, gone)):
            # Behind no proxy that we were told of, what the header says of the address counts for nothing.
            forged = {"Authorization": f"Bearer {text}", "X-Forwarded-For": f"198.51.100.{i}, 10.0.0.{i}"}
            codes.append((await client.get(url, headers=forged)).json()["code"])
        assert codes == ["key_refused"] * 4 + ["rate_limited"] * 2


async def _drip(client: Raw) -> None:
    while True:
        await client.say(b"z")
        await asyncio.sleep(0.05)

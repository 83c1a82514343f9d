"""Open streams end within a second when their key is revoked, expires or may no longer read, whoever changed it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import update
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests import installation
from tests.api.stream_house import WAIT_S, Client, House, open_house
from tests.api.test_stream_socketio import client_of
from truecast.accounts.keys import Keys
from truecast.accounts.principal import Scope
from truecast.accounts.tables import api_keys
from truecast.kit.clock import FixedClock
from truecast.kit.db_errors import DatabaseUnavailable
from truecast.kit.limits import STREAM_RIGHTS_S
from truecast.kit.settings import Settings
from truecast.services import Services
from truecast.wiring import Role, build

WITHIN_S = 1.0


@pytest.fixture
def settings(made_installation: Path, tmp_path: Path) -> Settings:
    settings = installation.settings_in(installation.copy(made_installation, tmp_path / "data"))
    return settings.model_copy(update={"require_keys": True})


@pytest.fixture
async def house(services: Services) -> AsyncIterator[House]:
    async with open_house(services) as house:
        yield house


@pytest.fixture
async def elsewhere(settings: Settings) -> AsyncIterator[Services]:
    """Another process over the same database. Nothing tells the first what this one does."""
    services = build(settings, Role.TOOL, clock=FixedClock(installation.NOW))
    yield services
    await services.background.close()


class Listeners:
    """One client of each skin with the same key. `ends` waits until all were told why, and are closed."""

    def __init__(self, ends: list[Callable[[], Awaitable[tuple[str, Any]]]]) -> None:
        self._ends = ends

    async def ends(self) -> list[tuple[str, Any]]:
        async with asyncio.timeout(WAIT_S):
            return list(await asyncio.gather(*(end() for end in self._ends)))


@asynccontextmanager
async def listening(house: House, key: str) -> AsyncIterator[Listeners]:
    headers = {"Authorization": f"Bearer {key}"}
    async with AsyncExitStack() as stack:
        socket_ = await stack.enter_async_context(
            connect(house.url, compression=None, ping_interval=None, additional_headers=headers)
        )
        ws = Client(socket_)
        await ws.next()
        await ws.subscribe("scores:SPY", snapshot=False)
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=house.http, timeout=WAIT_S, headers=headers))
        answer = await stack.enter_async_context(http.stream("GET", "/api/v1/stream/sse?topics=scores:SPY"))
        assert answer.status_code == 200
        sio = await stack.enter_async_context(client_of(house, additional_headers=headers))
        await sio.emit("subscribe", {"topics": ["scores:SPY"], "snapshot": False})

        async def ws_end() -> tuple[str, Any]:
            said = await ws.next()
            assert said["event"] == "closing"
            with pytest.raises(ConnectionClosed) as closed:
                await ws.next()
            assert closed.value.rcvd is not None
            return said["code"], closed.value.rcvd.code

        async def sse_end() -> tuple[str, Any]:
            lines = [line async for line in answer.aiter_lines()]  # ends when the server does
            last = [line for line in lines if line.startswith("data: ")][-1]
            return json.loads(last.removeprefix("data: "))["code"], "event: closing" in lines

        async def sio_end() -> tuple[str, Any]:
            said = await sio.until("error")
            with pytest.raises(ConnectionClosed):
                await sio.until("nothing more")
            return said["code"], True

        yield Listeners([ws_end, sse_end, sio_end])


async def _seconds(work: Awaitable[Any]) -> tuple[Any, float]:
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    return await work, loop.time() - began_s


async def test_a_key_revoked_by_another_process_ends_its_streams_and_no_others(
    house: House, elsewhere: Services
) -> None:
    keys = house.services.keys
    (gone, gone_text), (_, kept_text) = [await keys.create(name, [Scope.READ], None) for name in ("gone", "kept")]
    kept_headers = {"Authorization": f"Bearer {kept_text}"}
    async with listening(house, gone_text) as listeners, house.client(additional_headers=kept_headers) as kept:
        await kept.subscribe("scores:SPY", snapshot=False)
        async with httpx.AsyncClient(base_url=house.http, headers={"Authorization": f"Bearer {gone_text}"}) as http:
            ticket = (await http.post("/api/v1/stream/ticket")).json()["ticket"]
        assert house.hub.count() == 4
        await elsewhere.keys.revoke(gone.id)
        ended, took_s = await _seconds(listeners.ends())
        assert ended == [("key_refused", 4001), ("key_refused", True), ("key_refused", True)]
        assert took_s < WITHIN_S + 4, "the promise is a second; a loaded machine may be late to read it"
        await house.publish("scores:SPY", i=1)
        assert (await kept.next())["data"] == {"i": 1}
        assert house.hub.count() == 1
        with pytest.raises(InvalidStatus) as refused:
            async with house.client(subprotocols=["truecast.v1", f"truecast.ticket.{ticket}"]):
                pass
        assert json.loads(refused.value.response.body)["code"] == "key_refused"


async def test_a_key_that_expires_ends_its_streams(house: House) -> None:
    clock = house.services.clock
    assert isinstance(clock, FixedClock)
    _, text = await house.services.keys.create("short", [Scope.READ], clock.now() + timedelta(minutes=1))
    async with listening(house, text) as listeners:
        clock.advance(timedelta(seconds=61))
        assert {code for code, _ in await listeners.ends()} == {"key_refused"}


async def test_a_key_that_may_no_longer_read_ends_its_streams(house: House, elsewhere: Services) -> None:
    info, text = await house.services.keys.create("demoted", [Scope.READ], None)
    async with listening(house, text) as listeners:
        async with elsewhere.db.write() as conn:
            await conn.execute(update(api_keys).where(api_keys.c.id == info.id).values(scopes="forecast"))
        assert await listeners.ends() == [("scope_missing", 4003), ("scope_missing", True), ("scope_missing", True)]


async def test_keys_that_cannot_be_read_end_no_stream_at_once_but_after_a_while(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    from truecast.api import stream_rights

    _, text = await house.services.keys.create("reader", [Scope.READ], None)
    asked = 0

    async def unreadable(_self: Keys, _known_s: float) -> None:
        nonlocal asked
        asked += 1
        raise DatabaseUnavailable(database="x", reason="away")

    async with listening(house, text) as listeners:
        monkeypatch.setattr(Keys, "_fresh", unreadable)
        async with asyncio.timeout(WAIT_S):
            while asked < 3:
                await asyncio.sleep(STREAM_RIGHTS_S / 5)
        assert house.hub.count() == 3
        monkeypatch.setattr(stream_rights, "STREAM_RIGHTS_UNKNOWN_S_MAX", 0.0)
        assert {code for code, _ in await listeners.ends()} == {"database_unavailable"}


async def test_nothing_looks_at_keys_while_no_key_listens(house: House) -> None:
    _, text = await house.services.keys.create("reader", [Scope.READ], None)
    rights = house.hub._rights
    async with house.client(additional_headers={"Authorization": f"Bearer {text}"}):
        assert rights._watching is not None
    async with asyncio.timeout(WAIT_S):
        while rights._watching is not None:
            await asyncio.sleep(0.05)


async def test_a_page_listens_with_a_ticket_as_subprotocol(house: House) -> None:
    """As a browser does it: it sends its origin, no header of ours, and insists on one of the protocols it named."""
    _, text = await house.services.keys.create("page", [Scope.READ], None)
    origin = {"Origin": house.http}
    async with httpx.AsyncClient(base_url=house.http, headers={"Authorization": f"Bearer {text}"}) as http:
        foreign = await http.post("/api/v1/stream/ticket", headers={"Origin": "https://evil.example"})
        assert (foreign.status_code, foreign.json()["code"]) == (403, "foreign_origin")
        ticket = (await http.post("/api/v1/stream/ticket", json={}, headers=origin)).json()["ticket"]
    offered = ["truecast.v1", f"truecast.ticket.{ticket}"]
    with pytest.raises(InvalidStatus) as refused:
        async with connect(house.url, subprotocols=["truecast.v1"], additional_headers=origin):
            pass
    assert json.loads(refused.value.response.body)["code"] == "key_missing"
    async with house.client(subprotocols=offered, additional_headers=origin) as client:
        assert client.socket.subprotocol == "truecast.v1"
        assert (await client.subscribe("scores:SPY", snapshot=False))["topics"]
        assert house.hub._rights._streams, "a ticket ends with its key"
    with pytest.raises(InvalidStatus) as refused:
        async with house.client(subprotocols=offered, additional_headers=origin):
            pass
    assert json.loads(refused.value.response.body)["code"] == "ticket_invalid"

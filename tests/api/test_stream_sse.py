"""The stream as server-sent events, its snapshot, and tickets."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.api.stream_house import WAIT_S, House, open_house
from truecast.kit.clock import FixedClock, SystemClock
from truecast.services import Services


@pytest.fixture
async def house(services: Services) -> AsyncIterator[House]:
    async with open_house(services) as house:
        yield house


class Events:
    """Reads events as a browser does."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines
        self.id: str | None = None
        self.comments: list[str] = []

    async def next(self) -> tuple[str, dict[str, Any]]:
        name, data = "message", None
        while True:
            line = await asyncio.wait_for(anext(self._lines), WAIT_S)
            field, _, value = line.partition(": ")
            if line.startswith(":"):
                self.comments.append(line)
            elif not line:
                if data is not None:
                    return name, json.loads(data)
            elif field == "id":
                self.id = value
            elif field == "event":
                name = value
            elif field == "data":
                data = value


@asynccontextmanager
async def listening(house: House, query: str, last: str | None = None) -> AsyncIterator[Events]:
    headers = {} if last is None else {"Last-Event-ID": last}
    async with (
        httpx.AsyncClient(base_url=house.http, timeout=WAIT_S) as client,
        client.stream("GET", f"/api/v1/stream/sse?{query}", headers=headers) as answer,
    ):
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["x-accel-buffering"] == "no"
        yield Events(answer.aiter_lines())


async def test_every_message_comes_with_its_place_and_comments_keep_it_alive(house: House) -> None:
    async with listening(house, "topics=quotes:EUR-USD,candles:SPY:1d") as events:
        name, said = await events.next()
        assert name == "subscribed"
        assert [t["topic"] for t in said["topics"]] == ["quotes:EUR-USD", "candles:SPY:1d"]
        assert [(await events.next())[1]["snapshot"] for _ in range(2)] == [True, True]
        await house.publish("candles:SPY:1d", i=1)
        assert (await events.next())[1]["data"] == {"i": 1}
        place = events.id
        await house.publish("quotes:EUR-USD", i=2)
        assert (await events.next())[1]["data"] == {"i": 2}
        assert events.id is not None
        assert place is not None
        assert events.id.split(":")[0] == place.split(":")[0] == said["topics"][0]["epoch"]
        assert int(events.id.split(":")[1]) > int(place.split(":")[1])
        house.hub.tell({"event": "heartbeat", "ts": "now"})
        await house.publish("quotes:EUR-USD", i=3)
        assert (await events.next())[1]["data"] == {"i": 3}
        assert ": now" in events.comments


async def test_who_comes_back_with_the_last_id_misses_nothing_of_any_topic(house: House) -> None:
    topics = "topics=candles:EUR-USD:1d,candles:SPY:1d,scores:SPY&snapshot=false"
    async with listening(house, topics) as events:
        await events.next()
        first = events.id
        for i, topic in enumerate(["candles:SPY:1d", "scores:SPY", "candles:EUR-USD:1d", "candles:SPY:1d"]):
            await house.publish(topic, i=i)
        for _ in range(2):
            await events.next()
        middle = events.id
    for last, missed in [(middle, [2, 3]), (first, [0, 1, 2, 3])]:
        async with listening(house, topics, last) as events:
            _, said = await events.next()
            assert [t["recovered"] for t in said["topics"]] == [True] * 3
            assert [(await events.next())[1]["data"]["i"] for _ in missed] == missed


@pytest.mark.parametrize("last", ["nonsense", "foreign:1", "", ":", "x:" + "9" * 100])
async def test_a_place_that_is_not_ours_is_told(house: House, last: str) -> None:
    async with listening(house, "topics=candles:SPY:1d", last) as events:
        _, said = await events.next()
        assert said["topics"][0]["recovered"] is False
        assert (await events.next())[1]["snapshot"] is True


async def test_a_stream_that_cannot_be_is_refused_before_it_begins(house: House) -> None:
    async with httpx.AsyncClient(base_url=house.http) as client:
        for query, status, code in [
            ("", 422, "malformed_request"),
            ("topics=", 422, "malformed_request"),
            ("topics=quotes:NOPE", 404, "unknown_symbol"),
            ("topics=news:SPY", 501, "topic_not_available"),
            ("topics=quotes:SPY&interval_s=0", 422, "stream_interval_out_of_range"),
            ("topics=quotes:SPY&surprise=1", 422, "unknown_query_parameter"),
            ("topics=" + ",".join(f"quotes:{i}" for i in range(400)), 429, "too_many_subscriptions"),
            ("topics=quotes:SPY&ticket=never", 401, "ticket_invalid"),
        ]:
            answer = await client.get(f"/api/v1/stream/sse?{query}")
            assert (answer.status_code, answer.json()["code"]) == (status, code), query[:80]
        answer = await client.get("/api/v1/stream/sse?topics=health", headers={"Origin": "https://evil.example"})
        assert answer.json()["code"] == "foreign_origin"


async def test_the_stream_says_when_the_server_restarts(house: House) -> None:
    async with listening(house, "topics=scores:SPY") as events:
        await events.next()
        await house.hub.drain()
        name, said = await events.next()
        assert (name, said["code"]) == ("restart", "server_restarts")
        with pytest.raises(StopAsyncIteration):
            await events.next()


async def test_a_snapshot_says_where_a_stream_goes_on(house: House) -> None:
    async with httpx.AsyncClient(base_url=house.http) as http:
        answer = (await http.get("/api/v1/stream/snapshot?topics=quotes:spy,scores:SPY,health,news:SPY")).json()
        (prices,) = (await http.get("/api/v1/prices?symbols=SPY")).json()["items"]
    quotes, scores, health = answer["items"]
    assert (quotes["topic"], quotes["data"]) == ("quotes:SPY", prices)
    assert scores["data"] is None
    assert {part["name"] for part in health["data"]["components"]} >= {"database", "models"}
    assert [error["code"] for error in answer["errors"]] == ["topic_not_available"]
    await house.publish("scores:SPY", i=1)
    async with house.client() as client:
        (topic,) = (await client.subscribe("scores:SPY", since={"scores:SPY": [scores["epoch"], scores["offset"]]}))[
            "topics"
        ]
        assert topic["recovered"] is True
        assert (await client.next())["data"] == {"i": 1}


async def test_a_ticket_is_good_once_and_lives_by_real_time(house: House) -> None:
    clock = house.services.clock
    assert isinstance(clock, FixedClock)
    async with httpx.AsyncClient(base_url=house.http) as http:

        async def ticket() -> str:
            answer = await http.post("/api/v1/stream/ticket")
            assert answer.status_code == 201
            left = datetime.fromisoformat(answer.json()["expires_at"]) - SystemClock().now()
            assert timedelta(0) < left <= timedelta(seconds=30)
            return str(answer.json()["ticket"])

        async def tried(given: str) -> str:
            async with http.stream("GET", f"/api/v1/stream/sse?topics=health&ticket={given}") as answer:
                return "ok" if answer.status_code == 200 else json.loads(await answer.aread())["code"]

        good = await ticket()
        assert [await tried(good), await tried(good)] == ["ok", "ticket_invalid"]
        replayed = await ticket()
        clock.advance(timedelta(hours=1))  # a replay goes on by as much in a second
        assert await tried(replayed) == "ok"
        fresh = await ticket()
    async with house.client(subprotocols=["truecast.v1", f"truecast.ticket.{fresh}"]) as client:
        assert client.socket.subprotocol == "truecast.v1"

"""The stream over WebSockets: subscriptions, resuming, pace and filters, limits, and what is refused."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.api.stream_house import WAIT_S, House, open_house
from truecast.kit.limits import STREAM_INBOUND_BURST, STREAM_MESSAGE_BYTES_MAX, STREAM_SUBSCRIPTIONS_MAX
from truecast.services import Services


@pytest.fixture
async def house(services: Services) -> AsyncIterator[House]:
    async with open_house(services) as house:
        yield house


async def test_a_subscriber_gets_a_snapshot_and_then_every_message_in_order(house: House) -> None:
    async with house.client() as client:
        assert client.welcome["event"] == "welcome"
        said = await client.subscribe("quotes:eur_usd", id=7)
        (topic,) = said["topics"]
        assert (said["event"], said["id"], said["errors"]) == ("subscribed", 7, [])
        assert (topic["topic"], topic["recovered"], topic["snapshot"]) == ("quotes:EUR-USD", False, True)
        snapshot = await client.next()
        assert snapshot["snapshot"] is True
        assert snapshot["data"]["symbol"] == "EUR-USD"
        assert snapshot["data"]["provenance"]["source"] == "sample"
        for i in range(20):
            await house.publish("quotes:EUR-USD", symbol="EUR-USD", price=i)
        heard = await client.messages(20)
        assert [m["data"]["price"] for m in heard] == list(range(20))
        assert [m["offset"] for m in heard] == list(range(1, 21))
        assert {m["epoch"] for m in heard} == {topic["epoch"]}
        assert set(heard[0]) == {"topic", "epoch", "offset", "ts", "data"}


async def test_the_snapshot_of_a_price_is_what_the_api_answers(house: House) -> None:
    import httpx

    async with house.client() as client, httpx.AsyncClient(base_url=house.http) as http:
        await client.subscribe("quotes:SPY", "candles:SPY:1d", "forecasts:SPY")
        price, candle, forecast = await client.messages(3)
        (item,) = (await http.get("/api/v1/prices?symbols=SPY")).json()["items"]
        assert price["data"] == item
        last = (await http.get("/api/v1/prices/SPY/candles?interval=1d&limit=1")).json()["candles"][-1]
        assert {key: candle["data"][key] for key in last} == last
        issued = (await http.get("/api/v1/forecasts?symbols=SPY")).json()["items"]
        assert forecast["data"] in issued


async def test_who_comes_back_in_time_misses_nothing_and_hears_nothing_twice(house: House) -> None:
    async with house.client() as client:
        (topic,) = (await client.subscribe("candles:EUR-USD:1d", snapshot=False))["topics"]
        await house.publish("candles:EUR-USD:1d", i=1)
        assert (await client.next())["offset"] == 1
    for i in range(2, 8):
        await house.publish("candles:EUR-USD:1d", i=i)
    async with house.client() as client:
        since = {"candles:EUR-USD:1d": [topic["epoch"], 1]}
        (again,) = (await client.subscribe("candles:EUR-USD:1d", since=since))["topics"]
        assert (again["recovered"], again["snapshot"]) == (True, False)
        assert [m["data"]["i"] for m in await client.messages(6)] == list(range(2, 8))
        await house.publish("candles:EUR-USD:1d", i=8)
        assert (await client.next())["offset"] == 8


async def test_a_place_that_is_not_ours_is_told_and_a_snapshot_follows(house: House) -> None:
    async with house.client() as client:
        (topic,) = (await client.subscribe("candles:SPY:1d", snapshot=False))["topics"]
        await house.publish("candles:SPY:1d", i=1)
        await client.next()
        for epoch, offset in [("foreign", 1), (topic["epoch"], 99), (topic["epoch"], -1), ("", 0)]:
            (again,) = (await client.subscribe("candles:SPY:1d", since={"candles:SPY:1d": [epoch, offset]}))["topics"]
            assert (again["recovered"], again["snapshot"], again["offset"]) == (False, True, 1)
            assert (await client.next())["snapshot"] is True


async def test_what_is_too_long_ago_is_told(house: House) -> None:
    async with house.client() as client:
        (topic,) = (await client.subscribe("scores:SPY"))["topics"]
        for i in range(300):
            await house.publish("scores:SPY", i=i, model="naive", interval="1d")
        await client.messages(300)
        for offset, recovered in [(10, False), (200, True)]:
            async with house.client() as other:
                since = {"scores:SPY": [topic["epoch"], offset]}
                (again,) = (await other.subscribe("scores:SPY", since=since))["topics"]
                assert again["recovered"] is recovered


async def test_filters_are_each_clients_own(house: House) -> None:
    async with house.client() as all_, house.client() as naive, house.client() as hourly:
        await all_.subscribe("scores:SPY")
        await naive.subscribe("scores:SPY", filter={"model": "naive"})
        await hourly.subscribe("scores:SPY", filter={"interval": "1h"})
        for i, (model, interval) in enumerate([("naive", "1d"), ("ets", "1d"), ("ets", "1h"), ("naive", "1h")]):
            await house.publish("scores:SPY", i=i, model=model, interval=interval)
        assert [m["data"]["i"] for m in await all_.messages(4)] == [0, 1, 2, 3]
        assert [m["data"]["i"] for m in await naive.messages(2)] == [0, 3]
        assert [m["data"]["i"] for m in await hourly.messages(2)] == [2, 3]


async def test_a_pace_gives_the_latest_price_and_no_more(house: House) -> None:
    async with house.client() as paced, house.client() as plain:
        await paced.subscribe("quotes:SPY", interval_s=0.5, snapshot=False)
        await plain.subscribe("quotes:SPY", snapshot=False)
        for i in range(10):
            await house.publish("quotes:SPY", i=i)
        assert len(await plain.messages(10)) == 10
        first, second = await paced.messages(2)
        assert (first["data"]["i"], second["data"]["i"]) == (0, 9)


async def test_a_topic_costs_nothing_when_nobody_listens(house: House) -> None:
    async with house.client() as client:
        await client.subscribe("quotes:SPY", snapshot=False)
        assert house.bus.heard("quotes:SPY")
        assert not house.bus.heard("quotes:AAPL")
        left = await client.ask(action="unsubscribe", topics=["quotes:spy"])
        assert left["topics"] == ["quotes:SPY"]
        topic = house.hub._topics["quotes:SPY"]
        assert (topic.users, topic.groups) == (0, {})
        house.hub._drop(topic)
        assert not house.bus.heard("quotes:SPY")


async def test_a_message_is_encoded_once_however_many_listen(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from truecast.api import stream_frame

    made: list[bytes] = []
    packed = stream_frame.ws_text
    monkeypatch.setattr(stream_frame, "ws_text", lambda payload: made.append(payload) or packed(payload))
    async with house.client() as a, house.client() as b, house.client() as c:
        for client in (a, b, c):
            await client.subscribe("candles:SPY:1d", snapshot=False)
        made.clear()
        await house.publish("candles:SPY:1d", i=1)
        for client in (a, b, c):
            assert (await client.next())["data"] == {"i": 1}
        assert len(made) == 1


NO_TOPICS = {
    "news:SPY": "topic_not_available",
    "news:*": "topic_not_available",
    "alerts": "topic_not_available",
    "orders": "topic_not_available",
    "quotes:NOPE": "unknown_symbol",
    "quotes": "unknown_topic",
    "quotes:": "unknown_topic",
    "health:x": "unknown_topic",
    "bars:SPY:1d": "unknown_topic",
    "candles:SPY": "unknown_topic",
    "candles:SPY:7m": "unknown_interval",
    "candles:EUR-USD:1w": "interval_not_available",
    "quotes:" + "x" * 5000: "unknown_topic",
    "": "unknown_topic",
}


async def test_a_topic_that_there_is_not_is_refused_by_name_and_the_others_are_kept(house: House) -> None:
    async with house.client() as client:
        said = await client.subscribe(*NO_TOPICS, "health", snapshot=False)
        assert [t["topic"] for t in said["topics"]] == ["health"]
        assert {error["topic"]: error["code"] for error in said["errors"]} == NO_TOPICS


BAD = [
    ("", "stream_message_malformed"),
    ("{", "stream_message_malformed"),
    ("null", "stream_message_malformed"),
    ("[]", "stream_message_malformed"),
    ("[" * 60_000, "stream_message_malformed"),
    ("1" * 20_000, "stream_message_malformed"),
    ('{"action": "subscribe"}', "stream_message_malformed"),
    ('{"action": "subscribe", "topics": []}', "stream_message_malformed"),
    ('{"action": "subscribe", "topics": "health"}', "stream_message_malformed"),
    ('{"action": "subscribe", "topics": [1]}', "stream_message_malformed"),
    ('{"action": "subscribe", "topics": ["health"], "surprise": 1}', "stream_message_malformed"),
    ('{"action": "subscribe", "topics": ["health"], "topics": ["health"]}', "stream_message_malformed"),
    ('{"action": "subscribe", "topics": ["quotes:SPY"], "interval_s": "5"}', "stream_message_malformed"),
    ('{"action": "subscribe", "topics": ["quotes:SPY"], "interval_s": NaN}', "stream_message_malformed"),
    ('{"action": "subscribe", "topics": ["quotes:SPY"], "interval_s": 0}', "stream_interval_out_of_range"),
    ('{"action": "subscribe", "topics": ["quotes:SPY"], "interval_s": -1}', "stream_interval_out_of_range"),
    ('{"action": "subscribe", "topics": ["quotes:SPY"], "interval_s": 1e99}', "stream_interval_out_of_range"),
    ('{"action": "subscribe", "topics": ["forecasts:SPY"], "interval_s": 5}', "contradictory_request"),
    ('{"action": "subscribe", "topics": ["quotes:SPY"], "filter": {"model": "x"}}', "contradictory_request"),
    ('{"action": "subscribe", "topics": ["health"], "since": {"health": ["e"]}}', "stream_message_malformed"),
    ('{"action": "subscribe", "topics": ["health"], "since": {"health": ["e", "1"]}}', "stream_message_malformed"),
    ('{"action": "subscribe", "topics": ["scores:SPY"], "filter": {"interval": "9x"}}', "unknown_interval"),
    ('{"action": "launch"}', "stream_message_malformed"),
    ('{"topics": ["health"]}', "stream_message_malformed"),
]


async def test_a_message_that_is_not_understood_is_answered_and_the_stream_goes_on(house: House) -> None:
    async with house.client() as client:
        for text, code in BAD:
            await client.socket.send(text)
            said = await client.next()
            assert (said["event"], said["code"]) == ("error", code), text[:200]
            assert (await client.ask(action="ping", id=1)) == {"event": "pong", "id": 1}


async def test_bytes_are_refused_and_a_message_too_large_closes(house: House) -> None:
    async with house.client() as client:
        await client.socket.send(b"\x00\x01")
        assert (await client.next())["code"] == "stream_message_malformed"
        await client.socket.send("x" * (STREAM_MESSAGE_BYTES_MAX + 1))
        with pytest.raises(ConnectionClosed) as closed:
            await client.next()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


async def test_too_many_subscriptions_are_refused(house: House) -> None:
    async with house.client() as client:
        topics = [f"quotes:SPY{i}" for i in range(STREAM_SUBSCRIPTIONS_MAX + 1)]
        assert (await client.subscribe(*topics))["code"] == "too_many_subscriptions"
        topics = [f"quotes:{i}" for i in range(3_000)]
        assert (await client.subscribe(*topics))["code"] == "too_many_subscriptions"
        assert (await client.ask(action="ping"))["event"] == "pong"


async def test_who_says_too_much_is_closed_with_a_code(house: House) -> None:
    async with house.client() as noisy, house.client() as other:
        for _ in range(2 * STREAM_INBOUND_BURST):
            await noisy.say(action="ping")
        with pytest.raises(ConnectionClosed) as closed:
            await noisy.messages(3 * STREAM_INBOUND_BURST)
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4029, "stream_rate_exceeded")
        assert (await other.ask(action="ping"))["event"] == "pong"


async def test_a_page_of_another_site_is_refused(house: House) -> None:
    for headers, status in [({"Origin": "https://evil.example"}, 403), ({"Origin": house.http}, 101)]:
        if status == 101:
            async with house.client(additional_headers=headers) as client:
                assert client.welcome
            continue
        with pytest.raises(InvalidStatus) as refused:
            async with house.client(additional_headers=headers):
                pass
        assert refused.value.response.status_code == status
        assert json.loads(refused.value.response.body)["code"] == "foreign_origin"


async def test_a_key_in_the_address_is_refused(house: House, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"{house.url}?api_key=tc_secret"):
            pass
    assert json.loads(refused.value.response.body)["code"] == "key_in_url"
    assert [line.message for line in caplog.records if line.levelname == "ERROR"] == []  # nothing failed


async def test_while_the_store_is_made_ready_streams_are_refused(house: House) -> None:
    house.services.loading.ready = False
    with pytest.raises(InvalidStatus) as refused:
        async with house.client():
            pass
    assert json.loads(refused.value.response.body)["code"] == "starting"
    house.services.loading.ready = True


async def test_a_server_that_restarts_says_when_to_come_back(house: House) -> None:
    async with house.client() as a, house.client() as b:
        await a.subscribe("health", snapshot=False)
        await house.hub.drain()
        waits = set()
        for client in (a, b):
            said = await client.next()
            assert (said["event"], said["code"]) == ("restart", "server_restarts")
            waits.add(said["retry_after_s"])
            with pytest.raises(ConnectionClosed) as closed:
                await client.next()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012
        assert all(0.5 <= wait <= 5 for wait in waits)
        with pytest.raises(InvalidStatus):
            async with house.client():
                pass


async def test_numbers_that_begin_anew_are_told_and_a_snapshot_follows(house: House) -> None:
    async with house.client() as client:
        await client.subscribe("quotes:SPY", snapshot=False)
        await house.publish("quotes:SPY", i=1)
        await client.next()
        house.bus.begin_anew()
        await house.publish("quotes:SPY", i=2)
        reset, message, snapshot = await client.messages(3)
        assert (reset["event"], reset["recovered"], reset["offset"]) == ("reset", False, 0)
        assert (message["offset"], message["epoch"]) == (1, reset["epoch"])
        assert snapshot["snapshot"] is True


async def test_a_message_that_never_came_is_told(house: House) -> None:
    async with house.client() as client:
        await client.subscribe("scores:SPY")
        await house.publish("scores:SPY", i=1)
        house.bus._offsets["scores:SPY"] += 3
        await house.publish("scores:SPY", i=5)
        heard = await client.messages(3)
        assert [m.get("event") for m in heard] == [None, "reset", None]
        assert [m["offset"] for m in heard] == [1, 4, 5]


async def test_those_who_are_gone_are_forgotten(house: House) -> None:
    async with house.client() as client:
        await client.subscribe("health", "quotes:SPY")
        assert house.hub.count() == 1
    async with asyncio.timeout(WAIT_S):
        while house.hub.count():
            await asyncio.sleep(0.01)
    assert not any(topic.groups for topic in house.hub._topics.values())

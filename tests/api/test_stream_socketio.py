"""The stream over Socket.IO: the events of the clients that were there before, over the same topics."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from engineio.packet import MESSAGE, Packet
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.api.stream_house import WAIT_S, House, open_house
from truecast.kit.limits import STREAM_INTERVAL_S_MIN, STREAM_QUEUE_BYTES_MAX
from truecast.services import Services


@pytest.fixture
async def house(services: Services) -> AsyncIterator[House]:
    async with open_house(services) as house:
        yield house


class Client:
    """Socket.IO 5 over Engine.IO 4, as its protocol says; one WebSocket, no polling."""

    def __init__(self, socket_: ClientConnection) -> None:
        self._socket = socket_
        self._acks = 0

    async def packet(self) -> str:
        while True:
            text = str(await asyncio.wait_for(self._socket.recv(), WAIT_S))
            if text != "2":
                return text
            await self._socket.send("3")

    async def event(self) -> tuple[str, Any]:
        """The next event."""
        while not (text := await self.packet()).startswith("42"):
            pass
        name, *data = json.loads(text[2:])
        return name, data[0]

    async def until(self, wanted: str) -> Any:
        while True:
            name, data = await self.event()
            if name == wanted:
                return data

    async def emit(self, *said: Any) -> Any:
        """What the server answers."""
        self._acks += 1
        await self._socket.send(f"42{self._acks}{json.dumps(said)}")
        while not (text := await self.packet()).startswith(f"43{self._acks}"):
            self.early.append(text)
        answer = json.loads(text[len(f"43{self._acks}") :])
        return answer[0] if answer else None

    @property
    def early(self) -> list[str]:
        """Events that came before an answer."""
        return self.__dict__.setdefault("_early", [])

    def heard(self, name: str) -> list[Any]:
        """Of those that came before an answer."""
        events = [json.loads(text[2:]) for text in self.early if text.startswith("42")]
        return [data[0] for called, *data in events if called == name]


@asynccontextmanager
async def client_of(house: House, auth: Any = None, **given: Any) -> AsyncIterator[Client]:
    url = f"ws://127.0.0.1:{house.port}/socket.io/?EIO=4&transport=websocket"
    async with connect(url, compression=None, ping_interval=None, **given) as socket_:
        assert str(await socket_.recv()).startswith("0{")
        await socket_.send("40" + ("" if auth is None else json.dumps(auth)))
        client = Client(socket_)
        answer = await client.packet()
        if answer.startswith("44"):
            raise ConnectionRefusedError(json.loads(answer[2:])["message"])
        assert answer.startswith("40")
        name, data = await client.event()
        assert name == "connected"
        assert data["timestamp"].endswith("Z")
        yield client


async def test_rates_come_as_rate_update_to_who_asked_for_them(house: House) -> None:
    async with client_of(house) as dollars, client_of(house) as shares:
        answer = await dollars.emit("subscribe_rates", {"currency_pairs": ["EUR_USD", "GBP_USD"], "interval": 0.25})
        assert answer == {"ok": True, "type": "rates", "topics": ["quotes:EUR-USD", "quotes:GBP-USD"]}
        (confirmed,) = dollars.heard("subscription_confirmed")
        assert confirmed["type"] == "rates"
        snapshots = dollars.heard("rate_update")
        assert [s["currency_pair"] for s in snapshots] == ["EUR-USD", "GBP-USD"]
        assert snapshots[0]["data"]["price"] > 0
        await shares.emit("subscribe_rates", {"currency_pairs": ["SPY"]})
        await house.publish("quotes:EUR-USD", symbol="EUR-USD", price=1.5)
        await house.publish("quotes:SPY", symbol="SPY", price=400)
        said = await dollars.until("rate_update")
        assert (said["data"]["price"], said["offset"], said["currency_pair"]) == (1.5, 1, "EUR-USD")
        assert said["timestamp"].endswith("Z")
        assert (await shares.until("rate_update"))["data"]["price"] == 400


async def test_predictions_are_those_of_the_scheduler_and_none_is_computed(house: House) -> None:
    async with client_of(house) as client:
        head = (await house.services.ledger.head()).seq
        asked = {"currency_pair": "EUR-USD", "model_type": "naive", "interval": 60}
        assert (await client.emit("subscribe_predictions", asked))["topics"] == ["forecasts:EUR-USD"]
        (known,) = client.heard("prediction_update")
        assert (known["forecast"]["model"], known["snapshot"]) == ("naive", True)
        await house.publish("forecasts:EUR-USD", model="ets", interval="1d", symbol="EUR-USD")
        await house.publish("forecasts:EUR-USD", model="naive", interval="1d", symbol="EUR-USD")
        assert (await client.until("prediction_update"))["forecast"]["model"] == "naive"
        assert (await house.services.ledger.head()).seq == head


async def test_a_symbol_comes_as_market_data_and_topics_as_everywhere(house: House) -> None:
    async with client_of(house) as client:
        assert (await client.emit("subscribe", {"symbol": "SPY"}))["ok"]
        assert client.heard("market_data")[0]["symbol"] == "SPY"
        answer = await client.emit("subscribe", {"topics": ["quotes:SPY", "candles:SPY:1d"], "snapshot": False})
        assert answer["topics"] == ["quotes:SPY", "candles:SPY:1d"]
        await house.publish("quotes:SPY", price=1)
        assert (await client.until("market_data"))["data"] == {"price": 1}
        assert (await client.until("rate_update"))["data"] == {"price": 1}
        await house.publish("candles:SPY:1d", close=1)
        assert (await client.until("candle_update"))["data"] == {"close": 1}


async def test_unsubscribing_is_confirmed_and_ends_it(house: House) -> None:
    async with client_of(house) as client:
        await client.emit("subscribe_rates", {"currency_pairs": ["SPY"]})
        await client.emit("subscribe_predictions", {"currency_pair": "SPY"})
        await client.emit("subscribe", {"symbol": "SPY"})
        assert (await client.emit("unsubscribe", {"type": "rates"}))["topics"] == ["quotes:SPY"]
        assert client.heard("unsubscription_confirmed")[0]["type"] == "rates"
        assert (await client.emit("unsubscribe", {"type": "news"}))["topics"] == []
        left = await client.emit("unsubscribe", {"type": "all"})
        assert left["topics"] == ["forecasts:SPY", "quotes:SPY"]
        assert not any(topic.groups for topic in house.hub._topics.values())


async def test_what_is_wrong_is_answered_with_a_code(house: House) -> None:
    async with client_of(house) as client:
        for said, code in [
            (("subscribe_news", {"currency_pairs": ["EUR-USD"]}), "topic_not_available"),
            (("subscribe_rates", {"currency_pairs": ["EUR-USD"], "interval": 0}), "stream_interval_out_of_range"),
            (("subscribe_rates", {"currency_pairs": ["EUR-USD"], "interval": "5"}), "stream_message_malformed"),
            (("subscribe_rates", {"currency_pairs": "EUR-USD"}), "stream_message_malformed"),
            (("subscribe_rates", {"currency_pairs": []}), "stream_message_malformed"),
            (("subscribe_rates", {"currency_pairs": ["A"] * 9999}), "too_many_subscriptions"),
            (("subscribe_rates", {"pairs": ["EUR-USD"]}), "stream_message_malformed"),
            (("subscribe_rates",), "stream_message_malformed"),
            (("subscribe_rates", 1, 2), "stream_message_malformed"),
            (("subscribe_rates", None), "stream_message_malformed"),
            (("subscribe_predictions", {"currency_pair": 7}), "stream_message_malformed"),
            (("subscribe_predictions", {"currency_pair": "SPY", "interval": 0}), "stream_interval_out_of_range"),
            (("subscribe_predictions", {"currency_pair": "SPY", "model_type": 3}), "stream_message_malformed"),
            (("unsubscribe", {"type": "everything"}), "stream_message_malformed"),
            (("subscribe", {"topics": "SPY"}), "stream_message_malformed"),
            (("subscribe", {"action": "ping", "topics": ["health"]}), "stream_message_malformed"),
        ]:
            answer = await client.emit(*said)
            assert (answer["ok"], answer["code"]) == (False, code), said
            assert answer["message"]
        assert client.heard("error")[0]["code"] == "topic_not_available"
        answer = await client.emit("subscribe_rates", {"currency_pairs": ["NOPE", "SPY"]})
        assert answer["topics"] == ["quotes:SPY"]
        assert client.heard("subscription_confirmed")[0]["errors"][0]["code"] == "unknown_symbol"


async def test_what_nothing_is_known_of_is_an_error_and_not_silence(house: House) -> None:
    async with client_of(house) as client:
        for said, code in [
            (("subscribe", {"topics": ["orders"]}), "topic_not_available"),
            (("subscribe", {"topics": ["alerts", "news:EUR-USD"]}), "topic_not_available"),
            (("subscribe", {"symbol": "NOPE"}), "unknown_symbol"),
            (("subscribe_rates", {"currency_pairs": ["NOPE", "NONE"]}), "unknown_symbol"),
            (("subscribe_orders", {}), "stream_message_malformed"),
            (("rate_update", {"data": 1}), "stream_message_malformed"),
        ]:
            answer = await client.emit(*said)
            assert (answer["ok"], answer["code"]) == (False, code), said
        heard = [error["code"] for error in client.heard("error")]
        assert (len(heard), heard[0], heard[-1]) == (6, "topic_not_available", "stream_message_malformed")
        await client._socket.send('42["subscribe_orders"]')  # and without asking for an answer
        assert (await client.until("error"))["code"] == "stream_message_malformed"


async def test_every_event_of_other_servers_is_there_or_refused_by_name(house: House) -> None:
    """docs/source-map.md says where each went; here each is said, or heard."""
    lines = (Path(__file__).parents[2] / "docs" / "source-map.md").read_text().splitlines()
    listed = {line.split("`")[1].removeprefix("Socket.IO ") for line in lines if line.startswith("| `Socket.IO ")}
    said = {
        "subscribe_rates": {"currency_pairs": ["EUR_USD"], "interval": 5},
        "subscribe_predictions": {"currency_pair": "EUR_USD", "model_type": "all", "interval": 60},
        "subscribe_news": {"currency_pairs": ["EUR_USD"], "interval": 300},
        "subscribe": {"symbol": "EUR-USD"},
        "unsubscribe": {"type": "all"},
    }
    not_yet = {"news_update": "subscribe_news", "order_update": None}  # no data yet; asking for it is an error
    async with client_of(house) as client:
        answers = {name: await client.emit(name, body) for name, body in said.items()}
        refused = await client.emit("subscribe", {"topics": ["orders"]})
        heard = {json.loads(text[2:])[0] for text in client.early} | {"connected"}
    assert heard == {
        "connected",
        "subscription_confirmed",
        "rate_update",
        "prediction_update",
        "market_data",
        "unsubscription_confirmed",
        "error",
    }
    assert listed == {"connect", "disconnect", *said, *heard, *not_yet}
    assert {name: answer.get("code") for name, answer in answers.items() if not answer["ok"]} == {
        "subscribe_news": "topic_not_available"
    }
    assert refused["code"] == "topic_not_available"


async def test_who_comes_back_goes_on_and_a_foreign_place_is_told(house: House) -> None:
    topic = "scores:SPY"
    async with client_of(house) as client:
        await client.emit("subscribe", {"topics": [topic], "snapshot": False})
        (begun,) = client.heard("subscription_confirmed")[0]["topics"]
        for i in range(3):
            await house.publish(topic, i=i)
        first = await client.until("score_update")
    for epoch, offset, recovered, follow in [
        (begun["epoch"], first["offset"], True, [1, 2]),
        ("foreign", 1, False, []),
        (begun["epoch"], 99, False, []),
    ]:
        async with client_of(house) as client:
            await client.emit("subscribe", {"topics": [topic], "since": {topic: [epoch, offset]}, "snapshot": False})
            (again,) = client.heard("subscription_confirmed")[0]["topics"]
            assert again["recovered"] is recovered
            assert [said["data"]["i"] for said in client.heard("score_update")] == follow


async def test_a_topic_runs_while_anybody_listens_over_any_skin(house: House) -> None:
    async with client_of(house) as one, house.client() as other:
        await one.emit("subscribe_rates", {"currency_pairs": ["SPY"]})
        await one.emit("subscribe", {"symbol": "SPY"})
        await other.subscribe("quotes:SPY", snapshot=False)
        topic = house.hub._topics["quotes:SPY"]
        assert topic.users == 3
        await one.emit("unsubscribe", {"type": "rates"})
        await one.emit("unsubscribe", {"symbol": "SPY"})
        assert (topic.users, topic.lingering) == (1, None)
        assert house.bus.heard("quotes:SPY")
        await other.ask(action="unsubscribe")
        assert topic.users == 0
        assert topic.lingering is not None
        house.hub._drop(topic)
        assert not house.bus.heard("quotes:SPY")


async def test_a_pace_is_each_clients_own_and_not_below_that_of_the_server(house: House) -> None:
    async with client_of(house) as slow, client_of(house) as quick:
        await slow.emit("subscribe_rates", {"currency_pairs": ["SPY"], "interval": 3600})
        await quick.emit("subscribe_rates", {"currency_pairs": ["SPY"], "interval": STREAM_INTERVAL_S_MIN})
        refused = await quick.emit("subscribe_rates", {"currency_pairs": ["SPY"], "interval": 0.2})
        assert (refused["code"], refused["shortest_s"]) == ("stream_interval_out_of_range", STREAM_INTERVAL_S_MIN)
        for i in range(3):
            await house.publish("quotes:SPY", price=i)
        assert [(await quick.until("rate_update"))["data"]["price"] for _ in range(2)] == [0, 2]
        assert (await slow.until("rate_update"))["data"]["price"] == 0
        assert (await slow.emit("unsubscribe", {"type": "all"}))["ok"]
        assert slow.heard("rate_update")[1:] == [], "the next is due in an hour"


async def test_packets_that_are_none_harm_nobody(house: House) -> None:
    async with client_of(house) as other:
        for nonsense in ["", "4", "42", "42[", "42[]", "42{}", "4999", "451-[", "x", "42[1]", '42["connect"]', "41"]:
            async with client_of(house) as client:
                await client._socket.send(nonsense)
        assert (await other.emit("subscribe", {"symbol": "SPY"}))["ok"]
        forged = {"asgi.scope": {"headers": [], "truecast.principal": {"scopes": ["admin"]}}}
        assert await other.emit("connect", forged, {}) is None


async def test_who_may_not_is_refused(house: House) -> None:
    with pytest.raises(ConnectionRefusedError, match="ticket_invalid"):
        async with client_of(house, auth={"ticket": "never given out"}):
            pass
    with pytest.raises(ConnectionRefusedError, match="foreign_origin"):
        async with client_of(house, additional_headers={"Origin": "https://evil.example"}):
            pass


async def test_long_polling_works_too(house: House) -> None:
    async with httpx.AsyncClient(base_url=house.http, timeout=WAIT_S) as http:
        path = "/socket.io/?EIO=4&transport=polling"
        sid = json.loads((await http.get(path)).text[1:])["sid"]
        await http.post(f"{path}&sid={sid}", content="40")
        said = 'subscribe",{"symbol":"SPY"}'
        await http.post(f"{path}&sid={sid}", content=f'42["{said}]')
        heard = ""
        async with asyncio.timeout(WAIT_S):
            while "market_data" not in heard:
                heard += (await http.get(f"{path}&sid={sid}")).text
        assert '"connected"' in heard


async def test_the_server_tells_before_it_restarts(house: House) -> None:
    async with client_of(house) as client:
        await client.emit("subscribe", {"symbol": "SPY"})
        await house.hub.drain()
        assert (await client.until("restart"))["code"] == "server_restarts"
        with pytest.raises(ConnectionClosed):
            await client.until("nothing more")


class Queued:
    """What the library's queue of each client is given from now on."""

    def __init__(self, house: House) -> None:
        self.packets: list[str] = []
        for one in house.app.state.streams.socketio._server.eio.sockets.values():
            put = one.queue._put

            def noted(packet, put=put):
                self.packets.append(packet.data)
                put(packet)

            one.queue._put = noted


async def test_what_is_said_over_a_websocket_goes_straight_to_its_transport(house: House) -> None:
    async with client_of(house) as client:
        await client.emit("subscribe", {"topics": ["scores:SPY"], "snapshot": False})
        queued = Queued(house)
        for i in range(20):
            await house.publish("scores:SPY", i=i)
        assert [(await client.until("score_update"))["data"]["i"] for _ in range(20)] == list(range(20))
        assert queued.packets == []


async def test_and_behind_what_the_library_still_has_for_it(house: House) -> None:
    async with client_of(house) as client:
        await client.emit("subscribe", {"topics": ["scores:SPY"], "snapshot": False})
        queued = Queued(house)
        (socket_,) = house.app.state.streams.socketio._server.eio.sockets.values()
        await socket_.send(Packet(MESSAGE, '2["before",{}]'))
        assert not socket_.queue.idle
        await house.publish("scores:SPY", i=0)
        assert [(await client.event())[0] for _ in range(2)] == ["before", "score_update"]
        assert len(queued.packets) == 2


async def test_who_polls_first_and_then_has_a_websocket_misses_nothing(house: House) -> None:
    path = "/socket.io/?EIO=4&transport="
    async with httpx.AsyncClient(base_url=house.http, timeout=WAIT_S) as http:
        sid = json.loads((await http.get(f"{path}polling")).text[1:])["sid"]
        await http.post(f"{path}polling&sid={sid}", content="40")
        said = '"subscribe",{"topics":["scores:SPY"],"snapshot":false}'
        await http.post(f"{path}polling&sid={sid}", content=f"42[{said}]")
        heard = ""
        async with asyncio.timeout(WAIT_S):
            while "subscription_confirmed" not in heard:
                heard += (await http.get(f"{path}polling&sid={sid}")).text
        await house.publish("scores:SPY", i=0)
        heard = (await http.get(f"{path}polling&sid={sid}")).text
        assert '"i":0' in heard
        async with connect(f"{house.http.replace('http', 'ws')}{path}websocket&sid={sid}", compression=None) as socket_:
            await socket_.send("2probe")
            assert await socket_.recv() == "3probe"
            await house.publish("scores:SPY", i=1)
            await socket_.send("5")
            client = Client(socket_)
            assert (await client.until("score_update"))["data"] == {"i": 1}
            queued = Queued(house)
            await house.publish("scores:SPY", i=2)
            assert (await client.until("score_update"))["data"] == {"i": 2}
            assert queued.packets == []


async def test_who_does_not_read_for_a_while_catches_up_without_a_hole(house: House) -> None:
    async with client_of(house) as client:
        await client.emit("subscribe", {"topics": ["scores:SPY"], "snapshot": False})
        (connection,) = house.hub._connections
        client._socket.transport.pause_reading()
        count, most = 0, 0
        async with asyncio.timeout(WAIT_S):
            while connection.has_room:
                await house.publish("scores:SPY", i=count, big="x" * 20_000)
                count += 1
                most = max(most, connection.outlet.buffered())
                await asyncio.sleep(0)
        for _ in range(20):
            await house.publish("scores:SPY", i=count, big="x" * 20_000)
            count += 1
        assert connection.outlet.buffered() <= most < 2 * STREAM_QUEUE_BYTES_MAX
        client._socket.transport.resume_reading()
        assert [(await client.until("score_update"))["data"]["i"] for _ in range(count)] == list(range(count))
        assert connection.has_room

"""Clients that lose their connection at random and come back: nothing may be missing in silence, nothing come twice.

One of each skin: they come back as their protocol has it, by offsets or by the last id, and check the same numbers.
"""

import asyncio
import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

PATH = "/api/v1/stream/ws"


@dataclass(slots=True)
class Report:
    """What all clients saw together."""

    messages: int = 0
    connections: int = 0
    recovered: int = 0
    announced: int = 0  # places that were not recovered, and said so
    gaps: int = 0  # that nobody announced
    duplicates: int = 0
    places: dict[int, dict[str, tuple[str, int]]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)  # the first things that were wrong

    def wrong(self, what: str) -> None:
        """Keep it for whoever looks for the cause."""
        if len(self.seen) < 20:
            self.seen.append(what)


class Follower:
    """One client. Its place in every topic outlives its connections."""

    def __init__(self, number: int, topics: Sequence[str], report: Report) -> None:
        self.topics = list(topics)
        self.places: dict[str, tuple[str, int]] = {}
        self._report = report
        report.places[number] = self.places

    async def run(self, port: int) -> None:
        """Connect, follow, and when the connection is lost, again; until cancelled."""
        while True:
            with contextlib.suppress(OSError, WebSocketException, TimeoutError, EOFError):
                await self.follow(port)
            await asyncio.sleep(0.02)

    async def follow(self, port: int) -> None:
        """One connection, until it is lost."""
        async with _connected(port, PATH) as socket_:
            self._report.connections += 1
            await socket_.send(json.dumps({"action": "subscribe", **self.asked()}))
            async for text in socket_:
                self.hear(json.loads(text))

    def asked(self) -> dict[str, Any]:
        """What it wants, from where it is."""
        since = {topic: list(place) for topic, place in self.places.items()}
        return {"topics": self.topics, "since": since, "snapshot": False}

    def hear(self, said: dict[str, Any]) -> None:
        """Check the numbers."""
        match said.get("event"):
            case "subscribed":
                for one in said["topics"]:
                    self._begin(one, resumed=one["topic"] in self.places)
            case "reset":
                self._report.announced += 1
                self.places[said["topic"]] = (said["epoch"], said["offset"])
            case None:
                self._message(said)

    def _begin(self, one: dict[str, Any], *, resumed: bool) -> None:
        place = (one["epoch"], one["offset"])
        if one["recovered"]:
            self._report.recovered += 1
            if self.places[one["topic"]] != place:
                self._report.gaps += 1
                self._report.wrong(f"{type(self).__name__} had {self.places[one['topic']]}, goes on at {one}")
        else:
            self._report.announced += resumed
            self.places[one["topic"]] = place

    def _message(self, said: dict[str, Any]) -> None:
        self._report.messages += 1
        epoch, offset = self.places[said["topic"]]
        if said["epoch"] != epoch or said["offset"] > offset + 1:
            self._report.gaps += 1
            self._report.wrong(f"{type(self).__name__} had {epoch}, {offset} and heard {said}")
        elif said["offset"] <= offset:
            self._report.duplicates += 1
            self._report.wrong(f"{type(self).__name__} had {epoch}, {offset} and heard again {said}")
        self.places[said["topic"]] = (said["epoch"], said["offset"])


class EventFollower(Follower):
    """Over server-sent events, as a browser: only `Last-Event-ID` is remembered, once its event is complete."""

    last = ""

    async def follow(self, port: int) -> None:
        """See Follower."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            topics = ",".join(self.topics)
            head = f"GET /api/v1/stream/sse?topics={topics}&snapshot=false HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            writer.write((head + (f"Last-Event-ID: {self.last}\r\n" if self.last else "") + "\r\n").encode())
            self._report.connections += 1
            id_, data = self.last, ""
            while (line := await reader.readline()).endswith(b"\n"):
                field, _, value = line.decode().strip().partition(": ")
                if field == "id":
                    id_ = value
                elif field == "data":
                    data = value
                elif not field and data:
                    self.last = id_
                    self.hear(json.loads(data))
                    data = ""
        finally:
            writer.transport.abort()


class SocketIoFollower(Follower):
    """Over Socket.IO, without its library: what is checked is what comes over the wire."""

    async def follow(self, port: int) -> None:
        """See Follower."""
        async with _connected(port, "/socket.io/?EIO=4&transport=websocket") as socket_:
            self._report.connections += 1
            await socket_.send("40")
            await socket_.send("42" + json.dumps(["subscribe", self.asked()]))
            async for text in socket_:
                if text == "2":
                    await socket_.send("3")
                elif str(text).startswith("42"):
                    name, said = json.loads(text[2:])
                    if name == "subscription_confirmed":
                        self.hear({**said, "event": "subscribed"})
                    elif name == "reset" or "offset" in said:
                        self.hear({**said, "event": "reset"} if name == "reset" else said)


SKINS = (Follower, EventFollower, SocketIoFollower)


def _connected(port: int, path: str) -> connect:
    return connect(f"ws://127.0.0.1:{port}{path}", compression=None, ping_interval=None, open_timeout=30)


async def caught_up(report: Report, offsets: dict[str, int], wait_s: float) -> None:
    """Wait until every client has everything. Raises TimeoutError."""
    async with asyncio.timeout(wait_s):
        while any(
            places.get(topic, ("", 0))[1] < offset
            for places in report.places.values()
            for topic, offset in offsets.items()
        ):
            await asyncio.sleep(0.05)

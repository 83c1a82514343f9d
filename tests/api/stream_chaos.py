"""Clients that lose their connection at random and come back: nothing may be missing in silence, nothing come twice."""

import asyncio
import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
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
                async with connect(
                    f"ws://127.0.0.1:{port}{PATH}", compression=None, ping_interval=None, open_timeout=30
                ) as socket_:
                    self._report.connections += 1
                    await self._follow(socket_)
            await asyncio.sleep(0.02)

    async def _follow(self, socket_: ClientConnection) -> None:
        since = {topic: list(place) for topic, place in self.places.items()}
        await socket_.send(
            json.dumps({"action": "subscribe", "topics": self.topics, "since": since, "snapshot": False})
        )
        async for text in socket_:
            self.hear(json.loads(text))

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
            self._report.gaps += self.places[one["topic"]] != place
        else:
            self._report.announced += resumed
            self.places[one["topic"]] = place

    def _message(self, said: dict[str, Any]) -> None:
        self._report.messages += 1
        epoch, offset = self.places[said["topic"]]
        if said["epoch"] != epoch or said["offset"] > offset + 1:
            self._report.gaps += 1
        elif said["offset"] <= offset:
            self._report.duplicates += 1
        self.places[said["topic"]] = (said["epoch"], said["offset"])


async def caught_up(report: Report, offsets: dict[str, int], wait_s: float) -> None:
    """Wait until every client has everything. Raises TimeoutError."""
    async with asyncio.timeout(wait_s):
        while any(
            places.get(topic, ("", 0))[1] < offset
            for places in report.places.values()
            for topic, offset in offsets.items()
        ):
            await asyncio.sleep(0.05)

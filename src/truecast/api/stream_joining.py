"""Joining a topic: where a client goes on, and what it is given where it has missed something."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from truecast.api.stream_protocol import Filter
from truecast.api.stream_topic import Topic
from truecast.kit.bus import Message
from truecast.kit.errors import TruecastError
from truecast.kit.limits import STREAM_RETRY_S_MAX
from truecast.kit.metrics import STREAM_RESUMED


class Snapshots(Protocol):
    """What is known at the moment, for those who begin to listen."""

    async def resolve(self, topics: Sequence[str]) -> Mapping[str, str | TruecastError]:
        """The topic that each spelling means, or why there is none."""

    async def of(self, topic: str, wanted: Filter) -> Any:
        """The data of the topic's latest message, as it would be said now; None where nothing is known."""


@dataclass(frozen=True, slots=True)
class Joining:
    """A topic about to be joined: where the connection goes on from, and a snapshot where it has missed something."""

    topic: Topic
    asked: str
    epoch: str
    mark: int
    recovered: bool
    first: int  # offset of the first message it is given
    snapshot: Any


def resumed(topic: Topic, since: tuple[str, int] | None, since_place: str | None, seq_now: int) -> tuple[bool, int]:
    """Whether nothing is missing since then, and the offset of the first message to give."""
    if since is not None:
        recovered = since[0] == topic.epoch and since[1] >= 0 and topic.holds(since[1] + 1)
        first = since[1] + 1
    elif since_place is not None:
        epoch, _, text = since_place.rpartition(":")
        seq = int(text) if text.isdecimal() and len(text) < 20 else -1
        recovered = epoch == topic.epoch and topic.floor_seq <= seq <= seq_now
        first = topic.after(seq) if recovered else 0
    else:
        return False, topic.offset + 1
    STREAM_RESUMED.labels("true" if recovered else "false").inc()
    return recovered, first if recovered else topic.offset + 1


def unbroken(messages: Sequence[Message], offset: int) -> list[Message]:
    """The last messages up to `offset`, as far back as none is missing."""
    run: list[Message] = []
    for message in reversed(messages):
        if message.offset == offset - len(run):
            run.append(message)
    return run[::-1]


def retry_s() -> float:
    """Some moment within STREAM_RETRY_S_MAX, so that not everybody comes back at once."""
    return round(0.5 + secrets.randbelow(1000) / 1000 * (STREAM_RETRY_S_MAX - 0.5), 2)

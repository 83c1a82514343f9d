"""Following topics through lost connections, without a network: what to say, and what is meant by what is heard.

The place reached in every topic outlives the connection. It is told when subscribing again, and the server says of each
topic whether everything since could be recovered. Nothing is told twice, and nothing is missing in silence.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from truecast.client.answers import plain_problem, problem_of
from truecast.client.errors import AnswerUnreadable, Forbidden, Unauthorized
from truecast.client.news import (
    CandleMessage,
    ForecastMessage,
    Joined,
    Lost,
    Message,
    Missed,
    News,
    OtherMessage,
    QuoteMessage,
    ScoreMessage,
    Skipped,
)

Place = tuple[str, int]
"""How far a topic was read: epoch and offset of the last message."""

HEARTBEAT_S = 15.0  # until the server says otherwise
_KINDS: Mapping[str, type[Message]] = {
    "quotes": QuoteMessage,
    "candles": CandleMessage,
    "forecasts": ForecastMessage,
    "scores": ScoreMessage,
}
_FILTERED = frozenset({"forecasts", "scores"})


@dataclass(frozen=True, slots=True)
class Follow:
    """What is followed, and from where on."""

    topics: tuple[str, ...]
    snapshot: bool = True
    interval_s: float | None = None
    model: str | None = None
    interval: str | None = None
    since: dict[str, Place] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.topics:
            raise ValueError("name a topic to follow")


class _Event(msgspec.Struct):
    event: str | None = None
    topic: str = ""


class _Topic(msgspec.Struct):
    topic: str
    asked: str
    epoch: str
    offset: int
    recovered: bool


class _Subscribed(msgspec.Struct):
    topics: list[_Topic]
    errors: list[dict[str, Any]]


class _Place(msgspec.Struct):
    epoch: str
    offset: int


class Following:
    """The conversation. One for the life of a stream, whatever becomes of its connections."""

    def __init__(self, follow: Follow) -> None:
        self.follow = follow
        # By the topic as it was asked for. From a file of JSON a place comes as a list.
        self.places: dict[str, Place] = {topic: (epoch, offset) for topic, (epoch, offset) in follow.since.items()}
        self.heartbeat_s = HEARTBEAT_S
        self.retry_after_s = 0.0  # what a server that ends has asked for
        self.reason = ""  # its last words
        self.joined = False  # since the connection began
        self._asked: dict[str, str] = {}  # the server's spelling of a topic -> ours

    def opening(self) -> list[str]:
        """What to say on a new connection: a pace holds for quotes alone, a filter for forecasts and scores."""
        self.joined, self.retry_after_s, self.reason = False, 0.0, ""
        parts: dict[str, tuple[dict[str, Any], list[str]]] = {}
        for topic in self.follow.topics:
            more = self._options(_kind(topic))
            parts.setdefault(repr(more), (more, []))[1].append(topic)
        return [self._subscribe(topics, more) for more, topics in parts.values()]

    def _options(self, kind: str) -> dict[str, Any]:
        if kind == "quotes":
            return {} if self.follow.interval_s is None else {"interval_s": self.follow.interval_s}
        wanted = {"model": self.follow.model, "interval": self.follow.interval}
        chosen = {name: value for name, value in wanted.items() if value is not None}
        return {"filter": chosen} if chosen and kind in _FILTERED else {}

    def _subscribe(self, topics: list[str], more: Mapping[str, Any]) -> str:
        since = {topic: self.places[topic] for topic in topics if topic in self.places}
        said = {"action": "subscribe", "topics": topics, "snapshot": self.follow.snapshot, "since": since, **more}
        return msgspec.json.encode(said).decode()

    def hear(self, text: str | bytes) -> Iterator[News]:
        """What it means. Raises Problem for what the server refuses, AnswerUnreadable for nonsense."""
        try:
            yield from self._hear(text)
        except msgspec.DecodeError as error:
            shown = text if isinstance(text, str) else text.decode("utf-8", "replace")
            raise AnswerUnreadable("stream", 101, "", str(error), shown[:300]) from None

    def lost(self, reason: str, retry_in_s: float) -> Lost:
        """The connection is gone."""
        return Lost(reason=self.reason or reason, retry_in_s=max(retry_in_s, self.retry_after_s))

    def _hear(self, text: str | bytes) -> Iterator[News]:
        head = msgspec.json.decode(text, type=_Event)
        match head.event:
            case None:
                yield from self._message(head.topic, text)
            case "subscribed":
                yield from self._subscribed(msgspec.json.decode(text, type=_Subscribed))
            case "reset":
                place = msgspec.json.decode(text, type=_Place)
                yield self._missed(head.topic, (place.epoch, place.offset), "reset")
            case "conflated":
                yield msgspec.json.decode(text, type=Skipped)
            case "error":
                raise problem_of(_without(msgspec.json.decode(text), "event"))
            case "welcome":
                self.heartbeat_s = float(msgspec.json.decode(text).get("heartbeat_s", HEARTBEAT_S))
            case "restart" | "closing":
                said = _without(msgspec.json.decode(text), "event")
                problem = problem_of(said)
                if isinstance(problem, Unauthorized | Forbidden):
                    raise problem  # the key works no more; coming back with it would not help
                self.retry_after_s = float(said.get("retry_after_s", 0.0))
                self.reason = str(said.get("detail", head.event))
            case _:
                return  # heartbeat, pong, and what a newer server may say

    def _subscribed(self, said: _Subscribed) -> Iterator[News]:
        if said.errors:
            raise problem_of(_without(said.errors[0], "event"))
        self.joined = True
        for one in said.topics:
            self._asked[one.topic] = one.asked
            place, before = (one.epoch, one.offset), self.places.get(one.asked)
            if before is not None and not (one.recovered and place == before):
                yield self._missed(one.topic, place, "too_long_ago")
                continue
            self.places[one.asked] = place
            yield Joined(topic=one.topic, epoch=one.epoch, offset=one.offset, recovered=one.recovered)

    def _message(self, topic: str, text: str | bytes) -> Iterator[News]:
        kind = _KINDS.get(_kind(topic), OtherMessage)
        message = msgspec.json.decode(text, type=kind, dec_hook=plain_problem)
        place, before = (message.epoch, message.offset), self.places.get(self._name(topic))
        if before is not None and not message.snapshot:
            if message.epoch == before[0] and message.offset <= before[1]:
                return  # heard already
            if message.epoch != before[0] or (message.offset > before[1] + 1 and self._in_a_row(topic)):
                yield self._missed(topic, (message.epoch, message.offset - 1), "gap")
        self.places[self._name(topic)] = place
        assert isinstance(message, QuoteMessage | CandleMessage | ForecastMessage | ScoreMessage | OtherMessage)
        yield message

    def _missed(self, topic: str, place: Place, reason: str) -> Missed:
        self.places[self._name(topic)] = place
        return Missed(topic=topic, epoch=place[0], offset=place[1], reason=reason)

    def _in_a_row(self, topic: str) -> bool:
        """Whether every number comes: prices may be overtaken, and a filter holds messages back."""
        return _kind(topic) != "quotes" and not self._options(_kind(topic))

    def _name(self, topic: str) -> str:
        return self._asked.get(topic, topic)


def _kind(topic: str) -> str:
    return topic.partition(":")[0]


def _without(said: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in said.items() if key != name}

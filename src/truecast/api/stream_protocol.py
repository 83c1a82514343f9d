"""What clients of the streams may say, and the errors they are answered with.

A message is `{topic, epoch, offset, ts, data}`; everything else that the server says has an `event`. See
docs/streaming.md.
"""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

import msgspec

from truecast.accounts.keys import KeyRefused, ScopeMissing
from truecast.domain.interval import parse_interval
from truecast.kit.errors import Contradiction, MalformedRequest, TruecastError
from truecast.kit.limits import STREAM_INTERVAL_S_MAX, STREAM_INTERVAL_S_MIN, STREAM_SUBSCRIPTIONS_MAX

SUBPROTOCOL = "truecast.v1"
QUOTES, CANDLES, FORECASTS, SCORES, HEALTH = "quotes", "candles", "forecasts", "scores", "health"
KINDS = (QUOTES, CANDLES, FORECASTS, SCORES, HEALTH)
NOT_YET = frozenset({"news", "alerts", "orders"})  # promised by the protocol, served by no release yet
FILTERED = frozenset({FORECASTS, SCORES})


class StreamMessageMalformed(MalformedRequest):
    """Not JSON, not an object, a field that is unknown, missing, of the wrong type or given twice."""

    code = "stream_message_malformed"
    title = "Stream message malformed"


class UnknownTopic(TruecastError):
    """No topic is called like that."""

    code = "unknown_topic"
    status = 404
    title = "Unknown topic"
    template = "There is no topic {topic!r}; there are {known}"


class TopicNotAvailable(TruecastError):
    """The protocol has a place for it, this release has nothing to say there."""

    code = "topic_not_available"
    status = 501
    title = "Topic not available yet"
    template = "The topic {topic!r} is not available yet"


class TooManySubscriptions(TruecastError):
    """Of one connection."""

    code = "too_many_subscriptions"
    status = 429
    title = "Too many subscriptions"
    template = "A connection may have {limit} subscriptions, this would be {asked}"


class StreamIntervalOutOfRange(MalformedRequest):
    """A pace that the server does not keep."""

    code = "stream_interval_out_of_range"
    title = "Stream interval out of range"
    template = "An interval lies between {shortest_s} and {longest_s} s, got {interval_s}"


class StreamRateExceeded(TruecastError):
    """A client says too much."""

    code = "stream_rate_exceeded"
    status = 429
    title = "Too many messages"
    template = "A stream takes {per_s} messages a second"


class SlowConsumer(TruecastError):
    """A client took too little for too long. It comes back with the offsets it has."""

    code = "slow_consumer"
    status = 408
    title = "Slow consumer"
    template = "Nothing was taken for too long, or what was missed is no longer kept; come back with your offsets"


class TooManyStreams(TruecastError):
    """This process has enough of them."""

    code = "too_many_streams"
    status = 503
    title = "Too many streams"
    template = "This server has {limit} streams open; try again in {retry_after_s} s"


class ServerRestarts(TruecastError):
    """It ends now, and another takes its place."""

    code = "server_restarts"
    status = 503
    title = "Server restarts"
    template = "The server restarts; come back in {retry_after_s} s"


CLOSE_CODES: Mapping[str, int] = {  # of WebSockets; 4000 to 4999 are ours to choose
    ServerRestarts.code: 1012,
    SlowConsumer.code: 4008,
    StreamRateExceeded.code: 4029,
    KeyRefused.code: 4001,
    ScopeMissing.code: 4003,
}


class Filter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which forecasts and scores: of one model, of one interval, or all."""

    model: str | None = None
    interval: str | None = None

    def accepts(self, model: str | None, interval: str | None) -> bool:
        """Whether a message with these is wanted."""
        return self.model in (None, model) and self.interval in (None, interval)


EVERYTHING = Filter()


class Subscribe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="action", tag="subscribe"):
    """`since`: for each topic the epoch and offset that the client has."""

    topics: list[str]
    since: dict[str, tuple[str, int]] = {}
    filter: Filter = EVERYTHING
    interval_s: float | None = None
    snapshot: bool = True
    id: str | int | None = None


class Unsubscribe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="action", tag="unsubscribe"):
    """`topics` of none: from all."""

    topics: list[str] | None = None
    id: str | int | None = None


class Ping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="action", tag="ping"):
    """Answered with `pong`: for clients that cannot see the pings of the transport."""

    id: str | int | None = None


Said = Subscribe | Unsubscribe | Ping


def parse(text: str | bytes) -> Said:
    """What a client said. Raises StreamMessageMalformed or one of the errors of `checked`."""
    try:
        plain = json.loads(text, object_pairs_hook=_once_each, parse_constant=_refuse)
    except StreamMessageMalformed:
        raise
    except (ValueError, RecursionError):
        raise StreamMessageMalformed(reason="not JSON") from None
    return understood(plain)


def understood(plain: Any) -> Said:
    """The same from a JSON value."""
    try:
        said = msgspec.convert(plain, Said)
    except (msgspec.ValidationError, RecursionError) as error:
        raise StreamMessageMalformed(reason=str(error)[:200]) from None
    return checked(said) if isinstance(said, Subscribe) else said


def checked(said: Subscribe) -> Subscribe:
    """Within the limits. Raises StreamMessageMalformed, TooManySubscriptions, StreamIntervalOutOfRange."""
    if not said.topics:
        raise StreamMessageMalformed(reason="name a topic")
    if len(said.topics) > STREAM_SUBSCRIPTIONS_MAX:
        raise TooManySubscriptions(limit=STREAM_SUBSCRIPTIONS_MAX, asked=len(said.topics))
    if len(said.since) > STREAM_SUBSCRIPTIONS_MAX:
        raise StreamMessageMalformed(reason=f"since names more than {STREAM_SUBSCRIPTIONS_MAX} topics")
    kinds = {topic.partition(":")[0] for topic in said.topics}
    if said.interval_s is not None:
        pace(said.interval_s)
        if kinds != {QUOTES}:
            raise Contradiction(reason="interval_s paces quotes; nothing else is ever withheld")
    if said.filter != EVERYTHING and not kinds <= FILTERED:
        raise Contradiction(reason="a filter applies to forecasts and scores")
    if said.filter.interval is not None:
        parse_interval(said.filter.interval)
    return said


def pace(interval_s: Any) -> float:
    """Seconds between two prices. Raises StreamIntervalOutOfRange, StreamMessageMalformed."""
    if isinstance(interval_s, bool) or not isinstance(interval_s, int | float):
        raise StreamMessageMalformed(reason="an interval is a number of seconds")
    if not STREAM_INTERVAL_S_MIN <= interval_s <= STREAM_INTERVAL_S_MAX:
        raise StreamIntervalOutOfRange(
            shortest_s=STREAM_INTERVAL_S_MIN, longest_s=STREAM_INTERVAL_S_MAX, interval_s=interval_s
        )
    return float(interval_s)


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise StreamMessageMalformed(reason="a field is given twice")
    return found


def _refuse(constant: str) -> NoReturn:
    raise StreamMessageMalformed(reason=f"{constant} is no JSON")


def error_event(error: TruecastError, **more: Any) -> dict[str, Any]:
    """An error as a stream says it."""
    return {**error.facts, **more, "event": "error", "code": error.code, "detail": error.detail}


def closing_event(error: TruecastError) -> dict[str, Any]:
    """The last event before the server closes a stream."""
    return error_event(error) | {"event": "restart" if error.code == ServerRestarts.code else "closing"}

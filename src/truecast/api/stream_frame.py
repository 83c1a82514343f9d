"""One message of a topic as it travels: encoded once for each kind of connection, however many listen."""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from truecast.kit.bus import Message
from truecast.kit.clock import iso


class Frame:
    """A message in its place. `seq` orders the messages of all topics; `heard_s` is when this process heard it."""

    __slots__ = (
        "_encoded",
        "_head_bytes",
        "epoch",
        "heard_s",
        "interval",
        "json",
        "kind",
        "model",
        "offset",
        "seq",
        "snapshot",
        "topic",
        "ts",
    )

    def __init__(self, message: Message, kind: str, seq: int, heard_s: float, *, snapshot: bool = False) -> None:
        self.topic = message.topic
        self.kind = kind
        self.epoch = message.epoch
        self.offset = message.offset
        self.ts = iso(message.ts)
        self.seq = seq
        self.heard_s = heard_s
        self.snapshot = snapshot
        self.model = message.data.get("model")
        self.interval = message.data.get("interval")
        about = {"topic": self.topic, "epoch": self.epoch, "offset": self.offset, "ts": self.ts}
        head = plain_json(about | {"snapshot": True} if snapshot else about)[:-1] + b',"data":'
        self._head_bytes = len(head)
        self.json = head + plain_json(message.data) + b"}"
        self._encoded: dict[Encode, Any] = {}

    def data_json(self) -> bytes:
        """The data alone."""
        return self.json[self._head_bytes : -1]

    def encoded(self, encode: "Encode") -> Any:
        """What `encode` makes of it, made once."""
        found = self._encoded.get(encode)
        if found is None:
            found = self._encoded[encode] = encode(self)
        return found


Encode = Callable[[Frame], Any]


@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    """How one skin writes. `message` in its place; `loose` out of it, because others have overtaken it.

    `join` makes one write of several messages; without it each is written by itself.
    """

    message: Encode
    loose: Encode
    event: Callable[[Mapping[str, Any]], Any]
    join: Callable[[Sequence[Any]], Any] | None


def plain_json(event: Mapping[str, Any]) -> bytes:
    """An event as JSON."""
    return orjson.dumps(event, option=orjson.OPT_NON_STR_KEYS, default=str)


def ws_text(payload: bytes) -> bytes:
    """A whole text frame of a server (RFC 6455: not masked, not compressed)."""
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", 0x81, size) + payload
    if size < 65_536:
        return struct.pack("!BBH", 0x81, 126, size) + payload
    return struct.pack("!BBQ", 0x81, 127, size) + payload


def sse_block(payload: bytes, *, event: str | None = None, id: str | None = None) -> bytes:  # noqa: A002 as SSE says
    """One event of a server-sent stream. JSON has no line breaks of its own."""
    head = (b"" if event is None else f"event: {event}\n".encode()) + (b"" if id is None else f"id: {id}\n".encode())
    return head + b"data: " + payload + b"\n\n"


def chunk(payload: bytes) -> bytes:
    """A chunk of HTTP/1.1."""
    return b"%x\r\n%b\r\n" % (len(payload), payload)


def place(frame: Frame) -> str:
    """Where a client that follows several topics is: what `Last-Event-ID` says."""
    return f"{frame.epoch}:{frame.seq}"


def _sse_event(event: Mapping[str, Any]) -> bytes:
    """An event; a heartbeat is a comment, which programs do not see and proxies do."""
    if event["event"] == "heartbeat":
        return f": {event['ts']}\n\n".encode()
    return sse_block(plain_json(event), event=str(event["event"]), id=event.get("place"))


WS = Encoding(
    message=lambda frame: ws_text(frame.json),
    loose=lambda frame: ws_text(frame.json),
    event=lambda event: ws_text(plain_json(event)),
    join=b"".join,
)
TEXT = Encoding(message=lambda frame: frame.json, loose=lambda frame: frame.json, event=plain_json, join=None)
SSE = Encoding(
    message=lambda frame: sse_block(frame.json, id=place(frame)),
    loose=lambda frame: sse_block(frame.json),
    event=_sse_event,
    join=b"".join,
)
SSE_CHUNKED = Encoding(
    message=lambda frame: chunk(SSE.message(frame)),
    loose=lambda frame: chunk(SSE.loose(frame)),
    event=lambda event: chunk(SSE.event(event)),
    join=b"".join,
)

"""Answers as bytes that only have to be sent. What depends on the moment is put in as they go out.

A price ages while it is kept: so its `age_s` is no part of the bytes but a hole in them, which says since when to
count. An answer that was kept is the same, byte for byte, as one that is made at that moment.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from fastapi import Request, Response
from pydantic import BaseModel
from starlette.types import Scope

from truecast.api.tags import matches, tag_of
from truecast.kit.clock import from_us, iso, to_us

Pair = tuple[bytes, bytes]
FOREVER_US = 2**62
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "The client has it, by its `If-None-Match`."}}
_SLOT = "truecast.slot"
_AGE, _TIME = b"a", b"t"


def age_hole(since: datetime) -> orjson.Fragment:
    """Stands for the seconds from then to the moment of sending, never below zero."""
    return orjson.Fragment(b"\0%b%d\0" % (_AGE, to_us(since)))


def time_hole(until: datetime) -> orjson.Fragment:
    """Stands for the moment of sending; for `until` once that has passed."""
    return orjson.Fragment(b"\0%b%d\0" % (_TIME, to_us(until)))


@dataclass(frozen=True, slots=True)
class Ready:
    """An answer. `holes[i]` comes between `pieces[i]` and `pieces[i + 1]`.

    It says something about what `tags` name; while these do not change it holds from `made_us` up to `until_us` of the
    product's clock. With an entity tag, clients that have it are told so instead.
    """

    pieces: tuple[bytes, ...]
    holes: tuple[tuple[bytes, int], ...]
    tags: tuple[str, ...]
    made_us: int
    until_us: int
    etag: str | None
    control: str | None
    about: bytes = field(init=False)  # the lines of the head that say how it may be kept

    def __post_init__(self) -> None:
        pairs = (("etag", self.etag), ("cache-control", self.control))
        about = "".join(f"{name}: {value}\r\n" for name, value in pairs if value is not None)
        object.__setattr__(self, "about", about.encode("latin-1"))

    @property
    def size_bytes(self) -> int:
        """Of what it says."""
        return sum(map(len, self.pieces)) + 100 * len(self.holes)

    def holds(self, now_us: int) -> bool:
        """Whether it is still true, if nothing that it is about has changed."""
        return self.made_us <= now_us < self.until_us

    def body(self, now_us: int) -> bytes:
        """As it is sent at that moment."""
        if not self.holes:
            return self.pieces[0]
        parts = [self.pieces[0]]
        for (kind, at_us), piece in zip(self.holes, self.pieces[1:], strict=True):
            if kind == _AGE:
                parts.append(orjson.dumps(max(now_us - at_us, 0) / 1_000_000))
            else:
                parts.append(b'"%b"' % iso(from_us(min(at_us, now_us))).encode())
            parts.append(piece)
        return b"".join(parts)

    def has(self, asked: str | None) -> bool:
        """Whether a client that asks with this `If-None-Match` has it."""
        return self.etag is not None and matches(asked, self.etag)

    def reply(self, now_us: int, asked_tag: str | None) -> tuple[int, bytes, bytes]:
        """Status, lines of the head and body as they are sent then to who asks with this `If-None-Match`."""
        if asked_tag is not None and self.has(asked_tag):
            return 304, self.about, b""
        body = self.body(now_us)
        return 200, b"content-type: application/json\r\ncontent-length: %d\r\n%b" % (len(body), self.about), body

    def packed(self) -> bytes:
        """As other processes can read it."""
        about = [self.holes, self.tags, self.made_us, self.until_us, self.etag, self.control]
        return orjson.dumps(about, default=bytes.decode) + b"\n" + b"\0".join(self.pieces)


def unpacked(data: bytes) -> Ready:
    """What `packed` made. Raises ValueError."""
    head, _, rest = data.partition(b"\n")
    holes, tags, made_us, until_us, etag, control = orjson.loads(head)
    pieces = tuple(rest.split(b"\0"))
    known = tuple((str(kind).encode(), int(at_us)) for kind, at_us in holes)
    if len(pieces) != len(known) + 1:
        raise ValueError("pieces and holes do not fit together")
    return Ready(pieces, known, tuple(tags), int(made_us), int(until_us), etag, control)


def ready_of(
    said: Any,
    *,
    tags: Iterable[str],
    now: datetime,
    until_us: int = FOREVER_US,
    etag: str | None = None,
    tagged: bool = False,
    control: str | None = None,
) -> Ready:
    """The answer that says this, which was true at `now`. `tagged`: with an entity tag made of what it says."""
    parts = orjson.dumps(said).split(b"\0")
    pieces = tuple(parts[::2])
    holes = tuple((one[:1], int(one[1:])) for one in parts[1::2])
    tag = tag_of(pieces) if tagged else etag
    return Ready(pieces, holes, tuple(sorted(set(tags))), to_us(now), until_us, tag, control)


def ready_from(
    said: BaseModel,
    *,
    tags: Iterable[str],
    now: datetime,
    until_us: int = FOREVER_US,
    control: str = "no-cache",
) -> Ready:
    """The answer that says this and does not age, with an entity tag."""
    pieces = (said.model_dump_json(by_alias=True).encode(),)
    return Ready(pieces, (), tuple(sorted(set(tags))), to_us(now), until_us, tag_of(pieces), control)


def pairs_of(lines: bytes) -> list[Pair]:
    """Lines of a head as ASGI has them."""
    pairs = [line.partition(b": ") for line in lines.split(b"\r\n")[:-1]]
    return [(name, value) for name, _, value in pairs]


class Slot:
    """Where a route leaves its answer for who keeps answers."""

    __slots__ = ("ready",)

    def __init__(self) -> None:
        self.ready: Ready | None = None

    def open_in(self, scope: Scope) -> Scope:
        """The scope of a request whose answer is to be left here."""
        return {**scope, _SLOT: self}


def answer(request: Request, ready: Ready, now: datetime, asked_tag: str | None = None) -> Response:
    """What a route returns: the answer as of `now`, or 304 where the client has it with `asked_tag`.

    Who keeps answers is left the answer, and sends it himself.
    """
    slot = request.scope.get(_SLOT)
    if isinstance(slot, Slot):
        slot.ready = ready
        return Response()
    status, lines, body = ready.reply(to_us(now), asked_tag)
    return Response(body, status, {name.decode(): value.decode("latin-1") for name, value in pairs_of(lines)})

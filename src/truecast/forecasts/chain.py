"""The hash chain: each row hashes the one before it, so that no row can be changed without changing all that follow."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import orjson

from truecast.forecasts.canonical import canonical
from truecast.forecasts.tables import GENESIS

Kind = Literal["forecast", "score"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be said: not yet in the chain."""

    kind: Kind
    ref: str
    recorded_at: int
    body: bytes  # canonical JSON


@dataclass(frozen=True, slots=True)
class Link:
    """A row of the chain."""

    seq: int
    kind: str
    ref: str
    recorded_at: int
    body: bytes
    prev_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class Head:
    """The last row of the chain; seq 0 when there is none."""

    seq: int = 0
    hash: str = GENESIS


def row_hash(prev_hash: str, seq: int, said: Entry | Link) -> str:
    """SHA-256 over the hash before and the canonical JSON of the row."""
    row = {
        "body": orjson.Fragment(said.body),
        "kind": said.kind,
        "recorded_at": said.recorded_at,
        "ref": said.ref,
        "seq": seq,
    }
    return hashlib.sha256(prev_hash.encode() + canonical(row)).hexdigest()


def extend(head: Head, entries: Iterable[Entry]) -> list[Link]:
    """The rows that say `entries`, in order, after `head`."""
    links: list[Link] = []
    for entry in entries:
        seq = head.seq + 1
        digest = row_hash(head.hash, seq, entry)
        links.append(Link(seq, entry.kind, entry.ref, entry.recorded_at, entry.body, head.hash, digest))
        head = Head(seq, digest)
    return links


def first_break(head: Head, links: Sequence[Link]) -> tuple[int, str] | None:
    """The first row that does not follow from `head` and the rows before it, and why; None when all do."""
    for link in links:
        if link.seq != head.seq + 1:
            return head.seq + 1, "the row is missing"
        if link.prev_hash != head.hash:
            return link.seq, "it does not name the hash of the row before it"
        if link.hash != row_hash(link.prev_hash, link.seq, link):
            return link.seq, "its content does not have the hash it was sealed with"
        head = Head(link.seq, link.hash)
    return None

"""Entity tags: whether a client has an answer already (RFC 9110, section 13.1.2)."""

import hashlib
from collections.abc import Iterable


def tag_of(pieces: Iterable[bytes]) -> str:
    """The tag of an answer. Weak: the same data at another moment differs in its ages."""
    digest = hashlib.blake2b(digest_size=16)
    for piece in pieces:
        digest.update(piece)
        digest.update(b"\0")  # which JSON cannot hold
    return f'W/"{digest.hexdigest()}"'


def matches(asked: str | None, tag: str) -> bool:
    """Whether one of the tags of `If-None-Match` is that of the answer, compared weakly; `*` is any."""
    if asked is None:
        return False
    if asked == tag:
        return True
    wanted = tag.removeprefix("W/")
    return any(one.strip().removeprefix("W/") in (wanted, "*") for one in asked.split(","))

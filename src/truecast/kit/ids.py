"""Identifiers: UUIDv7 (RFC 9562), sorted by time.

Records that a replay must reproduce byte for byte take their random part from their own content.
"""

import hashlib
import secrets
from datetime import datetime
from uuid import UUID

from truecast.kit.clock import to_us

_RANDOM_BYTES = 10
_POOL = 256
_pool: list[str] = []


def uuid7(when: datetime, entropy: bytes | None = None) -> UUID:
    """A UUIDv7 of `when`. `entropy` (at least 10 bytes) makes it reproducible; without it, it is random."""
    tail = secrets.token_bytes(_RANDOM_BYTES) if entropy is None else entropy[:_RANDOM_BYTES]
    assert len(tail) == _RANDOM_BYTES
    raw = bytearray((to_us(when) // 1000).to_bytes(6, "big") + tail)
    raw[6] = 0x70 | (raw[6] & 0x0F)
    raw[8] = 0x80 | (raw[8] & 0x3F)
    return UUID(bytes=bytes(raw))


def uuid7_text(at_us: int) -> str:
    """A random UUIDv7 as text, without the detour of making one: for what gets an id thousands of times a second."""
    ms = at_us // 1_000
    return f"{ms >> 16:08x}-{ms & 0xFFFF:04x}-{_random()}"


def _random() -> str:
    """The rest of a UUIDv7, which nobody has had: random bits from the system, which is asked for many at once."""
    if not _pool:
        many = secrets.token_hex(_RANDOM_BYTES * _POOL)
        for at in range(0, len(many), 2 * _RANDOM_BYTES):
            one = many[at : at + 2 * _RANDOM_BYTES]
            _pool.append(f"7{one[:3]}-{'89ab'[int(one[3], 16) & 3]}{one[4:7]}-{one[7:19]}")
    try:
        return _pool.pop()
    except IndexError:  # another thread took the last ones
        return _random()


def content_id(when: datetime, content: bytes) -> UUID:
    """A UUIDv7 whose random part is the SHA-256 of `content`: same time and content, same id."""
    return uuid7(when, hashlib.sha256(content).digest())

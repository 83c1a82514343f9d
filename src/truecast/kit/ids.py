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
_pool: list[bytes] = []


def uuid7(when: datetime, entropy: bytes | None = None) -> UUID:
    """A UUIDv7 of `when`. `entropy` (at least 10 bytes) makes it reproducible; without it, it is random."""
    tail = secrets.token_bytes(_RANDOM_BYTES) if entropy is None else entropy[:_RANDOM_BYTES]
    assert len(tail) == _RANDOM_BYTES
    raw = bytearray((to_us(when) // 1000).to_bytes(6, "big") + tail)
    raw[6] = 0x70 | (raw[6] & 0x0F)
    raw[8] = 0x80 | (raw[8] & 0x3F)
    return UUID(bytes=bytes(raw))


def uuid7_text(when: datetime) -> str:
    """A random UUIDv7 as text, without the detour of making one: for what gets an id thousands of times a second."""
    ms, tail = int(when.timestamp() * 1000), int.from_bytes(_random())
    head = f"{ms >> 16:08x}-{ms & 0xFFFF:04x}"
    return f"{head}-{0x7000 | tail >> 68:04x}-{0x8000 | tail >> 54 & 0x3FFF:04x}-{tail & 0xFFFF_FFFF_FFFF:012x}"


def _random() -> bytes:
    """Random bytes that nobody has had, from the system, which is asked for many at once."""
    if not _pool:
        many = secrets.token_bytes(_RANDOM_BYTES * _POOL)
        _pool.extend(many[at : at + _RANDOM_BYTES] for at in range(0, len(many), _RANDOM_BYTES))
    try:
        return _pool.pop()
    except IndexError:  # another thread took the last ones
        return secrets.token_bytes(_RANDOM_BYTES)


def content_id(when: datetime, content: bytes) -> UUID:
    """A UUIDv7 whose random part is the SHA-256 of `content`: same time and content, same id."""
    return uuid7(when, hashlib.sha256(content).digest())

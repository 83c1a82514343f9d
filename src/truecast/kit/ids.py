"""Identifiers: UUIDv7 (RFC 9562), sorted by time.

Records that a replay must reproduce byte for byte take their random part from their own content.
"""

import hashlib
import secrets
from datetime import datetime
from uuid import UUID

from truecast.kit.clock import to_us

_RANDOM_BYTES = 10


def uuid7(when: datetime, entropy: bytes | None = None) -> UUID:
    """A UUIDv7 of `when`. `entropy` (at least 10 bytes) makes it reproducible; without it, it is random."""
    tail = secrets.token_bytes(_RANDOM_BYTES) if entropy is None else entropy[:_RANDOM_BYTES]
    assert len(tail) == _RANDOM_BYTES
    raw = bytearray((to_us(when) // 1000).to_bytes(6, "big") + tail)
    raw[6] = 0x70 | (raw[6] & 0x0F)
    raw[8] = 0x80 | (raw[8] & 0x3F)
    return UUID(bytes=bytes(raw))


def content_id(when: datetime, content: bytes) -> UUID:
    """A UUIDv7 whose random part is the SHA-256 of `content`: same time and content, same id."""
    return uuid7(when, hashlib.sha256(content).digest())

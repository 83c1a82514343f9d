"""Tables of access. Times in microseconds since the epoch; of a secret only its SHA-256 is kept."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, Text

from truecast.kit.db import metadata

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(16), primary_key=True),  # the public part of the key
    Column("hash", String(64), nullable=False, unique=True),
    Column("name", String(64), nullable=False),
    Column("scopes", String(64), nullable=False),  # comma separated
    Column("owner", String(64)),  # the account it belongs to; null while there are none
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("last_used_at", BigInteger),
    Column("revoked_at", BigInteger),
)

# One-time links that make the first key of a server.
invitations = Table(
    "invitations",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
)

# Answers under an Idempotency-Key. `status` is null while the request is worked on; `until` ends the lease, then the
# keeping. `headers` and `body` (zlib) are the answer; without a body `headers` says why there is none.
replies = Table(
    "replies",
    metadata,
    Column("id", String(64), primary_key=True),  # SHA-256 of who asks and the key
    Column("fingerprint", String(64), nullable=False),  # SHA-256 of the request
    Column("token", BigInteger, nullable=False),  # counts the tries
    Column("created_at", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("status", Integer),
    Column("headers", Text),
    Column("body", LargeBinary),
    Index("ix_replies_until", "until"),
)

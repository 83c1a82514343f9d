"""The register: every version that was trained here, and everything that happened to it.

Versions and events are only ever added. Which version serves, and which served at any moment of the past, follows from
the events alone. Times are microseconds since the epoch.
"""

from sqlalchemy import BigInteger, Column, Index, String, Table, Text

from truecast.kit.db import RowId, append_only, metadata

model_versions = Table(
    "model_versions",
    metadata,
    Column("model", String(64), primary_key=True),
    Column("asset_class", String(32), primary_key=True),
    Column("interval", String(8), primary_key=True),
    Column("version", String(64), primary_key=True),
    Column("created_at", BigInteger, nullable=False),
    Column("trained_until", BigInteger, nullable=False),
    Column("digest", String(64), nullable=False),  # SHA-256 of card.json, which has that of every other file
    Column("card", Text, nullable=False),  # the bytes of card.json
)

model_events = Table(
    "model_events",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),  # see events.py
    Column("model", String(64), nullable=False),
    Column("asset_class", String(32), nullable=False),
    Column("interval", String(8), nullable=False),
    Column("version", String(64)),  # null: none, or none yet
    Column("who", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("evidence", Text, nullable=False),  # JSON
    Index("ix_model_events_scope", "model", "asset_class", "interval", "id"),
)

append_only(model_versions)
append_only(model_events)

"""Tables of market data. Bars, receipts, factors and refusals are append-only, by trigger."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Double,
    ForeignKey,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from truecast.kit.db import RowId, UtcTime, append_only, metadata

instruments = Table(
    "instruments",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("symbol", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("asset_class", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("tick", Text, nullable=False),  # a decimal, exactly
    Column("calendar", Text, nullable=False),
    Column("aliases", Text, nullable=False),  # JSON list
    Column("signed", Boolean, nullable=False),
)

# One row per instrument, interval and source. The last five columns summarise `bars` and can be rebuilt from it.
series = Table(
    "series",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("instrument_id", RowId, ForeignKey("instruments.id"), nullable=False),
    Column("interval", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("calendar", Text, nullable=False),
    Column("delay", Text, nullable=False),
    Column("derived", Text),  # how it was computed from others, where it was
    Column("origin", Text, nullable=False),
    Column("priority", Integer, nullable=False),  # lower is read first
    Column("first", UtcTime),
    Column("last", UtcTime),
    Column("bars", BigInteger, nullable=False, server_default="0"),
    Column("known_until", UtcTime),  # the latest known_at
    Column("received_at", UtcTime),
    UniqueConstraint("instrument_id", "interval", "source"),
)

# No foreign key on the hottest table: series are never deleted, and PostgreSQL would check it row by row.
bars = append_only(
    Table(
        "bars",
        metadata,
        Column("series_id", BigInteger, nullable=False),
        Column("start", UtcTime, nullable=False),
        Column("known_at", UtcTime, nullable=False),
        Column("open", Double, nullable=False),
        Column("high", Double, nullable=False),
        Column("low", Double, nullable=False),
        Column("close", Double, nullable=False),
        Column("volume", Double),
        Column("final", Boolean, nullable=False),
        PrimaryKeyConstraint("series_id", "start", "known_at"),
        # An `as_of` read looks no further than bars that start by then.
        CheckConstraint("known_at >= start", name="known_after_start"),
        sqlite_with_rowid=False,
    )
)

appends = append_only(
    Table(
        "appends",
        metadata,
        Column("id", RowId, primary_key=True),
        Column("series_id", RowId, ForeignKey("series.id"), nullable=False, index=True),
        Column("received_at", UtcTime, nullable=False),
        Column("inserted", Integer, nullable=False),
        Column("corrected", Integer, nullable=False),
        Column("unchanged", Integer, nullable=False),
        Column("first", UtcTime, nullable=False),
        Column("last", UtcTime, nullable=False),
    )
)

# `row` is what was refused, as JSON text with every number exactly as it came; the same refusal is kept once.
quarantine = append_only(
    Table(
        "quarantine",
        metadata,
        Column("id", RowId, primary_key=True),
        Column("series_id", RowId, ForeignKey("series.id"), nullable=False),
        Column("start", BigInteger, nullable=False),  # microseconds; it may lie outside of what a datetime can say
        Column("reason", Text, nullable=False),
        Column("row", Text, nullable=False),
        Column("received_at", UtcTime, nullable=False),
        UniqueConstraint("series_id", "start", "reason", "row"),
    )
)

# What became of a refused row: `released` into the bars, or `rejected` for good. Who said so, when and why.
rulings = append_only(
    Table(
        "rulings",
        metadata,
        Column("id", RowId, primary_key=True),
        Column("quarantine_id", RowId, ForeignKey("quarantine.id"), nullable=False, index=True),
        Column("at", UtcTime, nullable=False),
        Column("ruling", Text, nullable=False),
        Column("by", Text, nullable=False),
        Column("note", Text),
    )
)

# A run of bars that should exist and do not, from the first missing start to the last.
gaps = Table(
    "gaps",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("series_id", RowId, ForeignKey("series.id"), nullable=False),
    Column("first", UtcTime, nullable=False),
    Column("last", UtcTime, nullable=False),
    Column("missing", Integer, nullable=False),
    Column("cause", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("state", Text, nullable=False),  # open, filling, filled, unfillable
    Column("opened_at", UtcTime, nullable=False),
    Column("closed_at", UtcTime),
    Column("empties", Integer, nullable=False, server_default="0"),  # attempts at which every source had none
    Column("reason", Text),  # what came of the last attempt, or why there will be no more
    Column("tried_at", UtcTime),
    Column("retry_at", UtcTime),
    Column("filled_by", Text),  # another source that has these bars; null where the series' own has them
    UniqueConstraint("series_id", "first", "last", "opened_at"),
)

factors = append_only(
    Table(
        "factors",
        metadata,
        Column("instrument_id", RowId, ForeignKey("instruments.id"), nullable=False),
        Column("source", Text, nullable=False),
        Column("date", Date, nullable=False),
        Column("known_at", UtcTime, nullable=False),
        Column("price_factor", Double, nullable=False),
        Column("split_factor", Double, nullable=False),
        PrimaryKeyConstraint("instrument_id", "source", "date", "known_at"),
    )
)

# The latest live quote of each instrument, written now and then: what a process knows when it starts. No bars here.
quotes = Table(
    "quotes",
    metadata,
    Column("symbol", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("delay", Text, nullable=False),
    Column("last", Double),
    Column("size", Double),
    Column("last_at", UtcTime),
    Column("bid", Double),
    Column("ask", Double),
    Column("quoted_at", UtcTime),
    Column("received_at", UtcTime, nullable=False),
)

# What a user changed of the universe: added to what the sources follow by themselves, or taken out of it.
followed = Table(
    "followed",
    metadata,
    Column("symbol", Text, primary_key=True),
    Column("is_followed", Boolean, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
)

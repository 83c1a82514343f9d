"""Tables of the schedule: each job with its switch, one row for every run; and how the live feeds do."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, String, Table, Text

from truecast.kit.db import RowId, metadata

jobs = Table(
    "jobs",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("description", Text, nullable=False),
    Column("schedule", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
)

# Times in microseconds since the epoch. `ended_at` and `outcome` are null while it runs.
job_runs = Table(
    "job_runs",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("job", String(64), ForeignKey("jobs.name"), nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("outcome", String(16)),  # ok, failed, skipped
    Column("counts", Text, nullable=False),  # JSON object of integers
    Column("error", Text),
    Column("mark", String(32)),  # of the request that asked for it, where that has an Idempotency-Key
    Index("ix_job_runs_job_id", "job", "id"),
    Index("ix_job_runs_mark", "mark", unique=True),
)

# How each live feed does, as told every few seconds by the process that listens to it.
feeds = Table(
    "feeds",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("holder", String(128), nullable=False),
    Column("standing", Text, nullable=False),  # JSON, see market/feeds_status.py
)

"""The first schema: market data, the ledger and its projections, jobs."""

import sqlalchemy as sa
from alembic import op

from truecast.forecasts.tables import chain_ddl
from truecast.kit.db import append_only_ddl

revision = "0001"
down_revision = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite numbers rows only by a column that is INTEGER


def upgrade() -> None:
    """Run it."""
    op.create_table(
        "bars",
        sa.Column("series_id", sa.BigInteger(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("known_at", sa.BigInteger(), nullable=False),
        sa.Column("open", sa.Double(), nullable=False),
        sa.Column("high", sa.Double(), nullable=False),
        sa.Column("low", sa.Double(), nullable=False),
        sa.Column("close", sa.Double(), nullable=False),
        sa.Column("volume", sa.Double(), nullable=True),
        sa.Column("final", sa.Boolean(), nullable=False),
        sa.CheckConstraint("known_at >= start", name=op.f("ck_bars_known_after_start")),
        sa.PrimaryKeyConstraint("series_id", "start", "known_at", name=op.f("pk_bars")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "instruments",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("asset_class", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("tick", sa.Text(), nullable=False),
        sa.Column("calendar", sa.Text(), nullable=False),
        sa.Column("aliases", sa.Text(), nullable=False),
        sa.Column("signed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instruments")),
        sa.UniqueConstraint("symbol", name=op.f("uq_instruments_symbol")),
    )
    op.create_table(
        "jobs",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("schedule", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_jobs")),
    )
    op.create_table(
        "ledger",
        sa.Column("seq", _ROW_ID, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("ref", sa.String(length=96), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_ledger")),
    )
    op.create_table(
        "pending",
        sa.Column("due", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("forecast_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("step", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("symbol", sa.String(length=64), nullable=False),
        sa.Column("interval", sa.String(length=8), nullable=False),
        sa.Column("target", sa.BigInteger(), nullable=False),
        sa.Column("target_end", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("due", "forecast_seq", "step", name=op.f("pk_pending")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "factors",
        sa.Column("instrument_id", _ROW_ID, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("known_at", sa.BigInteger(), nullable=False),
        sa.Column("price_factor", sa.Double(), nullable=False),
        sa.Column("split_factor", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["instrument_id"], ["instruments.id"], name=op.f("fk_factors_instrument_id_instruments")
        ),
        sa.PrimaryKeyConstraint("instrument_id", "source", "date", "known_at", name=op.f("pk_factors")),
    )
    op.create_table(
        "forecasts",
        sa.Column("seq", _ROW_ID, autoincrement=False, nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("symbol", sa.String(length=64), nullable=False),
        sa.Column("interval", sa.String(length=8), nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("model_version", sa.String(length=64), nullable=False),
        sa.Column("data_fingerprint", sa.String(length=64), nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("as_of", sa.BigInteger(), nullable=False),
        sa.Column("anchor_start", sa.BigInteger(), nullable=False),
        sa.Column("anchor_price", sa.Float(precision=53), nullable=False),
        sa.Column("mase_scale", sa.Float(precision=53), nullable=False),
        sa.Column("naive_id", sa.String(length=36), nullable=True),
        sa.Column("steps", sa.Integer(), nullable=False),
        sa.Column("last_target", sa.BigInteger(), nullable=False),
        sa.Column("targets", sa.LargeBinary(), nullable=False),
        sa.Column("target_ends", sa.LargeBinary(), nullable=False),
        sa.Column("quantiles", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["seq"], ["ledger.seq"], name=op.f("fk_forecasts_seq_ledger")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_forecasts")),
        sa.UniqueConstraint("id", name=op.f("uq_forecasts_id")),
    )
    op.create_index(op.f("ix_forecasts_data_fingerprint"), "forecasts", ["data_fingerprint"], unique=False)
    op.create_index("ix_forecasts_series", "forecasts", ["symbol", "interval", "model", "seq"], unique=False)
    op.create_table(
        "job_runs",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("job", sa.String(length=64), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["job"], ["jobs.name"], name=op.f("fk_job_runs_job_jobs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_runs")),
    )
    op.create_index("ix_job_runs_job_id", "job_runs", ["job", "id"], unique=False)
    op.create_table(
        "series",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("instrument_id", _ROW_ID, nullable=False),
        sa.Column("interval", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("calendar", sa.Text(), nullable=False),
        sa.Column("delay", sa.Text(), nullable=False),
        sa.Column("derived", sa.Text(), nullable=True),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=True),
        sa.Column("last", sa.BigInteger(), nullable=True),
        sa.Column("bars", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("known_until", sa.BigInteger(), nullable=True),
        sa.Column("received_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["instrument_id"], ["instruments.id"], name=op.f("fk_series_instrument_id_instruments")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series")),
        sa.UniqueConstraint(
            "instrument_id", "interval", "source", name=op.f("uq_series_instrument_id_interval_source")
        ),
    )
    op.create_table(
        "appends",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("series_id", _ROW_ID, nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("inserted", sa.Integer(), nullable=False),
        sa.Column("corrected", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_appends_series_id_series")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appends")),
    )
    op.create_index(op.f("ix_appends_series_id"), "appends", ["series_id"], unique=False)
    op.create_table(
        "gaps",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("series_id", _ROW_ID, nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_gaps_series_id_series")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gaps")),
        sa.UniqueConstraint(
            "series_id", "first", "last", "opened_at", name=op.f("uq_gaps_series_id_first_last_opened_at")
        ),
    )
    op.create_table(
        "quarantine",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("series_id", _ROW_ID, nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("row", sa.Text(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_quarantine_series_id_series")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
        sa.UniqueConstraint(
            "series_id", "start", "reason", "row", name=op.f("uq_quarantine_series_id_start_reason_row")
        ),
    )
    op.create_table(
        "scores",
        sa.Column("forecast_seq", _ROW_ID, autoincrement=False, nullable=False),
        sa.Column("step", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("target", sa.BigInteger(), nullable=False),
        sa.Column("resolved_at", sa.BigInteger(), nullable=False),
        sa.Column("void", sa.String(length=64), nullable=True),
        sa.Column("outcome_known_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome_source", sa.String(length=32), nullable=True),
        sa.Column("outcome", sa.Float(precision=53), nullable=True),
        sa.Column("sealed", sa.Boolean(), nullable=True),
        sa.Column("crps", sa.Float(precision=53), nullable=True),
        sa.Column("crps_naive", sa.Float(precision=53), nullable=True),
        sa.Column("pinball", sa.Float(precision=53), nullable=True),
        sa.Column("inside", sa.SmallInteger(), nullable=True),
        sa.Column("pit", sa.Float(precision=53), nullable=True),
        sa.Column("error", sa.Float(precision=53), nullable=True),
        sa.Column("error_naive", sa.Float(precision=53), nullable=True),
        sa.Column("hit", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(["forecast_seq"], ["forecasts.seq"], name=op.f("fk_scores_forecast_seq_forecasts")),
        sa.PrimaryKeyConstraint("forecast_seq", "step", name=op.f("pk_scores")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_scores_resolved_at"), "scores", ["resolved_at"], unique=False)
    op.create_index(op.f("ix_scores_seq"), "scores", ["seq"], unique=False)
    connection = op.get_bind()
    dialect = connection.dialect.name
    for table in ("appends", "bars", "factors", "forecasts", "ledger", "quarantine", "scores"):
        for statement in (*append_only_ddl(table, dialect), *chain_ddl(dialect).get(table, ())):
            connection.exec_driver_sql(statement)

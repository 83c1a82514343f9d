"""What was found by looking for models that have lost touch."""

import sqlalchemy as sa
from alembic import op

from truecast.kit.db import append_only_ddl

revision = "0003"
down_revision = "0002"

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite numbers rows only by a column that is INTEGER


def upgrade() -> None:
    """Run it."""
    op.create_table(
        "drift",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("asset_class", sa.String(length=32), nullable=False),
        sa.Column("interval", sa.String(length=8), nullable=False),
        sa.Column("trigger", sa.String(length=16), nullable=False),
        sa.Column("measured", sa.Float(precision=53), nullable=False),
        sa.Column("limit", sa.Float(precision=53), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("drifted", sa.Boolean(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drift")),
    )
    op.create_index("ix_drift_scope", "drift", ["model", "asset_class", "interval", "trigger", "id"], unique=False)
    connection = op.get_bind()
    for statement in append_only_ddl("drift", connection.dialect.name):
        connection.exec_driver_sql(statement)

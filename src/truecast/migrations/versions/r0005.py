"""What was learned of each series and class."""

import sqlalchemy as sa
from alembic import op

from truecast.kit.db import append_only_ddl

revision = "0005"
down_revision = "0004"

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite numbers rows only by a column that is INTEGER


def upgrade() -> None:
    """Run it."""
    op.create_table(
        "evidence",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("interval", sa.String(length=8), nullable=False),
        sa.Column("boundary", sa.BigInteger(), nullable=False),
        sa.Column("members", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
    )
    op.create_index("ix_evidence_of", "evidence", ["kind", "name", "interval", "id"], unique=False)
    connection = op.get_bind()
    dialect = connection.dialect.name
    for table in ("evidence",):
        for statement in append_only_ddl(table, dialect):
            connection.exec_driver_sql(statement)

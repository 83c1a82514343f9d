"""What is known of a gap, and what became of refused rows."""

from typing import Literal

import sqlalchemy as sa
from alembic import op

from truecast.kit.db import append_only_ddl

revision = "0006"
down_revision = "0005"

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite numbers rows only by a column that is INTEGER


def upgrade() -> None:
    """Run it."""
    connection = op.get_bind()
    # SQLite would append columns behind the constraints: the table is made anew, as the code describes it.
    recreate: Literal["always", "never"] = "always" if connection.dialect.name == "sqlite" else "never"
    with op.batch_alter_table("gaps", recreate=recreate) as batch:
        batch.add_column(sa.Column("empties", sa.Integer(), server_default="0", nullable=False))
        batch.add_column(sa.Column("reason", sa.Text(), nullable=True))
        batch.add_column(sa.Column("tried_at", sa.BigInteger(), nullable=True))
        batch.add_column(sa.Column("retry_at", sa.BigInteger(), nullable=True))
        batch.add_column(sa.Column("filled_by", sa.Text(), nullable=True))
    op.execute("UPDATE gaps SET state = 'unfillable', reason = 'accepted' WHERE state = 'accepted'")
    op.create_table(
        "rulings",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("quarantine_id", _ROW_ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("ruling", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["quarantine_id"], ["quarantine.id"], name=op.f("fk_rulings_quarantine_id_quarantine")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rulings")),
    )
    op.create_index(op.f("ix_rulings_quarantine_id"), "rulings", ["quarantine_id"], unique=False)
    for statement in append_only_ddl("rulings", connection.dialect.name):
        connection.exec_driver_sql(statement)

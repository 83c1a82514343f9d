"""Symbols that users added to what is followed, or took out of it."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Run it."""
    op.create_table(
        "followed",
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("is_followed", sa.Boolean(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("symbol", name=op.f("pk_followed")),
    )

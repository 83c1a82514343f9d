"""The mark of the request that asked for a run of a job."""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Run it."""
    # SQLite would append the column behind the constraints: the table is made anew, as the code describes it.
    recreate: Literal["always", "never"] = "always" if op.get_bind().dialect.name == "sqlite" else "never"
    with op.batch_alter_table("job_runs", recreate=recreate) as batch:
        batch.add_column(sa.Column("mark", sa.String(length=32), nullable=True))
    op.create_index("ix_job_runs_mark", "job_runs", ["mark"], unique=True)

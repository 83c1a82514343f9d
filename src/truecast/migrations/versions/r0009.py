"""Who trains is told by a lease like every other; a training under way is begun anew."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Run it."""
    op.drop_table("model_leases")

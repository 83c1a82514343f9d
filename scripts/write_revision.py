"""Write a migration from what the tables say now: `python scripts/write_revision.py 0002 "what changed"`.

Before the first release `0001` is simply written again; afterwards a revision that was released is never touched.
Read what it writes: Alembic sees columns, indexes and constraints, not triggers and not data.
"""

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

import sqlalchemy as sa
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext

import truecast.forecasts.evidence
import truecast.forecasts.tables
import truecast.jobs.tables
import truecast.kit.leases
import truecast.market.tables
import truecast.models.registry.tables  # noqa: F401
from truecast.kit.db import Database, UtcTime, metadata
from truecast.migrations import upgrade

HEAD = '''"""{message}."""

import sqlalchemy as sa
from alembic import op
{imports}
revision = "{revision}"
down_revision = {before}

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite numbers rows only by a column that is INTEGER


def upgrade() -> None:
    """Run it."""
{body}
'''
TRIGGERS = """
    connection = op.get_bind()
    dialect = connection.dialect.name
    for table in ({tables},):
        for statement in {ddl}:
            connection.exec_driver_sql(statement)
"""
IMPORTS = "\nfrom truecast.kit.db import append_only_ddl\n"
IMPORTS_FIRST = """
from truecast.forecasts.tables import chain_ddl
from truecast.kit.db import append_only_ddl
"""
DDL = "append_only_ddl(table, dialect)"
DDL_FIRST = "(*append_only_ddl(table, dialect), *chain_ddl(dialect).get(table, ()))"
APPEND_ONLY = (
    "appends", "bars", "evidence", "factors", "forecasts", "ledger", "model_events", "model_versions", "quarantine",
    "scores",
)  # fmt: skip


def render_type(kind: str, what: object, _context: object) -> str | bool:
    """Frozen types: a revision must not change when a class of ours does."""
    if kind == "type" and isinstance(what, UtcTime):
        return "sa.BigInteger()"
    if kind == "type" and isinstance(what, sa.BigInteger) and what._variant_mapping:  # noqa: SLF001 it has no public name
        return "_ROW_ID"
    return False


def statements(path: Path) -> str:
    """The difference between the database at `path` and the tables, as Python."""
    with sa.create_engine(f"sqlite:///{path}").connect() as connection:
        options = {"target_metadata": metadata, "render_item": render_type, "render_as_batch": False}
        context = MigrationContext.configure(connection, opts=options)
        operations = produce_migrations(context, metadata).upgrade_ops
    assert operations is not None
    return render_python_code(operations, render_item=render_type)


def main(revision: str, message: str) -> None:
    """Write versions/r<revision>.py."""
    first = revision == "0001"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "head.db"
        if not first:
            asyncio.run(at_head(path))
        body = statements(path)
    made = [f'"{table}"' for table in APPEND_ONLY if f"op.create_table('{table}'" in body]
    if made:
        body += TRIGGERS.format(tables=", ".join(made), ddl=DDL_FIRST if first else DDL)
    before = "None" if first else f'"{int(revision) - 1:04}"'
    imports = "" if not made else IMPORTS_FIRST if first else IMPORTS
    text = HEAD.format(message=message, imports=imports, revision=revision, before=before, body="    " + body.lstrip())
    target = Path(upgrade.__file__).parent / "versions" / f"r{revision}.py"
    target.write_text("\n".join(line for line in text.splitlines() if "# ###" not in line) + "\n")
    subprocess.run([sys.executable, "-m", "ruff", "format", str(target)], check=True)


async def at_head(path: Path) -> None:
    """A database with every revision that there is."""
    db = Database.open(f"sqlite:///{path}")
    await upgrade.upgrade(db)
    await db.close()


if __name__ == "__main__":
    main(*sys.argv[1:3])

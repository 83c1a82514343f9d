"""For who runs the server: the database, and a copy of it."""

from datetime import datetime

from pydantic import Field

from truecast.api.deps import MarkDep, ServicesDep, resource
from truecast.api.errors import documented
from truecast.api.shapes import Output
from truecast.kit.backup import BackupElsewhere, copied_before, copy_to
from truecast.kit.clock import iso
from truecast.kit.db_errors import DatabaseUnavailable, DiskFull
from truecast.kit.sizes import TableSize, sizes_of

router = resource("admin")
BACKUPS = "backups"  # the folder of copies, in the data folder


class TableShape(Output):
    """One table. `bytes` is null where the database does not say it cheaply."""

    name: str
    rows: int
    bytes: int | None


class DatabaseShape(Output):
    """The database of this server."""

    dialect: str
    where: str = Field(description="Without user and password.")
    pending: list[str] = Field(description="Steps of the schema that it still lacks.")
    bytes: int
    tables: list[TableShape]


class Backup(Output):
    """A copy that was made."""

    path: str = Field(description="On the machine of the server.")
    bytes: int
    ledger_rows: int
    checked: str = Field(description="What the database says of its own integrity.", examples=["ok"])
    made_at: datetime


@router.get("/admin/database", response_model=DatabaseShape, responses=documented(DatabaseUnavailable))
async def get_database(services: ServicesDep) -> DatabaseShape:
    """How large it is, table by table, and whether its schema is that of this release."""
    total, tables = await sizes_of(services.db)
    return DatabaseShape(
        dialect=services.db.dialect,
        where=services.db.where,
        pending=list(await services.background.migrations_pending()),
        bytes=total,
        tables=[_table(table) for table in tables],
    )


@router.post("/admin/backup", response_model=Backup, status_code=201, responses=documented(BackupElsewhere, DiskFull))
async def make_backup(services: ServicesDep, mark: MarkDep) -> Backup:
    """Copy the embedded database while it goes on working, and check the copy. PostgreSQL has `pg_dump` for that."""
    folder, stamp = services.settings.data_dir / BACKUPS, iso(services.clock.now()).replace(":", "").replace("-", "")
    copied = None if mark is None else await copied_before(folder, mark)
    if copied is None:
        copied = await copy_to(services.db, folder / f"truecast-{stamp}{f'-{mark}' if mark else ''}.db")
    return Backup(
        path=str(copied.path),
        bytes=copied.bytes,
        ledger_rows=copied.ledger_rows,
        checked=copied.integrity,
        made_at=datetime.fromisoformat(copied.path.name.split("-")[1].removesuffix(".db")),
    )


def _table(table: TableSize) -> TableShape:
    return TableShape(name=table.name, rows=table.rows, bytes=table.bytes)

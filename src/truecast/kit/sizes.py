"""How large a database and its tables are."""

from dataclasses import dataclass

import sqlalchemy as sa

from truecast.kit.db import Database, metadata


@dataclass(frozen=True, slots=True)
class TableSize:
    """One table. `bytes` is None where the database does not say it cheaply."""

    name: str
    rows: int
    bytes: int | None


async def sizes_of(db: Database) -> tuple[int, list[TableSize]]:
    """Bytes of the database, and its tables by name. Rows are counted; PostgreSQL estimates them."""
    async with db.read() as conn:
        if db.dialect == "sqlite":
            pages = await conn.scalar(sa.text("PRAGMA page_count"))
            total = int(pages or 0) * int(await conn.scalar(sa.text("PRAGMA page_size")) or 0)
            counted = [
                TableSize(table.name, int(await conn.scalar(sa.select(sa.func.count()).select_from(table)) or 0), None)
                for table in metadata.sorted_tables
            ]
        else:
            total = int(await conn.scalar(sa.text("SELECT pg_database_size(current_database())")) or 0)
            rows = await conn.execute(
                sa.text(
                    "SELECT relname, GREATEST(reltuples, 0)::bigint, pg_total_relation_size(oid) "
                    "FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
                )
            )
            counted = [TableSize(str(name), int(n), int(size)) for name, n, size in rows]
    return total, sorted(counted, key=lambda table: table.name)

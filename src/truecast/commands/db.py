"""`truecast db upgrade`: bring the tables up to date."""

import asyncio

import typer

from truecast.kit.db import Database
from truecast.kit.settings import Settings
from truecast.migrations.upgrade import upgrade as upgrade_tables

app = typer.Typer(add_completion=False)


@app.callback()
def db() -> None:
    """Look after the database."""


@app.command()
def upgrade() -> None:
    """Bring the tables of the database up to date. Data is kept; running it again changes nothing."""
    typer.echo(asyncio.run(_upgrade(Settings())))


async def _upgrade(settings: Settings) -> str:
    database = Database.open(settings.database_url)
    if database.path is not None:
        database.path.parent.mkdir(parents=True, exist_ok=True)
    try:
        await upgrade_tables(database)
    finally:
        await database.close()
    return f"Up to date: {database.where}"

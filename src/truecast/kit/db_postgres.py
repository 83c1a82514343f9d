"""PostgreSQL's side of the database: connections that last, and snapshots in as few round trips as there can be."""

import contextlib
import math
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

_CONNECT_TIMEOUT_S = 10
_IDLE_S = 1.0


def postgres_engine(url: URL) -> AsyncEngine:
    """A pool of connections to the server."""
    mode = url.query.get("sslmode")  # what libpq and hosting providers write; asyncpg calls it ssl
    url = url.difference_update_query(["sslmode"]).set(drivername="postgresql+asyncpg")
    engine = create_async_engine(
        url.update_query_dict({"ssl": mode}) if isinstance(mode, str) else url,
        pool_size=10,
        connect_args={
            "timeout": _CONNECT_TIMEOUT_S,
            # Bars are read along their key, newest first. Of a table that was just filled the planner knows nothing,
            # and would rather gather a whole series and sort it.
            "server_settings": {
                "application_name": "truecast",
                "timezone": "UTC",
                "jit": "off",
                "enable_bitmapscan": "off",
            },
        },
    )
    _ping_idle(engine.sync_engine)
    return engine


def _ping_idle(engine: Engine) -> None:
    """A restarted server must not cost one failed request per pooled connection: one that lay idle is asked first.

    SQLAlchemy would ask before every transaction, which costs three round trips of a read's eight.
    """

    @event.listens_for(engine, "checkin")
    def _note(_connection: Any, record: Any) -> None:
        record.info["used_s"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _ask(connection: Any, record: Any, _proxy: object) -> None:
        if record.driver_connection.is_closed():
            raise InvalidatePoolError("the server has ended the connection")
        if time.monotonic() - record.info.get("used_s", -math.inf) < _IDLE_S:
            return
        try:
            connection.ping()
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError(str(error)) from error  # the others, too, were of that server


@contextlib.asynccontextmanager
async def snapshot(driver: Any) -> AsyncIterator[None]:
    """One state of the database for an asyncpg connection, and no writes.

    Begun here and not by SQLAlchemy, whose transaction would need one more round trip to become a snapshot, and would
    only begin with the first statement that is SQLAlchemy's.
    """
    transaction = driver.transaction(isolation="repeatable_read", readonly=True)
    with _or_given_up(driver):
        await transaction.start()
    try:
        yield
    finally:
        with _or_given_up(driver):
            await transaction.rollback()


@contextlib.contextmanager
def _or_given_up(driver: Any) -> Iterator[None]:
    """What is cut off here leaves the connection in nobody knows what state: nobody else may get it."""
    try:
        yield
    except BaseException as error:
        driver.terminate()
        if isinstance(error, Exception):
            raise ConnectionError(str(error)) from error
        raise

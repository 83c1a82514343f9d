"""Facts about the chain: it only grows, names what was broken, and is one whoever writes to it."""

import asyncio
import hashlib
import sqlite3

import orjson
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.forecasts.drafts import DAY, START, a_bundle, a_draft
from truecast.domain.interval import Interval
from truecast.forecasts.body import seal
from truecast.forecasts.ledger import Ledger, UnknownForecast
from truecast.forecasts.tables import GENESIS
from truecast.kit.clock import FixedClock, to_us
from truecast.kit.db import Database


@pytest.fixture
def ledger(db: Database) -> Ledger:
    return Ledger(db, FixedClock(START + DAY))


def same(one, other) -> bool:
    """Forecasts hold arrays, so they are compared by what they say."""
    return (one.id, seal_body(one)) == (other.id, seal_body(other))


def seal_body(forecast) -> bytes:
    draft = a_draft()
    return seal(type(draft)(forecast, 1.0, draft.due), None)[1]


async def rows_of(db: Database, sql: str) -> list[tuple]:
    async with db.read() as conn:
        return [tuple(row) for row in await conn.execute(text(sql))]


async def tampered(db: Database, table: str, sql: str) -> None:
    """What somebody with the file in hand could do: the triggers and foreign keys away, then the change."""
    if db.path is not None:
        with sqlite3.connect(db.path) as conn:
            names = conn.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", [table])
            for (name,) in names.fetchall():
                conn.execute(f"DROP TRIGGER {name}")
            conn.execute(sql)
        conn.close()
        return
    async with db.write() as conn:
        await conn.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        await conn.exec_driver_sql("ALTER TABLE forecasts DROP CONSTRAINT IF EXISTS fk_forecasts_seq_ledger")
        await conn.exec_driver_sql(sql)


async def test_a_recorded_forecast_reads_back_as_it_was(ledger):
    ((naive, model),) = await ledger.append_forecasts([a_bundle()])
    assert same(await ledger.by_id(model.id), model)
    assert [f.model for f in await ledger.latest()] == ["ewma_walk", "naive"]
    assert same((await ledger.latest(["EUR-USD"], "naive", Interval.D1))[0], naive)
    assert await ledger.latest(["GBP-USD"]) == []


async def test_an_unknown_id_is_an_error(ledger):
    with pytest.raises(UnknownForecast):
        await ledger.by_id("nobody")


async def test_each_row_hashes_the_one_before_and_its_own_canonical_json(ledger, db):
    await ledger.append_forecasts([a_bundle(at=START + i * DAY) for i in range(3)])
    prev = GENESIS
    for seq, kind, ref, at, body, prev_hash, digest in await rows_of(
        db, "SELECT seq, kind, ref, recorded_at, body, prev_hash, hash FROM ledger ORDER BY seq"
    ):
        row = {"body": orjson.loads(body), "kind": kind, "recorded_at": at, "ref": ref, "seq": seq}
        said = orjson.dumps(row, option=orjson.OPT_SORT_KEYS)
        assert prev_hash == prev
        assert digest == hashlib.sha256(prev.encode() + said).hexdigest()
        prev = digest


async def test_asking_again_on_the_same_bars_gives_the_sealed_forecast(ledger, db):
    ((_, first),) = await ledger.append_forecasts([a_bundle(steps=5)])
    ((_, again),) = await ledger.append_forecasts([a_bundle(steps=5, issued_at=START + 2 * DAY)])
    assert same(again, first)
    ((_, shorter),) = await ledger.append_forecasts([a_bundle(steps=2, issued_at=START + 2 * DAY)])
    assert shorter.id == first.id
    assert shorter.horizon.steps == 2
    assert (shorter.quantiles.values == first.quantiles.values[:2]).all()
    assert len(await rows_of(db, "SELECT 1 FROM ledger")) == 2


async def test_a_longer_forecast_on_the_same_bars_is_new(ledger, db):
    await ledger.append_forecasts([a_bundle(steps=2)])
    await ledger.append_forecasts([a_bundle(steps=3, issued_at=START + 2 * DAY)])
    assert len(await rows_of(db, "SELECT 1 FROM ledger")) == 4


async def test_the_same_forecast_twice_in_one_batch_is_recorded_once(ledger, db):
    (one, other) = await ledger.append_forecasts([a_bundle(), a_bundle()])
    assert [f.id for f in one] == [f.id for f in other]
    assert len(await rows_of(db, "SELECT 1 FROM ledger")) == 2


async def test_the_same_content_at_the_same_time_has_the_same_id(ledger):
    ((naive, _),) = await ledger.append_forecasts([a_bundle()])
    assert seal(a_draft(), None)[0].id == naive.id


@pytest.mark.parametrize("table", ["ledger", "forecasts"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET seq = seq", "DELETE FROM {}"])
async def test_the_database_refuses_changes(ledger, db, table, verb):
    await ledger.append_forecasts([a_bundle()])
    with pytest.raises(DBAPIError, match="append-only"):
        async with db.write() as conn:
            await conn.execute(text(verb.format(table)))
    assert (await ledger.verify()).ok


@pytest.mark.parametrize(
    "values",
    [
        "(2, 'forecast', 'x', 0, '{}', 'no', 'no')",  # taken
        "(4, 'forecast', 'x', 0, '{}', (SELECT hash FROM ledger WHERE seq = 2), 'no')",  # leaves one out
        "(3, 'forecast', 'x', 0, '{}', (SELECT hash FROM ledger WHERE seq = 1), 'no')",  # forks
    ],
)
async def test_the_database_refuses_a_row_that_does_not_follow(ledger, db, values):
    await ledger.append_forecasts([a_bundle()])
    verb = "INSERT OR REPLACE" if db.dialect == "sqlite" else "INSERT"
    columns = "(seq, kind, ref, recorded_at, body, prev_hash, hash)"
    with pytest.raises(DBAPIError, match="append-only"):
        async with db.write() as conn:
            await conn.execute(text(f"{verb} INTO ledger {columns} VALUES {values}"))
    assert (await ledger.verify()).ok


async def test_an_empty_ledger_is_sound(ledger):
    found = await ledger.verify()
    assert (found.ok, found.rows, found.head) == (True, 0, GENESIS)


@pytest.mark.parametrize(
    ("table", "sql", "row", "reason"),
    [
        (
            "ledger",
            'UPDATE ledger SET body = replace(body, \'"naive":null\', \'"naive":"me"\') WHERE seq = 3',
            3,
            "content",
        ),
        ("ledger", "UPDATE ledger SET recorded_at = recorded_at - 1 WHERE seq = 4", 4, "content"),
        ("ledger", f"UPDATE ledger SET prev_hash = '{GENESIS}' WHERE seq = 4", 4, "hash of the row before"),
        ("ledger", "UPDATE ledger SET hash = prev_hash WHERE seq = 5", 5, "content"),
        ("ledger", "DELETE FROM ledger WHERE seq = 2", 2, "missing"),
        ("ledger", "DELETE FROM ledger WHERE seq = 6", 6, "missing"),
        ("forecasts", "UPDATE forecasts SET anchor_price = 1.3 WHERE seq = 3", 3, "anchor_price"),
        ("forecasts", "DELETE FROM forecasts WHERE seq = 6", 6, "forecasts is missing"),
        ("forecasts", "UPDATE forecasts SET recorded_at = recorded_at - 1 WHERE seq = 2", 2, "recorded_at"),
    ],
)
async def test_verification_names_the_first_broken_row_and_why(ledger, db, table, sql, row, reason):
    await ledger.append_forecasts([a_bundle(at=START + i * DAY) for i in range(3)])
    assert (await ledger.verify()).ok
    await tampered(db, table, sql)
    found = await ledger.verify()
    assert not found.ok
    assert found.first_broken == row
    assert reason in found.reason


async def test_many_writers_extend_one_chain(db):
    """Two databases handles are two processes to SQLite and PostgreSQL alike."""
    other = Database.open(
        db.engine.url.render_as_string(hide_password=False).replace("+aiosqlite", "").replace("+asyncpg", "")
    )
    clock = FixedClock(START + DAY)
    ledgers = [Ledger(db, clock), Ledger(other, clock)]
    try:
        await asyncio.gather(*(ledgers[i % 2].append_forecasts([a_bundle(at=START + i * DAY)]) for i in range(20)))
    finally:
        await other.close()
    found = await ledgers[0].verify()
    assert (found.ok, found.rows) == (True, 40)


async def test_history_pages_from_the_latest(ledger):
    await ledger.append_forecasts([a_bundle(at=START + i * DAY) for i in range(5)])
    first = await ledger.history("EUR-USD", Interval.D1, model="naive", step=2, limit=3)
    rest = await ledger.history("EUR-USD", Interval.D1, model="naive", step=2, before=first[-1].seq)
    targets = [step.target for step in first + rest]
    assert targets == [START + (i + 2) * DAY for i in reversed(range(5))]
    assert all(step.outcome is None and step.lower < step.median < step.upper for step in first)


async def test_as_of_gives_the_ledger_as_it_stood(db):
    ledgers = [Ledger(db, FixedClock(START + i * DAY)) for i in (1, 2)]
    (early, *_), (late, *_) = [
        (await one.append_forecasts([a_bundle(at=START + i * DAY)]))[0] for i, one in enumerate(ledgers)
    ]
    then = START + DAY
    assert [f.id for f in await ledgers[1].latest(model="naive", as_of=then)] == [early.id]
    assert [f.id for f in await ledgers[1].latest(model="naive", as_of=then + DAY)] == [late.id]
    assert await ledgers[1].latest(as_of=then - DAY) == []
    assert [s.id for s in await ledgers[1].history("EUR-USD", Interval.D1, model="naive", as_of=then)] == [early.id]


async def test_history_bounds_the_asked_level(ledger):
    await ledger.append_forecasts([a_bundle()])
    narrow, wide = [
        (await ledger.history("EUR-USD", Interval.D1, model="naive", level=level))[0] for level in (0.5, 0.95)
    ]
    assert wide.lower < narrow.lower < narrow.median < narrow.upper < wide.upper


async def test_anchors_tell_what_was_forecast_so_far_ahead(ledger):
    await ledger.append_forecasts([a_bundle(steps=2), a_bundle(symbol="GBP-USD", steps=24)])
    assert await ledger.anchors("naive", 24) == {("GBP-USD", "1d"): to_us(START)}
    assert set(await ledger.anchors("naive", 1)) == {("GBP-USD", "1d"), ("EUR-USD", "1d")}

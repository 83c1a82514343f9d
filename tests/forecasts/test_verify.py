"""Facts about checking the ledger again and again: little is read twice, and nothing that was changed stays hidden."""

import pytest

from tests.forecasts.drafts import DAY, START, a_bundle
from tests.forecasts.test_ledger import rows_of, tampered
from truecast.forecasts import verify as verifying
from truecast.forecasts.chain import Entry, Head, extend
from truecast.forecasts.ledger import Ledger
from truecast.kit.clock import FixedClock
from truecast.kit.db import Database


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(START + DAY)


@pytest.fixture
async def ledger(db: Database, clock: FixedClock) -> Ledger:
    """Twenty rows, all of them checked."""
    made = Ledger(db, clock)
    await grow(made, clock, 10)
    assert (await made.verify()).known == 0
    return made


async def grow(ledger: Ledger, clock: FixedClock, days: int) -> None:
    for _ in range(days):
        clock.advance(DAY)
        at = clock.now() - DAY
        await ledger.append_forecasts([a_bundle(at=at, issued_at=clock.now())])


async def rechained(db: Database, first: int) -> None:
    """Every row from `first` on says something else, and all hashes are right."""
    rows = await rows_of(db, "SELECT seq, kind, ref, recorded_at, body, hash FROM ledger ORDER BY seq")
    head = Head(first - 1, rows[first - 2][5]) if first > 1 else Head()
    said = [
        Entry(kind, ref, at, body.replace('"p_value":0.31', '"p_value":0.01').encode())
        for _, kind, ref, at, body, _ in rows[first - 1 :]
    ]
    for link in extend(head, said):
        await tampered(
            db,
            "ledger",
            f"UPDATE ledger SET body = '{link.body.decode()}', prev_hash = '{link.prev_hash}', hash = '{link.hash}' "
            f"WHERE seq = {link.seq}",
        )


async def test_only_what_is_new_is_counted_as_unknown(ledger: Ledger, clock):
    found = await ledger.verify(full=False)
    assert (found.ok, found.rows, found.known) == (True, 20, 20)
    await grow(ledger, clock, 3)
    found = await ledger.verify(full=False)
    assert (found.ok, found.rows, found.known) == (True, 26, 20)
    assert found.head == (await ledger.head()).hash
    assert (await ledger.verify(full=False)).known == 26
    assert (await ledger.verify(full=True)).known == 0


async def test_the_first_check_of_a_process_reads_everything(ledger: Ledger, db, clock):
    assert (await Ledger(db, clock).verify(full=False)).known == 0


async def test_a_new_row_that_is_wrong_is_found(ledger: Ledger, db, clock):
    await grow(ledger, clock, 2)
    await tampered(db, "ledger", "UPDATE ledger SET body = replace(body, '\"steps\":3', '\"steps\":2') WHERE seq = 23")
    found = await ledger.verify(full=False)
    assert (found.ok, found.first_broken) == (False, 23)


async def test_a_chain_written_anew_is_found_by_the_row_that_is_remembered(ledger: Ledger, db, monkeypatch):
    monkeypatch.setattr(verifying, "PATROL_ROWS", 0)
    await rechained(db, 4)
    assert (await Ledger(db, FixedClock(START)).verify()).ok  # hashes alone do not show it
    found = await ledger.verify(full=False)
    assert (found.ok, found.first_broken) == (False, 20)
    assert "when it was last checked" in found.reason


async def test_an_end_that_was_cut_off_is_found(ledger: Ledger, db, monkeypatch):
    monkeypatch.setattr(verifying, "PATROL_ROWS", 0)
    for table in ("pending", "forecasts", "ledger"):
        await tampered(db, table, f"DELETE FROM {table} WHERE {'forecast_seq' if table == 'pending' else 'seq'} > 18")
    found = await ledger.verify(full=False)
    assert (found.ok, found.first_broken) == (False, 20)
    assert "missing" in found.reason


@pytest.mark.parametrize("table", ["ledger", "forecasts"])
async def test_an_old_row_changed_alone_is_found_by_the_full_check_and_by_the_round(
    ledger: Ledger, db, monkeypatch, table
):
    monkeypatch.setattr(verifying, "PATROL_ROWS", 6)
    change = "ref = 'x'" if table == "ledger" else "steps = 99"
    await tampered(db, table, f"UPDATE {table} SET {change} WHERE seq = 15")
    seen = [(await ledger.verify(full=False)).first_broken for _ in range(3)]
    assert seen == [None, None, 15]  # rows 1 … 6, 7 … 12, 13 … 18
    assert (await ledger.verify(full=True)).first_broken == 15


async def test_after_a_break_nothing_is_taken_as_sound(ledger: Ledger, db, clock):
    await tampered(db, "ledger", "UPDATE ledger SET ref = 'x' WHERE seq = 2")
    assert (await ledger.verify(full=True)).first_broken == 2
    for _ in range(2):
        found = await ledger.verify(full=False)
        assert (found.ok, found.first_broken, found.known) == (False, 2, 0)


async def test_the_round_begins_again_when_it_has_come_to_the_end(ledger: Ledger, db, monkeypatch):
    monkeypatch.setattr(verifying, "PATROL_ROWS", 15)
    for _ in range(3):
        assert (await ledger.verify(full=False)).ok
    await tampered(db, "ledger", "UPDATE ledger SET ref = 'x' WHERE seq = 3")
    assert 3 in [(await ledger.verify(full=False)).first_broken for _ in range(2)]

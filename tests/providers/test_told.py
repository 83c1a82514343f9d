"""Each process tells the others how its sources do; who is not heard of any more is not shown."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from truecast.kit.clock import FixedClock
from truecast.kit.db import Database
from truecast.kit.errors import TruecastError
from truecast.kit.guard import Guard
from truecast.kit.limits import BREAKER_OUTCOMES_MIN, SOURCES_ALIVE_S, SOURCES_LOST_S
from truecast.providers.told import SourceStanding, Told, latest_error, source_standings, standing_of, worst

NOW = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


class Own:
    """The guards of one process."""

    def __init__(self, clock: FixedClock, *keys: str) -> None:
        self.guards: Mapping[str, Guard] = {key: Guard(key, clock=clock) for key in keys}


def ask(guard: Guard, *, well: bool) -> None:
    guard.count("ok" if well else "failed")
    given = guard.breaker.admit()
    assert given is not None
    if well:
        guard.answered(given)
    else:
        guard.note_error(TruecastError())
        guard.breaker_failed(given)


def fail(guard: Guard) -> None:
    for _ in range(BREAKER_OUTCOMES_MIN):
        ask(guard, well=False)


async def test_a_process_shows_itself_as_of_now_and_the_others_as_they_told_last(
    db: Database, clock: FixedClock
) -> None:
    one, two = Own(clock, "ecb", "idle"), Own(clock, "ecb")
    first, second = Told(db, clock, one), Told(db, clock, two)
    fail(one.guards["ecb"])
    await first.tell()
    ask(two.guards["ecb"], well=True)
    told = (await second.standings())["ecb"]
    assert [(each.process, each.state(NOW), each.calls) for each in told] == [
        (second.process, "closed", 1),
        (first.process, "open", BREAKER_OUTCOMES_MIN),
    ]
    assert told[1] == replace(standing_of(one.guards["ecb"], first.process, NOW), told_at=NOW)
    assert "idle" not in await second.standings(), "nobody asked it anything"
    assert [each.process for each in (await first.standings())["ecb"]] == [first.process]


async def test_writes_what_changed_and_now_and_then_that_it_lives(db: Database, clock: FixedClock) -> None:
    own = Own(clock, "ecb", "boe")
    told = Told(db, clock, own)
    await told.tell()
    assert await told_at(db) == {}
    ask(own.guards["ecb"], well=True)
    await told.tell()
    ask(own.guards["boe"], well=True)
    clock.advance(timedelta(seconds=1))
    await told.tell()
    assert await told_at(db) == {"ecb": 0, "boe": 1}
    clock.advance(timedelta(seconds=SOURCES_ALIVE_S))
    await told.tell()
    assert await told_at(db) == {"ecb": 1 + SOURCES_ALIVE_S, "boe": 1 + SOURCES_ALIVE_S}


async def test_who_was_not_heard_of_is_neither_shown_nor_kept(db: Database, clock: FixedClock) -> None:
    dead, alive = Own(clock, "ecb"), Own(clock, "boe")
    ask(dead.guards["ecb"], well=True)
    await Told(db, clock, dead).tell()
    clock.advance(timedelta(seconds=SOURCES_LOST_S + 1))
    living = Told(db, clock, alive)
    assert "ecb" not in await living.standings()
    ask(alive.guards["boe"], well=True)
    await living.tell()
    assert set(await told_at(db)) == {"boe"}


async def test_a_process_that_ends_is_gone_at_once(db: Database, clock: FixedClock, monkeypatch) -> None:
    monkeypatch.setattr("truecast.providers.told.SOURCES_TOLD_S", 0.01)
    own = Own(clock, "ecb")
    ask(own.guards["ecb"], well=True)
    running = asyncio.create_task(Told(db, clock, own).run())
    async with asyncio.timeout(20):
        while not await told_at(db):
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait([running])
    assert await told_at(db) == {}


def test_a_standing_survives_its_row(clock: FixedClock) -> None:
    guard = Guard("ecb", clock=clock)
    fail(guard)
    guard.key_refused = "no"
    one = standing_of(guard, "me", NOW)
    assert SourceStanding.from_json(one.as_json()) == one


def test_an_open_breaker_anywhere_means_that_the_source_rests(clock: FixedClock) -> None:
    guards = [Guard("ecb", clock=clock) for _ in range(2)]
    ask(guards[0], well=True)
    fail(guards[1])
    told = [standing_of(guard, str(i), NOW) for i, guard in enumerate(guards)]
    found, rests = worst(told, NOW)
    assert (found.process, found.state(NOW), rests) == ("1", "open", True)
    assert found.wait_s(NOW) == 15
    assert latest_error(told) is told[1]


def test_a_breaker_that_waits_for_a_probe_says_nothing_once_another_process_had_an_answer(clock: FixedClock) -> None:
    guards = [Guard("ecb", clock=clock) for _ in range(2)]
    fail(guards[1])
    clock.advance(timedelta(seconds=16))
    now = clock.now()
    assert worst([standing_of(guard, str(i), now) for i, guard in enumerate(guards)], now)[1]
    ask(guards[0], well=True)
    found, rests = worst([standing_of(guard, str(i), now) for i, guard in enumerate(guards)], now)
    assert (found.process, rests) == ("0", False)


def test_of_equals_the_first_is_shown(clock: FixedClock) -> None:
    told = [standing_of(Guard("ecb", clock=clock), str(i), NOW) for i in range(3)]
    assert worst(told, NOW) == (told[0], False)


async def told_at(db: Database) -> dict[str, float]:
    """Seconds after NOW, by source."""
    async with db.read() as conn:
        rows = await conn.execute(sa.select(source_standings.c.source, source_standings.c.told_at))
    return {source: at / 1e6 - NOW.timestamp() for source, at in rows}

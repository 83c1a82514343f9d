"""Facts about leases: one holder at a time, the work of the dead is taken over, who loses one is stopped."""

import asyncio
import time

import pytest
from sqlalchemy import update

from truecast.kit.db import Database
from truecast.kit.leases import LeaseLost, Leases, in_force
from truecast.kit.leases import leases as table
from truecast.kit.metrics import REGISTRY


def two(db: Database, *, lease_s: float = 60.0, renew_s: float = 20.0) -> tuple[Leases, Leases]:
    return Leases(db, lease_s=lease_s, renew_s=renew_s), Leases(db, lease_s=lease_s, renew_s=renew_s)


async def test_one_holder_at_a_time(db: Database) -> None:
    one, other = two(db)
    assert await one.take(["a", "b"]) == {"a", "b"}
    assert await other.take(["a", "c"]) == {"c"}
    assert await one.take(["a"]) == {"a"}  # renewed
    assert (one.holds("a"), other.holds("a"), other.holds("c")) == (True, False, True)
    listed = {lease.name: (lease.holder, lease.token) for lease in await one.listed()}
    assert listed == {"a": (one.holder, 1), "b": (one.holder, 1), "c": (other.holder, 1)}


async def test_the_lease_of_a_dead_holder_is_taken_over_and_counted(db: Database) -> None:
    dead, heir = two(db, lease_s=0.5)
    await dead.take(["a"])
    assert not await heir.take(["a"])
    await asyncio.sleep(0.6)
    assert await heir.take(["a"]) == {"a"}
    assert [(lease.holder, lease.token) for lease in await heir.listed()] == [(heir.holder, 2)]
    assert not await dead.take(["a"])  # it wakes up, and must not go on
    assert not dead.holds("a")


async def test_what_is_given_back_is_free_at_once(db: Database) -> None:
    one, other = two(db)
    await one.take(["a"])
    await other.release(["a"])  # not its own
    assert not await other.take(["a"])
    await one.release(["a"])
    assert await other.take(["a"]) == {"a"}


async def test_many_at_once_get_one_winner(db: Database) -> None:
    asking = [Leases(db) for _ in range(8)]
    won = await asyncio.gather(*(leases.take(["a"]) for leases in asking))
    assert sum(map(bool, won)) == 1


async def test_a_lease_is_renewed_while_it_is_held(db: Database) -> None:
    one, other = two(db, lease_s=1.0, renew_s=0.2)
    async with one.hold("a") as held, other.hold("a") as held_too:
        assert (held, held_too) == (True, False)
        await asyncio.sleep(1.5)
        assert not await other.take(["a"])
    assert await other.take(["a"]) == {"a"}


async def test_who_loses_a_lease_is_stopped(db: Database) -> None:
    one, other = two(db, lease_s=1.0, renew_s=0.2)

    async def stands_still() -> None:
        async with one.hold("a"):
            async with db.write() as conn:  # as after a long standstill of this process
                await conn.execute(update(table).values(until=0))
            await other.take(["a"])
            await asyncio.sleep(10)

    with pytest.raises(LeaseLost):
        await stands_still()
    assert other.holds("a")


async def test_a_process_that_stood_still_knows_that_its_leases_ended(db: Database) -> None:
    one, _ = two(db, lease_s=0.2)
    await one.take(["a"])
    time.sleep(0.3)  # noqa: ASYNC251 the standstill
    assert not one.holds("a")


async def test_a_process_holds_a_lease_in_one_block_at_a_time(db: Database) -> None:
    one, _ = two(db)
    async with one.hold("a") as held:
        async with one.hold("a") as again, one.hold("b") as another:
            assert (held, again, another) == (True, False, True)
        assert one.holds("a")
    async with one.hold("a") as held:
        assert held


async def test_leases_are_told_by_the_beginning_of_their_names(db: Database) -> None:
    one, other = two(db)
    await one.take(["job:a", "train:a"])
    await other.take(["train:b"])
    async with db.read() as conn:
        found = await in_force(conn, "train:")
    assert [(lease.name, lease.holder) for lease in found] == [("train:a", one.holder), ("train:b", other.holder)]


async def test_the_metric_counts_what_all_of_a_process_hold(db: Database) -> None:
    before = REGISTRY.get_sample_value("truecast_leases_held") or 0
    one, other = two(db)
    await one.take(["a", "b"])
    await other.take(["c"])
    await one.release(["a"])
    assert REGISTRY.get_sample_value("truecast_leases_held") == before + 2
    await one.release(["b"])
    await other.release(["c"])
    assert REGISTRY.get_sample_value("truecast_leases_held") == before

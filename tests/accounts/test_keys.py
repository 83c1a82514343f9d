"""API keys: shown once, kept as hashes, revoked everywhere within a second."""

import asyncio
import time
from datetime import timedelta

import pytest
from sqlalchemy import select

from truecast.accounts.keys import KNOWN_S, REFRESH_S, InvitationRefused, KeyRefused, Keys, UnknownKey, hash_of
from truecast.accounts.principal import Principal, Scope
from truecast.accounts.tables import api_keys, invitations
from truecast.kit.clock import FixedClock
from truecast.kit.db import Database
from truecast.kit.errors import MalformedRequest


async def test_a_key_lets_its_holder_in_with_its_scopes(db: Database, clock: FixedClock):
    keys = Keys(db, clock)
    info, text = await keys.create("notebook", [Scope.READ, Scope.FORECAST, Scope.READ], None)
    principal = await keys.principal(text)
    assert principal == Principal(info.id, "notebook", frozenset({Scope.READ, Scope.FORECAST}))
    assert principal.may(Scope.READ)
    assert not principal.may(Scope.TRAIN)
    assert text.startswith(f"tc_{info.id}_")


async def test_the_database_never_sees_the_secret(db: Database, clock: FixedClock):
    keys = Keys(db, clock)
    _, text = await keys.create("notebook", [Scope.READ], None)
    invitation = await keys.invitation()
    assert invitation is not None
    async with db.read() as conn:
        stored = str((await conn.execute(select(api_keys))).all()) + str(
            (await conn.execute(select(invitations))).all()
        )
    assert text.split("_", 2)[2] not in stored
    assert invitation not in stored


@pytest.mark.parametrize("text", ["", "tc_", "tc_0123456789ab_" + "A" * 43, "Bearer x", "tc_\u00e9", "x" * 10_000])
async def test_what_was_never_made_is_refused(sqlite_db: Database, clock: FixedClock, text: str):
    with pytest.raises(KeyRefused):
        await Keys(sqlite_db, clock).principal(text)


async def test_a_key_ends_when_it_expires(sqlite_db: Database, clock: FixedClock):
    later = FixedClock(clock.now() + timedelta(hours=1))
    _, text = await Keys(sqlite_db, clock).create("short", [Scope.READ], later.now())
    await Keys(sqlite_db, clock).principal(text)
    with pytest.raises(KeyRefused):
        await Keys(sqlite_db, later).principal(text)


async def test_revoking_in_one_process_shuts_the_key_out_of_another_within_a_second(db: Database, clock: FixedClock):
    here, there = Keys(db, clock), Keys(db, clock)
    info, text = await here.create("notebook", [Scope.READ], None)
    await there.principal(text)
    await here.revoke(info.id)
    with pytest.raises(KeyRefused):
        await here.principal(text)
    await asyncio.sleep(KNOWN_S)
    with pytest.raises(KeyRefused):
        await there.principal(text)
    revoked_at = (await here.all())[0].revoked_at
    await here.revoke(info.id)
    assert (await here.all())[0].revoked_at == revoked_at == clock.now()


async def test_who_asks_all_the_time_never_waits_and_is_shut_out_within_a_second(db: Database, clock: FixedClock):
    here, there = Keys(db, clock), Keys(db, clock)
    info, text = await here.create("notebook", [Scope.READ], None)
    principal = await there.principal(text)
    for _ in range(3):
        there._known_since -= REFRESH_S  # as if it were so long ago
        assert there.at_once(hash_of(text)) == principal
        await there._renewing
        assert there._known_since > time.monotonic() - REFRESH_S
    await here.revoke(info.id)
    async with asyncio.timeout(1.0):
        while there.at_once(hash_of(text)) is not None:
            await asyncio.sleep(0.01)


async def test_what_is_read_while_a_key_is_revoked_is_not_believed(db: Database, clock: FixedClock):
    keys = Keys(db, clock)
    info, text = await keys.create("notebook", [Scope.READ], None)
    reading = asyncio.create_task(keys.principal(text))
    while not keys._loading.locked():
        await asyncio.sleep(0)
    await keys.revoke(info.id)
    await asyncio.gather(reading, return_exceptions=True)
    assert keys.at_once(hash_of(text)) is None
    with pytest.raises(KeyRefused):
        await keys.principal(text)


async def test_revoking_what_is_not_there_is_an_error(sqlite_db: Database, clock: FixedClock):
    with pytest.raises(UnknownKey):
        await Keys(sqlite_db, clock).revoke("0123456789ab")


async def test_the_last_use_is_written_down(db: Database, clock: FixedClock):
    keys = Keys(db, clock)
    _, text = await keys.create("notebook", [Scope.READ], None)
    await keys.principal(text)
    await keys.tell_use()
    assert (await keys.all())[0].last_used_at == clock.now()


@pytest.mark.parametrize(
    ("name", "scopes", "in_s"),
    [
        ("", [Scope.READ], 60),
        ("x" * 65, [Scope.READ], 60),
        ("a\nb", [Scope.READ], 60),
        ("a", [], 60),
        ("a", [Scope.READ], 0),
    ],
)
async def test_a_key_that_makes_no_sense_is_refused(
    sqlite_db: Database, clock: FixedClock, name: str, scopes: list[Scope], in_s: float
):
    keys = Keys(sqlite_db, clock)
    with pytest.raises(MalformedRequest):
        await keys.create(name, scopes, clock.now() + timedelta(seconds=in_s))
    assert await keys.all() == []


async def test_an_invitation_makes_one_administrator_and_no_second(db: Database, clock: FixedClock):
    keys = Keys(db, clock)
    invitation = await keys.invitation()
    assert invitation is not None
    made = await asyncio.gather(*(keys.redeem(invitation) for _ in range(5)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in made) == ["InvitationRefused"] * 4 + ["tuple"]
    _, text = next(one for one in made if isinstance(one, tuple))
    assert (await keys.principal(text)).may(Scope.TRADE)
    assert await keys.invitation() is None, "there is an administrator now"


async def test_an_invitation_grows_old(sqlite_db: Database, clock: FixedClock):
    invitation = await Keys(sqlite_db, clock).invitation()
    assert invitation is not None
    with pytest.raises(InvitationRefused):
        await Keys(sqlite_db, FixedClock(clock.now() + timedelta(hours=2))).redeem(invitation)


async def test_the_holder_of_a_key_is_known_by_its_id_until_it_ends_anywhere(db: Database, clock: FixedClock):
    here, there = Keys(db, clock), Keys(db, clock)
    info, text = await here.create("notebook", [Scope.READ], clock.now() + timedelta(hours=1))
    assert await there.holder(info.id) == await there.principal(text)
    with pytest.raises(KeyRefused):
        await Keys(db, FixedClock(clock.now() + timedelta(hours=2))).holder(info.id)
    await here.revoke(info.id)
    await asyncio.sleep(KNOWN_S)
    with pytest.raises(KeyRefused):
        await there.holder(info.id)

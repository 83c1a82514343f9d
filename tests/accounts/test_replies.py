"""A request under a key is done once, by whoever has the turn; the answer is kept for a day."""

import pytest
import sqlalchemy as sa

from truecast.accounts.replies import (
    AnswerNotKept,
    IdempotencyKeyReused,
    Replies,
    Reply,
    RequestUnderWay,
    Turn,
)
from truecast.accounts.tables import replies
from truecast.kit.db import Database
from truecast.kit.limits import IDEMPOTENCY_ANSWER_BYTES_MAX

ANSWER = Reply(201, {"content-type": "application/json"}, b'{"id":"1"}')


async def turn_of(kept: Replies, key: str = "k", fingerprint: str = "f", principal: str = "me") -> Turn:
    found = await kept.take(principal, key, fingerprint)
    assert isinstance(found, Turn)
    return found


async def pass_time(db: Database) -> None:
    """Until every lease and every keeping is over."""
    async with db.write() as conn:
        await conn.execute(sa.update(replies).values(until=0))


async def test_the_first_does_it_and_the_next_gets_its_answer(db: Database):
    kept = Replies(db)
    turn = await turn_of(kept)
    with pytest.raises(RequestUnderWay):
        await kept.take("me", "k", "f")
    await kept.keep(turn, ANSWER)
    assert await kept.take("me", "k", "f") == ANSWER
    assert isinstance(await kept.take("you", "k", "f"), Turn), "a key belongs to who asks"


async def test_a_key_names_one_request(db: Database):
    kept = Replies(db)
    turn = await turn_of(kept)
    with pytest.raises(IdempotencyKeyReused):
        await kept.take("me", "k", "other")
    await kept.keep(turn, ANSWER)
    with pytest.raises(IdempotencyKeyReused):
        await kept.take("me", "k", "other")


async def test_what_a_dead_process_began_is_done_by_the_next_with_the_same_seed(db: Database):
    kept = Replies(db)
    dead = await turn_of(kept)
    await pass_time(db)
    turn = await turn_of(kept)
    assert (turn.seed, turn.token) == (dead.seed, dead.token + 1)
    await kept.keep(dead, Reply(500, {}, b"from beyond"))
    await kept.release(dead)
    with pytest.raises(RequestUnderWay):
        await kept.take("me", "k", "f")
    await kept.keep(turn, ANSWER)
    assert await kept.take("me", "k", "f") == ANSWER


async def test_a_request_that_takes_long_keeps_its_turn(db: Database):
    kept = Replies(db)
    turn = await turn_of(kept)
    await pass_time(db)
    await kept.renew(turn)
    with pytest.raises(RequestUnderWay):
        await kept.take("me", "k", "f")


async def test_what_did_nothing_frees_the_key(db: Database):
    kept = Replies(db)
    await kept.release(await turn_of(kept))
    assert isinstance(await kept.take("me", "k", "other"), Turn)


async def test_what_failed_is_tried_again_at_once_as_the_same_request(db: Database):
    kept = Replies(db)
    failed = await turn_of(kept)
    await kept.let_go(failed)
    with pytest.raises(IdempotencyKeyReused):
        await kept.take("me", "k", "other")
    again = await turn_of(kept)
    assert (again.seed, again.token) == (failed.seed, failed.token + 1)


async def test_a_secret_is_not_kept_only_whose_it_was(db: Database):
    kept = Replies(db)
    await kept.keep(await turn_of(kept), Reply(201, {}, b"the swordfish"), secret_of="0123456789ab")
    with pytest.raises(AnswerNotKept) as refused:
        await kept.take("me", "k", "f")
    assert refused.value.facts["id"] == "0123456789ab"
    async with db.read() as conn:
        assert "swordfish" not in str((await conn.execute(sa.select(replies))).all())


async def test_a_giant_answer_is_not_kept(db: Database):
    kept = Replies(db)
    await kept.keep(await turn_of(kept), Reply(200, {}, b" " * (IDEMPOTENCY_ANSWER_BYTES_MAX + 1)))
    with pytest.raises(AnswerNotKept):
        await kept.take("me", "k", "f")


async def test_after_a_day_the_key_is_free_and_the_job_drops_it(db: Database):
    kept = Replies(db)
    first = await turn_of(kept)
    await kept.keep(first, ANSWER)
    assert await kept.forget() == 0
    await pass_time(db)
    again = await turn_of(kept, fingerprint="another request")
    assert again.seed != first.seed
    await kept.keep(again, ANSWER)
    await pass_time(db)
    assert await kept.forget() == 1
    async with db.read() as conn:
        assert (await conn.execute(sa.select(replies))).all() == []

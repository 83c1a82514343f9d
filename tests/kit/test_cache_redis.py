"""Answers in Redis: shared by processes, gone for all when what they are about has changed, and never needed."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import redis.asyncio

from tests.servers import free_port, redis_server
from truecast.kit.cache_redis import RedisCache

KEY = b"/api/v1/prices?symbols=EUR-USD"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with redis_server() as found:
        yield found


@pytest.fixture
async def two(url: str) -> AsyncIterator[tuple[RedisCache, RedisCache]]:
    client = redis.asyncio.from_url(url)
    await client.flushall()
    await client.aclose()
    first, second = RedisCache(url, "one"), RedisCache(url, "one")
    yield first, second
    await first.close()
    await second.close()


async def made(one: RedisCache, data: bytes = b"said", tags: tuple[str, ...] = ("series:EUR-USD",), age_s: float = 60):
    """As who makes an answer does it: ask, make, keep."""
    found = await one.get(KEY)
    assert found.since is not None
    await one.keep(KEY, data, tags, age_s, found.since)


async def test_what_one_has_made_another_finds(two):
    await made(two[0], b"\x00said\xff")
    found = await two[1].get(KEY)
    assert found.data == b"\x00said\xff"
    assert 0 < found.left_s <= 60


async def test_what_has_changed_is_gone_for_all(two):
    await made(two[0])
    two[1].touch("series:EUR-USD")
    await two[1].told()
    assert (await two[0].get(KEY)).data is None
    assert (await two[1].get(KEY)).data is None


async def test_what_has_not_changed_stays(two):
    await made(two[0])
    two[1].touch("series:GBP-USD")
    await two[1].told()
    assert (await two[0].get(KEY)).data == b"said"


async def test_an_answer_from_before_a_change_that_comes_after_it_is_not_believed(two):
    found = await two[0].get(KEY)
    two[1].touch("series:EUR-USD")
    await two[1].told()
    await two[0].keep(KEY, b"old", ("series:EUR-USD",), 60, found.since)
    assert (await two[1].get(KEY)).data is None


async def test_who_knows_of_a_change_that_redis_does_not_know_yet_reads_nothing(two):
    await made(two[0])
    two[0].touch("series:EUR-USD")
    assert (await two[0].get(KEY)).data is None, "not told yet, but touched here"


async def test_cleared_is_all_of_it(two):
    await made(two[0], tags=())
    await two[1].clear()
    assert (await two[0].get(KEY)).data is None
    await made(two[0], b"new")
    assert (await two[1].get(KEY)).data == b"new"


async def test_nothing_outlives_its_age(two):
    await made(two[0], age_s=0.05)
    async with asyncio.timeout(10):
        while (await two[1].get(KEY)).data is not None:
            await asyncio.sleep(0.02)


async def test_installations_that_share_a_redis_do_not_share_answers(url: str, two):
    await made(two[0])
    other = RedisCache(url, "another")
    assert (await other.get(KEY)).data is None
    await other.close()


async def test_without_redis_everything_is_a_miss_and_nothing_fails():
    one = RedisCache(f"redis://127.0.0.1:{free_port()}/0", "one")
    found = await one.get(KEY)
    assert (found.since, found.data) == (None, None)
    one.touch("x")
    await one.told()
    await one.clear()
    assert not one.connected and one.last_error
    await one.close()


async def test_changes_of_the_time_without_redis_are_told_when_it_is_back():
    port = free_port()
    with redis_server(port) as url:
        one, other = RedisCache(url, "one"), RedisCache(url, "one", away_s=0.01)
        await made(one)
        address, other._url = other._url, f"redis://127.0.0.1:{free_port()}/0"  # cut off
        other.touch("series:EUR-USD")
        await other.told()
        assert not other.connected
        other._url = address
        if other._redis is not None:
            await other._redis.aclose()
            other._redis = None
        async with asyncio.timeout(10):
            while (await other.get(KEY)).since is None:
                await asyncio.sleep(0.02)
        assert (await one.get(KEY)).data is None
        await one.close()
        await other.close()

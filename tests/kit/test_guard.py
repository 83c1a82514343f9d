"""The guard in front of a source that misbehaves: how often it is asked, and what its answers are worth."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tests.http_source import Answer, HttpSource, http_source
from truecast.kit.budget import Limit, MemoryBudget, user_waits
from truecast.kit.clock import FixedClock, SystemClock
from truecast.kit.errors import TruecastError
from truecast.kit.guard import Guard, SourceCrowded, SourceOverBudget, SourceResting
from truecast.kit.http import HttpClient, SourceAnsweredError, SourceAnswerMalformed, SourceUnreachable
from truecast.kit.limits import (
    BREAKER_OPEN_S_FIRST,
    BREAKER_OUTCOMES_MIN,
    BUDGET_WAIT_S_MAX,
    CALLS_WAITING_MAX,
    HTTP_CONNECTIONS_MAX,
    PAUSE_S_DEFAULT,
    RETRIES_MIN,
)

T0 = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture
async def source() -> AsyncIterator[HttpSource]:
    async with http_source() as running:
        yield running


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(T0)


def client_of(source: HttpSource, guard: Guard, clock: FixedClock) -> HttpClient:
    return HttpClient(source.base_url, clock=clock, generator=np.random.default_rng(1), timeout_s=0.5, guard=guard)


async def fail(client: HttpClient, times: int) -> None:
    for i in range(times):
        with pytest.raises((SourceUnreachable, SourceAnsweredError)):
            await client.get(f"bad?{i}")


async def read(client: HttpClient, guard: Guard, found: TruecastError) -> None:
    """As an adapter reads an answer that has a good status and an error in its body."""
    async with guard.judged():
        await client.get("a")
        raise found


async def test_a_source_that_fails_is_soon_not_asked_any_more(source: HttpSource, clock: FixedClock) -> None:
    guard = Guard("a", clock=clock, timeout_s=0.5)
    client = client_of(source, guard, clock)
    source.serve("/bad", Answer(status=500))
    await fail(client, BREAKER_OUTCOMES_MIN - RETRIES_MIN)
    assert len(source.asked) == BREAKER_OUTCOMES_MIN
    with pytest.raises(SourceResting) as caught:
        await client.get("bad")
    assert len(source.asked) == BREAKER_OUTCOMES_MIN
    assert caught.value.facts == {"source": "a", "reason": "source_answered_error", "retry_after_s": 15.0}
    await client.close()


async def test_comes_back_by_itself_when_the_source_heals(source: HttpSource, clock: FixedClock) -> None:
    guard = Guard("a", clock=clock, timeout_s=0.5)
    client = client_of(source, guard, clock)
    source.serve("/bad", Answer(status=500))
    await fail(client, BREAKER_OUTCOMES_MIN - RETRIES_MIN)
    clock.advance(timedelta(seconds=BREAKER_OPEN_S_FIRST))
    source.serve("/bad", Answer(b"well again"))
    assert (await client.get("bad")).body == b"well again"
    assert guard.breaker.state == "closed"
    await client.close()


async def test_an_unknown_symbol_says_nothing_bad_about_the_source(source: HttpSource, clock: FixedClock) -> None:
    guard = Guard("a", clock=clock)
    client = client_of(source, guard, clock)
    for i in range(20):
        with pytest.raises(SourceAnsweredError):
            await client.get(f"nowhere{i}")
    assert (guard.breaker.state, guard.breaker.failures, guard.usage.retries) == ("closed", 0, 0)
    assert guard.usage.last_error is None
    await client.close()


async def test_a_good_status_with_a_bad_body_is_a_failure(source: HttpSource, clock: FixedClock) -> None:
    guard = Guard("a", clock=clock)
    client = client_of(source, guard, clock)
    source.serve("/a", Answer(b'{"error": ["EService:Unavailable"]}'))
    for _ in range(BREAKER_OUTCOMES_MIN):
        with pytest.raises(SourceAnswerMalformed):
            await read(client, guard, SourceAnswerMalformed(source="a", reason="error body"))
    assert guard.breaker.state == "open"
    assert (guard.usage.last_success_at, guard.usage.outcomes) == (None, {"ok": BREAKER_OUTCOMES_MIN})
    await client.close()


async def test_data_that_are_refused_are_a_failure_too(source: HttpSource, clock: FixedClock) -> None:
    guard = Guard("a", clock=clock)
    client = client_of(source, guard, clock)
    source.serve("/a", Answer(b"1"), Answer(b"2"))
    async with guard.judged() as verdict:
        await client.get("a")
        async with guard.judged() as inner:  # the outer one decides
            await client.get("a")
        assert inner is verdict
        verdict.refuse("stale")
    assert (guard.breaker.failures, guard.breaker.outcomes) == (1, 1)
    async with guard.judged():
        await client.get("a")
    assert (guard.breaker.failures, guard.breaker.outcomes) == (1, 2)
    await client.close()


async def test_the_pages_of_a_probe_belong_to_the_probe(source: HttpSource, clock: FixedClock) -> None:
    guard = Guard("a", clock=clock, timeout_s=0.5)
    client = client_of(source, guard, clock)
    source.serve("/bad", Answer(status=500))
    source.serve("/page", Answer(b"ok"))
    await fail(client, BREAKER_OUTCOMES_MIN - RETRIES_MIN)
    clock.advance(timedelta(seconds=BREAKER_OPEN_S_FIRST))
    async with guard.judged():
        await client.get("page", params={"n": "1"})
        await client.get("page", params={"n": "2"})
        resting = guard.breaker.wait_s()
    assert (resting, guard.breaker.wait_s()) == (1.0, None)
    await client.close()


async def test_a_probe_that_was_cancelled_does_not_close_the_source_for_ever(
    source: HttpSource, clock: FixedClock
) -> None:
    guard = Guard("a", clock=clock, timeout_s=5)
    client = client_of(source, guard, clock)
    source.serve("/bad", Answer(status=500))
    source.serve("/hangs", Answer(delay_s=5))
    await fail(client, BREAKER_OUTCOMES_MIN - RETRIES_MIN)
    clock.advance(timedelta(seconds=BREAKER_OPEN_S_FIRST))

    async def probe() -> None:
        async with guard.judged():
            await client.get("hangs")

    task = asyncio.create_task(probe())
    while not source.asked or source.asked[-1][0] != "/hangs":
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    source.serve("/bad", Answer(b"ok"))
    assert (await client.get("bad")).status == 200
    await client.close()


async def test_retries_of_a_failing_source_stay_below_a_tenth(source: HttpSource, clock: FixedClock) -> None:
    guard = Guard("a", clock=clock)
    client = client_of(source, guard, clock)
    for i in range(300):  # one call in four fails, which is not enough for the breaker
        source.serve("/a", Answer(status=500 if i % 4 == 3 and i > 20 else 200))
        with contextlib.suppress(SourceAnsweredError):
            await client.get("a")
    assert 300 < len(source.asked) <= 300 * 1.1
    assert guard.usage.retries == len(source.asked) - 300
    await client.close()


async def test_a_job_waits_for_its_share_and_a_user_asks_elsewhere(source: HttpSource, clock: FixedClock) -> None:
    guard = Guard("a", clock=clock, budget=MemoryBudget((Limit(10, 30.0),), clock))
    client = client_of(source, guard, clock)
    source.serve("/a", Answer(b"ok"))
    for i in range(9):
        await client.get(f"a?{i}")
    assert (clock.now() - T0).total_seconds() > 29  # the ninth: two of ten are kept for users
    with user_waits():
        for i in range(9):
            await client.get(f"a?user{i}")
        with pytest.raises(SourceOverBudget) as caught:
            await client.get("a?another")
    assert caught.value.retry_after_s is not None
    assert caught.value.retry_after_s <= 33
    assert guard.usage.over_budget == 1
    await client.close()


async def test_a_job_that_would_wait_too_long_is_refused(source: HttpSource, clock: FixedClock) -> None:
    guard = Guard("a", clock=clock, budget=MemoryBudget((Limit(1, 3_600.0),), clock))
    client = client_of(source, guard, clock)
    source.serve("/a", Answer(b"ok"))
    await client.get("a")
    with pytest.raises(SourceOverBudget) as caught:
        await client.get("a?2")
    assert caught.value.retry_after_s is not None
    assert caught.value.retry_after_s > BUDGET_WAIT_S_MAX
    assert len(source.asked) == 1
    await client.close()


async def test_weights_count(source: HttpSource, clock: FixedClock) -> None:
    guard = Guard("a", clock=clock, budget=MemoryBudget((Limit(100, 60.0),), clock))
    client = client_of(source, guard, clock)
    source.serve("/a", Answer(b"ok", headers={"X-MBX-USED-WEIGHT-1M": "70"}))
    with user_waits():
        await client.get("a", weight=40)
        assert [used.used for used in await guard.budget.used()] == [70]  # others behind our address call too
        with pytest.raises(SourceOverBudget):
            await client.get("a?2", weight=31)
        await client.get("a?3", weight=30)
    await client.close()


@pytest.mark.parametrize(("status", "header", "pause_s"), [(429, "33", 33), (418, "120", 120), (429, None, 5)])
async def test_a_source_that_says_stop_is_left_alone_by_everybody(
    source: HttpSource, clock: FixedClock, status: int, header: str | None, pause_s: float
) -> None:
    guard = Guard("a", clock=clock)
    client = client_of(source, guard, clock)
    source.serve("/a", Answer(status=status, headers={"Retry-After": header} if header else {}))
    with pytest.raises(SourceAnsweredError):
        await client.get("a")
    asked = len(source.asked)
    assert asked <= 3
    with user_waits(), pytest.raises(SourceOverBudget) as caught:
        await client.get("b")
    assert caught.value.retry_after_s == pytest.approx(pause_s, abs=0.2)
    assert len(source.asked) == asked
    assert guard.breaker.state == "closed"
    await client.close()


async def test_an_answer_that_says_over_budget_in_its_body_pauses_too(source: HttpSource, clock: FixedClock) -> None:
    guard = Guard("a", clock=clock)
    client = client_of(source, guard, clock)
    source.serve("/a", Answer(b'{"Response":"Error","Type":99}'))
    with pytest.raises(SourceOverBudget):
        await read(client, guard, SourceOverBudget(source="a", reason="Type 99"))
    assert await guard.budget.paused_s() == PAUSE_S_DEFAULT
    assert guard.breaker.failures == 0
    await client.close()


async def test_the_same_request_at_the_same_time_is_sent_once(source: HttpSource, clock: FixedClock) -> None:
    guard = Guard("a", clock=clock)
    client = client_of(source, guard, clock)
    source.serve("/a", Answer(b"ok", delay_s=0.05))
    found = await asyncio.gather(*(client.get("a", params={"s": "X"}) for _ in range(10)), client.get("a"))
    assert {answer.body for answer in found} == {b"ok"}
    assert sorted(source.paths()) == ["/a", "/a?s=X"]
    assert (guard.usage.calls, guard.usage.attempts, guard.usage.shared) == (11, 2, 9)
    await client.close()


async def test_at_most_eight_calls_are_under_way_and_not_too_many_wait(source: HttpSource) -> None:
    clock = SystemClock()
    guard = Guard("a", clock=clock, timeout_s=30)
    client = HttpClient(source.base_url, clock=clock, generator=np.random.default_rng(1), timeout_s=30, guard=guard)
    source.serve("/a", Answer(b"ok", delay_s=30))
    most = HTTP_CONNECTIONS_MAX + CALLS_WAITING_MAX
    waiting = [asyncio.create_task(client.get(f"a?{i}")) for i in range(most + 1)]
    async with asyncio.timeout(20):
        while len(source.asked) < HTTP_CONNECTIONS_MAX or not any(task.done() for task in waiting):
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)  # one too many would have asked by now
    assert len(source.asked) == HTTP_CONNECTIONS_MAX
    done = [task for task in waiting if task.done()]
    assert [type(task.exception()) for task in done] == [SourceCrowded]
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await client.close()


async def test_one_hung_source_does_not_delay_another(source: HttpSource) -> None:
    clock = SystemClock()
    source.serve("/hangs", Answer(delay_s=30))
    source.serve("/well", Answer(b"ok"))
    hung, well = (
        HttpClient(source.base_url, clock=clock, generator=np.random.default_rng(1), timeout_s=3) for _ in range(2)
    )
    calls = [asyncio.create_task(hung.get(f"hangs?{i}")) for i in range(100)]
    await asyncio.sleep(0.2)
    began_s = time.perf_counter()
    for i in range(20):
        await well.get(f"well?{i}")
    assert time.perf_counter() - began_s < 1
    for task in calls:
        task.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    await hung.close()
    await well.close()


async def test_a_hanging_source_is_given_up_as_soon_as_its_own_latency_says(source: HttpSource) -> None:
    """Sequential calls to a source that answered quickly and now hangs: five seconds, then it rests."""
    clock = SystemClock()
    guard = Guard("a", clock=clock, timeout_s=20)
    client = HttpClient(source.base_url, clock=clock, generator=np.random.default_rng(1), timeout_s=20, guard=guard)
    source.serve("/a", Answer(b"ok"))
    for i in range(10):
        await client.get(f"a?{i}")
    source.serve("/a", Answer(delay_s=60))
    began_s, asked = time.perf_counter(), len(source.asked)
    async with asyncio.timeout(10):
        for i in range(10):
            with pytest.raises((SourceUnreachable, SourceResting)):
                await client.get(f"a?{i}")
    assert len(source.asked) - asked == BREAKER_OUTCOMES_MIN
    assert time.perf_counter() - began_s < 10
    await client.close()

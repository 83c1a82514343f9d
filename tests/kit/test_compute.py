"""Compute: off the loop, bounded, with the caller's context."""

import asyncio
import threading
from contextvars import ContextVar

import pytest

from truecast.kit.compute import Compute, ComputeBusy

WHO: ContextVar[str] = ContextVar("who", default="nobody")


async def test_runs_on_another_thread_and_leaves_the_loop_free() -> None:
    compute = Compute(threads=1)
    gate = threading.Event()

    def wait(answer: int) -> tuple[int, str]:
        assert gate.wait(5)
        return answer, threading.current_thread().name

    work = asyncio.create_task(compute.run(wait, answer=7))
    await asyncio.sleep(0.01)
    assert compute.waiting == 1
    gate.set()
    answer, thread = await work
    assert answer == 7
    assert thread.startswith("compute")
    await asyncio.sleep(0.01)
    assert compute.waiting == 0
    compute.close()


async def test_raises_what_the_function_raises() -> None:
    compute = Compute(threads=1)
    with pytest.raises(ZeroDivisionError):
        await compute.run(lambda: 1 // 0)
    compute.close()


async def test_carries_the_callers_context() -> None:
    compute = Compute(threads=1)
    WHO.set("me")
    assert await compute.run(WHO.get) == "me"
    compute.close()


async def test_refuses_more_than_the_queue_holds_and_recovers() -> None:
    compute = Compute(threads=1, waiting_max=2)
    gate = threading.Event()
    work = [asyncio.create_task(compute.run(gate.wait, 5)) for _ in range(2)]
    await asyncio.sleep(0.01)
    with pytest.raises(ComputeBusy) as raised:
        await compute.run(int)
    assert raised.value.status == 503
    gate.set()
    await asyncio.gather(*work)
    await asyncio.sleep(0.01)
    assert await compute.run(int) == 0
    compute.close()


async def test_a_cancelled_caller_frees_its_place_once_the_function_ended() -> None:
    compute = Compute(threads=1)
    gate = threading.Event()
    work = asyncio.create_task(compute.run(gate.wait, 5))
    await asyncio.sleep(0.01)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert compute.waiting == 1
    gate.set()
    await compute.run(int)
    await asyncio.sleep(0.01)
    assert compute.waiting == 0
    compute.close()

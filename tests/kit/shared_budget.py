"""Four processes that spend one budget through Redis, on a virtual clock they share. For tests and benchmarks."""

import asyncio
import multiprocessing
from ctypes import c_int64
from datetime import datetime
from typing import Any, Literal

import numpy as np

from truecast.kit.budget import Limit
from truecast.kit.budget_redis import SCRIPT, SharedBudgets
from truecast.kit.clock import from_us

LIMITS = (Limit(6_000, 60.0, "weight"), Limit(61_000, 300.0, "requests"))
PROCESSES = 4
_T0_US = 1_767_571_200_000_000


class SharedClock:
    """Every look moves the time of all processes on."""

    kind: Literal["fixed"] = "fixed"

    def __init__(self, counter: Any, gap_us: int) -> None:
        self._counter = counter
        self._gap_us = gap_us
        self.last_us = 0

    def now(self) -> datetime:
        with self._counter.get_lock():
            self._counter.value += self._gap_us
            self.last_us = self._counter.value
        return from_us(self.last_us)

    async def sleep_until(self, when: datetime) -> None:
        raise NotImplementedError


def spend_in_four_processes(
    redis_url: str, *, calls: int, gap_us: int, pipelined: bool = False
) -> list[tuple[int, int]]:
    """Time and weight of every call that was let through, by time."""
    context = multiprocessing.get_context("spawn")
    counter = context.Value(c_int64, _T0_US)
    answers: Any = context.Queue()
    workers = [
        context.Process(target=_spend, args=(redis_url, counter, calls // PROCESSES, gap_us, seed, answers, pipelined))
        for seed in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    taken = [pair for _ in workers for pair in answers.get(timeout=600)]
    for worker in workers:
        worker.join()
    return sorted(taken)


def pipelined_in_four_processes(redis_url: str, *, calls: int, gap_us: int) -> list[tuple[int, int]]:
    """The same with the script sent a hundred calls at a time: a million of them in minutes."""
    return spend_in_four_processes(redis_url, calls=calls, gap_us=gap_us, pipelined=True)


def _pipelined(redis_url: str, clock: SharedClock, calls: int, seed: int) -> list[tuple[int, int]]:
    import redis

    generator = np.random.default_rng(seed)
    weights = generator.choice([1, 2, 20, 80], calls, p=[0.6, 0.2, 0.15, 0.05]).tolist()
    urgent = (generator.random(calls) < 0.3).tolist()
    taken = []
    with redis.Redis.from_url(redis_url) as connection:
        script = connection.register_script(SCRIPT)
        for first in range(0, calls, 100):
            pipeline, sent = connection.pipeline(transaction=False), []
            for weight, waits in zip(weights[first : first + 100], urgent[first : first + 100], strict=True):
                clock.now()
                rows = [
                    number
                    for limit in LIMITS
                    for number in (
                        limit.part_us, limit.parts, limit.amount, limit.allowed(urgent=waits), limit.cost(weight)
                    )
                ]  # fmt: skip
                script(keys=["truecast:budget:four"], args=["take", clock.last_us, 7_200, *rows], client=pipeline)
                sent.append((clock.last_us, weight))
            answers = pipeline.execute()
            taken += [pair for pair, answer in zip(sent, answers, strict=True) if not int(answer[0])]
    return taken


def _spend(redis_url: str, counter: Any, calls: int, gap_us: int, seed: int, answers: Any, pipelined: bool) -> None:
    clock = SharedClock(counter, gap_us)
    if pipelined:
        answers.put(_pipelined(redis_url, clock, calls, seed))
    else:
        answers.put(asyncio.run(_calls(redis_url, clock, calls, seed)))


async def _calls(redis_url: str, clock: SharedClock, calls: int, seed: int) -> list[tuple[int, int]]:
    generator = np.random.default_rng(seed)
    weights = generator.choice([1, 2, 20, 80], calls, p=[0.6, 0.2, 0.15, 0.05]).tolist()
    urgent = (generator.random(calls) < 0.3).tolist()
    shared = SharedBudgets(redis_url, clock)
    budget = shared.budget("four", LIMITS)
    taken = []
    for weight, waits in zip(weights, urgent, strict=True):
        if not await budget.take(weight, urgent=waits):
            taken.append((clock.last_us, weight))
    await shared.close()
    return taken

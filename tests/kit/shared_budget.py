"""Four processes that spend one budget through Redis, on a virtual clock they share. For tests and benchmarks."""

import asyncio
import multiprocessing
from collections.abc import Sequence
from ctypes import c_int64
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np

from truecast.kit.budget import Limit
from truecast.kit.budget_redis import SharedBudgets
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


class Recording(SharedBudgets):
    """Remembers at what time Redis decided the last call: the latest that any process had said."""

    decided_us = 0

    async def run(self, name: str, arguments: Sequence[int | str]) -> list[int]:
        answer = await super().run(name, arguments)
        self.decided_us = answer[2]
        return answer


@dataclass(frozen=True)
class Taken:
    """A call that was let through: when it was asked for, when that was decided, and its weight."""

    asked_us: int
    decided_us: int
    weight: int


def by_decision(taken: Sequence[Taken]) -> list[tuple[int, int]]:
    """When a call may be sent at the earliest, and its weight."""
    return sorted((one.decided_us, one.weight) for one in taken)


def by_question(taken: Sequence[Taken]) -> list[tuple[int, int]]:
    """The same by the time at which each process asked; others may have moved the clock on before the decision."""
    return sorted((one.asked_us, one.weight) for one in taken)


def spend_in_four_processes(redis_url: str, *, calls: int, gap_us: int) -> list[Taken]:
    """Every call that was let through, each asked for by the product's own RedisBudget."""
    context = multiprocessing.get_context("spawn")
    counter = context.Value(c_int64, _T0_US)
    answers: Any = context.Queue()
    workers = [
        context.Process(target=_spend, args=(redis_url, counter, calls // PROCESSES, gap_us, seed, answers))
        for seed in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    taken = [one for _ in workers for one in answers.get(timeout=900)]
    for worker in workers:
        worker.join()
    return taken


def _spend(redis_url: str, counter: Any, calls: int, gap_us: int, seed: int, answers: Any) -> None:
    answers.put(asyncio.run(_calls(redis_url, SharedClock(counter, gap_us), calls, seed)))


async def _calls(redis_url: str, clock: SharedClock, calls: int, seed: int) -> list[Taken]:
    generator = np.random.default_rng(seed)
    weights = generator.choice([1, 2, 20, 80], calls, p=[0.6, 0.2, 0.15, 0.05]).tolist()
    urgent = (generator.random(calls) < 0.3).tolist()
    shared = Recording(redis_url, clock)
    budget = shared.budget("four", LIMITS)
    taken = []
    for weight, waits in zip(weights, urgent, strict=True):
        if not await budget.take(weight, urgent=waits):
            taken.append(Taken(clock.last_us, shared.decided_us, weight))
    await shared.close()
    return taken

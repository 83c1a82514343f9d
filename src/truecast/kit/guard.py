"""What stands between us and one source: breaker, budget, bulkhead, time limit, retries; and what it all came to.

One guard per source, shared by every client that speaks to it, so that one hung source never delays another.
"""

import asyncio
import contextlib
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from truecast.kit.breaker import Breaker, Pass
from truecast.kit.budget import Budget, Limit, MemoryBudget, is_urgent
from truecast.kit.clock import Clock
from truecast.kit.errors import EXIT_UNAVAILABLE, TruecastError
from truecast.kit.limits import (
    BREAKER_OPEN_S_FIRST,
    BREAKER_OPEN_S_MAX,
    BUDGET_WAIT_S_MAX,
    BUDGET_WAIT_USER_S_MAX,
    CALLS_WAITING_MAX,
    HTTP_CONNECTIONS_MAX,
    HTTP_TIMEOUT_S,
    PAUSE_S_DEFAULT,
    PROBES_SHARE,
)
from truecast.kit.metrics import (
    SOURCE_BREAKER_OPENED,
    SOURCE_BREAKER_STATE,
    SOURCE_BUDGET_USED,
    SOURCE_BUDGET_WAIT_SECONDS,
    SOURCE_CALLS,
    SOURCE_CALLS_SHARED,
    SOURCE_RETRIES,
    SOURCE_SECONDS,
    SOURCE_WAITING,
    follow,
)
from truecast.kit.patience import RetryBudget, TimeLimit
from truecast.kit.usage import read_usage


class SourceOverBudget(TruecastError):
    """Too many requests: by the source's own count, or by ours before it could say so. `retry_after_s` may be None."""

    code = "source_over_budget"
    status = 503
    title = "Source over budget"
    template = "{source} takes no more requests at present: {reason}"
    exit_code = EXIT_UNAVAILABLE

    def __init__(self, *, source: str, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(source=source, reason=reason, retry_after_s=retry_after_s)
        self.retry_after_s = retry_after_s


class SourceResting(TruecastError):
    """It failed so often lately that it is not asked for a while."""

    code = "source_resting"
    status = 503
    title = "Source resting"
    template = "{source} failed too often ({reason}) and is not asked for {retry_after_s} s"
    exit_code = EXIT_UNAVAILABLE


class SourceCrowded(TruecastError):
    """So many calls wait for it already that one more would only wait too."""

    code = "source_crowded"
    status = 503
    title = "Source crowded"
    template = "{waiting} calls wait for {source} already"
    exit_code = EXIT_UNAVAILABLE


@dataclass(slots=True)
class Usage:
    """What was asked of a source since the process began."""

    calls: int = 0  # questions, whatever became of them
    attempts: int = 0  # requests that were sent
    retries: int = 0
    shared: int = 0  # questions answered by a request that was under way already
    batched: int = 0  # questions that were put together ...
    batches: int = 0  # ... into so many
    over_budget: int = 0  # refused by our own count
    resting: int = 0  # refused by the breaker
    outcomes: Counter[str] = field(default_factory=Counter)
    last_success_at: datetime | None = None
    last_error_at: datetime | None = None
    last_error: str | None = None


@dataclass(slots=True)
class Verdict:
    """Passes whose calls were answered, until somebody has looked at what the answers say."""

    guard: "Guard"
    passes: list[Pass] = field(default_factory=list)
    refused: str | None = None
    settled: bool = False  # whoever looked has gone

    def refuse(self, reason: str) -> None:
        """An answer, but nothing that can be used: counts as a failure."""
        self.refused = reason


class Attempt:
    """One request under the guard. Exactly one of `answered` and `failed` is called, or none when it is cancelled."""

    def __init__(self, guard: "Guard", given: Pass) -> None:
        self.time_limit_s = guard.time_limit.probe_s if given.probe else guard.time_limit.seconds
        self._guard = guard
        self._given = given
        self._began_s = time.perf_counter()
        self._told = False

    def began_to_answer(self) -> None:
        """The first byte is there."""
        took_s = time.perf_counter() - self._began_s
        self._guard.time_limit.took(took_s)
        SOURCE_SECONDS.labels(self._guard.name).observe(took_s)

    async def answered(self, headers: Mapping[str, str]) -> None:
        """The source is there and did what sources do, be it a 404. The headers may say what it counts."""
        self._told = True
        self._guard.answered(self._given)
        await self._guard.read_usage(headers)

    def failed(self, *, timed_out: bool = False) -> None:
        """No answer, or one that says that the source is in trouble."""
        self._told = True
        if timed_out and self._given.probe:
            self._guard.time_limit.probe_ran_out()
        self._guard.breaker_failed(self._given)

    def forget(self) -> None:
        """Nothing was learned."""
        if not self._told:
            self._guard.breaker.forget(self._given)


class Guard:
    """The one way to a source."""

    def __init__(
        self, name: str, *, clock: Clock, budget: Budget | None = None, timeout_s: float = HTTP_TIMEOUT_S
    ) -> None:
        self.name = name
        self.budget: Budget = MemoryBudget((), clock) if budget is None else budget
        self.breaker = Breaker(clock, open_s_most(self.budget.limits))
        self.retries = RetryBudget(clock)
        self.time_limit = TimeLimit(timeout_s)
        self.usage = Usage()
        self.key_missing = False  # set by whoever reads the settings: such a source is listed, and not asked
        self.key_refused: str | None = None
        self.clock_ahead_s: float | None = None  # of ours, by the Date of the latest answer
        self._clock = clock
        self._bulkhead = asyncio.Semaphore(HTTP_CONNECTIONS_MAX)
        self._waiting = 0
        self._why = "no answer"
        self._refusal: SourceOverBudget | None = None
        follow(SOURCE_BREAKER_STATE, self.breaker, lambda breaker: _STATES.index(breaker.state), name)
        follow(SOURCE_WAITING, self, lambda guard: guard.waiting, name)

    @property
    def waiting(self) -> int:
        """Calls that wait for a connection."""
        return self._waiting

    @contextlib.asynccontextmanager
    async def attempt(self, weight: int) -> AsyncIterator[Attempt]:
        """Permission for one request of that weight, and a place for it; waits for both as long as makes sense.

        Raises SourceResting, SourceOverBudget, SourceCrowded.
        """
        self._refuse_while_resting()
        await self._afford(weight)
        if self._waiting >= CALLS_WAITING_MAX:
            raise SourceCrowded(source=self.name, waiting=self._waiting)
        self._waiting += 1
        try:
            await self._bulkhead.acquire()
        finally:
            self._waiting -= 1
        try:
            one = Attempt(self, self._admitted())
            self.usage.attempts += 1
            try:
                yield one
            finally:
                one.forget()
        finally:
            self._bulkhead.release()

    @contextlib.asynccontextmanager
    async def judged(self) -> AsyncIterator[Verdict]:
        """Answers that come within count as successes only when this block ends without an error and without refusal.

        So a 200 that says "error", or data that are stale, empty or zero, count as the failures they are. Within a
        block of the same guard it is that block that decides.
        """
        outer = _verdict.get()
        if outer is not None and outer.guard is self:
            yield outer
            return
        verdict = Verdict(self)
        token = _verdict.set(verdict)
        try:
            yield verdict
        except TruecastError as error:
            ours = isinstance(error, SourceResting | SourceCrowded) or error is self._refusal
            if not ours and error.code not in _ANSWERS:
                self.note_error(error)
            if isinstance(error, SourceOverBudget) and error is not self._refusal:  # said in an answer of its own
                await self.pause(error.retry_after_s or PAUSE_S_DEFAULT)
            if error.code in _UNUSABLE:
                verdict.refuse(error.code)
            raise
        except BaseException:
            self._settle(verdict, failed=None)
            raise
        finally:
            _verdict.reset(token)
            self._settle(verdict, failed=bool(verdict.refused))

    def answered(self, given: Pass) -> None:
        """An answer came: a success, unless somebody is going to judge it."""
        verdict = _verdict.get()
        if verdict is not None and verdict.guard is self and not verdict.settled:
            verdict.passes.append(given)
        else:
            self._succeeded(given)

    def breaker_failed(self, given: Pass) -> None:
        """Count a failure."""
        before = self.breaker.opened
        self.breaker.failed(given)
        SOURCE_BREAKER_OPENED.labels(self.name).inc(self.breaker.opened - before)

    def note_error(self, error: TruecastError) -> None:
        """Remember what went wrong last."""
        self.usage.last_error_at = self._clock.now()
        self.usage.last_error = f"{error.code}: {error.detail}"
        self._why = error.code
        if error.code == "source_key_refused":
            self.key_refused = error.detail

    def refuse(self, reason: str) -> None:
        """What an answer said cannot be used, as came out after it was counted as a success."""
        self.usage.last_error_at, self.usage.last_error = self._clock.now(), f"unusable: {reason}"
        given = self.breaker.admit()
        if given is not None:
            self.breaker_failed(given)

    def count(self, outcome: str) -> None:
        """A question came to this end."""
        self.usage.calls += 1
        self.usage.outcomes[outcome] += 1
        SOURCE_CALLS.labels(self.name, outcome).inc()

    def shared(self) -> None:
        """A question was answered by a request under way."""
        self.usage.shared += 1
        SOURCE_CALLS_SHARED.labels(self.name, "coalesced").inc()

    def batched(self, questions: int) -> None:
        """So many questions became one."""
        self.usage.batched += questions
        self.usage.batches += 1
        SOURCE_CALLS_SHARED.labels(self.name, "batched").inc(questions - 1)

    def may_retry(self) -> bool:
        """Whether the retry budget allows another attempt."""
        if not self.retries.retry():
            return False
        self.usage.retries += 1
        SOURCE_RETRIES.labels(self.name).inc()
        return True

    async def pause(self, seconds: float) -> None:
        """The source asks to be left alone for so long."""
        await self.budget.pause(self._clock.now() + timedelta(seconds=seconds))

    async def read_usage(self, headers: Mapping[str, str]) -> None:
        """Where the source says how much of a limit is used, believe it."""
        for which, used in read_usage(headers, self.budget.limits):
            await self.budget.correct(which, used)

    async def _afford(self, weight: int) -> None:
        urgent = is_urgent()
        patience_s = BUDGET_WAIT_USER_S_MAX if urgent else BUDGET_WAIT_S_MAX
        waited_s = 0.0
        while (wait_s := await self.budget.take(weight, urgent=urgent)) > 0:
            if waited_s + wait_s > patience_s:
                self.usage.over_budget += 1
                fits = math.isfinite(wait_s)
                reason = f"free again in {wait_s:.1f} s" if fits else f"a call of weight {weight} never fits"
                after_s = math.ceil(wait_s * 10) / 10 if fits else None
                self._refusal = SourceOverBudget(source=self.name, reason=reason, retry_after_s=after_s)
                raise self._refusal
            waited_s += wait_s
            SOURCE_BUDGET_WAIT_SECONDS.labels(self.name).inc(wait_s)
            await self._clock.sleep_until(self._clock.now() + timedelta(seconds=wait_s))
        for used in await self.budget.used():
            label = f"{used.limit.amount}/{used.limit.window_s:g}s"
            SOURCE_BUDGET_USED.labels(self.name, label).set(used.used / used.limit.amount)

    def _admitted(self) -> Pass:
        """Asked last: while this call waited, others may have failed."""
        verdict = _verdict.get()
        if verdict is not None and verdict.guard is self:
            for given in verdict.passes:
                if given.probe:
                    return given  # the further pages of what the probe asked for
        given_now = self.breaker.admit()
        if given_now is None:
            self._refuse_while_resting()
            raise AssertionError("a breaker that gives no pass says how long it will not")
        return given_now

    def _refuse_while_resting(self) -> None:
        wait_s = self.breaker.wait_s()
        verdict = _verdict.get()
        mine = verdict is not None and verdict.guard is self and any(given.probe for given in verdict.passes)
        if wait_s is not None and not mine:
            self.usage.resting += 1
            raise SourceResting(source=self.name, reason=self._why, retry_after_s=math.ceil(wait_s * 10) / 10)

    def _settle(self, verdict: Verdict, *, failed: bool | None) -> None:
        """Give the passes back: all as successes, one as a failure, or none as anything."""
        passes, verdict.passes, verdict.settled = verdict.passes, [], True
        if failed and passes:
            self.breaker_failed(passes.pop())
        for given in passes:
            if failed is None or failed:
                self.breaker.forget(given)
            else:
                self._succeeded(given)

    def _succeeded(self, given: Pass) -> None:
        self.breaker.succeeded(given)
        self.usage.last_success_at = self._clock.now()
        self.key_refused = None


def open_s_most(limits: Sequence[Limit]) -> float:
    """How long a source that stays away is left alone between two probes: probing may take PROBES_SHARE of a limit."""
    apart_s = max((limit.window_s / (limit.amount * PROBES_SHARE) for limit in limits), default=0.0)
    return min(max(apart_s, BREAKER_OPEN_S_FIRST), BREAKER_OPEN_S_MAX)


# Errors that mean that an answer with a good status could not be used. Others are answers: a symbol that is unknown.
_UNUSABLE = frozenset(
    {
        "source_answer_malformed",
        "source_answer_too_large",
        "source_out_of_service",
        "source_data_unusable",
    }
)

# Errors that are the answer to the question, and nothing that is wrong with the source.
_ANSWERS = frozenset({"symbol_not_at_source", "series_not_offered", "source_key_missing"})

_STATES = ("closed", "half_open", "open")

_verdict: ContextVar[Verdict | None] = ContextVar("verdict", default=None)

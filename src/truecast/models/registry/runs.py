"""Trainings that somebody asked for and does not wait for: one at a time in this process, seen until the next one."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Literal

from truecast.domain.interval import Interval
from truecast.kit.clock import Clock
from truecast.kit.errors import TruecastError
from truecast.kit.logs import get_logger
from truecast.models.registry.again import trained_by
from truecast.models.registry.answers import Trained, TrainingUnderWay
from truecast.models.registry.events import who_of
from truecast.models.registry.registry import Registry

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Run:
    """One training of one or several scopes."""

    id: int
    model: str
    asset_class: str | None
    interval: str | None
    started_at: datetime
    state: Literal["running", "done", "failed"] = "running"
    ended_at: datetime | None = None
    trained: tuple[Trained, ...] = ()
    error: str | None = None


class Runs:
    """Starts trainings, and remembers the last one."""

    def __init__(self, registry: Registry, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self.last: Run | None = None

    async def begin(
        self, model: str, asset_class: str | None, interval: Interval | None, *, who: str, mark: str | None = None
    ) -> Run:
        """Start; raises UnknownModel, NotTrainable, TrainingUnderWay.

        Under a mark a scope is trained once: what was trained for a request before is part of the run, which is over
        where nothing is left to do. Then it also raises TrainingUnderWay where another process trains the rest.
        """
        scopes = set(await self._registry.trainable(model, asset_class, interval))
        who = who_of(who, mark)
        before = [] if mark is None else await trained_by(self._registry, model, who)
        trained = {(one.asset_class, one.interval) for one in before}
        if mark is not None and (left := scopes - trained):
            under_way = await self._registry.under_way(model)
            if left <= under_way:
                raise TrainingUnderWay(model=model, scope=" ".join(min(left)))
        if self._task is not None and not self._task.done():
            assert self.last is not None
            raise TrainingUnderWay(model=self.last.model, scope=f"run {self.last.id}")
        number = 1 if self.last is None else self.last.id + 1
        shown = None if interval is None else interval.value
        now = self._clock.now()
        run = self.last = Run(number, model, asset_class, shown, now, trained=tuple(before))
        if before and scopes <= trained:
            self.last = replace(run, state="done", ended_at=now)
            return self.last
        train = partial(self._registry.train, model, asset_class, interval, who=who, but=trained)
        self._task = asyncio.create_task(self._go(run, train), name="training")
        return run

    async def close(self) -> None:
        """Stop what runs, and wait for its end."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _go(self, run: Run, train: Callable[[], Awaitable[list[Trained]]]) -> None:
        done = replace(run, state="failed", error="stopped")
        try:
            done = replace(run, state="done", trained=(*run.trained, *await train()))
        except TruecastError as error:
            done = replace(run, state="failed", error=error.detail)
        except Exception:  # noqa: BLE001 the edge of a background task: logged, and told by the run
            _log.exception("training failed", model=run.model)
            done = replace(run, state="failed", error="an internal error; see the log")
        finally:
            self.last = replace(done, ended_at=self._clock.now())

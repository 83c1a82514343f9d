"""Renews what is known about each model on each series, before forecasts are issued."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from truecast.forecasts.rounds import Rounds
from truecast.jobs.job import Done, Job
from truecast.jobs.schedule import Schedule

_RANK = 2


def evidence_job(rounds: Rounds, schedule: Schedule, tell: Callable[[], Awaitable[None]] | None = None) -> Job:
    """The job; its schedule is that of all sources together, because only new bars make evidence old.

    `tell` is called after anything was learned.
    """

    async def work(_due: datetime) -> Done:
        done = await rounds.learn_news()
        if done.series and tell is not None:
            await tell()
        counts = {"series": done.series, "classes": done.classes, "waiting": done.waiting}
        return Done(counts, skipped=not done.series)

    return Job("evidence", "Learn which models serve each series best", schedule, _RANK, work)

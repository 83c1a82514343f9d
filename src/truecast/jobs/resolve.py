"""Settles the forecast steps whose bars have come."""

from datetime import datetime

from truecast.forecasts.rounds import Rounds
from truecast.jobs.job import Done, Job
from truecast.jobs.schedule import Schedule

_RANK = 1


def resolve_job(rounds: Rounds, schedule: Schedule) -> Job:
    """The job; its schedule is that of all sources together, because only a new bar settles anything."""

    async def work(_due: datetime) -> Done:
        done = await rounds.resolve()
        counts = {"scored": done.scored, "void": done.void, "waiting": done.waiting}
        return Done(counts, skipped=not (done.scored or done.void))

    return Job("resolve", "Score the forecasts whose outcome is known", schedule, _RANK, work)

"""Finds and fills gaps, beside everything else."""

from datetime import datetime

from truecast.jobs.job import Done, Job
from truecast.jobs.schedule import Cron, Schedule
from truecast.market.keeper import Keeper

GAPS = "gaps"
_RANK = 4  # a source that is away must not hold up forecasts
_WHEN = Schedule((Cron("7,22,37,52 * * * *"),))  # between the quarters of an hour at which bars come


def gaps_job(keeper: Keeper, *, live: bool) -> Job:
    """The job. In a replay, which has no live source to ask, it is off."""

    async def work(_due: datetime) -> Done:
        done = await keeper.run()
        counts = {"found": done.found, "tried": done.tried, "rows": done.rows, "left": done.left}
        return Done(counts, error="; ".join(done.errors) or None, skipped=not any(counts.values()))

    return Job(GAPS, "Find missing bars and ask for them again", _WHEN, _RANK, work, on_at_first=live)

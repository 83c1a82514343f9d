"""Issues forecasts for every series that has a bar since the last time."""

from datetime import datetime

from truecast.forecasts.rounds import Rounds
from truecast.jobs.job import Done, Job
from truecast.jobs.schedule import Schedule

_RANK = 3


def issue_job(rounds: Rounds, *, steps: int, schedule: Schedule) -> Job:
    """The job; its schedule is that of all sources together."""

    async def work(_due: datetime) -> Done:
        done = await rounds.issue_news(steps)
        counts = {"forecasts": done.forecasts, "series": done.series, "stale": done.stale, "short": done.short}
        return Done(counts, skipped=not done.forecasts)

    return Job("issue", "Forecast every series that has a new bar", schedule, _RANK, work)

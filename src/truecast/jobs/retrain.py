"""Keeps trained models up to date, beside everything else."""

from dataclasses import asdict
from datetime import datetime

from truecast.forecasts.retrain import Retrainer
from truecast.jobs.job import Done, Job
from truecast.jobs.schedule import Cron, Schedule

RETRAIN = "retrain"
_RANK = 4
_WHEN = Schedule((Cron("30 * * * *"),))  # between the hours at which bars come


def retrain_job(retrainer: Retrainer, *, live: bool) -> Job:
    """The job. It looks every hour whether something is due; while models are trained the other jobs go on.

    On a clock that is not the real one it is switched off until somebody switches it on, so that a replay stays what it
    was.
    """

    async def work(_due: datetime) -> Done:
        counts = asdict(await retrainer.run())
        errors = counts.pop("errors")
        return Done(counts, error="; ".join(errors) or None, skipped=not any(counts.values()))

    text = "Look for drift, train models again, promote what is better"
    return Job(RETRAIN, text, _WHEN, _RANK, work, on_at_first=live)

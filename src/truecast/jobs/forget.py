"""Drops answers that were kept for who asks twice under one Idempotency-Key, once they were kept long enough."""

from datetime import datetime

from truecast.accounts.replies import Replies
from truecast.jobs.job import Done, Job
from truecast.jobs.schedule import Cron, Schedule

FORGET = "forget"
_RANK = 5  # nobody waits for it
_WHEN = Schedule((Cron("41 * * * *"),))


def forget_job(replies: Replies) -> Job:
    """The job."""

    async def work(_due: datetime) -> Done:
        gone = await replies.forget()
        return Done({"dropped": gone}, skipped=not gone)

    return Job(FORGET, "Drop answers kept for repeated requests, after a day", _WHEN, _RANK, work)

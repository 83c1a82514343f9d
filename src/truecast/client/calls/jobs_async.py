"""Calls about jobs, awaited.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

from collections.abc import AsyncIterator

from truecast.client.ask import Ask, part
from truecast.client.asker import AsyncAsker
from truecast.client.pages import pages_async
from truecast.client.shapes import JobRuns, JobRunShape, Jobs, JobShape


class AsyncJobsCalls(AsyncAsker):
    """Everything about jobs."""

    async def list_jobs(self) -> Jobs:
        """All jobs with their last run.

        Raises: DatabaseBusy, DatabaseUnavailable.
        """
        return await self._ask(Ask("GET", "/api/v1/jobs", Jobs))

    async def get_job(self, job: str) -> JobShape:
        """One job.

        job: Name of a job, see `/jobs`.
        Raises: UnknownJob, DatabaseBusy, DatabaseUnavailable.
        """
        return await self._ask(Ask("GET", f"/api/v1/jobs/{part(job)}", JobShape))

    async def list_runs(self, job: str, *, cursor: str | None = None, limit: int | None = None) -> JobRuns:
        """Runs of a job, newest first.

        job: Name of a job, see `/jobs`.
        cursor: `next` of the page before.
        limit: Most items in the answer.
        Raises: UnknownJob, CursorInvalid, DatabaseBusy, DatabaseUnavailable.
        """
        return await self._ask(
            Ask("GET", f"/api/v1/jobs/{part(job)}/runs", JobRuns, query={"cursor": cursor, "limit": limit})
        )

    def iter_list_runs(self, job: str) -> AsyncIterator[JobRunShape]:
        """The items of all pages of `list_runs`, each asked for when it is needed."""
        return pages_async(lambda cursor: self.list_runs(job, cursor=cursor, limit=200))

    async def run_job(self, job: str, *, idempotency_key: str | None = None) -> JobRunShape:
        """Run a job now, out of turn and even when it is switched off; answers when it has ended.

        job: Name of a job, see `/jobs`.
        idempotency_key: Yours, to repeat this call from another process; otherwise one is made for each call.
        Raises: UnknownJob, RequestUnderWay, AnswerNotKept, IdempotencyKeyInvalid, IdempotencyKeyReused,
            DatabaseBusy, DatabaseUnavailable.
        """
        return await self._ask(
            Ask("POST", f"/api/v1/jobs/{part(job)}/run", JobRunShape, repeat="by_key", key=idempotency_key)
        )

    async def enable_job(self, job: str, *, idempotency_key: str | None = None) -> JobShape:
        """Let the schedule run it.

        job: Name of a job, see `/jobs`.
        idempotency_key: Yours, to repeat this call from another process; otherwise one is made for each call.
        Raises: UnknownJob, RequestUnderWay, AnswerNotKept, IdempotencyKeyInvalid, IdempotencyKeyReused,
            DatabaseBusy, DatabaseUnavailable.
        """
        return await self._ask(
            Ask("POST", f"/api/v1/jobs/{part(job)}/enable", JobShape, repeat="by_key", key=idempotency_key)
        )

    async def disable_job(self, job: str, *, idempotency_key: str | None = None) -> JobShape:
        """Keep the schedule from running it.

        job: Name of a job, see `/jobs`.
        idempotency_key: Yours, to repeat this call from another process; otherwise one is made for each call.
        Raises: UnknownJob, RequestUnderWay, AnswerNotKept, IdempotencyKeyInvalid, IdempotencyKeyReused,
            DatabaseBusy, DatabaseUnavailable.
        """
        return await self._ask(
            Ask("POST", f"/api/v1/jobs/{part(job)}/disable", JobShape, repeat="by_key", key=idempotency_key)
        )

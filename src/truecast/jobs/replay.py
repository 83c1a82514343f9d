"""A replay: the past as if it were the present. Nothing here but the order of things; the code is that of a live day.

The clock stands at the start of the replay, the store is empty. The scheduler's first round takes everything that was
known by then; from there on bars arrive, forecasts are issued, resolved and scored as the clock moves.
"""

from datetime import datetime

from truecast.jobs.ingest import Intake, Progress
from truecast.jobs.scheduler import Scheduler


async def prefill(intake: Intake, progress: Progress | None = None) -> int:
    """Load what was known when the replay starts, with progress told; the number of bars."""
    done = await intake.take_news(progress)
    return done.counts["inserted"]


async def drive(scheduler: Scheduler, until: datetime | None = None) -> None:
    """Let time pass, up to and including `until`; without it until cancelled."""
    await scheduler.run(until)

"""A server in a process of its own, to be killed: `python -m tests.api.once_server FOLDER [hang]`.

It prints its port. With `hang` it does what it is asked for and never answers: it dies between the two. Its jobs leave
a line in `FOLDER/worked`; the one called `long` does not end before it is killed.
"""

import asyncio
import functools
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from tests import installation
from tests.api.stream_house import open_house
from tests.models.registry.house import SMALL
from truecast.accounts.replies import Replies, Reply, Turn
from truecast.jobs.job import Done, Job
from truecast.jobs.schedule import HOURLY
from truecast.jobs.scheduler import Scheduler
from truecast.models.registry.training import TrainingOutcome, TrainingRequest, learn
from truecast.services import Services
from truecast.wiring import Role, build

LEASE_S = 2.0


class Silent(Replies):
    """Does not get round to keeping the answer of what was done."""

    async def keep(self, turn: Turn, reply: Reply, *, secret_of: str | None = None) -> None:
        await asyncio.Event().wait()


def jobs_in(folder: Path, services: Services, *, hang: bool) -> Scheduler:
    def job(name: str, *, ends: bool) -> Job:
        async def work(_due: datetime) -> Done:
            with (folder / "worked").open("a") as said:
                said.write(f"{name}\n")
            if not ends:
                await asyncio.Event().wait()
            return Done({"things": 1})

        return Job(name, "Leaves a line", HOURLY, 0, work)

    listed = [job("short", ends=True), job("long", ends=not hang)]
    return Scheduler(services.db, listed, services.clock)


async def quick(request: TrainingRequest) -> TrainingOutcome:
    frames = [frame[-1500:] for frame in request.frames if frame.symbol == "EUR-USD"]
    small = replace(request, frames=frames, anchors=(1, 5))
    return await asyncio.to_thread(functools.partial(learn, small, SMALL))


async def main(folder: Path, *, hang: bool) -> None:
    services = build(installation.settings_in(folder), Role.SERVE)
    services.models._trainer = quick
    await services.models.load()
    services.loading.ready = True
    replies = (Silent if hang else Replies)(services.db, lease_s=LEASE_S)
    async with open_house(replace(services, replies=replies, jobs=jobs_in(folder, services, hang=hang))) as house:
        print(house.port, flush=True)  # noqa: T201 to who started it
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), hang="hang" in sys.argv))

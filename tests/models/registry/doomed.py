"""What a process does with the register before it is killed. Preloaded once, forked for every run."""

import asyncio
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

from tests.models.registry.house import World, registry
from truecast.domain.interval import Interval
from truecast.kit.clock import FixedClock
from truecast.kit.db import Database
from truecast.kit.errors import TruecastError
from truecast.models.registry.training import TrainingOutcome, TrainingRequest, read_outcome


def act(url: str, root: Path, verb: str, day: int, talk: Connection) -> None:
    """Says `ready`, waits for a word, trains or promotes, says `done` or the error. What is learned lies in root/given."""
    asyncio.run(_act(url, root, verb, day, talk))


async def _act(url: str, root: Path, verb: str, day: int, talk: Connection) -> None:
    async def learned(_request: TrainingRequest) -> TrainingOutcome:
        return read_outcome(root / "given", "lightgbm")

    db = Database.open(url)
    made = registry(db, root, FixedClock(datetime(2021, 1, 4, tzinfo=UTC) + timedelta(days=day)), World())
    made._trainer = learned
    await made.load()
    talk.send("ready")
    talk.recv()
    try:
        if verb == "train":
            await made.train("lightgbm", "fx", Interval.D1)
        else:
            await made.promote("lightgbm")
        talk.send("done")
    except TruecastError as refused:
        talk.send(refused.code)
    await db.close()

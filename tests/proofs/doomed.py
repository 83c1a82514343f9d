"""What the processes do that are killed, or that write at the same time. Preloaded once, forked for every run."""

import asyncio
from datetime import timedelta
from multiprocessing.connection import Connection

from tests.forecasts.drafts import START, a_bundle
from tests.forecasts.house import HOUR, MONDAY, House, Made, a_house, a_walk, an_offer
from truecast.domain.interval import Interval
from truecast.forecasts.ledger import Ledger
from truecast.kit.clock import FixedClock, from_us
from truecast.kit.db import Database

OFFERS = [an_offer(f"X{i}-USD", Interval.H1) for i in range(4)]
HOURS = 24 * 30


def made(clock: FixedClock) -> Made:
    """Four hourly series: some days of history, and a month that becomes known as the clock moves."""
    walks = (a_walk(o, MONDAY - 100 * HOUR, MONDAY + HOURS * HOUR, seed=i) for i, o in enumerate(OFFERS))
    return Made(clock, *zip(OFFERS, walks, strict=True))


class Telling(FixedClock):
    """Tells the head of the ledger before time goes on: by then everything has been acknowledged."""

    house: House
    told: Connection | None = None

    async def sleep_until(self, when):
        if self.told is not None:
            head = await self.house.ledger.head()
            self.told.send((head.seq, head.hash, self.now()))
        await super().sleep_until(when)


async def live(url: str, until, told: Connection | None = None) -> None:
    """The standard jobs from where the last process was, hour by hour."""
    db = Database.open(url)
    async with db.read() as conn:
        due = await conn.exec_driver_sql("SELECT max(due_at) FROM job_runs")
        last = due.scalar()
    clock = Telling(MONDAY if last is None else from_us(last))
    async with a_house(db, clock, steps=6) as house:
        clock.house, clock.told = house, told
        await house.scheduler(made(clock)).run(until)
    await db.close()


def live_until_killed(url: str, told: Connection) -> None:
    """A process that will not end by itself within the test."""
    asyncio.run(live(url, MONDAY + HOURS * HOUR, told))


def write_bundles(url: str, symbol: str, count: int, told: Connection) -> None:
    """Appends to the chain as fast as it can, and tells what was acknowledged."""

    async def work() -> None:
        db = Database.open(url)
        ledger = Ledger(db, FixedClock(START))
        for i in range(count):
            ((naive, _),) = await ledger.append_forecasts([a_bundle(symbol=symbol, at=START + i * timedelta(days=1))])
            told.send(naive.id)
        await db.close()

    asyncio.run(work())

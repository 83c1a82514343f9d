"""How long do three months of the whole sample take, at full speed on one machine, and is the ledger the same twice?

    python benchmarks/replay.py [--days 86] [--times 2]

Replays 2021-01-04 to 2021-03-31, every series of the sample, every hour: ingest, resolve and issue as in a live day,
on a fresh SQLite file (synchronous=FULL). Then the whole ledger is verified. CPU is that of all threads.
"""

import argparse
import asyncio
import hashlib
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from truecast.forecasts.issue import Issuer
from truecast.forecasts.ledger import Ledger
from truecast.forecasts.performance import Performance
from truecast.forecasts.resolve import Resolver
from truecast.forecasts.rounds import RoundsHere
from truecast.jobs.ingest import Intake
from truecast.jobs.plan import Parts, standard_jobs
from truecast.jobs.scheduler import Scheduler
from truecast.kit.bus import InProcessBus
from truecast.kit.clock import FixedClock
from truecast.kit.compute import Compute
from truecast.kit.db import Database
from truecast.market.chain import Chain
from truecast.market.history import History
from truecast.market.ingest import Ingest
from truecast.market.store import BarStore
from truecast.migrations.upgrade import upgrade
from truecast.providers.sample.adapter import Sample

FIRST = datetime(2021, 1, 4, tzinfo=UTC)
STEPS = 24


async def replay(path: Path, until: datetime) -> str:
    """One replay; prints its numbers and returns a digest of every row of the ledger."""
    db, clock, compute = Database.open(f"sqlite:///{path}"), FixedClock(FIRST), Compute()
    await upgrade(db)
    store = BarStore(db)
    history, ledger, ingest = History(store, clock), Ledger(db, clock), Ingest(store, InProcessBus(clock), clock)
    parts = (store, history, ledger, compute, clock)
    rounds = RoundsHere(Issuer(*parts), Resolver(*parts))
    sample = Sample(clock)
    jobs = standard_jobs(Parts(store, ingest, ledger, rounds, clock, STEPS, Chain({}, clock)), [sample])
    with Timed("prefill"):
        await Intake(sample, store, ingest, clock).take_news()
    with Timed("replay"):
        await Scheduler(db, jobs, clock).run(until)
    with Timed("verify"):
        found = await ledger.verify()
    with Timed("performance of everything"):
        await Performance(store, history, ledger, compute, clock).summary(period="all")
    digest = hashlib.sha256()
    async with db.read() as conn:
        counts = {}
        for table, order in (("ledger", "seq"), ("forecasts", "seq"), ("scores", "forecast_seq, step")):
            counts[table] = 0
            for row in await conn.exec_driver_sql(f"SELECT * FROM {table} ORDER BY {order}"):
                digest.update(repr(tuple(row)).encode())
                counts[table] += 1
        void = (await conn.exec_driver_sql("SELECT count(*) FROM scores WHERE void IS NOT NULL")).scalar()
    print(f"  rows {counts}, void steps {void}")
    print(f"  sound {found.ok}, head {found.head[:16]}, all rows {digest.hexdigest()[:16]}")
    compute.close()
    await db.close()
    return digest.hexdigest()


class Timed:
    """Prints wall and CPU seconds of a block."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def __exit__(self, *_: object) -> None:
        wall, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        print(f"  {self.what}: {wall:.1f} s wall, {cpu:.1f} s CPU", flush=True)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--days", type=float, default=86.96)
    arguments.add_argument("--times", type=int, default=2)
    given = arguments.parse_args()
    digests = set()
    for time_ in range(given.times):
        print(f"replay {time_ + 1}")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "truecast.db"
            digests.add(asyncio.run(replay(path, FIRST + timedelta(days=given.days))))
            print(f"  file {path.stat().st_size / 1e6:.0f} MB")
    print("identical" if len(digests) == 1 else "DIFFERENT")


if __name__ == "__main__":
    main()

"""A process to be killed: for every line on stdin it forks a child that ingests batches and acknowledges each.

    stdin:  <database url> <number of the first batch>
    stdout: child <pid> | acknowledged <batch> | dead
Forked, because loading the product anew for each of fifty kills would take most of the test's time.
"""

import asyncio
import os
import sys
from datetime import timedelta

from tests.market.offers import NOW, T0, bar, bars
from truecast.kit.bus import InProcessBus
from truecast.kit.clock import FixedClock
from truecast.kit.db import Database
from truecast.market.ingest import Ingest
from truecast.market.store import BarStore

BATCH = 40
HOUR = timedelta(hours=1)


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())  # in one piece: a killed child leaves no half line before its parent's next


async def ingest_until_killed(url: str, batch: int) -> None:
    clock = FixedClock(NOW)
    ingest = Ingest(BarStore(Database.open(url)), InProcessBus(clock), clock)
    while True:
        rows = [bar(i, 1 + (i % 100) / 100) for i in range(batch * BATCH, (batch + 1) * BATCH)]
        taken = await ingest.take(bars(rows))
        assert taken.appended.inserted + taken.appended.unchanged == BATCH
        say(f"acknowledged {batch}")
        batch += 1


def main() -> None:
    assert T0 < NOW
    for line in sys.stdin:
        url, batch = line.split()
        pid = os.fork()
        if pid == 0:
            asyncio.run(ingest_until_killed(url, int(batch)))
        say(f"child {pid}")
        os.waitpid(pid, 0)
        say("dead")


if __name__ == "__main__":
    main()

"""Killed without warning at any moment, the store has lost nothing it acknowledged and starts again by itself."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from tests.market.appender import BATCH
from tests.market.offers import HOUR, T0, offer
from truecast.domain.interval import Interval
from truecast.kit.clock import to_us
from truecast.kit.db import Database
from truecast.market.store import BarStore

KILLS = 50


class Victim:
    """The process of `appender.py`."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdin and process.stdout
        self._ask, self._hear = process.stdin, process.stdout

    def run_and_kill(self, url: str, first: int, *, batches: int, then_s: float) -> list[int]:
        """Let it acknowledge `batches`, wait `then_s`, kill it. The batches that it acknowledged."""
        print(url, first, file=self._ask, flush=True)
        pid, acknowledged = 0, list[int]()
        while not pid or len(acknowledged) < batches:
            word, number = self._hear.readline().split()
            if word == "child":
                pid = int(number)
            else:
                acknowledged.append(int(number))
        time.sleep(then_s)
        os.kill(pid, signal.SIGKILL)
        while (line := self._hear.readline()) != "dead\n":
            acknowledged.append(int(line.split()[1]))
        return acknowledged


@pytest.fixture
def victim() -> Iterator[Victim]:
    command = [sys.executable, "-m", "tests.market.appender"]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        yield Victim(process)
        with contextlib.suppress(BrokenPipeError):
            assert process.stdin
            process.stdin.close()


async def test_nothing_acknowledged_is_lost_in_fifty_kills(db: Database, victim: Victim) -> None:
    await BarStore(db).add_series(offer(), "test")
    rng = np.random.default_rng(20210104)
    url = f"sqlite:///{db.path}" if db.path else db.where
    acknowledged = -1
    for kill in range(KILLS if db.path else KILLS // 5):
        wait_s = float(rng.uniform(0.0, 0.03))  # a batch takes some milliseconds: any moment of it
        batches = victim.run_and_kill(url, acknowledged + 1, batches=kill % 4, then_s=wait_s)
        acknowledged = max([acknowledged, *batches])
        await _check(db, acknowledged)
    assert acknowledged >= KILLS // 5


async def _check(db: Database, acknowledged: int) -> None:
    store = BarStore(db)
    found = await store.read("EUR-USD", Interval.H1)
    hours = (found.start - to_us(T0)) // (HOUR.seconds * 1_000_000)
    assert len(found) >= (acknowledged + 1) * BATCH
    assert len(found) % BATCH == 0, "a batch is all or nothing"
    np.testing.assert_array_equal(hours, np.arange(len(found)))
    np.testing.assert_array_equal(found.close, 1 + (hours % 100) / 100)
    (info,) = await store.series()
    assert info.bars == len(found)
    assert await store.gaps() == []
    if db.dialect == "sqlite":
        async with db.read() as conn:
            assert await conn.scalar(sa.text("PRAGMA integrity_check")) == "ok"

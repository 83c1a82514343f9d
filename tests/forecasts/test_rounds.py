"""Rounds in a process of their own: the same rows, news and counts as here, also when that process is killed."""

import asyncio
import os
import signal
import sqlite3
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from tests import installation
from tests.kit.test_apart import gone
from truecast.forecasts.rounds import COUNTED
from truecast.kit.apart import WorkDied
from truecast.kit.clock import FixedClock
from truecast.kit.metrics import FORECAST_ISSUED_AT
from truecast.kit.metrics_relay import Growth
from truecast.rounds import NICE
from truecast.wiring import Role, build

LATER = timedelta(days=6)  # the next week's hourly evidence is due by then
ROWS = {
    "ledger": "seq, kind, ref, recorded_at, body, hash",
    "evidence": "*",
}


@asynccontextmanager
async def rounds(made: Path, folder: Path, *, apart: bool):
    """Everything of one server, some days later, with what it told and counted."""
    clock = FixedClock(installation.NOW)
    settings = installation.settings_in(installation.copy(made, folder))
    services = build(settings, Role.UP, clock=clock, until=installation.NOW, apart=apart)
    told = []

    async def hear(message):
        told.append((message.topic, message.offset, message.data))

    try:
        await services.background.prepare(services.loading)
        clock.advance(LATER)
        await services.jobs.run_now("ingest:sample")
        for pattern in ("changed:*", "forecasts:EUR-USD", "scores:*"):
            services.bus.subscribe(pattern, hear)
        yield services, told
    finally:
        await services.background.close()


def children() -> set[int]:
    """Of this process; other tests may have left some that end by themselves."""
    return {child.pid for child in psutil.Process().children(recursive=True)}


async def run(services):
    done = [await services.rounds.resolve(), await services.rounds.learn_news()]
    return [*done, await services.rounds.issue_news(24), await services.rounds.issue_news(24)]


def rows_of(folder: Path):
    with closing(sqlite3.connect(folder / "truecast.db")) as conn:
        return {
            table: conn.execute(f"SELECT {what} FROM {table} ORDER BY 1, 2, 3").fetchall()
            for table, what in ROWS.items()
        }


async def test_another_process_does_what_this_one_would(made_installation: Path, tmp_path: Path):
    found = []
    for apart in (False, True):
        folder = tmp_path / str(apart)
        async with rounds(made_installation, folder, apart=apart) as (services, told):
            FORECAST_ISSUED_AT.clear()
            growth = Growth(COUNTED)
            growth.since()
            before = children()
            done = await run(services)
            assert bool(children() - before) == apart
            found.append((done, told, sorted(growth.since(), key=str), rows_of(folder)))
    here, there = found
    assert there[0] == here[0]
    assert here[0][0].scored and here[0][1].series and here[0][2].forecasts and not here[0][3].forecasts
    assert there[1] == here[1]
    assert {topic for topic, *_ in here[1]} >= {"changed:forecasts", "changed:scores", "forecasts:EUR-USD"}
    assert there[2] == here[2] != []
    assert there[3] == here[3]


async def test_the_process_is_polite_and_ends_with_us(made_installation: Path, tmp_path: Path):
    async with rounds(made_installation, tmp_path / "one", apart=True) as (services, _):
        await services.rounds.resolve()
        process = psutil.Process(services.rounds.process.pid)
        assert process.nice() == NICE and process.environ()["OMP_NUM_THREADS"] == "1"
        assert not any(str(tmp_path) in word for word in process.cmdline())  # settings may hold secrets
    await gone(process.pid)


async def test_a_round_whose_process_was_killed_is_run_by_another(made_installation: Path, tmp_path: Path):
    async with rounds(made_installation, tmp_path / "here", apart=False) as (services, _):
        here = await services.rounds.issue_news(24)
    async with rounds(made_installation, tmp_path / "killed", apart=True) as (services, told):
        task = asyncio.create_task(services.rounds.issue_news(24))
        while services.rounds.process.pid is None:
            await asyncio.sleep(0.01)
        os.kill(services.rounds.process.pid, signal.SIGKILL)
        assert await task == here
        assert ("changed:evidence", 1, {}) in told  # whoever keeps answers is told to look again
        assert (await services.ledger.verify()).ok
    assert rows_of(tmp_path / "killed")["ledger"] == rows_of(tmp_path / "here")["ledger"]


async def test_a_round_under_way_ends_when_the_server_does(made_installation: Path, tmp_path: Path):
    async with rounds(made_installation, tmp_path / "one", apart=True) as (services, _):
        await services.rounds.resolve()
        pid, task = services.rounds.process.pid, asyncio.create_task(services.rounds.issue_news(24))
        await asyncio.sleep(0)
        await services.background.close()
        with pytest.raises(WorkDied):
            await task
        await gone(pid)

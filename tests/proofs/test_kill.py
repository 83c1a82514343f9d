"""Kill -9 at any moment: the chain stays whole, nothing acknowledged is lost, and a restart goes on as if nothing was."""

import sqlite3
import time
from pathlib import Path

import numpy as np

from tests.forecasts.house import HOUR
from tests.forks import FORKS
from tests.proofs import doomed
from tests.proofs.replays import dump
from truecast.forecasts.verify import verify
from truecast.kit.db import Database
from truecast.migrations.upgrade import upgrade

RUNS = 50


async def fresh(path: Path) -> str:
    url = f"sqlite:///{path}"
    db = Database.open(url)
    await upgrade(db)
    await db.close()
    return url


def killed_run(url: str, alive_s: float) -> list[tuple]:
    """What a process acknowledged before it was killed, some time after its first word."""
    ear, mouth = FORKS.Pipe(duplex=False)
    process = FORKS.Process(target=doomed.live_until_killed, args=(url, mouth), daemon=True)
    process.start()
    mouth.close()
    told = [ear.recv()]
    time.sleep(alive_s)
    process.kill()
    process.join()
    try:
        while ear.poll():
            told.append(ear.recv())
    except EOFError:
        pass
    return told


async def test_fifty_kills_lose_nothing_and_leave_the_ledger_of_an_undisturbed_run(tmp_path):
    url = await fresh(tmp_path / "truecast.db")
    rng = np.random.default_rng(11)
    told = []
    for _ in range(RUNS):
        told += killed_run(url, float(rng.uniform(0.0, 0.4)))
        with sqlite3.connect(tmp_path / "truecast.db") as conn:
            chain = dict(conn.execute("SELECT seq, hash FROM ledger"))
            assert conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        conn.close()
        assert all(chain.get(seq) == digest for seq, digest, _ in told if seq)
    until = max(now for _, _, now in told) + HOUR
    await doomed.live(url, until)

    db = Database.open(url)
    found = await verify(db)
    assert found.ok, found
    assert found.rows > RUNS // 5
    interrupted = "SELECT count(*) FROM job_runs WHERE error = 'the process ended during the run'"
    with sqlite3.connect(tmp_path / "truecast.db") as conn:
        assert conn.execute(interrupted).fetchone()[0] > 0, "no kill hit a running job: nothing was proved"
        assert conn.execute("SELECT count(*) FROM job_runs WHERE ended_at IS NULL").fetchone() == (0,)
    conn.close()

    calm_url = await fresh(tmp_path / "calm.db")
    await doomed.live(calm_url, until)
    calm = Database.open(calm_url)
    assert await dump(calm) == await dump(db)
    await db.close()
    await calm.close()

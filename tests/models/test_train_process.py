"""Training apart: the same outcome, from a process that is polite, bounded, and gone when nobody wants it any more."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.models.location.panels import remembering
from truecast.domain.interval import Interval
from truecast.models.location.boosted import LightGbm
from truecast.models.registry.training import TrainingRequest, learn
from truecast.models.train_process import NICE, TrainingDied, TrainingOverdue, telling, trained_apart
from truecast.models.training import TooLittleToLearn


def request(series=8, bars=700, **given):
    frames = tuple(remembering(seed, bars, memory=0.3) for seed in range(series))
    return TrainingRequest(
        **{"model": "lightgbm", "asset_class": "fx", "interval": Interval.D1, "frames": frames, "anchors": (1, 5)}
        | given
    )


def trainers(of=None):
    """Processes of ours that train."""
    found = []
    for process in psutil.Process(of).children(recursive=True):
        try:
            if "truecast.models.train_process" in process.cmdline():
                found.append(process)
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


async def begun(task):
    while not (found := trainers()):
        assert not task.done(), task.result()
        await asyncio.sleep(0.01)
    return found[0]


def gives_way(process):
    """Whether its session does, where Linux shares the processor out between sessions first."""
    session = Path(f"/proc/{process.pid}/autogroup")
    return not session.exists() or session.read_text().endswith(f"nice {NICE}\n")


def gone(process):
    deadline = time.monotonic() + 20
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


async def test_another_process_learns_what_this_one_would():
    told = []
    outcome = await trained_apart(request(), tell=lambda done, total: told.append((done, total)))
    here = learn(request())
    assert outcome.artifact.files() == here.artifact.files()
    assert outcome.evaluation == here.evaluation
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


async def test_a_champion_goes_along():
    champion = learn(request(seed=1)).artifact
    outcome = await trained_apart(request(champion=champion))
    assert outcome.evaluation.champion_from is not None


async def test_what_is_refused_there_is_refused_here():
    with pytest.raises(TooLittleToLearn) as refused:
        await trained_apart(request(series=1, bars=100))
    assert refused.value.facts["frames"] == 1


async def test_the_process_is_polite():
    task = asyncio.create_task(trained_apart(request(series=30, bars=2000)))
    process = await begun(task)
    deadline = time.monotonic() + 20
    while process.nice() != NICE:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    while not gives_way(process):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    assert process.environ()["OMP_NUM_THREADS"] == "1"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert gone(process)


async def test_time_that_is_up():
    task = asyncio.create_task(trained_apart(request(series=30, bars=2000), deadline_s=1.0))
    process = await begun(task)
    with pytest.raises(TrainingOverdue) as refused:
        await task
    assert refused.value.facts == {"model": "lightgbm", "scope": "fx 1d", "deadline_s": 1.0}
    assert gone(process)


async def test_too_little_memory_is_a_typed_end():
    with pytest.raises(TrainingDied) as died:
        await trained_apart(request(), bytes_max=30_000_000)
    assert died.value.facts["status"] != 0 and died.value.facts["scope"] == "fx 1d"


async def test_a_process_that_was_killed_is_a_typed_end():
    task = asyncio.create_task(trained_apart(request(series=30, bars=2000)))
    (await begun(task)).kill()
    with pytest.raises(TrainingDied) as died:
        await task
    assert died.value.facts["status"] == -signal.SIGKILL


ORPHANED = """
import asyncio
from tests.models.test_train_process import request
from truecast.models.train_process import trained_apart
asyncio.run(trained_apart(request(series=30, bars=2000), tell=lambda done, total: print(done, flush=True)))
"""


def test_the_process_does_not_outlive_its_parent(tmp_path):
    script = tmp_path / "orphaned.py"
    script.write_text(ORPHANED)
    parent = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(Path.cwd())}  # noqa: TID251 for the child
    )  # fmt: skip
    assert parent.stdout is not None
    parent.stdout.readline()
    (child,) = trainers(parent.pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert gone(child)


def test_a_grower_that_tells_is_the_grower(capsys):
    told = telling(LightGbm(trees=3), 2)
    x = remembering(0, 400).close.reshape(-1, 1)
    assert told.learned(x, x[:, 0], 0) == LightGbm(trees=3).learned(x, x[:, 0], 0)
    assert capsys.readouterr().out == '{"done": 1, "total": 2}\n'
    assert replace(told, trees=4).trees == 4 and told.name == "lightgbm"

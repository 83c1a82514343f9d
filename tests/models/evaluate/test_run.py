"""A run over processes: whole files only, the same table after a kill, and reasons where there is nothing to say."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import orjson
import psutil
import pytest

from tests.models.evaluate.series import frame
from truecast.domain.interval import Interval
from truecast.models.catalog import MODELS
from truecast.models.evaluate import parts
from truecast.models.evaluate import run as running
from truecast.models.evaluate.parts import OutputOccupied
from truecast.models.evaluate.plan import EvaluationMalformed, Plan, Variant
from truecast.models.evaluate.refits import Refits
from truecast.models.evaluate.run import NothingEvaluated, OriginsBeyondHistory, run
from truecast.models.evaluate.table import write_table
from truecast.models.evaluate.tasks import evaluated

PLAN = Plan(Interval.D1, ("naive", "ewma_walk"), (1, 5), origins=20, refit_every=5, embargo=2)


@pytest.fixture(scope="module")
def frames():
    return [frame(symbol, 120) for symbol in ("USD-JPY", "EUR-USD")]


@pytest.fixture(scope="module")
def finished(frames, tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished") / "out"
    told = []
    done = run(PLAN, frames, folder, workers=2, tell=lambda n, of: told.append((n, of)))
    return folder, done, told


def silent(_done, _total):
    pass


def test_records_come_by_series_and_model_and_progress_to_the_end(finished):
    _, done, told = finished
    assert [(r.symbol, r.model) for r in done.records] == [
        (symbol, model) for symbol in ("EUR-USD", "USD-JPY") for model in ("naive", "ewma_walk")
    ]
    assert told[0] == (0, 4) and told[-1] == (4, 4)
    assert done.failures == () and done.left_out == ()
    assert all(r.wall_s > 0 and r.cpu_s > 0 for r in done.records)


def test_processes_say_what_one_call_says(finished, frames):
    _, done, _ = finished
    own = evaluated(PLAN, Variant("ewma_walk", 0), parts.used(PLAN, frames[1]))
    assert np.allclose(done.records[1].quantiles, own.quantiles, rtol=1e-12, atol=0)
    assert np.array_equal(done.records[1].outcome, own.outcome)


def test_a_second_run_does_nothing_again_and_gives_the_same_table(finished, frames, tmp_path):
    folder, done, _ = finished
    first = write_table(folder, PLAN.interval, done.records).read_bytes()
    stamps = {path: path.stat().st_mtime_ns for path in (folder / "parts").iterdir()}
    told = []
    again = run(PLAN, frames[::-1], folder, workers=1, tell=lambda n, of: told.append((n, of)))
    assert told == [(4, 4)]
    assert {path: path.stat().st_mtime_ns for path in (folder / "parts").iterdir()} == stamps
    assert write_table(folder, PLAN.interval, again.records).read_bytes() == first
    other = run(PLAN, frames, tmp_path / "other", workers=1, tell=silent)
    assert write_table(tmp_path / "other", PLAN.interval, other.records).read_bytes() == first


def test_a_part_that_was_cut_off_is_not_taken_for_a_whole_one(finished, tmp_path):
    _, done, _ = finished
    path = tmp_path / "one.npz"
    parts.save(path, done.records[0])
    assert [p.name for p in tmp_path.iterdir()] == ["one.npz"]
    kept = parts.load(path)
    assert kept.symbol == "EUR-USD" and np.array_equal(kept.quantiles, done.records[0].quantiles)


@pytest.mark.parametrize(
    "other",
    [
        {"origins": 19}, {"horizons": (1, 4)}, {"refit_every": 4}, {"embargo": 0}, {"seed": 1}, {"models": ("naive",)},
    ],
)  # fmt: skip
def test_another_protocol_is_not_mixed_in(finished, frames, other):
    folder, _, _ = finished
    different = Plan(**{name: getattr(PLAN, name) for name in PLAN.__dataclass_fields__} | other)
    with pytest.raises(OutputOccupied) as refused:
        run(different, frames, folder, workers=1, tell=silent)
    assert next(iter(other)) in refused.value.facts["what"]


def test_other_data_are_not_mixed_in(finished, frames):
    folder, _, _ = finished
    with pytest.raises(OutputOccupied) as refused:
        run(PLAN, [frames[0], frame("EUR-USD", 121)], folder, workers=1, tell=silent)
    assert "series" in refused.value.facts["what"]


@pytest.mark.parametrize("content", [None, b"{"])
def test_a_folder_with_something_else_is_left_alone(frames, tmp_path, content):
    (tmp_path / ("plan.json" if content else "thesis.txt")).write_bytes(content or b"mine")
    with pytest.raises(OutputOccupied):
        run(PLAN, frames, tmp_path, workers=1, tell=silent)
    assert len(list(tmp_path.iterdir())) == 1


def test_more_origins_than_history(frames, tmp_path):
    asked = Plan(Interval.D1, ("naive",), (1, 5), origins=200)
    with pytest.raises(OriginsBeyondHistory) as refused:
        run(asked, frames, tmp_path / "out", workers=1, tell=silent)
    assert refused.value.facts["have"] == 120 and refused.value.facts["need"] == 30 + 200 + 4
    assert not (tmp_path / "out").exists()


def test_the_shortest_series_that_is_enough_is_enough(tmp_path):
    done = run(PLAN, [frame("EUR-USD", PLAN.bars_needed), frame("USD-JPY", PLAN.bars_needed - 1)], tmp_path / "o",
               workers=1, tell=silent)  # fmt: skip
    assert {r.symbol for r in done.records} == {"EUR-USD"} and not done.failures
    assert done.left_out == (("USD-JPY", PLAN.bars_needed - 1),)


@pytest.mark.parametrize("workers", [0, -1, 1000])
def test_a_number_of_workers_that_is_none(frames, tmp_path, workers):
    with pytest.raises(EvaluationMalformed):
        run(PLAN, frames, tmp_path / "out", workers=workers, tell=silent)


def test_a_refusal_is_a_line_and_leaves_no_part(frames, tmp_path):
    plan = Plan(Interval.D1, ("naive",), (1,), origins=115)
    failure = running.perform(plan, Variant("naive", 0), frames[0], Refits(str(tmp_path), {}, {}, (), {}))
    assert failure.code == "history_too_short" and failure.symbol == "USD-JPY"
    assert list(tmp_path.iterdir()) == []


KILLED = """
import sys
from pathlib import Path
from tests.models.evaluate.series import frame
from tests.models.evaluate.test_run import LONG
from truecast.models.evaluate.refits import Refits
from truecast.models.evaluate.run import run
if __name__ == "__main__":
    run(LONG, [frame(s, 900) for s in ("EUR-USD", "USD-JPY", "GBP-USD")], Path(sys.argv[1]), workers=2,
        tell=lambda done, total: print(done, flush=True))
"""
LONG = Plan(Interval.D1, ("naive", "ewma_walk"), (1, 5), origins=250, refit_every=1)


def test_kill_9_and_again_gives_the_table_of_an_undisturbed_run(tmp_path):
    frames = [frame(s, 900) for s in ("EUR-USD", "USD-JPY", "GBP-USD")]
    folder = tmp_path / "killed"
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    process = subprocess.Popen(
        [sys.executable, str(script), str(folder)], stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(Path.cwd())},  # noqa: TID251 for the child
    )  # fmt: skip
    assert process.stdout is not None
    while int(process.stdout.readline()) < 2:
        pass
    workers = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    deadline = time.monotonic() + 20
    while any(w.is_running() and w.status() != psutil.STATUS_ZOMBIE for w in workers):
        assert time.monotonic() < deadline, "workers live on after their parent"
        time.sleep(0.05)
    kept = sorted((folder / "parts").glob("*.npz"))
    assert 2 <= len(kept) < 6
    resumed = run(LONG, frames, folder, workers=2, tell=silent)
    whole = run(LONG, frames, tmp_path / "whole", workers=1, tell=silent)
    tables = [
        write_table(f, Interval.D1, d.records).read_bytes() for f, d in ((folder, resumed), (tmp_path / "whole", whole))
    ]
    assert tables[0] == tables[1]
    assert orjson.loads((folder / "plan.json").read_bytes()) == orjson.loads(
        (tmp_path / "whole" / "plan.json").read_bytes()
    )


def test_nothing_at_all_is_an_error(frames, tmp_path, monkeypatch):
    monkeypatch.setattr(running, "_work", lambda *_: [running.Failure("A", "naive", "x", "a library is missing")])
    with pytest.raises(NothingEvaluated) as refused:
        run(PLAN, frames, tmp_path / "out", workers=1, tell=silent)
    assert "a library is missing" in str(refused.value)


def test_every_model_of_the_catalogue_can_be_planned():
    assert Plan(Interval.D1, tuple(MODELS), (1,), origins=1).bars_needed >= 30

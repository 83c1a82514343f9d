"""Trained models inside an evaluation: trained on what was over, with every seed, and not twice."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest

from tests.models.location.panels import remembering
from truecast.domain.interval import Interval
from truecast.features.frame import Frame
from truecast.models.catalog import GROWERS
from truecast.models.evaluate import parts
from truecast.models.evaluate.plan import Plan, Variant, origins_of, plan_of
from truecast.models.evaluate.refits import Refit, Refits, cuts, cuts_of, is_kept, path_of, refits_of, trained_on
from truecast.models.evaluate.report import plain, report_of, text
from truecast.models.evaluate.run import run
from truecast.models.evaluate.table import write_table
from truecast.models.location.artifact import read_artifact
from truecast.models.training import train

DAY_US = 86_400_000_000
PLAN = Plan(Interval.D1, ("naive", "lightgbm"), (1, 5), origins=40, refit_every=20, embargo=3, seed=7, seeds=2)


ONE = replace(PLAN, seeds=1)
CLASSES = {f"S{i}": "unknown" for i in range(4)}


def silent(_done, _total):
    pass


def panel(series=4, bars=500, later_us=0):
    found = [remembering(seed, bars, memory=0.3) for seed in range(series)]
    return [replace(frame, end=frame.end + later_us) for frame in found]


def bodies(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("trained/*/*"))
        if path.name != "cost.json"
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished") / "out"
    return folder, run(PLAN, panel(), folder, workers=2, tell=silent)


def test_all_means_trained_models_too():
    plan = plan_of(Interval.D1, models=["all"], horizons=[1], origins=5, refit_every=5, embargo=0, seed=0, seeds=3)
    assert set(GROWERS) < set(plan.models)
    assert sorted(plan.trainings) == sorted((name, seed) for name in GROWERS for seed in (0, 1, 2))
    assert [str(v) for v in plan.variants if v.model == "xgboost"] == ["xgboost", "xgboost@1", "xgboost@2"]
    assert [str(v) for v in plan.variants if v.model == "ets"] == ["ets"]


def test_a_training_ends_an_embargo_before_the_first_origin_of_its_block(finished):
    folder, _ = finished
    frame = panel()[0]
    first = origins_of(PLAN, len(frame))[::20]
    kept = sorted((folder / "trained").iterdir())
    assert len(kept) == 2 * 2  # boundaries x seeds
    for path in kept:
        artifact = read_artifact({p.name: p.read_bytes() for p in path.iterdir()}, "lightgbm")
        assert artifact.trained_until in frame.end[first - PLAN.embargo]
        assert artifact.anchors == (1, 2, 3, 5) and artifact.seed in (7, 8)


def test_what_is_kept_is_what_the_live_training_gives(finished):
    folder, _ = finished
    refit = refits_of(PLAN, cuts_of(PLAN, panel(), CLASSES))[0]
    kept = {p.name: p.read_bytes() for p in path_of(folder, refit).iterdir() if p.name != "cost.json"}
    known = [frame[: int(np.searchsorted(frame.end, refit.cut, side="right"))] for frame in panel()]
    live = train(GROWERS["lightgbm"], known, asset_class="unknown", seed=7, anchors=(1, 2, 3, 5))
    assert kept == live.files()


def test_the_future_changes_nothing_that_was_learned_or_said(finished, tmp_path):
    folder, done = finished
    known = int(origins_of(PLAN, 500)[20]) + 1

    def changed(frame: Frame) -> Frame:
        close = np.concatenate([frame.close[:known], frame.close[known:] * np.linspace(1.1, 2, len(frame) - known)])
        return replace(frame, open=close, high=close, low=close, close=close)

    other = run(PLAN, [changed(frame) for frame in panel()], tmp_path / "out", workers=2, tell=silent)
    assert bodies(tmp_path / "out") == bodies(folder)  # the last training ended before
    for one, two in zip(done.records, other.records, strict=True):
        assert np.array_equal(one.quantiles[:21], two.quantiles[:21])
        assert not np.array_equal(one.outcome, two.outcome)


def test_trees_that_found_a_memory_say_it_and_seeds_differ(finished):
    _, done = finished
    by = {(r.symbol, r.model): r for r in done.records}
    for symbol in ("S0", "S1", "S2", "S3"):
        one, two, naive = by[symbol, "lightgbm"], by[symbol, "lightgbm@8"], by[symbol, "naive"]
        assert not np.array_equal(one.quantiles, two.quantiles)
        assert not np.allclose(one.quantiles[..., 13], naive.quantiles[..., 13], rtol=1e-5)
    report = report_of(done)
    assert [row.model for row in report.pooled] == ["naive", "naive", "lightgbm", "lightgbm"]
    ratios = {s.horizon: dict(s.ratios) for s in report.spreads}
    assert set(ratios) == {1, 5} and set(ratios[1]) == {7, 8}
    first = next(row for row in report.pooled if row.model == "lightgbm" and row.horizon == 1)
    assert ratios[1][7] == pytest.approx(first.skill.crps_ratio, rel=1e-12)
    assert plain(report)["seeds"][0]["deviation"] == pytest.approx(abs(ratios[1][7] - ratios[1][8]) / np.sqrt(2))
    assert "Seeds of trained models" in text(report)
    assert [e.trainings for e in report.effort] == [0, 2] and report.effort[1].training_cpu_s > 0


def test_a_second_run_trains_nothing_and_gives_the_same_table(finished):
    folder, done = finished
    first = write_table(folder, PLAN.interval, done.records).read_bytes()
    stamps = {path: path.stat().st_mtime_ns for path in folder.rglob("trained/*/*")}
    told = []
    again = run(PLAN, panel(), folder, workers=1, tell=lambda n, of: told.append((n, of)))
    assert told == [(12, 12)]
    assert write_table(folder, PLAN.interval, again.records).read_bytes() == first
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("trained/*/*")} == stamps


def test_only_what_is_damaged_is_trained_again(finished, tmp_path):
    folder, _ = finished
    harmed = min((folder / "trained").iterdir())
    whole = (harmed / "h1.txt").read_bytes()
    (harmed / "h1.txt").write_bytes(whole[:100])
    parts.part_path(folder, "S1", Variant("lightgbm", 7)).unlink()
    stamps = {path: path.stat().st_mtime_ns for path in folder.rglob("trained/*/location.json")}
    told = []
    run(PLAN, panel(), folder, workers=1, tell=lambda n, of: told.append((n, of)))
    assert told[0] == (11, 13) and told[-1] == (13, 13)
    assert (harmed / "h1.txt").read_bytes() == whole
    after = {path: path.stat().st_mtime_ns for path in folder.rglob("trained/*/location.json")}
    assert {path.parent for path in stamps if stamps[path] != after[path]} == {harmed}


def test_a_class_with_too_little_is_a_line_for_each_of_its_series(tmp_path):
    frames = [*panel(), replace(remembering(9, 150), symbol="ALONE")]
    classes = {f"S{i}": "fx" for i in range(4)} | {"ALONE": "crypto"}
    done = run(ONE, frames, tmp_path / "out", workers=2, tell=silent, classes=classes)
    (failure,) = done.failures
    assert (failure.symbol, failure.model, failure.code) == ("ALONE", "lightgbm", "model_unavailable")
    assert "cannot be trained on 1 series" in failure.detail
    assert ("S3", "lightgbm") in {(r.symbol, r.model) for r in done.records}


def test_series_on_other_calendars_share_the_training_before_them():
    frames = panel(2)
    frames[1] = replace(frames[1], end=frames[1].end + 5 * DAY_US)
    refits = refits_of(ONE, cuts_of(ONE, frames, dict.fromkeys(("S0", "S1"), "fx")))
    assert [r.cut for r in refits] == cuts(PLAN, frames[0]).tolist()
    frames[1] = replace(frames[1], end=frames[1].end + 11 * DAY_US)
    refits = refits_of(ONE, cuts_of(ONE, frames, dict.fromkeys(("S0", "S1"), "fx")))
    first = int(cuts(PLAN, frames[0])[0])
    assert [(r.cut - first) // DAY_US for r in refits] == [0, 16, 36]  # that of day 20 is served by the one of day 16


def test_a_training_sees_its_class_until_its_cut_and_no_more_bars_than_the_limit(monkeypatch):
    monkeypatch.setattr("truecast.models.evaluate.refits.TRAINING_BARS_MAX", 100)
    frames = panel(3)
    refit = Refit("lightgbm", "fx", 0, int(frames[0].end[400]))
    seen = trained_on(refit, frames, {"S0": "fx", "S1": "crypto", "S2": "fx"})
    assert [(f.symbol, len(f), int(f.end[-1])) for f in seen] == [("S0", 100, refit.cut), ("S2", 100, refit.cut)]


def test_a_task_gets_all_trainings_until_its_own_cut(finished):
    folder, _ = finished
    frame, moments = panel()[0], cuts_of(PLAN, panel(), CLASSES)
    refits = Refits(str(folder), CLASSES, moments, tuple(refits_of(PLAN, moments)), {})
    first, second = cuts(PLAN, frame).tolist()
    for cut, untils in ((first, [first]), (second, [first, second])):
        known = frame[: int(np.searchsorted(frame.end, cut, side="right"))]
        reigns = refits.located("lightgbm", 7, known).location.reigns
        assert [next(iter(t.artifacts.values())).trained_until for t in reigns] == untils


KILLED = """
import sys
from pathlib import Path
from tests.models.evaluate.test_refits import PLAN, panel
from truecast.models.evaluate.run import run
if __name__ == "__main__":
    run(PLAN, panel(), Path(sys.argv[1]), workers=1, tell=lambda done, total: print(done, flush=True))
"""


def test_kill_9_while_training_and_again_gives_the_table_of_an_undisturbed_run(finished, tmp_path):
    whole, done = finished
    folder, script = tmp_path / "killed", tmp_path / "killed.py"
    script.write_text(KILLED)
    process = subprocess.Popen(
        [sys.executable, str(script), str(folder)], stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(Path.cwd())},  # noqa: TID251 for the child
    )  # fmt: skip
    assert process.stdout is not None
    while int(process.stdout.readline()) < 1:
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    kept = [refit for refit in refits_of(PLAN, cuts_of(PLAN, panel(), CLASSES)) if is_kept(refit, folder)]
    stamps = {r: (path_of(folder, r) / "location.json").stat().st_mtime_ns for r in kept}
    assert 1 <= len(kept) < 4
    resumed = run(PLAN, panel(), folder, workers=2, tell=silent)
    assert bodies(folder) == bodies(whole)
    assert {r: (path_of(folder, r) / "location.json").stat().st_mtime_ns for r in kept} == stamps
    tables = [write_table(f, Interval.D1, d.records).read_bytes() for f, d in ((folder, resumed), (whole, done))]
    assert tables[0] == tables[1]
    plans = [orjson.loads((f / "plan.json").read_bytes()) for f in (folder, whole)]
    assert plans[0] == plans[1]

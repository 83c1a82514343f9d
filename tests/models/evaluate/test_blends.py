"""`ensemble` and `auto` in an evaluation: the members of the live path, from the evaluation's own trainings."""

from dataclasses import replace

import numpy as np
import orjson
import pytest

from tests.models.location.panels import remembering
from truecast.domain.interval import Interval
from truecast.models.auto import AUTO, Auto, member_names
from truecast.models.catalog import MODELS
from truecast.models.ensemble import Ensemble
from truecast.models.evaluate.blends import blend, is_heard
from truecast.models.evaluate.plan import Plan, Stage, Variant, origins_of, plan_of
from truecast.models.evaluate.refits import Refits, cuts_of, refits_of
from truecast.models.evaluate.run import run
from truecast.models.evaluate.table import write_table
from truecast.models.evidence import ENSEMBLE, fit_members, learn, read_evidence
from truecast.models.pool import pooled

PLAN = Plan(Interval.D1, ("naive", "ensemble", "auto"), (1, 5), origins=30, refit_every=10, embargo=2, seed=3)
CLASSES = {f"S{i}": "fx" for i in range(4)}


def silent(_done, _total):
    pass


def panel(bars=500):
    return [remembering(seed, bars, memory=0.5) for seed in range(4)]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished") / "out"
    return folder, run(PLAN, panel(), folder, workers=2, tell=silent, classes=CLASSES)


@pytest.fixture(scope="module")
def refits(finished):
    cuts = cuts_of(PLAN, panel(), CLASSES)
    return Refits(str(finished[0]), CLASSES, cuts, tuple(refits_of(PLAN, cuts)), {})


def test_all_means_blends_too_and_their_members_are_trained_with_the_first_seed():
    plan = plan_of(Interval.D1, models=["all"], horizons=[1], origins=5, refit_every=5, embargo=0, seed=0)
    assert plan.models[-2:] == (ENSEMBLE, AUTO)
    assert PLAN.trainings == (("lightgbm", 3),) and PLAN.learns
    assert replace(PLAN, interval=Interval.MO1).trainings == ()
    assert [v.stage for v in PLAN.variants] == [Stage.ALONE, Stage.TRAINED, Stage.CLASS]


def test_everything_is_evaluated(finished):
    _, done = finished
    assert done.failures == ()
    assert {(r.symbol, r.model) for r in done.records} == {(s, m) for s in CLASSES for m in PLAN.models}


def test_what_is_said_is_what_the_models_would_have_said_at_the_boundary(finished, refits):
    _, done = finished
    frame, said = panel()[1], {r.model: r for r in done.records if r.symbol == "S1"}
    first = int(origins_of(PLAN, len(frame))[10])
    known = frame[: first + 1 - PLAN.embargo]
    for name, kind in ((ENSEMBLE, Ensemble), (AUTO, Auto)):
        model = blend(name, 3, known, refits)
        assert type(model) is kind
        assert [m.name for m in model.members] == list(member_names(Interval.D1))
        expected = model.fit(known).update(frame[first + 1 - PLAN.embargo : first + 1]).predict(5)
        assert np.allclose(said[name].quantiles[10], expected.quantiles.values[[0, 4]], rtol=1e-9, atol=0)


def test_trees_among_the_members_are_those_of_this_evaluation_with_their_own_past(refits):
    frame = panel()[0]
    known = frame[: int(origins_of(PLAN, len(frame))[20]) + 1 - PLAN.embargo]
    trees = next(m for m in blend(ENSEMBLE, 3, known, refits).members if m.name == "lightgbm")
    untils = [next(iter(one.artifacts.values())).trained_until for one in trees.location.reigns]
    assert len(untils) == 3 and untils[-1] == int(known.end[-1])
    assert trees.fit(known).walk.location.judged_from == int(np.searchsorted(frame.end, untils[0]))


def test_auto_weighs_what_the_class_says_at_the_cut_and_not_later(finished, refits):
    folder, _ = finished
    frame = panel()[2]
    known = frame[: int(origins_of(PLAN, len(frame))[20]) + 1 - PLAN.embargo]
    cut = int(known.end[-1])
    kept = [read_evidence(orjson.loads(p.read_bytes())) for p in sorted((folder / "evidence").glob(f"*.{cut}.json"))]
    assert len(kept) == 4 and all(one.until <= cut for one in kept)
    again = []
    for one in panel():
        past = one[: int(np.searchsorted(one.end, cut, side="right"))]
        members = blend(ENSEMBLE, 3, past, refits).members
        again.append(learn(fit_members(members, past), past))
    assert [orjson.dumps(one.plain()["bands"]) for one in kept] == [orjson.dumps(one.plain()["bands"]) for one in again]
    assert blend(AUTO, 3, known, refits).pooled == pooled(kept)
    assert all(is_heard(one, refits) for one in panel())


def test_the_future_changes_nothing_that_was_said(finished, tmp_path):
    _, done = finished
    known = int(origins_of(PLAN, 500)[15]) + 1

    def changed(frame):
        close = np.concatenate([frame.close[:known], frame.close[known:] * np.linspace(1.1, 2, len(frame) - known)])
        return replace(frame, open=close, high=close, low=close, close=close)

    frames = [changed(frame) for frame in panel()]
    other = run(PLAN, frames, tmp_path / "out", workers=2, tell=silent, classes=CLASSES)
    for one, two in zip(done.records, other.records, strict=True):
        assert np.array_equal(one.quantiles[:16], two.quantiles[:16]), one.model
        assert not np.array_equal(one.quantiles[20:], two.quantiles[20:])


def test_again_does_nothing_twice_and_only_what_is_missing(finished):
    folder, done = finished
    table = write_table(folder, PLAN.interval, done.records).read_bytes()
    part = next((folder / "parts").glob("S2*.auto.npz"))
    part.unlink()
    next(iter(sorted((folder / "evidence").glob("S3*"), key=lambda p: p.name, reverse=True))).unlink()
    told = []
    again = run(PLAN, panel(), folder, workers=1, tell=lambda n, of: told.append((n, of)), classes=CLASSES)
    assert told[0] == (11, 13) and told[-1] == (13, 13)
    assert write_table(folder, PLAN.interval, again.records).read_bytes() == table


def test_slow_series_have_other_members_and_need_no_training(tmp_path):
    plan = Plan(Interval.MO1, ("naive", "ensemble", "auto"), (1, 3), origins=12, refit_every=6)
    frames = [remembering(seed, 150, Interval.MO1) for seed in range(2)]
    done = run(plan, frames, tmp_path / "out", workers=2, tell=silent)
    assert done.failures == () and done.trainings == () and len(done.records) == 6
    members = blend(ENSEMBLE, 0, frames[0], Refits(str(tmp_path), {"S0": "macro"}, {}, (), {})).members
    assert [m.name for m in members] == [name for name in member_names(Interval.MO1) if name in MODELS]


def test_where_trees_cannot_be_trained_the_others_go_on(tmp_path):
    plan = replace(PLAN, origins=10)
    done = run(plan, [remembering(0, 150)], tmp_path / "out", workers=1, tell=silent)
    assert done.failures == () and {r.model for r in done.records} == set(PLAN.models)
    assert str(Variant("auto", 3)) == "auto"

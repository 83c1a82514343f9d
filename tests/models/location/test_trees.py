"""LightGBM, XGBoost and random forests: learned over a panel, kept as text, asked at every bar."""

import json

import numpy as np
import pytest

from tests.models import walks
from tests.models.contract import ModelContract
from tests.models.location.panels import ANCHORS, remembering, served, trained
from truecast.domain.interval import Interval
from truecast.features.build import build
from truecast.features.frame import frame_of_closes
from truecast.forecasts.predict import boundary
from truecast.models import heavy
from truecast.models.heavy import ModelUnavailable, library
from truecast.models.located import Located
from truecast.models.location.artifact import HEADER, ArtifactRefused, read_artifact
from truecast.models.location.base import HorizonBeyondTraining
from truecast.models.location.boosted import LightGbm, RandomForest, XgBoost
from truecast.models.location.trees import LAG_BARS_MAX, LAG_S_MAX, OutOfScope, Trees
from truecast.models.training import TooLittleToLearn, believed, train

GROWERS = (LightGbm(trees=20), XgBoost(trees=20), RandomForest(trees=8))


class _Trees(ModelContract):
    def test_finds_the_memory_it_learned(self):
        frame = remembering(seed=99, bars=900)
        later = frame_of_closes(frame.close)
        (artifact,) = (a for (_, i), a in self.model.location.artifacts.items() if i == "1d")
        assert artifact.shrink[0] > 0.3
        assert self.model.fit(later).predict(1).skill.verdict == "positive"


class TestLightGbm(_Trees):
    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _served(cls):
        cls.model = served(GROWERS[0])


class TestXgBoost(_Trees):
    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _served(cls):
        cls.model = served(GROWERS[1])


class TestRandomForest(_Trees):
    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _served(cls):
        cls.model = served(GROWERS[2])


@pytest.fixture(scope="module", params=GROWERS, ids=lambda grower: grower.name)
def small(request):
    return request.param, trained(request.param, series=8, bars=700, anchors=(1, 5))


def some_rows(seed=0):
    rows = np.random.default_rng(seed).standard_normal((2000, 6))
    rows[::7, 2] = np.nan
    return rows, np.nan_to_num(rows[:, 2]) + 0.5 * rows[:, 1] + np.random.default_rng(1).standard_normal(2000)


def test_lightgbm_text_says_what_the_library_said():
    x, y = some_rows()
    text = GROWERS[0].learned(x, y, 0)
    lightgbm = library("lightgbm", "lightgbm")
    assert np.array_equal(GROWERS[0].reader(text)(x), lightgbm.Booster(model_str=text).predict(x))
    assert np.corrcoef(GROWERS[0].reader(text)(x), y)[0, 1] > 0.3


def test_forest_in_numpy_equals_scikit_learn():
    x, y = some_rows()
    forest = library("sklearn.ensemble", "random_forest").RandomForestRegressor(
        n_estimators=8, max_depth=6, min_samples_leaf=20, max_features=0.33, max_samples=1.0, random_state=3, n_jobs=1
    )
    expected = forest.fit(x, y).predict(x)
    assert np.allclose(GROWERS[2].reader(GROWERS[2].learned(x, y, 3))(x), expected, rtol=1e-12)


def test_training_again_gives_the_same_bytes(small):
    grower, artifact = small
    assert trained(grower, series=8, bars=700, anchors=(1, 5)).files() == artifact.files()


def test_an_artifact_read_back_says_the_same(small):
    grower, artifact = small
    again = read_artifact(artifact.files(), grower.name)
    assert again == artifact
    frame = frame_of_closes(walks.gaussian(seed=1, bars=300))
    one, other = (Located(Trees(grower, {("fx", "1d"): a}, {"": "fx"})).walk(frame, np.array([299]), np.array([1, 3]))
                  for a in (artifact, again))  # fmt: skip
    assert np.array_equal(one, other)


@pytest.mark.parametrize("harm", ["body", "header", "gone", "none", "format", "json", "model"])
def test_damaged_and_foreign_artifacts_are_refused(small, harm):
    grower, artifact = small
    files, model = artifact.files(), grower.name
    if harm == "body":
        files["h1.txt"] = files["h1.txt"].replace(b"1", b"2", 1)
    elif harm == "header":
        header = json.loads(files[HEADER])
        files[HEADER] = json.dumps({**header, "shrink": [1.0, 1.0]}).encode()
    elif harm == "gone":
        del files["h5.txt"]
    elif harm == "none":
        del files[HEADER]
    elif harm == "format":
        files[HEADER] = b'{"format": "other/1"}'
    elif harm == "json":
        files[HEADER] = files[HEADER][:-9]
    else:
        model = "tcn"
    with pytest.raises(ArtifactRefused) as refused:
        read_artifact(files, model)
    assert refused.value.facts["reason"]


def test_series_out_of_scope_are_refused_with_the_reason(small):
    grower, artifact = small
    model = Located(Trees(grower, {("fx", "1d"): artifact}, {"": "fx", "AAPL": "equity"}))
    close = walks.gaussian(seed=1, bars=200)
    for frame, reason in (
        (frame_of_closes(close, symbol="AAPL"), "nothing was trained for equity 1d"),
        (frame_of_closes(close, symbol="NEW"), "its asset class is unknown"),
        (frame_of_closes(close, interval=Interval.H1), "nothing was trained for fx 1h"),
        (frame_of_closes(close, end=np.arange(-400, -200) * 86_400_000_000), "before the end of what"),
    ):
        with pytest.raises(OutOfScope, match=reason):
            model.fit(frame)
        with pytest.raises(OutOfScope, match=reason):
            model.predict_many([frame], 1)
    with pytest.raises(HorizonBeyondTraining):
        model.fit(frame_of_closes(close)).predict(6)
    with pytest.raises(ModelUnavailable, match="not trained yet"):
        Located(Trees(grower, {}, {})).fit(frame_of_closes(close))


def test_of_a_series_that_lags_a_little_the_trees_say_nothing(small):
    """Others of its kind were learned from to a later moment: it is the plain walk until it has caught up."""
    grower, artifact = small
    model = Located(Trees(grower, {("fx", "1d"): artifact}, {"": "fx"}))
    close = walks.gaussian(seed=1, bars=200)
    frame = frame_of_closes(close, end=np.arange(-203, -3) * 86_400_000_000)
    plain = model.scale.fit(frame).predict(5).quantiles.values
    said = model.fit(frame).predict(5)
    assert np.array_equal(said.quantiles.values, plain) and said.skill.n == 0
    many = model.predict_many([frame] * 4, 5)
    assert np.allclose(many[0], plain, rtol=1e-12)


@pytest.mark.parametrize("interval", Interval)
def test_what_a_record_is_measured_on_never_ends_too_early_for_a_model_trained_just_now(interval):
    lag_us = max(LAG_BARS_MAX * interval.seconds, LAG_S_MAX) * 1_000_000
    bar_us = interval.seconds * 1_000_000
    ends = np.arange(2_000) * bar_us + 1_700_000_000_000_000
    assert max(int(end) - boundary(int(end), interval) for end in ends) + bar_us <= lag_us


def test_where_there_is_no_edge_next_to_nothing_is_believed(small):
    grower, _ = small
    assert max(trained(grower, series=8, bars=700, anchors=(1, 5), memory=0.0).shrink) < 0.35


def test_noise_is_seldom_believed():
    rng = np.random.default_rng(0)
    found = [believed(rng.standard_normal(500), rng.standard_normal(500), np.arange(500) // 5) for _ in range(400)]
    assert np.mean(np.array(found) > 0) < 0.05


def test_too_few_bars_are_refused(small):
    with pytest.raises(TooLittleToLearn):
        train(small[0], [remembering(1, 200)], asset_class="fx")


def test_nothing_is_said_of_bars_that_were_learned_from(small):
    grower, artifact = small
    frame = remembering(seed=3, bars=700)
    after = frame_of_closes(walks.gaussian(seed=2, bars=50), end=np.arange(50, dtype=np.int64) * 86_400_000_000)
    whole = frame.followed_by(after)
    x = np.log(whole.close)
    fitted = Trees(grower, {("fx", "1d"): artifact}, {frame.symbol: "fx"}).fit(whole, x)
    mu = fitted.mu(np.arange(750), np.array([1]))[:, 0]
    assert (mu[:699] == 0).all() and fitted.judged_from == 699
    assert build([whole], "tree/1").of(0).shape == fitted.features.shape


def test_oil_at_minus_37_is_forecast(small):
    grower, artifact = small
    close = np.append(20 + np.cumsum(0.3 * np.random.default_rng(5).standard_normal(300)), [-36.98, 8.9, 10.0])
    model = Located(Trees(grower, {("fx", "1d"): artifact}, {"": "fx"}))
    for signed in (True, False):
        values = model.fit(frame_of_closes(close, signed=signed)).predict(5).quantiles.values
        assert np.isfinite(values).all()


def test_a_library_that_is_not_there_makes_the_model_unavailable(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "lightgbm", None)
    with pytest.raises(ModelUnavailable, match="not installed"):
        heavy.library("lightgbm", "lightgbm")


def test_anchors_of_the_panel_reach_the_farthest_horizon():
    assert ANCHORS[-1] == 168

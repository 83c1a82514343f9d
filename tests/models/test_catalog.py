"""What can serve at one moment, as a snapshot."""

import pytest

from tests.models.location.panels import CLASSES, remembering, trained
from truecast.features.frame import frame_of_closes
from truecast.models import heavy
from truecast.models.catalog import GROWERS, MODELS, UNTRAINED, ModelStatus, UnknownModel, catalogue_of
from truecast.models.heavy import ModelUnavailable
from truecast.models.located import LOCATED_VERSION
from truecast.models.location.boosted import LightGbm
from truecast.models.location.trees import OutOfScope

FX, EQUITY = ("fx", "1d"), ("equity", "1d")


@pytest.fixture(scope="module")
def artifact():
    return trained(LightGbm(trees=4), series=8, bars=700, anchors=(1, 5))


def test_without_artifacts_what_needs_no_training_serves():
    assert UNTRAINED.names == (*MODELS, *GROWERS)
    assert all(UNTRAINED.status(name).status == "ready" and UNTRAINED.get(name) is MODELS[name] for name in MODELS)
    for name in GROWERS:
        assert UNTRAINED.status(name) == ModelStatus("unavailable", "not trained yet")
        with pytest.raises(ModelUnavailable, match="not trained yet"):
            UNTRAINED.get(name)
    for ask in (UNTRAINED.get, UNTRAINED.status):
        with pytest.raises(UnknownModel, match="tcn"):
            ask("tcn")


def test_a_bound_artifact_serves_its_scope_under_its_own_version(artifact):
    catalogue = catalogue_of({"lightgbm": {FX: ("v1", artifact)}}, CLASSES)
    assert catalogue.status("lightgbm").status == catalogue.status("lightgbm", FX).status == "ready"
    assert catalogue.status("lightgbm").trained_until is not None
    assert catalogue.get("lightgbm", FX).version == catalogue.get("lightgbm").version == f"v1.{LOCATED_VERSION}"
    frame = frame_of_closes(remembering(seed=99, bars=400).close)
    assert catalogue.get("lightgbm", FX).fit(frame).predict(2).quantiles.values.shape == (2, 27)
    unheard = frame_of_closes(frame.close, symbol="NEW")
    assert catalogue.get("lightgbm", FX).fit(unheard)
    with pytest.raises(OutOfScope, match="its asset class is unknown"):
        catalogue.get("lightgbm").fit(unheard)
    with pytest.raises(OutOfScope, match="nothing was trained for equity 1d, only for fx 1d"):
        catalogue.get("lightgbm", EQUITY)


def test_any_artifact_changes_the_version_of_the_whole(artifact):
    def version(**parts):
        bound = {"lightgbm": {(name, "1d"): (given, artifact) for name, given in parts.items()}}
        return catalogue_of(bound, CLASSES).get("lightgbm").version

    assert len({version(fx="v1"), version(fx="v2"), version(fx="v1", equity="v1"), version(fx="v2", equity="v1")}) == 4
    assert version(fx="v1", equity="v2") == version(equity="v2", fx="v1")


def test_what_is_known_of_a_scope_is_told_for_the_whole(artifact):
    bound = {"lightgbm": {FX: ("v1", artifact)}}
    stale = catalogue_of(bound, CLASSES, {"lightgbm": {FX: ModelStatus("stale", "coverage off", "v1")}})
    assert stale.status("lightgbm").status == "stale" and "coverage off" in str(stale.status("lightgbm").reason)
    assert stale.get("lightgbm", FX)
    refused = catalogue_of(bound, CLASSES, {"lightgbm": {EQUITY: ModelStatus("unavailable", "damaged")}})
    assert refused.status("lightgbm").status == "ready"
    with pytest.raises(ModelUnavailable, match="equity 1d: damaged"):
        refused.get("lightgbm", EQUITY)
    broken = catalogue_of({}, CLASSES, {"lightgbm": {FX: ModelStatus("unavailable", "damaged")}})
    with pytest.raises(ModelUnavailable, match="fx 1d: damaged"):
        broken.get("lightgbm")


def test_models_whose_library_is_missing_say_so(monkeypatch):
    monkeypatch.setattr(heavy.importlib.util, "find_spec", lambda name: None if name == "statsforecast" else object())
    catalogue = catalogue_of()
    assert catalogue.status("ets").status == "unavailable" and "statsforecast" in str(catalogue.status("ets").reason)
    with pytest.raises(ModelUnavailable, match="install truecast"):
        catalogue.get("ets")
    assert catalogue.get("naive") is MODELS["naive"] and "ets" not in catalogue.serving

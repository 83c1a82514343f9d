"""Contributions of trees are the libraries' own SHAP values, and add up to what the trees say."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.models.location.test_forest import TEXTS, X, outcome, rows
from truecast.models.heavy import library
from truecast.models.location.boosted import LightGbm, RandomForest, XgBoost
from truecast.models.location.shap import Shap, explainer_of


def lightgbm_contributions(text, x):
    return library("lightgbm", "lightgbm").Booster(model_str=text).predict(x, pred_contrib=True, num_threads=1)


def xgboost_contributions(text, x):
    xgboost = library("xgboost", "xgboost")
    booster = xgboost.Booster({"nthread": 1}, model_file=bytearray(text.encode()))
    return booster.predict(xgboost.DMatrix(x, nthread=1), pred_contribs=True)


def test_lightgbm_gives_the_same_values():
    explainer = explainer_of(LightGbm(), TEXTS["lightgbm"])
    for row, own in zip(X[:50], lightgbm_contributions(TEXTS["lightgbm"], X[:50]), strict=True):
        assert explainer.of(row) == pytest.approx(own, abs=1e-12)


@settings(max_examples=12)
@given(seed=st.integers(0, 1000), leaves=st.integers(2, 40), trees=st.integers(1, 20), zero=st.booleans())
def test_lightgbm_of_any_shape_gives_the_same_values(seed, leaves, trees, zero):
    lightgbm = library("lightgbm", "lightgbm")
    x = rows(seed, 400)
    facts = {"objective": "regression", "num_leaves": leaves, "num_threads": 1, "verbose": -1, "min_data_in_leaf": 3,
             "zero_as_missing": zero}  # fmt: skip
    data = lightgbm.Dataset(x, np.nan_to_num(outcome(x, seed)))
    text = lightgbm.train(facts, data, trees).model_to_string()
    for row, own in zip(x[:5], lightgbm_contributions(text, x[:5]), strict=True):
        assert explainer_of(LightGbm(), text).of(row) == pytest.approx(own, abs=1e-10)


def test_xgboost_gives_the_same_values():
    explainer = explainer_of(XgBoost(), TEXTS["xgboost"])
    for row, own in zip(X[:50], xgboost_contributions(TEXTS["xgboost"], X[:50]), strict=True):
        assert explainer.of(row) == pytest.approx(own, abs=2e-6)  # the library's are in single precision


@pytest.mark.parametrize("grower", [LightGbm(), XgBoost(), RandomForest()], ids=lambda g: g.name)
def test_contributions_add_up_to_what_is_said(grower):
    text = TEXTS[grower.name]
    said = grower.reader(text)(X[:50])
    for row, whole in zip(X[:50], said, strict=True):
        assert math.fsum(explainer_of(grower, text).of(row)) == pytest.approx(float(whole), abs=2e-6)


def test_a_column_that_never_changes_adds_nothing():
    x = rows(5)
    x[:, 3] = 1.5
    text = LightGbm(trees=5).learned(x, np.nan_to_num(x[:, 2]), 0)
    added = explainer_of(LightGbm(), text).of(x[0])
    assert added[3] == 0
    assert added[2] != 0


def test_trees_of_one_leaf_say_only_the_average():
    text = LightGbm(trees=3).learned(X[:100], np.full(100, 0.25), 0)
    explainer = explainer_of(LightGbm(), text)
    assert isinstance(explainer, Shap)
    assert explainer.of(X[0])[:-1].any() == np.False_
    assert explainer.of(X[0])[-1] == pytest.approx(0.25)

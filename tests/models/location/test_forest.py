"""Trees read by numpy say what their libraries say, bit for bit; what is no forest is refused."""

import contextlib
import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from truecast.models.heavy import library
from truecast.models.location.artifact import ArtifactRefused
from truecast.models.location.boosted import LightGbm, RandomForest, XgBoost
from truecast.models.location.forest import forest_of_arrays, forest_of_lightgbm, forest_of_xgboost
from truecast.models.location.trees import reader_of


def rows(seed, n=1500, columns=8, *, dtype=np.float32):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, columns)).astype(dtype)
    x[rng.random((n, columns)) < 0.1] = np.nan
    x[rng.random((n, columns)) < 0.1] = 0.0
    return x


def outcome(x, seed=0):
    return np.nan_to_num(x[:, 2]) - np.isnan(x[:, 1]) + 0.5 * (np.nan_to_num(x[:, 0]) > 0) + rows(seed, len(x), 9)[:, 8]


X = rows(1)
Y = np.nan_to_num(outcome(X))
TEXTS = {g.name: g.learned(X, Y, 0) for g in (LightGbm(), XgBoost(), RandomForest())}
ODD = np.array([[np.inf] * 8, [-np.inf] * 8, [np.nan] * 8, [0.0] * 8, [-0.0] * 8, [1e-36] * 8, [1e300] * 8])


def lightgbm_says(text, x):
    return library("lightgbm", "lightgbm").Booster(model_str=text).predict(x, num_threads=1)


def xgboost_says(text, x):
    xgboost = library("xgboost", "xgboost")
    return xgboost.Booster({"nthread": 1}, model_file=bytearray(text.encode())).inplace_predict(x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lightgbm_to_the_last_bit(dtype):
    forest = forest_of_lightgbm(TEXTS["lightgbm"])
    for x in (X, rows(2, dtype=dtype), rows(3, 1, dtype=dtype), ODD):
        assert np.array_equal(forest.total(x), lightgbm_says(TEXTS["lightgbm"], x))


@settings(max_examples=12)
@given(
    seed=st.integers(0, 1000), leaves=st.integers(2, 40), trees=st.integers(1, 30), zero=st.booleans(),
    missing=st.booleans(), holes=st.booleans(),
)  # fmt: skip
def test_lightgbm_of_any_shape_to_the_last_bit(seed, leaves, trees, zero, missing, holes):
    lightgbm = library("lightgbm", "lightgbm")
    x = rows(seed)
    x = x if holes else np.nan_to_num(x)
    facts = {"objective": "regression", "num_leaves": leaves, "num_threads": 1, "verbose": -1, "min_data_in_leaf": 5,
             "zero_as_missing": zero, "use_missing": missing}  # fmt: skip
    booster = lightgbm.train(facts, lightgbm.Dataset(x, np.nan_to_num(outcome(x, seed))), trees)
    text = booster.model_to_string()
    for asked in (rows(seed + 1), ODD):
        assert np.array_equal(forest_of_lightgbm(text).total(asked), lightgbm_says(text, asked))


def test_trees_that_found_nothing_are_one_leaf():
    text = LightGbm(trees=3).learned(X[:100], np.full(100, 0.25), 0)
    assert np.array_equal(forest_of_lightgbm(text).total(X), lightgbm_says(text, X))
    text = XgBoost(trees=3).learned(X[:10], np.full(10, 0.25), 0)
    assert np.array_equal(forest_of_xgboost(text).total(X), xgboost_says(text, X))


def test_xgboost_to_the_last_bit():
    forest = forest_of_xgboost(TEXTS["xgboost"])
    for x in (X, rows(2), rows(3, 1), np.clip(ODD, -1e30, 1e30).astype(np.float32)):
        assert np.array_equal(forest.total(x), xgboost_says(TEXTS["xgboost"], x))


def test_neither_library_is_needed_to_ask(monkeypatch):
    for name in ("lightgbm", "xgboost", "sklearn"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    for grower in (LightGbm(), XgBoost(), RandomForest()):
        assert np.isfinite(grower.reader(TEXTS[grower.name])(X)).all()


def test_rows_asked_alone_are_told_the_same():
    for grower in (LightGbm(), XgBoost(), RandomForest()):
        read = grower.reader(TEXTS[grower.name])
        assert np.array_equal(read(X)[700:701], read(X[700:701])) and read(X[:0]).shape == (0,)


def refused(grower, text):
    with pytest.raises(ArtifactRefused, match="cannot read them"):
        reader_of.__wrapped__(grower, grower.name, text)(X)


def test_texts_that_are_cut_foreign_or_go_round_are_refused():
    text = TEXTS["lightgbm"]
    refused(LightGbm(), text[: len(text) // 2])
    refused(LightGbm(), "")
    refused(LightGbm(), TEXTS["xgboost"])
    refused(LightGbm(), text.replace("objective=regression", "objective=binary sigmoid:1"))
    refused(LightGbm(), re.sub(r"left_child=\d+", "left_child=0", text, count=1))
    refused(LightGbm(), re.sub(r"left_child=\d+", "left_child=999", text, count=1))
    refused(LightGbm(), text.replace("num_cat=0", "num_cat=1", 1))
    refused(LightGbm(), re.sub(r"leaf_value=\S+", "leaf_value=nan", text, count=1))
    refused(XgBoost(), TEXTS["lightgbm"])
    refused(XgBoost(), TEXTS["xgboost"].replace("[0E0]", "[5E-1]"))
    refused(RandomForest(), "[]")
    trees = json.loads(TEXTS["random_forest"])
    refused(RandomForest(), json.dumps([{**trees[0], "left": [0] * len(trees[0]["left"])}]))
    refused(RandomForest(), json.dumps([{**trees[0], "value": trees[0]["value"][:-1]}]))


@settings(max_examples=60)
@given(at=st.integers(0, 20_000), byte=st.sampled_from("0-9x \n="), grower=st.sampled_from([LightGbm(), XgBoost()]))
def test_a_changed_byte_is_read_as_numbers_or_refused(at, byte, grower):
    """The checksum catches it before; this is about never hanging and never an untyped error."""
    text = TEXTS[grower.name]
    at %= len(text)
    try:
        said = reader_of.__wrapped__(grower, grower.name, text[:at] + byte + text[at + 1 :])
    except ArtifactRefused:
        return
    with contextlib.suppress(ValueError):  # a column that is not there
        assert said(X[:50]).shape == (50,)


def test_a_column_that_is_not_there_is_no_answer():
    with pytest.raises(ValueError, match="column that is not there"):
        forest_of_lightgbm(TEXTS["lightgbm"]).total(X[:, :2])


def test_arrays_are_summed_in_the_order_of_the_trees():
    leaf = {"feature": [-2], "threshold": [-2.0], "left": [-1], "right": [-1], "missing_left": [False]}
    assert forest_of_arrays([{**leaf, "value": [v]} for v in (1.0, 2.0)]).total(X[:2]).tolist() == [3.0, 3.0]

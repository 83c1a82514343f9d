"""Trees by LightGBM, XGBoost and scikit-learn, learned with one thread, kept as native text, read back by numpy."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from truecast.domain.bar import FloatArray
from truecast.models.heavy import library
from truecast.models.location.forest import forest_of_arrays, forest_of_lightgbm, forest_of_xgboost

Reader = Callable[[FloatArray], FloatArray]  # (N, F) -> (N,)


@dataclass(frozen=True, slots=True)
class LightGbm:
    """Small, slow learners: next to nothing can be learned from moves, and all of it is shrunken later."""

    name: str = "lightgbm"
    version: str = "1"
    description: str = "LightGBM over all instruments of a class, direct at anchor horizons"
    trees: int = 60
    leaves: int = 15
    rate: float = 0.05
    leaf_rows: float = 0.01  # of all

    def learned(self, x: FloatArray, y: FloatArray, seed: int) -> str:
        """The text of a model of y (N,) given x (N, F)."""
        lightgbm = library("lightgbm", self.name)
        parameters = {
            "objective": "regression", "num_leaves": self.leaves, "learning_rate": self.rate, "seed": seed,
            "min_data_in_leaf": max(20, int(self.leaf_rows * len(y))), "feature_fraction": 0.5, "max_bin": 63,
            "bagging_fraction": 0.5, "bagging_freq": 1, "lambda_l2": 10.0, "deterministic": True,
            "force_col_wise": True, "num_threads": 1, "verbose": -1,
        }  # fmt: skip
        return str(lightgbm.train(parameters, lightgbm.Dataset(x, y), self.trees).model_to_string())

    def reader(self, text: str) -> Reader:
        """What the text says of rows."""
        return forest_of_lightgbm(text).total


@dataclass(frozen=True, slots=True)
class XgBoost:
    """The same idea with XGBoost."""

    name: str = "xgboost"
    version: str = "1"
    description: str = "XGBoost over all instruments of a class, direct at anchor horizons"
    trees: int = 60
    depth: int = 4
    rate: float = 0.05
    leaf_rows: float = 0.01

    def learned(self, x: FloatArray, y: FloatArray, seed: int) -> str:
        """The JSON of a model of y (N,) given x (N, F)."""
        xgboost = library("xgboost", self.name)
        parameters: dict[str, Any] = {
            "objective": "reg:squarederror", "max_depth": self.depth, "eta": self.rate, "seed": seed, "nthread": 1,
            "min_child_weight": max(20, int(self.leaf_rows * len(y))), "colsample_bytree": 0.5, "subsample": 0.5,
            "lambda": 10.0, "tree_method": "hist", "max_bin": 64, "base_score": 0.0, "verbosity": 0,
        }  # fmt: skip
        booster = xgboost.train(parameters, xgboost.DMatrix(x, y, nthread=1), self.trees)
        return str(bytes(booster.save_raw("json")).decode())

    def reader(self, text: str) -> Reader:
        """What the text says of rows."""
        forest = forest_of_xgboost(text)
        return lambda x: np.asarray(forest.total(x), np.float64)


@dataclass(frozen=True, slots=True)
class RandomForest:
    """Of scikit-learn when it learns; afterwards five arrays per tree, read by numpy alone."""

    name: str = "random_forest"
    version: str = "1"
    description: str = "Random forest over all instruments of a class, direct at anchor horizons"
    trees: int = 30
    depth: int = 6
    rows_most: int = 20_000  # per tree
    leaf_rows: float = 0.01

    def learned(self, x: FloatArray, y: FloatArray, seed: int) -> str:
        """The arrays of a model of y (N,) given x (N, F), as JSON."""
        ensemble = library("sklearn.ensemble", self.name)
        forest = ensemble.RandomForestRegressor(
            n_estimators=self.trees,
            max_depth=self.depth,
            min_samples_leaf=max(20, int(self.leaf_rows * min(len(y), self.rows_most))),
            max_features=0.33,
            max_samples=min(1.0, self.rows_most / len(y)),
            random_state=seed,
            n_jobs=1,
        ).fit(x, y)
        return json.dumps([_arrays(one.tree_) for one in forest.estimators_])

    def reader(self, text: str) -> Reader:
        """What the text says of rows."""
        trees = json.loads(text)
        forest = forest_of_arrays(trees)
        return lambda x: np.asarray(forest.total(x.astype(np.float32)) / len(trees), np.float64)  # it compares float32


def _arrays(tree: Any) -> dict[str, list[Any]]:
    return {
        "feature": tree.feature.tolist(),
        "threshold": tree.threshold.tolist(),
        "left": tree.children_left.tolist(),
        "right": tree.children_right.tolist(),
        "missing_left": tree.missing_go_to_left.astype(bool).tolist(),
        "value": tree.value[:, 0, 0].tolist(),
    }

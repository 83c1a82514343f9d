"""Trees of any kind as flat arrays, asked by numpy alone: what serves needs none of the libraries that learn.

Importing LightGBM or XGBoost costs 150 MB and seconds; their texts are plain. All trees go down together, one level at
a time; a leaf is its own child. Sums are taken in the order of the trees and in the precision of the library, so that
the answer is the library's own, bit for bit.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from truecast.domain.bar import BoolArray, FloatArray, IntArray

_CELLS = 1 << 15  # trees x rows that go down together: what fits into the cache
_ZERO = 1e-35  # LightGBM takes less for nothing


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """N nodes of all trees. A value goes left if it is at most the threshold (`strict`: if it is less)."""

    roots: IntArray  # (trees,)
    feature: IntArray  # (N,)
    threshold: Any  # (N,) float32 or float64, as the library compares
    left: IntArray  # (N,)
    right: IntArray  # (N,)
    missing_left: BoolArray  # (N,) where what is missing goes
    zero_missing: BoolArray | None  # (N,) whether 0 counts as missing
    value: Any  # (N,) of leaves, as the library adds
    depth: int
    strict: bool = False

    def total(self, x: FloatArray) -> Any:
        """The sum of all trees for rows x (R, F). (R,)"""
        x = np.ascontiguousarray(x, self.threshold.dtype)
        if int(self.feature.max()) >= x.shape[1]:
            raise ValueError("a tree asks for a column that is not there")
        rows = max(1, _CELLS // len(self.roots))
        parts = [self._total(x[first : first + rows]) for first in range(0, len(x), rows)]
        return np.concatenate(parts) if parts else np.empty(0, self.value.dtype)

    def _total(self, x: Any) -> Any:
        flat, start = x.ravel(), np.arange(len(x)) * x.shape[1]
        node = np.repeat(self.roots[:, None], len(x), axis=1)  # (trees, rows)
        for _ in range(self.depth):
            seen, threshold = flat[start + self.feature[node]], self.threshold[node]
            goes = seen < threshold if self.strict else seen <= threshold
            missing = np.isnan(seen)
            if self.zero_missing is not None:
                missing |= self.zero_missing[node] & (np.abs(seen) <= _ZERO)
            goes = np.where(missing, self.missing_left[node], goes)
            node = np.where(goes, self.left[node], self.right[node])
        values = self.value[node]
        total = np.zeros(len(x), values.dtype)
        for one in values:
            total += one
        return total


def forest_of_lightgbm(text: str) -> Forest:
    """From the text of a regression model without categories; raises ValueError, KeyError."""
    head, *blocks = text.partition("end of trees")[0].split("\nTree=")
    facts = _facts(head)
    if facts["version"] != "v4" or facts["objective"].split()[0] != "regression" or "average_output" in head:
        raise ValueError("not a LightGBM regression")
    if not blocks or not text.rstrip().endswith("pandas_categorical:null"):
        raise ValueError("the text is cut")
    return _joined([_lightgbm_tree(_facts(block)) for block in blocks])


def forest_of_xgboost(text: str) -> Forest:
    """From the JSON of a regression model without categories and with base score 0; raises ValueError, KeyError."""
    learner = json.loads(text)["learner"]
    if learner["objective"]["name"] != "reg:squarederror":
        raise ValueError("not an XGBoost regression")
    if float(learner["learner_model_param"]["base_score"].strip("[]")) != 0:
        raise ValueError("its base score is not 0")
    trees = learner["gradient_booster"]["model"]["trees"]
    return _joined([_xgboost_tree(tree) for tree in trees], strict=True)


def forest_of_arrays(trees: Sequence[Mapping[str, Any]]) -> Forest:
    """From five lists per tree, as RandomForest keeps them; raises ValueError, KeyError."""
    return _joined([
        _Tree(
            np.maximum(np.array(tree["feature"], np.int64), 0),
            np.array(tree["threshold"], np.float64),
            np.array(tree["left"], np.int64),
            np.array(tree["right"], np.int64),
            np.array(tree["missing_left"], bool),
            np.array(tree["value"], np.float64),
        )
        for tree in trees
    ], threshold=np.float64)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Tree:
    """One tree whose leaves have a child below 0."""

    feature: IntArray
    threshold: Any
    left: IntArray
    right: IntArray
    missing_left: BoolArray
    value: Any
    zero_missing: BoolArray | None = None


def _lightgbm_tree(facts: Mapping[str, str]) -> _Tree:
    """Inner nodes first, then leaves: leaf k is node (inner + k); LightGBM writes a leaf child as -(k + 1)."""
    if int(facts["num_cat"]) or int(facts["is_linear"]):
        raise ValueError("a tree with categories or linear leaves")
    leaves = int(facts["num_leaves"])
    inner = leaves - 1
    value = np.concatenate([np.zeros(inner), _numbers(facts["leaf_value"], np.float64)])
    if len(value) != inner + leaves:
        raise ValueError("a tree lacks leaves")
    if inner == 0:
        leaf = np.array([-1])
        return _Tree(np.zeros(1, np.int64), np.zeros(1), leaf, leaf, np.zeros(1, bool), value)
    threshold = _numbers(facts["threshold"], np.float64)
    kind = _numbers(facts["decision_type"], np.int64)
    missing, default_left = (kind >> 2) & 3, (kind & 2) > 0
    if (kind & 1).any():
        raise ValueError("a tree with categories")
    # Without a missing type NaN counts as 0.
    goes_left = np.where(missing == 0, threshold >= 0, default_left)

    def children(name: str) -> IntArray:
        child = _numbers(facts[name], np.int64)
        return np.append(np.where(child >= 0, child, inner - 1 - child), np.full(leaves, -1))

    def padded(column: Any) -> Any:
        return np.append(column, np.zeros(leaves, column.dtype))

    zero = padded(missing == 1) if (missing == 1).any() else None
    feature = padded(_numbers(facts["split_feature"], np.int64))
    left, right = children("left_child"), children("right_child")
    return _Tree(feature, padded(threshold), left, right, padded(goes_left), value, zero)


def _xgboost_tree(tree: Mapping[str, Any]) -> _Tree:
    if any(tree["split_type"]):
        raise ValueError("a tree with categories")
    condition = np.array(tree["split_conditions"], np.float32)
    return _Tree(
        np.array(tree["split_indices"], np.int64),
        condition,
        np.array(tree["left_children"], np.int64),
        np.array(tree["right_children"], np.int64),
        np.array(tree["default_left"], bool),
        condition,  # that of a leaf is its value
    )


def _joined(trees: Sequence[_Tree], *, strict: bool = False, threshold: Any = None) -> Forest:
    """All trees in one list of nodes; raises ValueError for what is no forest."""
    if not trees:
        raise ValueError("there are no trees")
    sizes = [len(tree.feature) for tree in trees]
    if any(len(column) != size for tree, size in zip(trees, sizes, strict=True) for column in _columns(tree)):
        raise ValueError("the columns of a tree differ in length")
    starts = np.cumsum([0, *sizes[:-1]])
    left, right = [], []
    for tree, start, size in zip(trees, starts.tolist(), sizes, strict=True):
        if max(tree.left.max(), tree.right.max()) >= size or ((tree.left < 0) != (tree.right < 0)).any():
            raise ValueError("a tree leads nowhere")
        own = np.arange(size)
        left.append(start + np.where(tree.left < 0, own, tree.left))
        right.append(start + np.where(tree.right < 0, own, tree.right))
    numbers = {name: np.concatenate([getattr(tree, name) for tree in trees]) for name in ("threshold", "value")}
    feature = np.concatenate([tree.feature for tree in trees])
    if (feature < 0).any() or not np.isfinite(numbers["value"]).all():
        raise ValueError("a tree has values that are none")
    zero = [tree.zero_missing if tree.zero_missing is not None else np.zeros(len(tree.feature), bool) for tree in trees]
    has_zero = any(tree.zero_missing is not None for tree in trees)
    return Forest(
        roots=starts,
        feature=feature,
        threshold=numbers["threshold"] if threshold is None else numbers["threshold"].astype(threshold),
        left=np.concatenate(left),
        right=np.concatenate(right),
        missing_left=np.concatenate([tree.missing_left for tree in trees]),
        zero_missing=np.concatenate(zero) if has_zero else None,
        value=numbers["value"],
        depth=max(_depth(tree) for tree in trees),
        strict=strict,
    )


def _depth(tree: _Tree) -> int:
    """Levels below the root; raises ValueError for a ring."""
    depth, level = 0, np.zeros(1, np.int64)
    while len(level := level[tree.left[level] >= 0]):
        level = np.concatenate([tree.left[level], tree.right[level]])
        depth += 1
        if depth >= len(tree.left) or len(level) > len(tree.left):
            raise ValueError("a tree goes round")
    return depth


def _columns(tree: _Tree) -> Sequence[Any]:
    return tree.threshold, tree.left, tree.right, tree.missing_left, tree.value


def _facts(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _numbers(text: str, kind: Any) -> Any:
    return np.array(text.split(), kind)

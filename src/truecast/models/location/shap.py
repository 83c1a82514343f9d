"""What each column adds to what trees say: exact SHAP values (Lundberg et al. 2020, path-dependent) by numpy alone.

Within one tree a leaf with value v is reached by a share of the training rows that is a product over the columns asked
on its path: zero[j], the share that went its way at the splits on column j. Of a row it is known whether it goes that
way itself: one[j] is 0 or 1. The Shapley value of column j in that product game is

    v (one[j] - zero[j]) integral_0^1 prod_{i != j} (zero[i] (1 - u) + one[i] u) du        (Owen 1972)

The integrand is a polynomial, hence Gauss-Legendre gives it exactly. The sum over all leaves is what the libraries'
own `pred_contrib` gives, and with what is said on average it adds up to what is said.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from truecast.domain.bar import BoolArray, FloatArray, IntArray
from truecast.models.location.boosted import LightGbm, RandomForest, XgBoost
from truecast.models.location.forest import Forest, forest_of_arrays, forest_of_lightgbm, forest_of_xgboost

_ZERO = 1e-35  # LightGBM takes less for nothing


@dataclass(frozen=True, slots=True, eq=False)
class Shap:
    """L leaves of all trees, with up to D different columns on the way to each; places that are not needed count 1."""

    forest: Forest
    value: FloatArray  # (L,)
    column: IntArray  # (L, D)
    zero: FloatArray  # (L, D)
    node: IntArray  # (E,) of every edge on the way to every leaf
    left: BoolArray  # (E,) whether it goes left there
    place: IntArray  # (E,) of its column, leaf x D + slot

    def of(self, row: FloatArray) -> FloatArray:
        """What every column adds to what is said of a row (F,), and last what is said on average. (F + 1,)"""
        one = np.bincount(self.place, goes_left(self.forest, row)[self.node] != self.left, self.zero.size) == 0
        one = one.reshape(self.zero.shape)
        u, weight = np.polynomial.legendre.leggauss((self.zero.shape[1] + 1) // 2)
        u, weight = (u + 1) / 2, weight / 2
        factor = self.zero[..., None] * (1 - u) + one[..., None] * u  # (L, D, Q)
        others = (factor.prod(axis=1, keepdims=True) / factor) @ weight
        added = self.value[:, None] * (one - self.zero) * others
        given = np.bincount(self.column.ravel(), added.ravel(), len(row) + 1)
        given[-1] = self.value @ self.zero.prod(axis=1)
        return np.asarray(given, np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """Trees that do not know how many rows went where: changes of the mean along the path stand in (Saabas 2014)."""

    forest: Forest

    def of(self, row: FloatArray) -> FloatArray:
        """The same: the change of the mean at a split goes to the column that is asked there. (F + 1,)"""
        forest, goes = self.forest, goes_left(self.forest, row)
        given, node = np.zeros(len(row) + 1), forest.roots
        given[-1] = forest.value[node].sum()
        for _ in range(forest.depth):
            child = np.where(goes[node], forest.left[node], forest.right[node])
            np.add.at(given, forest.feature[node], forest.value[child] - forest.value[node])
            node = child
        return given / len(forest.roots)


def goes_left(forest: Forest, row: FloatArray) -> BoolArray:
    """Whether a row goes left at each node, as the forest decides. (N,)"""
    seen = np.asarray(row, forest.threshold.dtype)[forest.feature]
    goes = seen < forest.threshold if forest.strict else seen <= forest.threshold
    missing = np.isnan(seen)
    if forest.zero_missing is not None:
        missing |= forest.zero_missing & (np.abs(seen) <= _ZERO)
    return np.where(missing, forest.missing_left, goes)


@lru_cache(maxsize=128)
def explainer_of(grower: object, text: str) -> Shap | Paths:
    """What explains a text of trees; read once. Raises what reading the forest raises."""
    if isinstance(grower, LightGbm):
        return _shap(forest_of_lightgbm(text), _lightgbm_cover(text))
    if isinstance(grower, XgBoost):
        trees = json.loads(text)["learner"]["gradient_booster"]["model"]["trees"]
        return _shap(forest_of_xgboost(text), np.concatenate([np.array(tree["sum_hessian"]) for tree in trees]))
    assert isinstance(grower, RandomForest), grower
    return Paths(forest_of_arrays(json.loads(text)))


def _lightgbm_cover(text: str) -> FloatArray:
    """Rows at each node, in the order of the forest: the inner ones of a tree, then its leaves."""
    cover = []
    for block in text.partition("end of trees")[0].split("\nTree=")[1:]:
        facts = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        single = facts["num_leaves"] == "1"
        names = ("leaf_count",) if single else ("internal_count", "leaf_count")
        cover += [np.array(facts.get(name, "1").split() or ["1"], np.float64) for name in names]
    return np.concatenate(cover)


def _shap(forest: Forest, cover: FloatArray) -> Shap:
    found = [leaf for root in forest.roots.tolist() for leaf in _leaves(forest, root)]
    slots = [list(dict.fromkeys(int(forest.feature[node]) for node, _ in path)) for _, path in found]
    width = max(1, *map(len, slots))
    column, zero = np.zeros((len(found), width), np.int64), np.ones((len(found), width))
    node, left, place = [], [], []
    for leaf, ((_, path), names) in enumerate(zip(found, slots, strict=True)):
        column[leaf, : len(names)] = names
        for at, goes in path:
            slot = names.index(int(forest.feature[at]))
            child = forest.left[at] if goes else forest.right[at]
            zero[leaf, slot] *= cover[child] / cover[at]
            node.append(at)
            left.append(goes)
            place.append(leaf * width + slot)
    value = np.asarray(forest.value[[leaf for leaf, _ in found]], np.float64)
    return Shap(forest, value, column, zero, np.array(node, np.int64), np.array(left, bool), np.array(place, np.int64))


_Path = tuple[tuple[int, bool], ...]


def _leaves(forest: Forest, root: int) -> Iterator[tuple[int, _Path]]:
    """Every leaf below the root, with the nodes on the way and whether it lies to their left."""
    waiting: list[tuple[int, _Path]] = [(root, ())]
    while waiting:
        node, path = waiting.pop()
        left, right = int(forest.left[node]), int(forest.right[node])
        if left == node:  # a leaf is its own child
            yield node, path
        else:
            waiting += [(right, (*path, (node, False))), (left, (*path, (node, True)))]

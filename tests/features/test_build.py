"""Sets, matrices and the guard."""

import numpy as np
import pytest

from tests.features import worlds
from truecast.features import build as building
from truecast.features.build import FEATURE_SETS, UnknownFeatureSet, build, build_last
from truecast.features.column import Column, Scale
from truecast.features.frame import frame_of_closes
from truecast.features.guard import first_leak, leaks
from truecast.features.registry import COLUMNS
from truecast.features.rolling import lagged


@pytest.mark.parametrize("feature_set", [name for name in FEATURE_SETS if name.startswith("tree")])
def test_what_trees_read_does_not_depend_on_units(feature_set):
    assert all(COLUMNS[name].scale is Scale.FREE for name in FEATURE_SETS[feature_set])


def test_sets_do_not_change():
    """A set that a model was trained on must stay as it is: make another version."""
    assert {name: len(columns) for name, columns in FEATURE_SETS.items()} == {
        "walk/1": 1, "indicators/1": 26, "tree/1": 40, "tree-peers/1": 46, "tree-world/1": 56,
    }  # fmt: skip


@pytest.mark.parametrize("feature_set", sorted(FEATURE_SETS))
def test_no_set_sees_the_future(feature_set):
    frames = [worlds.bars(s, 150, symbol=f"S{s}", calendar="FX") for s in range(3)]
    assert leaks(feature_set, frames, np.random.default_rng(3), worlds.context(frames), cuts=4) == {}


LEAKS = {
    "mean_of_all": lambda p: np.broadcast_to(p.close.mean(axis=1, keepdims=True), p.shape),
    "next_bar": lambda p: lagged(p.close[:, ::-1], 1)[:, ::-1],
    "number_of_bars": lambda p: np.full(p.shape, float(p.shape[1])),
    "ever_negative": lambda p: np.full(p.shape, float((p.close < 0).any())),
    "missing_high_to_come": lambda p: np.full(p.shape, float(np.isnan(p.high).any())),
    "text_to_come": lambda p: np.full(p.shape, p.context.sentiment["S0"].value[-1]),
}


@pytest.mark.parametrize("name", LEAKS)
def test_the_guard_finds_columns_that_do(name, monkeypatch):
    column = Column(name, "A leak", Scale.FREE, 1, LEAKS[name])
    monkeypatch.setattr(building, "COLUMNS", {**COLUMNS, name: column})
    monkeypatch.setattr(building, "FEATURE_SETS", {"bad": ("level", name)})
    frames = [worlds.bars(s, 60, symbol=f"S{s}") for s in range(2)]
    found = leaks("bad", frames, np.random.default_rng(2), worlds.context(frames))
    assert list(found) == [name]


def test_the_guard_of_functions_of_frames_finds_them_too():
    frame = worlds.bars(count=100)
    assert first_leak(lambda f: np.cumsum(f.close), frame, np.random.default_rng(0)) is None
    assert first_leak(lambda f: np.append(f.close[1:], np.nan), frame, np.random.default_rng(0)) is not None


def test_frames_of_all_kinds_go_together():
    frames = [
        worlds.bars(1, 300, symbol="A", calendar="FX"),
        worlds.bars(2, 40, symbol="B", signed=True),
        frame_of_closes(np.array([]), symbol="NONE"),
        frame_of_closes(np.arange(1.0, 200.0), symbol="C"),
        worlds.bars(3, 300, symbol="D", calendar="XNYS"),
    ]
    matrix, last = build(frames, "tree/1"), build_last(frames, "tree/1")
    assert matrix.lengths.tolist() == [300, 40, 0, 199, 300] and matrix.values.shape == (5, 300, 40)
    assert np.isnan(matrix.values[2]).all() and np.isnan(last.values[2]).all()
    for s, frame in enumerate(frames):
        assert np.array_equal(build([frame], "tree/1").of(0), matrix.of(s), equal_nan=True)
        assert np.array_equal(last.values[s], matrix.values[s, -1], equal_nan=True)
    assert np.array_equal(matrix.mask, np.isfinite(matrix.values)) and last.mask.shape == (5, 40)


def test_blocks_of_any_size_give_the_same(monkeypatch):
    frames = [worlds.bars(s, 120, symbol=f"S{s}") for s in range(9)]
    whole = build(frames, "tree/1").values
    monkeypatch.setattr(building, "_BLOCK_CELLS", 300)
    assert np.array_equal(build(frames, "tree/1").values, whole, equal_nan=True)


def test_prices_below_zero_are_differenced():
    close = np.array([20.0, 1.0, -36.98, 9.0])
    signed = build([frame_of_closes(close, signed=True)], "walk/1").of(0)[:, 0]
    assert signed.tolist() == close.tolist()
    assert np.isnan(build([frame_of_closes(close)], "walk/1").of(0)[:, 0]).tolist() == [False, False, True, False]


def test_no_frames_are_no_rows():
    assert build([], "tree/1").values.shape == (0, 0, 40) and build_last([], "tree-world/1").values.shape == (0, 56)


def test_an_unknown_set_is_told_with_the_choices():
    with pytest.raises(UnknownFeatureSet) as refused:
        build([worlds.bars()], "tree/0")
    assert "tree/1" in refused.value.facts["choices"]
    with pytest.raises(UnknownFeatureSet):
        build_last([worlds.bars()], "tree/0")

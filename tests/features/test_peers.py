"""The cross-section: others at their last bar known, oneself left out."""

import numpy as np

from tests.features import worlds
from truecast.features.build import build, build_last
from truecast.features.context import Context

FRAMES = [worlds.bars(seed, 120, symbol=f"S{seed}") for seed in range(5)]
GROUP = {f"S{seed}": "fx" for seed in range(5)}


def columns(frames, context):
    matrix = build(frames, "tree-peers/1", context)
    return {name: [matrix.of(s)[:, f] for s in range(len(frames))] for f, name in enumerate(matrix.columns)}


def test_the_average_is_that_of_the_others():
    found = columns(FRAMES, Context(GROUP))
    own = np.array([values[100] for values in found["return_5_scaled"]])
    assert np.isclose(found["peers_return_5_scaled"][2][100], np.delete(own, 2).mean())


def test_ranks_run_from_the_lowest_to_the_highest():
    found = columns(FRAMES, Context(GROUP))
    own = np.array([values[100] for values in found["return_20_scaled"]])
    rank = np.array([values[100] for values in found["rank_return_20_scaled"]])
    assert np.allclose(rank[np.argsort(own)], [0, 0.25, 0.5, 0.75, 1])


def test_equals_share_a_place():
    same = [worlds.bars(0, 120, symbol=f"S{seed}") for seed in range(5)]
    found = columns(same, Context(GROUP))
    assert [values[100] for values in found["rank_return_1_scaled"]] == [0.5] * 5


def test_without_a_group_or_with_one_other_there_is_nothing_to_compare():
    for groups in ({}, {"S0": "a", "S1": "a"}, {f"S{s}": f"g{s}" for s in range(5)}):
        found = columns(FRAMES, Context(groups))
        assert all(
            np.isnan(values).all() for name in found if "peers" in name or "rank" in name for values in found[name]
        )


def test_a_bar_counts_from_when_it_was_known():
    late = tuple(frame.end + (worlds.HOUR_US if s == 1 else 0) for s, frame in enumerate(FRAMES))
    found, own = columns(FRAMES, Context(GROUP, late)), columns(FRAMES, Context(GROUP))["return_1_scaled"]
    seen = [own[1][99], own[2][100], own[3][100], own[4][100]]
    assert np.isclose(found["peers_return_1_scaled"][0][100], np.mean(seen))


def test_a_bar_that_is_too_old_counts_no_more():
    stopped = [FRAMES[0], FRAMES[1][:90], *FRAMES[2:]]
    found, own = columns(stopped, Context(GROUP)), columns(FRAMES, Context(GROUP))["return_1_scaled"]
    assert np.isclose(found["peers_return_1_scaled"][0][93], np.mean([own[1][89], own[2][93], own[3][93], own[4][93]]))
    assert np.isclose(found["peers_return_1_scaled"][0][94], np.mean([own[s][94] for s in (2, 3, 4)]))


def test_the_last_row_is_the_same_when_some_are_ahead():
    ragged = [FRAMES[0], FRAMES[1][:90], FRAMES[2][:117], FRAMES[3], FRAMES[4][:119]]
    context = Context(GROUP)
    whole, last = build(ragged, "tree-peers/1", context), build_last(ragged, "tree-peers/1", context)
    assert np.array_equal(last.values, whole.values[:, -1], equal_nan=True)
    assert np.isfinite(last.values[:, -6:]).all()

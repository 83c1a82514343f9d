"""Facts about Bernstein online aggregation."""

import json
import math

import numpy as np
import pytest

from truecast.models.boa import ALIKE, FLOOR, REGRET_MOST, fresh, learned, read_boa, shares


def losses(*means, n=400, seed=0, noise=0.3):
    rng = np.random.default_rng(seed)
    common = rng.gamma(2.0, 0.5, n)
    return np.stack([common * mean * np.exp(noise * rng.standard_normal(n)) for mean in means], axis=1).tolist()


def test_before_any_outcome_all_are_believed_alike_but_the_reference_keeps_its_floor():
    assert np.allclose(fresh(4).weights(), [FLOOR + 0.95 / 4, *[0.95 / 4] * 3])


def test_weights_sum_to_one_and_the_reference_keeps_its_floor():
    state, raw = learned(fresh(3), losses(2.0, 1.0, 0.5))
    assert all(math.isclose(sum(row), 1.0) for row in raw)
    assert state.weights().sum() == pytest.approx(1.0)
    assert state.weights()[0] >= FLOOR


def test_the_member_with_the_least_loss_is_believed_most():
    state, _ = learned(fresh(3), losses(1.0, 0.8, 1.1))
    assert state.weights().argmax() == 1
    assert state.raw()[1] > 0.8 and state.weights()[1] > 0.8 * (1 - ALIKE)


def test_regret_against_the_best_member_is_small():
    rows = losses(1.0, 0.9, 1.05, 1.2, n=2000)
    _, raw = learned(fresh(4), rows)
    together = sum(np.dot(w, row) for w, row in zip(raw, rows, strict=False))
    best = np.sum(rows, axis=0).min()
    assert together < best * 1.01


def test_one_outcome_at_a_time_is_the_same_as_all_at_once():
    rows = losses(1.0, 0.9, 1.1)
    one_by_one = fresh(3)
    for row in rows:
        one_by_one = one_by_one.updated(row)
    assert one_by_one == learned(fresh(3), rows)[0]


def test_prices_in_another_unit_change_no_weight():
    rows = losses(1.0, 0.9, 1.1)
    other = (np.array(rows) * 1e-6).tolist()
    assert np.allclose(learned(fresh(3), rows)[1], learned(fresh(3), other)[1], rtol=1e-9)


def test_a_misprint_is_bounded():
    state, _ = learned(fresh(2), losses(1.0, 0.9))
    after = state.updated([1.0, 1e12])
    assert after.most[1] <= REGRET_MOST and after.weights()[1] > 0.05


def test_a_sleeping_member_neither_gains_nor_loses():
    rows = losses(1.0, 0.9, 1.1)
    asleep = [[a, b, math.nan] for a, b, _ in rows]
    state, _ = learned(fresh(3), asleep)
    assert state.regret[2] == 0.0 and np.isfinite(state.weights()).all()
    assert np.allclose(state.regret[:2], learned(fresh(3), asleep)[0].regret[:2])


def test_a_reference_that_never_erred_divides_nothing():
    state, _ = learned(fresh(2), [[0.0, 0.0]] * 50)
    assert np.isfinite(state.weights()).all()


def test_alike_members_stay_alike():
    rows = [[loss, loss, loss] for (loss,) in losses(1.0)]
    assert np.allclose(learned(fresh(3), rows)[0].weights(), fresh(3).weights())


def test_the_state_survives_json():
    state, _ = learned(fresh(3), losses(1.0, 0.9, 1.1))
    assert read_boa(json.loads(json.dumps(state.plain()))) == state


def test_a_share_of_the_weight_is_not_learned():
    found = shares(np.array([0.0, 1.0, 0.0, 0.0]), np.ones(4, np.bool_))
    assert np.allclose(found[2:], (1 - FLOOR) * ALIKE / 4) and found.argmax() == 1


def test_shares_go_to_those_that_are_awake():
    raw = np.array([[0.2, 0.3, 0.5], [0.2, 0.3, 0.5], [0.2, 0.3, 0.5]])
    awake = np.array([[True, True, True], [True, False, True], [True, False, False]])
    found = shares(raw, awake)
    assert np.allclose(found.sum(axis=1), 1)
    assert found[1, 1] == 0 and found[2].tolist() == [1, 0, 0] and (found[:, 0] >= FLOOR).all()

"""The blend of volatilities, its rhythms, its recursions and its tracker."""

import numpy as np
import pytest

from tests.models import walks
from truecast.models.ewma_walk import ewma
from truecast.models.scale import recursion
from truecast.models.scale.blend import LEAST_SHARE, RHYTHMS, blended
from truecast.models.scale.rhythm import begun, read_on
from truecast.models.track import tracked


def moves(close):
    return np.abs(np.diff(np.log(close), prepend=np.log(close[0])))[None]


def weekly(seed, bars, rest=0.05):
    rng = np.random.default_rng(seed)
    found = np.abs(rng.standard_normal(bars)) * np.where(np.arange(bars) % 7 == 6, rest, 1.0)
    found[0] = 0.0
    return found[None]


@pytest.mark.parametrize("decay", [0.0, 0.3, 0.97, 0.9999])
@pytest.mark.parametrize("every", [1, 7])
def test_doubling_equals_the_plain_recursion(decay, every):
    u = np.random.default_rng(1).standard_normal((2, 333))
    expected = u.copy()
    for t in range(every, 333):
        expected[:, t] += decay * expected[:, t - every]
    assert recursion.filtered(u, np.array(decay), every) == pytest.approx(expected, rel=1e-11, abs=1e-11)


@pytest.mark.parametrize("rows", [1, 40])
def test_means_are_those_of_ewma_walk_however_many_rows(rows):
    values = np.abs(np.random.default_rng(2).standard_normal((rows, 500)))
    values[:, 0] = 0.0
    assert recursion.averaged(values, 25.0) == pytest.approx(ewma(values, np.array([25.0]))[0], rel=1e-12)


def test_weights_are_a_mixture_and_the_variance_lies_between_the_views():
    weights = blended(moves(walks.clustered(seed=1, bars=800))).weights()
    assert weights.shape == (2 + 2 * len(RHYTHMS), 1, 800)
    assert (weights >= 0).all() and weights.sum(axis=0) == pytest.approx(1.0)
    assert np.allclose(weights[:, 0, 0], 1 / len(weights))


def test_believes_a_rhythm_where_there_is_one_and_not_where_there_is_none():
    with_week, without = blended(weekly(3, 900)), blended(moves(walks.gaussian(seed=3, bars=900)))
    assert with_week.weights()[2:, 0, -200:].sum(axis=0).mean() > 0.9
    assert without.weights()[2:, 0, -200:].sum(axis=0).mean() < 0.5


def test_a_week_has_the_same_variance_wherever_it_begins_and_a_day_has_its_own():
    found = blended(weekly(4, 904))
    day, week = found.variance(1)[0, -40:], found.variance(7)[0, -40:]
    before_rest = np.arange(864, 904) % 7 == 5
    assert day[before_rest].max() < 0.3 * day[~before_rest].min()
    assert week.max() / week.min() < 1.8


def test_no_variance_is_less_than_its_share_of_the_slow_one():
    found = blended(weekly(5, 900, rest=0.0))
    share = found.variance(1) / np.maximum(LEAST_SHARE * found.slow_square(), 1e-300)
    assert (share[0, 1:] > 1 - 1e-12).all()
    assert (share[0, -60:] < 1 + 1e-12).any()


def test_a_standstill_stays_finite_and_a_market_that_never_moved_has_none():
    still = np.zeros((1, 2000))
    assert (blended(still).variance(1) == 0).all()
    once = still.copy()
    once[0, 100] = 0.02
    variance = blended(once).variance(1)
    assert np.isfinite(variance).all() and (variance[0, 100:] > 0).all()
    assert np.isfinite(blended(once).weights()).all()


def test_moves_times_a_number_give_variances_times_its_square():
    moved = moves(walks.fat_tailed(seed=6, bars=600))
    for horizon in (1, 5, 24):
        assert blended(1e-6 * moved).variance(horizon) == pytest.approx(
            1e-12 * blended(moved).variance(horizon), rel=1e-9
        )


def test_changing_the_future_changes_nothing():
    moved = moves(walks.fat_tailed(seed=7, bars=700))
    other = np.concatenate([moved[:, :500], 40 * moved[:, :150]], axis=1)
    for horizon in (1, 3, 7, 24):
        assert np.array_equal(blended(other).variance(horizon)[:, :500], blended(moved).variance(horizon)[:, :500])


def test_a_factor_of_the_bars_ahead_tells_a_day_of_rest():
    moved = np.ascontiguousarray(weekly(8, 400).T)
    _, (one, two, four) = read_on(begun(7, 8.0, 1), moved, np.ones((400, 1)))
    assert one[397, 0] < 0.2 < one[398, 0]  # bar 398 is a day of rest, 399 is not
    assert two[396:399, 0] == pytest.approx((one[396:399, 0] + one[397:400, 0]) / 2, rel=0.1)
    assert four[390:397, 0].min() > 0.6 * four[390:397, 0].max()


def test_is_the_same_to_the_last_bit_whatever_stands_beside_it():
    moved = np.abs(np.random.default_rng(11).standard_normal((150, 700)))
    moved[:, 0] = 0.0
    together = blended(moved).parts
    for rows in (slice(0, 1), slice(140, 144), slice(20, 150)):
        assert np.array_equal(blended(moved[rows].copy()).parts, together[:, rows])


def test_goes_on_from_its_state_as_if_it_had_read_all_at_once():
    moved = np.concatenate([weekly(12, 900), moves(walks.clustered(seed=12, bars=900))])
    whole = blended(moved)
    for first in (1, 2, 8, 500, 899):
        before = blended(moved[:, :first])
        assert np.array_equal(before.parts, whole.parts[..., :first])
        after = blended(moved[:, first:], before.states)
        assert after.parts == pytest.approx(whole.parts[..., first:], rel=1e-12)
        one = blended(moved[:, first : first + 1], before.states)
        assert one.parts[..., 0] == pytest.approx(whole.parts[..., first], rel=1e-12)


def test_the_tracker_evens_out_misses():
    rng = np.random.default_rng(9)
    moved = np.abs(rng.standard_normal((1, 6000)) * np.where(np.arange(6000) // 500 % 2, 1.5, 0.8))
    flat = np.ones_like(moved)
    factor = tracked(moved, flat, 0.1)
    hits = moved[0, 1:] <= 1.5608 * factor[0, :-1]
    fixed = moved[0, 1:] <= 1.5608
    blocks = [one[1000:].reshape(-1)[:4750].reshape(-1, 250).mean(axis=1) for one in (hits, fixed)]
    assert blocks[0].min() > 0.86 > blocks[1].min()
    assert hits[1000:].mean() == pytest.approx(0.9, abs=0.01)


def test_the_tracker_is_the_same_for_one_series_and_for_many():
    moved = np.abs(np.random.default_rng(10).standard_normal((40, 400)))
    deviation = np.ones_like(moved)
    together = tracked(moved, deviation, 0.1)
    for i in (0, 7, 39):
        assert np.array_equal(tracked(moved[i : i + 1], deviation[i : i + 1], 0.1)[0], together[i])

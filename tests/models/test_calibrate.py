"""Shapes: the prior, the sample, and the rules between them."""

import numpy as np
import pytest
from scipy import stats

from truecast.domain.quantiles import GRID
from truecast.models.calibrate import (
    ANCHORS,
    NORMAL_FORM,
    PRIOR,
    PRIOR_MEAN_ABS,
    WINDOW_TIMES,
    P,
    Panel,
    adapted,
    anchors_for,
    at_horizons,
    corrections_of,
    drift_of,
    longer,
    sample_quantiles,
)

INNER = slice(4, 23)


def test_the_prior_is_a_student_t_with_5_degrees_of_freedom_and_variance_1():
    assert np.allclose(PRIOR, stats.t.ppf(GRID, 5) / np.sqrt(5 / 3), rtol=1e-7)
    draws = stats.t.rvs(5, size=400_000, random_state=1) / np.sqrt(5 / 3)
    assert np.abs(draws).mean() == pytest.approx(PRIOR_MEAN_ABS, rel=0.01)


def test_the_normal_form_is_that_of_the_standard_normal():
    assert np.allclose(NORMAL_FORM, stats.norm.ppf(GRID), rtol=1e-7)


def test_farther_horizons_are_nearer_to_the_normal_form_and_as_wide():
    farther = longer(PRIOR[None], 3.0, 1.0)[0]
    between = np.sort([PRIOR, NORMAL_FORM], axis=0)
    assert (between[0] - 0.02 <= farther).all() and (farther <= between[1] + 0.02).all()
    assert np.abs(farther - NORMAL_FORM).max() < np.abs(PRIOR - NORMAL_FORM).max()
    assert np.allclose(longer(NORMAL_FORM, 3.0, 1.0), NORMAL_FORM, rtol=1e-9), "the normal stays what it is"
    assert np.allclose(longer(NORMAL_FORM, 3.0, 1.1), 1.1**3 * NORMAL_FORM, rtol=1e-9)
    assert np.array_equal(longer(PRIOR, 0.0, 1.1), PRIOR)


def test_walks_that_follow_the_market_look_farther_back_for_far_horizons():
    x = np.zeros((1, 3))
    follows, constant = (Panel(x, x[None], lambda _: np.ones(1), 0, most, None) for most in (12.0, np.inf))
    assert [follows.window(h, 1000) for h in (1, 4, 16, 100)] == [1000, 2000, 4000, 1000 * WINDOW_TIMES]
    assert [constant.window(h, 500) for h in (1, 100)] == [500, 500]


@pytest.mark.parametrize("n", [39, 100, 999])
def test_sample_quantiles_inside_the_sample_are_those_at_n_plus_1_times_p(n):
    sample = np.sort(np.random.default_rng(n).standard_normal(n))
    expected = np.quantile(sample, GRID, method="weibull")
    q = sample_quantiles(sample[None, None], np.array([n]))[0, 0]
    supported = (P * (n + 1) >= 2) & ((1 - P) * (n + 1) >= 2)
    assert np.allclose(q[supported], expected[supported])
    assert supported[INNER].all()


def test_sample_quantiles_cover_what_they_claim_of_the_next_outcome():
    """(n + 1) p is exact for exchangeable outcomes: 39 of them bracket the next one with 90 % between 2nd and 38th."""
    rng = np.random.default_rng(0)
    draws = rng.standard_t(3, (20_000, 40))
    q = sample_quantiles(np.sort(draws[:, None, :39], axis=-1), np.array([39]))[:, 0]
    inside = (q[:, 4] <= draws[:, 39]) & (draws[:, 39] <= q[:, 22])
    assert inside.mean() == pytest.approx(0.9, abs=3 * np.sqrt(0.09 / 20_000))


def test_tails_beyond_the_sample_are_stretched_like_the_prior():
    sample = np.sort(np.random.default_rng(1).standard_normal(60))
    q = sample_quantiles(sample[None, None], np.array([60]))[0, 0]
    assert (np.diff(q) > 0).all()
    assert q[-1] > sample[-2]
    ratio = (q[-1] - q[13]) / (np.quantile(sample, 59 / 61, method="weibull") - q[13])
    assert ratio == pytest.approx(PRIOR[-1] / np.interp(59 / 61, GRID, PRIOR))


def test_rows_of_different_size_are_read_each_by_its_own():
    rng = np.random.default_rng(2)
    rows = np.sort(np.where(np.arange(50) < np.array([[20], [50]]), rng.standard_normal((2, 50)), np.inf), axis=1)
    both = sample_quantiles(rows[None], np.array([20, 50]))[0]
    assert np.array_equal(both[0], sample_quantiles(rows[None, :1, :20], np.array([20]))[0, 0])
    assert np.array_equal(both[1], sample_quantiles(rows[None, 1:], np.array([50]))[0, 0])


def test_drift_is_nothing_until_it_is_four_times_its_standard_error():
    n = np.array([1000])
    noise = np.sqrt(1 / 1000)
    for size, expected in ((3.8, 0.0), (8.0, 0.75), (40.0, 0.99)):
        q = (stats.norm.ppf(GRID) + size * noise)[None, None]
        assert drift_of(q, n)[0, 0] == pytest.approx(expected * size * noise, abs=0.01 * size * noise)


def test_intervals_widen_when_recent_outcomes_missed_too_often_and_narrow_when_too_rarely():
    q = stats.norm.ppf(GRID)[None, None]
    rng = np.random.default_rng(3)
    for spread, expected in ((1.6, 1), (1.0, 0), (0.6, -1)):
        recent = spread * rng.standard_normal((1, 1, 250))
        width = np.ptp(adapted(q, corrections_of(q, recent, np.array([250])))[0, 0, [4, 22]]) / np.ptp(q[0, 0, [4, 22]])
        assert np.sign(round(width - 1, 1)) == expected


def test_a_correction_is_clipped_and_leaves_quantiles_in_order():
    q = stats.norm.ppf(GRID)[None, None]
    for recent, n in ((9.0, 250), (0.0, 250), (np.inf, 0)):
        moved = adapted(q, corrections_of(q, np.full((1, 1, 250), recent), np.array([n])))[0, 0]
        assert (np.diff(moved) >= 0).all()
        assert abs(moved[22]) < abs(stats.norm.ppf(0.95 + 0.03))
    assert np.allclose(adapted(q, np.zeros((1, 1, 3))), q)


def test_horizons_between_anchors_lie_between_their_shapes():
    shape = np.arange(len(ANCHORS), dtype=float)[:, None] * np.ones(len(GRID))
    every = at_horizons(shape, np.arange(1, 169))[:, 0]
    assert (np.diff(every) > 0).all()
    assert every[np.array(ANCHORS) - 1].tolist() == list(range(len(ANCHORS)))


@pytest.mark.parametrize("most", [1, 2, 5, 24, 110, 168])
def test_enough_anchors_for_every_horizon(most):
    anchors = anchors_for(most)
    assert anchors[-1] >= most and (len(anchors) == 1 or anchors[-2] < most)

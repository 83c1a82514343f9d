"""The verdict: significant or not, and not too often by luck."""

import math

import numpy as np
import pytest
from scipy import stats

from tests.answers import forecast_scores as answers
from truecast.domain.quantiles import GRID
from truecast.models import losses
from truecast.models.skill import diebold_mariano, judge, long_run_variance, standard_error
from truecast.models.student import student_t_tail


@pytest.mark.parametrize("dof", [1, 2, 5, 30, 499])
@pytest.mark.parametrize("t", [0.0, 0.1, 1.0, 1.96, 4.0, 20.0])
def test_student_t_tail_is_that_of_scipy(dof, t):
    assert student_t_tail(t, dof) == pytest.approx(stats.t.sf(t, dof), rel=1e-9)


@pytest.mark.parametrize(("horizon", "lags"), [(1, 4), (5, 8), (10, 18)])
def test_the_statistic_is_that_of_the_papers(horizon, lags):
    rng = np.random.default_rng(0)
    loss, reference = rng.gamma(2, 1, 120), rng.gamma(2, 1.1, 120)
    statistic, p_value = diebold_mariano(loss, reference, horizon)
    assert statistic == pytest.approx(answers.diebold_mariano(loss, reference, horizon, lags), rel=1e-9)
    assert p_value == pytest.approx(2 * stats.t.sf(abs(statistic), 119), rel=1e-9)


def test_better_is_negative_and_positive_skill():
    rng = np.random.default_rng(1)
    reference = rng.gamma(2, 1, 400)
    better = judge(reference * 0.9, reference)
    worse = judge(reference * 1.1, reference)
    assert (better.verdict, worse.verdict) == ("positive", "negative")
    assert better.crps_ratio == pytest.approx(0.9) and better.n == 400 and better.p_value < 0.01


def test_few_origins_prove_nothing():
    reference = np.random.default_rng(2).gamma(2, 1, 49)
    assert judge(reference * 0.5, reference).verdict == "none"


@pytest.mark.parametrize("n", [0, 1, 2, 10])
def test_no_difference_or_no_origins_is_no_skill(n):
    skill = judge(np.ones(n), np.ones(n))
    assert skill.verdict == "none" and skill.p_value is None and skill.n == n
    assert skill.crps_ratio == (1.0 if n else None)


def test_of_200_equally_good_rivals_on_random_walks_at_most_5_percent_are_called_positive():
    """Each rival says the spread of a Gaussian walk with an error of its own, as good as that of the reference."""
    called = {"positive": 0, "none": 0, "negative": 0}
    for seed in range(200):
        rng = np.random.default_rng(seed)
        moves = rng.standard_normal(500)
        rival, reference = (np.exp(0.2 * rng.standard_normal((500, 1))) * stats.norm.ppf(GRID) for _ in range(2))
        called[judge(losses.crps(moves, rival), losses.crps(moves, reference)).verdict] += 1
    assert called["positive"] <= 10 and called["negative"] <= 10
    assert called["none"] < 200


def test_equal_losses_are_called_different_about_one_time_in_twenty():
    """Size of the test on autocorrelated losses, as overlapping five-step forecasts give: 2,000 seeded runs."""
    called = 0
    for seed in range(2000):
        rng = np.random.default_rng(seed)
        d = np.convolve(rng.standard_normal(304), np.ones(5) / 5, mode="valid")
        called += diebold_mariano(d, np.zeros(300), 5)[1] < 0.05
    assert 0.02 < called / 2000 < 0.09


def test_long_run_variance_sees_autocorrelation():
    moving = np.convolve(np.random.default_rng(3).standard_normal(5000), np.ones(3), mode="valid")
    assert long_run_variance(moving, 0) == pytest.approx(3, rel=0.1)
    assert long_run_variance(moving, 40) == pytest.approx(9, rel=0.25)


def test_standard_error_is_at_least_the_independent_one():
    hits = np.tile([1.0, 0.0], 50)
    assert standard_error(hits, 5) == pytest.approx(math.sqrt(0.25 / 100))

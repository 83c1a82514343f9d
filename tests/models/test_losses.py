"""Metrics against definitions by loop, and against scipy."""

import math

import numpy as np
import pytest
from scipy import stats

from tests.answers import forecast_scores as answers
from truecast.domain.quantiles import GRID, INNER
from truecast.models import losses

RNG = np.random.default_rng(0)
Y = RNG.standard_normal(40)
Q = np.sort(RNG.standard_normal((40, len(GRID))), axis=1)
NORMAL = stats.norm.ppf(GRID)


def test_pinball_is_that_of_the_definition():
    expected = [[answers.pinball(y, q, p) for q, p in zip(row, GRID, strict=True)] for y, row in zip(Y, Q, strict=True)]
    assert np.allclose(losses.pinball(Y, Q), expected)


def test_crps_is_twice_the_mean_pinball_of_the_19_inner_levels():
    expected = [answers.crps_of_levels(y, row[INNER], GRID[INNER]) for y, row in zip(Y, Q, strict=True)]
    assert len(GRID[INNER]) == 19
    assert np.allclose(losses.crps(Y, Q), expected)


def test_crps_is_close_to_the_closed_form_for_a_normal():
    y = np.array([-2.0, -0.5, 0.0, 1.0])
    exact = y * (2 * stats.norm.cdf(y) - 1) + 2 * stats.norm.pdf(y) - 1 / math.sqrt(math.pi)
    assert np.allclose(losses.crps(y, np.tile(NORMAL, (4, 1))), exact, rtol=0.1)


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95])
def test_winkler_is_that_of_the_definition(level):
    lower, upper = losses.interval(Q, level)
    expected = [answers.winkler(y, a, b, level) for y, a, b in zip(Y, lower, upper, strict=True)]
    assert np.allclose(losses.winkler(Y, Q, level), expected)


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95, 0.33, 0.995])
def test_an_interval_lies_between_its_two_quantiles(level):
    lower, upper = losses.interval(NORMAL, level)
    assert upper == pytest.approx(stats.norm.ppf((1 + level) / 2), rel=0.03)
    assert lower == pytest.approx(-upper)


def test_a_bound_counts_as_inside():
    q = np.arange(len(GRID), dtype=float)
    assert losses.inside([4.0, 3.999, 22.0, 22.001], np.tile(q, (4, 1)), 0.9).tolist() == [True, False, True, False]


def test_pit_of_draws_from_the_forecast_is_uniform():
    draws = np.random.default_rng(1).standard_normal(4000)
    u = losses.pit(draws, np.tile(NORMAL, (4000, 1)))
    inner = u[(u > GRID[0]) & (u < GRID[-1])]
    assert stats.kstest(inner, stats.uniform(GRID[0], GRID[-1] - GRID[0]).cdf).pvalue > 0.01


def test_pit_at_the_edges_and_on_ties():
    q = np.tile(NORMAL, (4, 1))
    u = losses.pit([-99.0, 99.0, 0.0, NORMAL[5]], q)
    assert u == pytest.approx([GRID[0] / 2, (1 + GRID[-1]) / 2, 0.5, 0.1])
    assert losses.pit(7.0, np.full(len(GRID), 7.0)) == pytest.approx(0.5)


def test_qlike_is_least_at_the_true_variance():
    squared = np.random.default_rng(2).standard_normal(20_000) ** 2 * 4
    by_variance = {v: losses.qlike(v, squared).mean() for v in (2.0, 3.0, 4.0, 5.5, 8.0)}
    assert min(by_variance, key=by_variance.__getitem__) == 4.0


def test_direction_does_not_count_what_did_not_move():
    assert losses.direction([1, 1, 2, 0, 1], [2, 0, 2, 5, 1], [1, 0.5, 1, 0.5, 0]) == (2, 4)
    assert losses.direction([1.0], [1.0], [1.0]) == (0, 0)


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (5, 10), (10, 10), (501, 1000)])
def test_wilson_is_that_of_scipy(hits, n):
    expected = stats.binomtest(hits, n).proportion_ci(method="wilson")
    assert losses.wilson(hits, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_of_nothing_says_nothing():
    assert losses.wilson(0, 0) == (0.0, 1.0)


def test_worst_rolling_is_that_of_the_definition():
    hits = (np.random.default_rng(3).random(300) < 0.9).tolist()
    assert losses.worst_rolling(hits, 50) == pytest.approx(answers.worst_rolling(hits, 50))
    assert math.isnan(losses.worst_rolling(hits, 301))


def test_mase_is_in_units_of_the_scale():
    assert losses.mase([-2.0, 3.0], 2.0).tolist() == [1.0, 1.5]

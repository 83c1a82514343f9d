"""Facts about scores, against numbers worked out by hand."""

import numpy as np
import pytest

from truecast.domain.quantiles import GRID, STANDARD_LEVELS
from truecast.forecasts.score import levels_inside, score

P = np.array(GRID)


def scored(outcome: float, quantiles=None, naive=None, anchor: float = 0.0):
    said = (P if quantiles is None else quantiles)[None, :]
    return score(np.array([outcome]), said, said if naive is None else naive[None, :], np.array([anchor]))


def test_crps_of_a_point_forecast_is_its_absolute_error():
    point = np.full(len(GRID), 10.0)
    assert scored(13.0, point).crps[0] == pytest.approx(3.0)


def test_crps_of_a_uniform_forecast_is_that_of_the_formula():
    """For U(0, 1) and outcome y: y^2 - y + 1/3, here in 19 quantiles."""
    assert scored(0.5).crps[0] == pytest.approx(0.25 - 0.5 + 1 / 3, abs=0.01)


def test_crps_of_the_random_walk_beside_it_is_its_own():
    got = scored(13.0, np.full(len(GRID), 10.0), np.full(len(GRID), 12.0))
    assert (got.crps[0], got.crps_naive[0]) == (pytest.approx(3.0), pytest.approx(1.0))


@pytest.mark.parametrize(
    ("outcome", "inside"),
    [(0.5, (True,) * 4), (0.2, (False, True, True, True)), (0.96, (False, False, False, True)), (2.0, (False,) * 4)],
)
def test_inside_tells_each_standard_level(outcome, inside):
    assert tuple(levels_inside(int(scored(outcome).inside[0])).values()) == inside
    assert tuple(levels_inside(0)) == STANDARD_LEVELS


@pytest.mark.parametrize(
    ("median", "outcome", "hit"),
    [(11.0, 12.0, 1), (11.0, 9.0, 0), (9.0, 8.0, 1), (10.0, 12.0, -1), (11.0, 10.0, -1)],
)
def test_direction_is_a_hit_a_miss_or_nothing_said(median, outcome, hit):
    assert scored(outcome, np.full(len(GRID), median), anchor=10.0).hit[0] == hit


def test_errors_are_outcome_minus_what_was_said():
    got = scored(13.0, np.full(len(GRID), 11.0), anchor=10.0)
    assert (got.error[0], got.error_naive[0]) == (2.0, 3.0)


def test_pit_is_where_in_the_distribution_the_outcome_fell():
    assert scored(0.37).pit[0] == pytest.approx(0.37)

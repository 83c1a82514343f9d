"""Quantile grids: order, interpolation, levels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from truecast.domain.quantiles import (
    GRID,
    INNER,
    STANDARD_LEVELS,
    LevelOutOfRange,
    Quantiles,
    check_level,
    check_levels,
)
from truecast.kit.errors import MalformedRequest

STEPS = st.lists(
    st.lists(st.floats(-1e6, 1e6), min_size=len(GRID), max_size=len(GRID)).map(sorted), min_size=1, max_size=5
).map(lambda rows: Quantiles(np.array(rows)))
LEVELS = st.floats(0.5, 0.995)


def test_the_grid_is_symmetric_with_nineteen_inner_levels_and_holds_every_standard_interval() -> None:
    grid = np.array(GRID)
    assert (np.diff(grid) > 0).all() and np.allclose(grid + grid[::-1], 1)
    np.testing.assert_allclose(grid[INNER], np.arange(1, 20) * 0.05)
    for level in (*STANDARD_LEVELS, 0.98, 0.99, 0.995):
        assert np.isclose(grid, (1 - level) / 2).any() and np.isclose(grid, (1 + level) / 2).any()


@given(STEPS, st.floats(GRID[0], GRID[-1]), st.floats(GRID[0], GRID[-1]))
def test_quantiles_never_cross_between_grid_levels_either(quantiles: Quantiles, p: float, q: float) -> None:
    low, high = sorted((p, q))
    assert (quantiles.at(low) <= quantiles.at(high) + 1e-6).all()


@given(STEPS)
def test_a_grid_level_is_given_exactly(quantiles: Quantiles) -> None:
    for k, p in enumerate(GRID):
        np.testing.assert_allclose(quantiles.at(p), quantiles.values[:, k], rtol=1e-12, atol=1e-6)
    np.testing.assert_allclose(quantiles.median(), quantiles.values[:, GRID.index(0.5)], atol=1e-6)


@given(STEPS, LEVELS, LEVELS)
def test_a_wider_level_gives_a_wider_interval(quantiles: Quantiles, a: float, b: float) -> None:
    narrow, wide = (quantiles.interval(level) for level in sorted((a, b)))
    assert (wide[0] <= narrow[0] + 1e-6).all() and (wide[1] >= narrow[1] - 1e-6).all()
    assert (narrow[0] <= quantiles.median() + 1e-6).all() and (narrow[1] >= quantiles.median() - 1e-6).all()


@given(STEPS, LEVELS, st.sampled_from([1e-3, 1e3]))
def test_intervals_scale_with_prices(quantiles: Quantiles, level: float, scale: float) -> None:
    scaled = Quantiles(quantiles.values * scale)
    for a, b in zip(scaled.interval(level), quantiles.interval(level), strict=True):
        np.testing.assert_allclose(a, b * scale, rtol=1e-9, atol=1e-6 * scale)


@pytest.mark.parametrize(
    "values",
    [
        np.zeros(len(GRID)),
        np.zeros((1, len(GRID) - 1)),
        np.full((1, len(GRID)), np.nan),
        -np.arange(len(GRID))[None, :] * 1.0,
    ],
)
def test_a_wrong_grid_cannot_be_made(values: np.ndarray) -> None:
    with pytest.raises(AssertionError):
        Quantiles(values)


@pytest.mark.parametrize("level", [0, 1, 1.2, -0.5, 0.49, 0.996, 95, float("nan"), float("inf"), True, "0.9", None])
def test_a_level_outside_is_refused(level: object) -> None:
    with pytest.raises(LevelOutOfRange) as caught:
        check_level(level)  # type: ignore[arg-type]
    assert caught.value.status == 422 and caught.value.facts["least"] == 0.5 and caught.value.facts["most"] == 0.995


def test_levels_are_distinct_and_ascending() -> None:
    assert check_levels([0.95, 0.5, 0.95]) == (0.5, 0.95)
    for bad in ([], [0.5] * 11):
        with pytest.raises(MalformedRequest, match="1 to 10"):
            check_levels(bad)

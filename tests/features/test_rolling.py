"""Windows against plain loops."""

import numpy as np
import pytest

from truecast.features.rolling import (
    WEIGHT_LEAST,
    lagged,
    reach,
    recursive,
    smoothed,
    window_rms,
    window_sum,
    window_variance,
)

VALUES = np.random.default_rng(0).standard_normal((3, 300)) + 1e6


@pytest.mark.parametrize("window", [2, 3, 5, 7, 20, 26, 60, 64, 250, 300, 301])
def test_windows_equal_plain_loops(window):
    total, spread = window_sum(VALUES, window), window_variance(VALUES, window, ddof=1)
    for t in range(300):
        part = VALUES[:, t - window + 1 : t + 1] if t >= window - 1 else np.full((3, 2), np.nan)
        assert np.allclose(total[:, t], part.sum(axis=1), rtol=1e-14, equal_nan=True)
        assert np.allclose(spread[:, t], part.var(axis=1, ddof=1), rtol=1e-9, equal_nan=True)


def test_a_window_depends_on_its_own_bars_only():
    whole = window_rms(VALUES, 20)
    assert np.array_equal(window_rms(VALUES[:, 137:], 20)[:, 19:], whole[:, 156:])
    holed = VALUES.copy()
    holed[:, 100] = np.nan
    after = window_rms(holed, 20)
    assert np.isnan(after[:, 100:120]).all() and np.array_equal(after[:, 120:], whole[:, 120:])


def test_what_does_not_move_has_no_variance():
    assert (window_variance(np.full((1, 100), 0.1), 20, ddof=0)[:, 19:] == 0).all()


@pytest.mark.parametrize("keep", [0.2, 2 / 3, 13 / 14, 49 / 51])
def test_recursions_equal_plain_loops(keep):
    expected = np.zeros_like(VALUES)
    for t in range(300):
        expected[:, t] = keep * expected[:, t - 1] * (t > 0) + VALUES[:, t]
    assert np.allclose(recursive(VALUES, keep), expected, rtol=1e-10)
    assert keep ** reach(keep) < WEIGHT_LEAST <= keep ** (reach(keep) // 2)


@pytest.mark.parametrize(("count", "last"), [(4, 1), (14, 1), (90, 1), (90, 5), (300, 1), (300, 17)])
def test_the_last_values_alone_are_the_same_bit_by_bit(count, last):
    values = VALUES[:, :count]
    whole = smoothed(values, 5, 1 / 3, first=1)
    assert np.array_equal(smoothed(values, 5, 1 / 3, first=1, last=last), whole[:, -last:], equal_nan=True)


def test_lags_longer_than_the_history_are_missing():
    assert np.isnan(lagged(VALUES, 300)).all() and np.isnan(lagged(VALUES, 400)).all()

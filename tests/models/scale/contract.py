"""What every scale must do. A scale's test class inherits `ScaleContract` and adds facts of its own."""

from typing import ClassVar

import numpy as np
import pytest

from tests.models.scale.simulated import bars_with_ranges
from truecast.features.guard import other_future
from truecast.features.returns import level
from truecast.models.scale.base import Scale

HORIZONS = np.array([1, 2, 5, 24, 168])


class ScaleContract:
    scale: ClassVar[Scale]

    def fit(self, frame):
        return self.scale.fit(level(frame), frame)

    def test_has_one_positive_variance_per_bar(self):
        for bars in (2, 30, 260, 700):
            fitted = self.fit(bars_with_ranges(seed=1, bars=bars))
            assert fitted.variance.shape == (bars,)
            assert np.isfinite(fitted.variance).all() and (fitted.variance > 0).all()
            assert fitted.params and all(isinstance(one, float) for one in fitted.params.values())

    def test_is_about_right_on_average(self):
        frame = bars_with_ranges(seed=2, bars=1600)
        variance, squared = self.fit(frame).variance[300:-1], np.diff(level(frame))[300:] ** 2
        assert squared.mean() / variance.mean() == pytest.approx(1, abs=0.15)
        assert np.corrcoef(np.log(variance), np.log(squared + 1e-8))[0, 1] > 0.1

    def test_one_step_ahead_is_the_variance_and_it_grows_with_the_horizon(self):
        fitted = self.fit(bars_with_ranges(seed=3, bars=600))
        origins = np.array([100, 255, 400, 599])
        ahead = fitted.ahead(origins, HORIZONS)
        assert ahead[:, 0] == pytest.approx(fitted.variance[origins], rel=1e-9)
        assert (np.diff(ahead, axis=1) > 0).all()

    def test_updating_equals_fitting_again(self):
        frame = bars_with_ranges(seed=4, bars=560)
        origins = np.array([10, 248, 249, 250, 450, 499, 500, 540])
        for start in (100, 240, 460):
            one_by_one = self.fit(frame[:start])
            for t in range(start, start + 60):
                one_by_one = one_by_one.update(frame[t : t + 1])
            again = self.fit(frame[: start + 60])
            assert np.allclose(one_by_one.variance, again.variance, rtol=1e-9, atol=0)
            assert one_by_one.params == pytest.approx(again.params, rel=1e-9)
            seen = origins[origins < start + 60]
            assert np.allclose(one_by_one.ahead(seen, HORIZONS), again.ahead(seen, HORIZONS), rtol=1e-9, atol=0)
        at_once = self.fit(frame[:240]).update(frame[240:])
        assert np.allclose(at_once.variance, self.fit(frame).variance, rtol=1e-9, atol=0)

    def test_updating_changes_nothing_in_the_one_updated(self):
        frame = bars_with_ranges(seed=5, bars=401)
        fitted = self.fit(frame[:400])
        before = fitted.variance.copy()
        fitted.update(frame[400:])
        assert np.array_equal(fitted.variance, before)

    def test_changing_the_future_changes_nothing(self):
        frame = bars_with_ranges(seed=6, bars=900)
        fitted = self.fit(frame)
        for known in (120, 300, 610):
            other = self.fit(other_future(frame, known, np.random.default_rng(known)))
            assert np.allclose(other.variance[:known], fitted.variance[:known], rtol=1e-12, atol=0)
            origins = np.array([50, known - 1])
            assert np.allclose(other.ahead(origins, HORIZONS), fitted.ahead(origins, HORIZONS), rtol=1e-12, atol=0)

    def test_prices_times_a_number_change_nothing_and_moves_times_a_number_its_square(self):
        frame = bars_with_ranges(seed=7, bars=500)
        x = level(frame)
        expected = self.fit(frame).variance
        assert np.allclose(self.scale.fit(x + np.log(1e6), frame).variance, expected, rtol=1e-6, atol=0)

    def test_a_standstill_keeps_a_positive_variance(self):
        frame = bars_with_ranges(seed=8, bars=300)
        last = frame[299:300]
        still = frame
        for _ in range(3):
            still = still.followed_by(last)
        fitted = self.fit(still)
        assert np.isfinite(fitted.variance).all() and (fitted.variance > 0).all()

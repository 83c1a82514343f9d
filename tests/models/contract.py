"""What every model must do. A model's test class inherits `ModelContract` and adds facts of its own."""

import math
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models import walks
from truecast.domain.horizon import HorizonOutOfRange
from truecast.domain.quantiles import GRID
from truecast.features.build import FEATURE_SETS
from truecast.features.frame import frame_of_closes
from truecast.features.guard import other_future
from truecast.kit.limits import HORIZON_STEPS_MAX
from truecast.models.backtest import walk_forward
from truecast.models.base import HistoryTooShort, Model

HORIZONS = np.array([1, 3, 5, 10, 24])


class ModelContract:
    model: ClassVar[Model]

    def quantiles(self, close, steps=24, *, signed=False):
        return self.model.fit(frame_of_closes(close, signed=signed)).predict(steps).quantiles.values

    def test_says_what_it_is(self):
        assert self.model.name and self.model.version and self.model.description
        assert self.model.feature_set in FEATURE_SETS

    def test_refuses_a_history_shorter_than_it_declares(self):
        need = self.model.min_bars
        close = walks.gaussian(seed=1, bars=need)
        assert np.isfinite(self.quantiles(close)).all()
        with pytest.raises(HistoryTooShort) as refused:
            self.model.fit(frame_of_closes(close[: need - 1], symbol="AAPL"))
        assert refused.value.facts["have"] == need - 1 and refused.value.facts["need"] == need
        with pytest.raises(HistoryTooShort):
            self.model.predict_many([frame_of_closes(close[:1])], 1)

    @pytest.mark.parametrize("steps", [0, -1, HORIZON_STEPS_MAX + 1])
    def test_refuses_horizons_out_of_range(self, steps):
        with pytest.raises(HorizonOutOfRange):
            self.model.fit(frame_of_closes(walks.gaussian(seed=1, bars=100))).predict(steps)

    @pytest.mark.parametrize("bars", [30, 31, 40, 64, 65, 200, 700, 1500])
    def test_predicts_any_horizon_from_any_length_in_widening_order(self, bars):
        values = self.quantiles(walks.gaussian(seed=3, bars=bars), HORIZON_STEPS_MAX)
        assert values.shape == (HORIZON_STEPS_MAX, len(GRID))
        width = values[:, 22] - values[:, 4]
        assert (width > 0).all() and width[-1] > 3 * width[0]

    def test_says_the_same_of_a_step_whatever_the_number_of_steps(self):
        fitted = self.model.fit(frame_of_closes(walks.gaussian(seed=4, bars=900)))
        long = fitted.predict(HORIZON_STEPS_MAX).quantiles.values
        for steps in (1, 2, 5, 24):
            assert np.array_equal(fitted.predict(steps).quantiles.values, long[:steps])

    @pytest.mark.parametrize("scale", [1e-6, 1e3, 1e6])
    @pytest.mark.parametrize("signed", [False, True])
    def test_prices_times_a_number_give_intervals_times_that_number(self, scale, signed):
        close = walks.gaussian(seed=5, bars=600)
        expected = self.quantiles(close, signed=signed) * scale
        assert np.allclose(self.quantiles(close * scale, signed=signed), expected, rtol=1e-9, atol=0)

    @pytest.mark.parametrize(("price", "signed"), [(7.8, False), (7.8, True), (0.0, True), (-36.98, True)])
    def test_survives_a_market_that_never_moved(self, price, signed):
        prediction = self.model.fit(frame_of_closes(np.full(120, price), signed=signed)).predict(HORIZON_STEPS_MAX)
        values = prediction.quantiles.values
        assert np.isfinite(values).all() and (np.diff(values, axis=1) > 0).all()
        assert np.abs(values - price).max() < 1e-3 * max(abs(price), 1)
        assert prediction.mase_scale > 0
        assert prediction.skill.verdict == "none"

    def test_covers_what_it_claims_on_seeded_walks(self):
        """300 walks with fat tails, forecast once each at every horizon; within 3 standard errors."""
        outcomes = {level: [] for level in (0.5, 0.8, 0.9, 0.95)}
        for seed in range(300):
            close = walks.fat_tailed(seed=seed, bars=424)
            quantiles = self.model.fit(frame_of_closes(close[:400])).predict(24).quantiles
            for level, hits in outcomes.items():
                lower, upper = quantiles.interval(level)
                hits.append([lower[h - 1] <= close[399 + h] <= upper[h - 1] for h in (1, 5, 24)])
        for level, hits in outcomes.items():
            allowed = 3 * math.sqrt(level * (1 - level) / len(hits))
            assert np.abs(np.mean(hits, axis=0) - level).max() < allowed, (level, np.mean(hits, axis=0))

    @pytest.mark.parametrize("signed", [False, True])
    def test_updating_equals_fitting_again(self, signed):
        close = walks.fat_tailed(seed=8, bars=460)
        frame = frame_of_closes(close, signed=signed)
        one_by_one = at_once = self.model.fit(frame[:400])
        for t in range(400, 460):
            one_by_one = one_by_one.update(frame[t : t + 1])
        again = self.model.fit(frame).predict(24)
        for updated in (one_by_one, at_once.update(frame[400:])):
            said = updated.predict(24)
            assert np.allclose(said.quantiles.values, again.quantiles.values, rtol=1e-9, atol=0)
            assert said.coverage == again.coverage and said.mase_scale == pytest.approx(again.mase_scale, rel=1e-12)
            assert said.skill.verdict == again.skill.verdict

    def test_intraday_updating_and_walking_equal_fitting(self):
        frame = walks.hourly(seed=20, bars=700)
        origins = np.array([29, 60, 119, 121, 300, 640, 699])
        walked = self.model.walk(frame, origins, HORIZONS)
        for i, t in enumerate(origins):
            expected = self.model.fit(frame[: t + 1]).predict(24).quantiles.values[HORIZONS - 1]
            assert np.allclose(walked[i], expected, rtol=1e-9, atol=0), t
        updated = self.model.fit(frame[:650])
        for t in range(650, 700):
            updated = updated.update(frame[t : t + 1])
        again = self.model.fit(frame).predict(24).quantiles.values
        assert np.allclose(updated.predict(24).quantiles.values, again, rtol=1e-9, atol=0)
        assert np.allclose(self.model.predict_many([frame, frame[:90]], 24)[0], again, rtol=1e-9, atol=0)

    def test_intraday_the_future_changes_nothing(self):
        frame = walks.hourly(seed=21, bars=600)
        origins = np.arange(200, 400, 17)
        other = other_future(frame, 400, np.random.default_rng(0))
        same = self.model.walk(frame, origins, HORIZONS)
        assert np.array_equal(self.model.walk(other, origins, HORIZONS), same)

    def test_intraday_a_hole_in_the_bars_breaks_nothing(self):
        frame = walks.hourly(seed=22, bars=500)
        holed = frame[np.r_[0:200, 330:500]]
        values = self.model.fit(holed).predict(168).quantiles.values
        assert np.isfinite(values).all() and (np.diff(values, axis=1) >= 0).all()

    def test_updating_a_log_series_with_a_negative_price_equals_fitting_again(self):
        close = np.append(walks.fat_tailed(seed=8, bars=300), [-5.0, 3.0])
        frame = frame_of_closes(close)
        updated = self.model.fit(frame[:300]).update(frame[300:301]).update(frame[301:])
        expected = self.model.fit(frame).predict(10).quantiles.values
        assert np.allclose(updated.predict(10).quantiles.values, expected, rtol=1e-9, atol=1e-9)

    def test_updating_changes_nothing_in_the_one_updated(self):
        frame = frame_of_closes(walks.gaussian(seed=9, bars=401))
        fitted = self.model.fit(frame[:400])
        before = fitted.predict(5).quantiles.values
        fitted.update(frame[400:])
        assert np.array_equal(fitted.predict(5).quantiles.values, before)

    def test_walking_equals_fitting_at_every_origin(self):
        frame = frame_of_closes(walks.fat_tailed(seed=10, bars=700))
        origins = np.array([self.model.min_bars - 1, 30, 45, 99, 250, 515, 516, 600, 690, 699])
        walked = self.model.walk(frame, origins, HORIZONS)
        for i, t in enumerate(origins):
            expected = self.model.fit(frame[: t + 1]).predict(24).quantiles.values[HORIZONS - 1]
            assert np.allclose(walked[i], expected, rtol=1e-9, atol=0), t

    def test_changing_the_future_changes_nothing(self):
        frame = frame_of_closes(walks.fat_tailed(seed=11, bars=500))
        origins = np.arange(200, 300, 9)
        other = other_future(frame, 300, np.random.default_rng(0))
        assert not np.array_equal(other.close[300:310], frame.close[300:310])
        same = self.model.walk(frame, origins, HORIZONS)
        assert np.array_equal(self.model.walk(other, origins, HORIZONS), same)

    def test_forecasting_many_equals_forecasting_each(self):
        frames = [frame_of_closes(walks.fat_tailed(seed=s, bars=n)) for s, n in enumerate([400, 90, 400, 31])]
        frames.append(frame_of_closes(walks.gaussian(seed=9, bars=400) - 100, signed=True))
        many = self.model.predict_many(frames, 24)
        for frame, values, fitted in zip(frames, many, self.model.fit_many(frames), strict=True):
            assert np.allclose(values, self.model.fit(frame).predict(24).quantiles.values, rtol=1e-9, atol=1e-12)
            assert np.allclose(values, fitted.predict(24).quantiles.values, rtol=1e-9, atol=1e-12)

    def test_measures_its_coverage_on_the_same_history(self):
        prediction = self.model.fit(frame_of_closes(walks.gaussian(seed=12, bars=1200))).predict(1)
        assert [c.level for c in prediction.coverage] == [0.5, 0.8, 0.9, 0.95]
        for c in prediction.coverage:
            assert c.n >= 400 and abs(c.measured - c.level) < 4 * math.sqrt(c.level * (1 - c.level) / c.n)

    def test_the_shortest_history_has_no_record_and_claims_no_skill(self):
        prediction = self.model.fit(frame_of_closes(walks.gaussian(seed=2, bars=self.model.min_bars))).predict(1)
        assert prediction.coverage == () and prediction.skill.n == 0 and prediction.skill.verdict == "none"

    def test_forecasts_prices_below_zero_from_differences(self):
        close = np.append(walks.gaussian(seed=13, bars=300) * 0.2, [-36.98, 8.9, 10.0])
        for until in (301, 303):
            values = self.quantiles(close[:until], signed=True)
            assert np.isfinite(values).all() and (np.diff(values, axis=1) >= 0).all()
            assert (values[0, 4] < close[until - 1] < values[0, 22]).all()

    def test_never_forecasts_a_negative_price_where_prices_are_positive(self):
        close = walks.fat_tailed(seed=14, bars=300) ** 3
        assert (self.quantiles(close, HORIZON_STEPS_MAX) > 0).all()

    def test_one_outlier_among_500_does_not_take_over_the_middle(self):
        close = walks.gaussian(seed=15, bars=600)
        spike = close.copy()
        spike[200:] *= 3.0
        middle = self.quantiles(spike)[:, [8, 18]] / spike[-1]
        assert np.allclose(middle, self.quantiles(close)[:, [8, 18]] / close[-1], rtol=0.02)

    def test_a_pegged_price_with_rare_jumps_stays_finite_and_in_order(self):
        rng = np.random.default_rng(16)
        jumps = np.where(rng.random(800) < 0.01, rng.standard_normal(800) * 0.01, 0.0)
        values = self.quantiles(7.8 * np.exp(np.cumsum(jumps)), HORIZON_STEPS_MAX)
        assert np.isfinite(values).all() and (np.diff(values, axis=1) >= 0).all()

    def test_gives_the_same_bytes_for_the_same_frame(self):
        close = walks.fat_tailed(seed=17, bars=500)
        assert self.quantiles(close).tobytes() == self.quantiles(close.copy()).tobytes()

    def test_quantiles_never_cross_and_are_finite(self):
        @given(st.integers(0, 2**32 - 1), st.integers(30, 400), st.floats(1e-5, 0.3), st.floats(0, 0.95), st.booleans())
        def check(seed, bars, spread, still, signed):
            rng = np.random.default_rng(seed)
            moves = rng.standard_t(2, bars) * spread * (rng.random(bars) >= still)
            close = 100 * np.exp(np.clip(np.cumsum(moves), -50, 50)) - (50 if signed else 0)
            values = self.quantiles(close, HORIZON_STEPS_MAX, signed=signed)
            assert np.isfinite(values).all()
            assert (np.diff(values, axis=1) >= 0).all()

        check()

    def test_says_none_about_its_skill_on_walks_without_any(self):
        """At most 5 % of 200 random walks may be called positive (issue 3, point 5)."""
        called = 0
        for seed in range(200):
            frame = frame_of_closes(walks.gaussian(seed=1000 + seed, bars=700))
            called += self.model.fit(frame).predict(1).skill.verdict == "positive"
        assert called <= 10, called

    def test_walks_hundreds_of_origins_with_outcomes_beside_them(self):
        frame = frame_of_closes(walks.gaussian(seed=18, bars=900), symbol="EUR-USD")
        walk = walk_forward(self.model, frame, [1, 5], 300)
        assert walk.quantiles.shape == (300, 2, len(GRID))
        assert walk.outcome[0, 1] == frame.close[walk.origin[0] + 5]
        assert np.isnan(walk.outcome[-1, 1]) and walk.outcome[-1, 0] == frame.close[-1]

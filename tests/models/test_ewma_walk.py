"""EWMA volatility with calibrated shocks."""

import numpy as np
import pytest

from tests.models import walks
from tests.models.contract import ModelContract
from truecast.features.frame import frame_of_closes
from truecast.models.ewma_walk import EwmaWalk, ewma
from truecast.models.naive import Naive


class TestEwmaWalk(ModelContract):
    model = EwmaWalk()

    def test_widens_after_a_shock_and_calms_down_again(self):
        close = walks.gaussian(seed=1, bars=600)
        shocked = np.append(close, close[-1] * 1.08)
        calm = np.append(shocked, shocked[-1] * np.cumprod(1 + 0.002 * (-1.0) ** np.arange(40)))

        def width(prices):
            values = self.quantiles(prices, 1)[0] / prices[-1]
            return values[22] - values[4]

        assert width(shocked) > 1.3 * width(close)
        assert width(calm) < 0.7 * width(shocked)

    def test_a_shock_fades_with_the_horizon(self):
        """Far ahead volatility returns to its long-run level: the extra width shrinks."""
        close = walks.gaussian(seed=2, bars=900)
        shocked = np.append(close, close[-1] * 1.05)
        extra = self.quantiles(shocked, 168)[:, 22] / shocked[-1] - 1
        usual = self.quantiles(close, 168)[:, 22] / close[-1] - 1
        assert (extra / usual)[0] > (extra / usual)[100] > 1

    def test_extrapolates_a_proven_drift_and_no_other(self):
        rng = np.random.default_rng(3)
        prices = 100 * np.exp(np.cumsum(0.003 + 0.002 * rng.standard_normal(700)))  # like a price index
        median = self.quantiles(prices)[:, 13] / prices[-1]
        assert np.allclose(np.log(median), 0.003 * np.arange(1, 25), rtol=0.25)
        market = walks.gaussian(seed=4, bars=700)
        assert np.allclose(self.quantiles(market)[:, 13], market[-1], rtol=0.004)

    def test_has_skill_where_volatility_clusters(self):
        found = [
            self.model.fit(frame_of_closes(walks.clustered(seed=s, bars=1500))).predict(1).skill for s in range(20)
        ]
        assert np.mean([s.crps_ratio for s in found]) < 0.997
        assert sum(s.verdict == "positive" for s in found) > sum(s.verdict == "negative" for s in found)

    @pytest.mark.parametrize("half_life", [1.0, 12.0, 600.0])
    def test_ewma_equals_the_plain_loop(self, half_life):
        values = np.abs(np.random.default_rng(5).standard_normal(300))
        values[0] = 0.0
        decay = 2 ** (-1 / half_life)
        total = mass = 0.0
        expected = [0.0]
        for value in values[1:]:
            total, mass = decay * total + (1 - decay) * value, decay * mass + (1 - decay)
            expected.append(total / mass)
        assert np.allclose(ewma(values[None], np.array([half_life]))[0, 0], expected, rtol=1e-12)

    def test_intraday_it_widens_for_the_busy_hours_and_shows_skill_for_it(self):
        frame = walks.hourly(seed=7, bars=1500)
        hours = frame.end // 3_600_000_000 % 24
        width = {}
        for hour in (3, 13):  # the next bar is a quiet one, a busy one
            t = int(np.flatnonzero(hours == hour)[-1])
            values = self.model.fit(frame[: t + 1]).predict(1).quantiles.values[0] / frame.close[t]
            width[hour] = values[22] - values[4]
        assert 2 < width[13] / width[3] < 4
        assert self.model.fit(frame).predict(1).skill.verdict == "positive"

    def test_differs_from_the_reference(self):
        close = walks.clustered(seed=6, bars=900)
        naive = Naive().fit(frame_of_closes(close)).predict(1).quantiles.values
        assert not np.allclose(naive, self.quantiles(close, 1), rtol=1e-4)

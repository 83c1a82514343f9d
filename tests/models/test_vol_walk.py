"""A walk whose volatility is a blend."""

import numpy as np

from tests.models import walks
from tests.models.contract import ModelContract
from truecast.features.frame import frame_of_closes
from truecast.models.ewma_walk import EwmaWalk
from truecast.models.vol_walk import VolWalk


class TestVolWalk(ModelContract):
    model = VolWalk()

    def width(self, close, steps=1):
        values = self.quantiles(close, steps)[-1] / close[-1]
        return values[22] - values[4]

    def test_widens_after_a_shock_and_calms_down_again(self):
        close = walks.gaussian(seed=1, bars=600)
        shocked = np.append(close, close[-1] * 1.08)
        calm = np.append(shocked, shocked[-1] * np.cumprod(1 + 0.002 * (-1.0) ** np.arange(40)))
        assert self.width(shocked) > 1.3 * self.width(close)
        assert self.width(calm) < 0.7 * self.width(shocked)

    def test_knows_a_day_of_rest_before_it_comes(self):
        """A bar for every day of the week, nothing moves on the seventh: narrow before it, not before the others."""
        rng = np.random.default_rng(2)
        moves = rng.standard_normal(701) * 0.01 * (np.arange(701) % 7 != 6)
        close = 100 * np.exp(np.cumsum(moves))
        rest, work = self.width(close[:699]), self.width(close[:698])  # bars 699 and 698 of 0 … 700
        assert rest < 0.6 * work
        week = self.width(close[:699], 7), self.width(close[:698], 7)  # a week has one such day wherever it begins
        assert abs(week[0] / week[1] - 1) < 0.15

    def test_is_sharper_than_one_measure_where_there_is_a_week(self):
        rng = np.random.default_rng(3)
        moves = rng.standard_t(4, 1500) * 0.01 * np.where(np.arange(1500) % 7 == 6, 0.05, 1.0)
        frame = frame_of_closes(100 * np.exp(np.cumsum(moves)))
        one = [model.fit(frame).predict(1).skill.crps_ratio for model in (self.model, EwmaWalk())]
        assert one[0] < 0.98 * one[1]

    def test_is_as_good_as_one_measure_where_there_is_none(self):
        ratios = [
            [m.fit(frame_of_closes(walks.clustered(seed=s, bars=1500))).predict(1).skill.crps_ratio for s in range(12)]
            for m in (self.model, EwmaWalk())
        ]
        assert np.mean(ratios[0]) < np.mean(ratios[1]) + 0.003

    def test_a_run_of_misses_widens_the_tails_of_one_step_and_nothing_else(self):
        """Only what lies beyond 5 and 95 %: the middle would pay for it in accuracy (research/LOG.md)."""
        rng = np.random.default_rng(4)
        moves = rng.standard_normal(900) * np.where(np.arange(900) < 880, 0.01, 0.016)
        frame = frame_of_closes(100 * np.exp(np.cumsum(moves)))
        with_it, without = (m.fit(frame).predict(24).quantiles.values for m in (self.model, VolWalk(tracking=0.0)))
        assert np.allclose(with_it[0, 6:21], without[0, 6:21], rtol=1e-9) and np.array_equal(with_it[1:], without[1:])
        assert with_it[0, 22] > without[0, 22] and with_it[0, 4] < without[0, 4]

"""Random walk with drift."""

import numpy as np

from tests.models import walks
from tests.models.contract import ModelContract
from truecast.features.frame import frame_of_closes
from truecast.models.located import Located
from truecast.models.location.drift import WINDOW, Drift, drift_of


class TestDrift(ModelContract):
    model = Located(Drift())

    def test_goes_on_with_a_proven_trend_and_hardly_with_an_unproven_one(self):
        rng = np.random.default_rng(3)
        prices = 100 * np.exp(np.cumsum(0.003 + 0.002 * rng.standard_normal(700)))
        median = self.quantiles(prices)[:, 13] / prices[-1]
        assert np.allclose(np.log(median), 0.003 * np.arange(1, 25), rtol=0.1)
        market = walks.gaussian(seed=4, bars=700)
        assert np.allclose(self.quantiles(market)[:, 13], market[-1], rtol=0.01)

    def test_an_expected_trend_widens_nothing(self):
        """The spread is that of what is left: 24 steps of .003 +- .002 spread over .002 sqrt(24)."""
        rng = np.random.default_rng(5)
        prices = 100 * np.exp(np.cumsum(0.003 + 0.002 * rng.standard_normal(900)))
        values = np.log(self.quantiles(prices)[23] / prices[-1])
        assert 0.6 < (values[22] - values[4]) / (2 * 1.645 * 0.002 * np.sqrt(24)) < 1.6


def test_is_the_shrunken_mean_of_the_last_moves():
    y = np.cumsum(np.random.default_rng(1).standard_normal(800) + 0.1)
    last = np.diff(y)[-WINDOW:]
    t2 = last.mean() ** 2 / (last.var() / WINDOW)
    assert np.isclose(drift_of(y)[-1], last.mean() * t2 / (1 + t2), rtol=1e-9)


def test_one_wild_move_makes_no_trend():
    close = walks.gaussian(seed=15, bars=600)
    close[300:] *= 100.0  # another unit
    mu = Drift().fit(frame_of_closes(close), np.log(close)).mu(np.array([599]), np.array([24]))
    assert abs(mu[0, 0]) < 0.02

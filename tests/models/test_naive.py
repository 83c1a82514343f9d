"""The calibrated random walk."""

import numpy as np

from tests.models import walks
from tests.models.contract import ModelContract
from truecast.domain.quantiles import GRID
from truecast.features.frame import frame_of_closes
from truecast.models.naive import Naive


class TestNaive(ModelContract):
    model = Naive()

    def test_the_median_is_the_last_price_when_no_drift_is_proven(self):
        close = walks.fat_tailed(seed=1, bars=800)
        assert np.allclose(self.quantiles(close)[:, GRID.index(0.5)], close[-1], rtol=2e-3)

    def test_the_spread_is_that_of_past_moves(self):
        """An independent reading: the symmetrised sample quantiles of the last 500 one-step moves."""
        close = walks.gaussian(seed=2, bars=800)
        moves = np.diff(np.log(close))[-500:]
        expected = (np.quantile(moves, 0.9) - np.quantile(moves, 0.1)) / 2
        said = np.log(self.quantiles(close)[0])
        measured = (said[GRID.index(0.9)] - said[GRID.index(0.1)]) / 2
        assert abs(measured / expected - 1) < 0.12  # adaptation may move it that far

    def test_forgets_what_is_older_than_its_window(self):
        close = walks.gaussian(seed=3, bars=900)
        older = close.copy()
        older[:300] = walks.gaussian(seed=4, bars=300, volatility=0.1)
        older[:300] *= close[299] / older[299]
        assert np.allclose(self.quantiles(close, 5), self.quantiles(older, 5), rtol=1e-9)

    def test_is_its_own_reference(self):
        skill = self.model.fit(frame_of_closes(walks.clustered(seed=5, bars=900))).predict(1).skill
        assert skill.verdict == "none" and skill.crps_ratio == 1.0

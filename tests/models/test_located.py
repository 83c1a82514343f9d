"""A location and a scale made a model."""

import numpy as np
import pytest

from tests.models import walks
from truecast.domain.horizon import HorizonOutOfRange
from truecast.features.frame import frame_of_closes
from truecast.models.catalog import GROWERS, MODELS, get_model
from truecast.models.ewma_walk import EwmaWalk
from truecast.models.heavy import ModelUnavailable
from truecast.models.located import Located
from truecast.models.location.base import HorizonBeyondTraining
from truecast.models.vol_walk import VolWalk


class Known:
    """Expects the same move at every bar, per step."""

    name, version, description, feature_set, min_bars = "known", "1", "Known", "walk/1", 30

    def __init__(self, move, *, shaping=True, judged_from=0, horizon_max=168):
        self.move, self.shaping, self.judged_from, self.horizon_max = move, shaping, judged_from, horizon_max

    def fit(self, frame, x):
        return self

    def carried(self, frame, x):
        return self

    def mu(self, origins, horizons):
        return np.broadcast_to(self.move * horizons, (len(origins), len(horizons)))


FRAME = frame_of_closes(walks.gaussian(seed=1, bars=600))


@pytest.mark.parametrize("scale", [EwmaWalk(), VolWalk()])
def test_expecting_nothing_is_the_walk_itself(scale):
    located = Located(Known(0.0), scale).fit(FRAME).predict(24)
    assert np.array_equal(located.quantiles.values, scale.fit(FRAME).predict(24).quantiles.values)
    assert located.skill == scale.fit(FRAME).predict(24).skill


def test_a_location_that_does_not_shape_moves_the_walk():
    walk = EwmaWalk().fit(FRAME).predict(5).quantiles.values
    values = Located(Known(0.01, shaping=False)).fit(FRAME).predict(5).quantiles.values
    assert np.allclose(values, walk * np.exp(0.01 * np.arange(1, 6))[:, None], rtol=1e-12)


def test_a_location_that_shapes_and_is_always_wrong_by_a_deviation_is_mostly_set_right_by_the_outcomes():
    """Not wholly: outcomes are in units of a scale that moves, so that a constant error is not one of them."""
    walk = EwmaWalk().fit(FRAME).predict(1).quantiles.values[0, 13]
    values = Located(Known(0.01)).fit(FRAME).predict(1).quantiles.values[0, 13]
    unshaped = Located(Known(0.01, shaping=False)).fit(FRAME).predict(1).quantiles.values[0, 13]
    assert abs(values / walk - 1) < 0.5 * abs(unshaped / walk - 1)


def test_only_what_came_after_training_is_judged():
    said = Located(Known(0.0, judged_from=500)).fit(FRAME).predict(1)
    assert said.skill.n == 99 and all(c.n == 99 for c in said.coverage)
    nothing = Located(Known(0.0, judged_from=599)).fit(FRAME).predict(1)
    assert nothing.coverage == () and nothing.skill.n == 0 and nothing.skill.verdict == "none"


def test_horizons_beyond_training_are_refused():
    model = Located(Known(0.0, horizon_max=24))
    with pytest.raises(HorizonBeyondTraining):
        model.fit(FRAME).predict(25)
    with pytest.raises(HorizonBeyondTraining):
        model.predict_many([FRAME], 25)
    with pytest.raises(HorizonOutOfRange):
        model.fit(FRAME).predict(169)


def test_the_catalog_lists_them_and_says_what_must_be_trained():
    assert {"drift", "ets", "theta", "arima"} <= set(MODELS)
    assert set(GROWERS) == {"lightgbm", "xgboost", "random_forest"}
    with pytest.raises(ModelUnavailable, match="not trained yet"):
        get_model("lightgbm")

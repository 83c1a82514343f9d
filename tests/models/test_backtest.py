"""Walk-forward records."""

import math

import numpy as np
import pytest

from tests.models import walks
from truecast.features.frame import frame_of_closes
from truecast.models import losses
from truecast.models.backtest import record, walk_forward
from truecast.models.base import HistoryTooShort
from truecast.models.catalog import GROWERS, MODELS, UnknownModel, get_model
from truecast.models.walk import mase_scale

MODEL = get_model("ewma_walk")
FRAME = frame_of_closes(walks.clustered(seed=1, bars=900), symbol="EUR-USD")


def test_the_last_origins_are_those_whose_first_outcome_is_known():
    walk = walk_forward(MODEL, FRAME, [2, 10], 50)
    assert walk.origin.tolist() == list(range(848, 898))
    assert np.isfinite(walk.outcome[:, 0]).all()
    assert np.isnan(walk.outcome[:, 1]).sum() == 8 and (walk.outcome_end[-8:, 1] == -1).all()
    assert walk.outcome_end[0, 1] == FRAME.end[858]


def test_a_record_is_that_of_its_forecasts():
    walk = walk_forward(MODEL, FRAME, [1, 5], 300)
    row = record(walk)[1]
    y, q = walk.outcome[:296, 1], walk.quantiles[:296, 1]
    assert (row.horizon, row.n) == (5, 296)
    assert row.crps == pytest.approx(losses.crps(y, q).mean())
    assert row.crps_naive == pytest.approx(losses.crps(y, walk.quantiles_naive[:296, 1]).mean())
    assert row.coverage[2].measured == pytest.approx(((q[:, 4] <= y) & (y <= q[:, 22])).mean())
    assert row.mase == pytest.approx(np.mean(np.abs(y - q[:, 13]) / walk.mase_scale[:296]))
    assert 0 <= row.hits <= row.hits_n <= row.n
    assert all(se > 0 for se in row.coverage_se)


def test_the_mase_scale_is_that_of_the_history_up_to_the_origin():
    walk = walk_forward(MODEL, FRAME, [1], 3)
    for t, scale in zip(walk.origin, walk.mase_scale, strict=True):
        assert scale == pytest.approx(mase_scale(FRAME.close[: t + 1]), rel=1e-12)


def test_no_origin_means_history_too_short():
    with pytest.raises(HistoryTooShort):
        walk_forward(MODEL, FRAME[: MODEL.min_bars], [1], 10)


def test_a_horizon_beyond_all_outcomes_has_an_empty_record():
    row = record(walk_forward(MODEL, FRAME[:40], [1, 24], 100))[1]
    assert row.n == 0 and math.isnan(row.crps) and row.skill.verdict == "none"


def test_naive_against_itself_has_ratio_one():
    assert record(walk_forward(get_model("naive"), FRAME, [1], 100))[0].crps_ratio == 1.0


def test_an_unknown_model_is_told_with_the_choices():
    with pytest.raises(UnknownModel) as refused:
        get_model("crystal_ball")
    assert refused.value.facts["choices"] == sorted([*MODELS, *GROWERS])

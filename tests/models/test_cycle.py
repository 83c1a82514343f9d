"""Facts about rounds over a panel: each is the ensemble's rule, a bar at a time."""

import numpy as np
import pytest

from truecast.domain.interval import Interval
from truecast.features.frame import Frame, frame_of_closes
from truecast.models import losses
from truecast.models.base import HistoryTooShort
from truecast.models.boa import fresh, learned
from truecast.models.catalog import MODELS
from truecast.models.cycle import begun, turn
from truecast.models.evidence import BANDS, blended, teaches
from truecast.models.walk import FLOOR

MEMBERS = [MODELS[name] for name in ("naive", "ewma_walk", "vol_walk")]
BARS, ROUNDS = 200, 40


def panel(count: int, bars: int = BARS, interval: Interval = Interval.H1) -> list[Frame]:
    rng = np.random.default_rng(4)
    closes = 100 * np.exp(np.cumsum(0.01 * rng.standard_t(4, (count, bars)), axis=1))
    return [frame_of_closes(row, symbol=f"S{i}", interval=interval) for i, row in enumerate(closes)]


def rounds(frames: list[Frame], cuts: range):
    standings = ()
    for bars in cuts:
        turned = turn(MEMBERS, [frame[:bars] for frame in frames], 24, standings)
        standings = turned.standings
        yield turned


def test_weights_are_those_that_the_members_past_forecasts_earn():
    frames = panel(3)
    *_, last = rounds(frames, range(BARS - ROUNDS, BARS + 1))
    for frame, standing in zip(frames, last.standings, strict=True):
        for horizon, boa in zip(BANDS, standing.learned, strict=True):
            origins = np.arange(BARS - ROUNDS - 1, BARS - horizon)
            origins = origins[teaches(frame.end[origins], horizon, frame.interval)]
            said = np.stack([model.walk(frame, origins, np.array([horizon]))[:, 0] for model in MEMBERS])
            loss = losses.crps(frame.close[origins + horizon], said)
            loss = np.maximum(loss, FLOOR * np.abs(frame.close).max())
            expected, _ = learned(fresh(len(MEMBERS)), loss.T.tolist())
            assert boa.n == len(origins) > 0
            assert boa.weights() == pytest.approx(expected.weights(), rel=1e-6)


def test_says_the_weighted_average_of_what_each_member_says():
    frames = panel(5)
    (turned,) = rounds(frames, range(BARS, BARS + 1))
    for m, model in enumerate(MEMBERS):
        assert np.array_equal(turned.said[m], model.predict_many(frames, 24))
    weights = np.broadcast_to(fresh(len(MEMBERS)).weights(), (5, 24, len(MEMBERS)))
    assert turned.quantiles == pytest.approx(blended(turned.said, weights))


def test_company_changes_no_bit_of_it():
    frames = panel(6)
    *_, together = rounds(frames, range(BARS - 10, BARS + 1))
    *_, alone = rounds(frames[2:3], range(BARS - 10, BARS + 1))
    assert np.array_equal(together.quantiles[2], alone.quantiles[0])
    assert together.standings[2].learned == alone.standings[0].learned


def test_a_member_that_refuses_a_series_leaves_its_weight_to_the_others():
    class Picky:
        """Refuses one series."""

        name, version, min_bars = "picky", "1", 30

        def predict_many(self, frames, steps):
            if any(frame.symbol == "S1" for frame in frames):
                raise HistoryTooShort(symbol="S1", interval="1h", have=1, need=2, model="picky")
            return MEMBERS[1].predict_many(frames, steps)

    frames = panel(4)
    turned = turn([MEMBERS[0], Picky()], frames, 24)
    assert np.isnan(turned.said[1, 1]).all() and np.isfinite(turned.said[1, [0, 2, 3]]).all()
    assert np.array_equal(turned.quantiles[1], turned.said[0, 1])
    with pytest.raises(HistoryTooShort):
        turn([Picky(), MEMBERS[0]], frames, 24)


def test_a_forecast_whose_bar_is_gone_teaches_nothing():
    frames = panel(2, bars=400)
    first = turn(MEMBERS, [frame[:300] for frame in frames], 24)
    assert all(len(waiting) == 1 for waiting in first.standings[0].waiting[:1])
    kept = turn(MEMBERS, [frame[:301] for frame in frames], 24, first.standings)
    gone = turn(MEMBERS, [frame[310:] for frame in frames], 24, first.standings)
    assert (kept.outcomes, gone.outcomes) == (2, 0)
    assert begun(3).learned == gone.standings[0].learned

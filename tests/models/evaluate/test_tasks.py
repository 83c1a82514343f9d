"""A task says what a fit per origin would have said, with the bars that were known there and no others."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from tests.models import walks
from tests.models.evaluate.series import frame
from truecast.domain.interval import Interval
from truecast.features.frame import frame_of_closes
from truecast.kit.limits import HISTORY_BARS_MAX
from truecast.models.base import HistoryTooShort
from truecast.models.catalog import get_model
from truecast.models.evaluate import tasks
from truecast.models.evaluate.plan import Plan, Variant, origins_of
from truecast.models.evaluate.tasks import OriginsAlreadySeen, evaluated, scales
from truecast.models.located import Located
from truecast.models.location.drift import Drift

MODELS = ("naive", "ewma_walk", "vol_walk", "drift")


def plan(**given):
    return Plan(**{"interval": Interval.D1, "models": ("naive",), "horizons": (1, 5), "origins": 12, **given})


@pytest.fixture(scope="module")
def euro():
    return frame("EUR-USD", 300)


@pytest.mark.parametrize("name", MODELS)
def test_refit_every_1_is_a_fit_and_a_prediction_per_origin_and_the_walk(euro, name):
    record = evaluated(plan(refit_every=1), Variant(name, 0), euro)
    rows = origins_of(plan(), len(euro))
    for i, origin in enumerate(rows.tolist()):
        said = get_model(name).fit(euro[: origin + 1]).predict(5).quantiles.values[[0, 4]]
        assert np.allclose(record.quantiles[i], said, rtol=1e-12, atol=0)
    walked = get_model(name).walk(euro, rows, np.array([1, 5]))
    assert np.allclose(record.quantiles, walked, rtol=1e-10, atol=0)


@pytest.mark.parametrize("name", MODELS)
def test_models_that_update_say_the_same_whenever_they_were_fitted(euro, name):
    often, seldom = (
        evaluated(plan(refit_every=1), Variant(name, 0), euro),
        evaluated(plan(refit_every=5, embargo=7), Variant(name, 0), euro),
    )
    assert np.allclose(often.quantiles, seldom.quantiles, rtol=1e-10, atol=0)


def test_every_outcome_is_the_close_so_many_bars_later(euro):
    record = evaluated(plan(), Variant("naive", 0), euro)
    rows = origins_of(plan(), len(euro))
    assert rows[-1] == len(euro) - 6 and len(rows) == 12
    assert np.array_equal(record.outcome, np.stack([euro.close[rows + 1], euro.close[rows + 5]], axis=1))
    assert np.array_equal(record.anchor, euro.close[rows]) and np.array_equal(record.origin, euro.end[rows])


def test_the_future_changes_nothing_that_was_said(euro):
    record = evaluated(plan(origins=30), Variant("ewma_walk", 0), euro)
    rows = origins_of(plan(origins=30), len(euro))
    known = int(rows[10]) + 1
    other = np.concatenate([euro.close[:known], euro.close[known:] * np.linspace(1.1, 3, len(euro) - known)])
    changed = evaluated(
        plan(origins=30),
        Variant("ewma_walk", 0),
        frame_of_closes(other, symbol=euro.symbol, end=euro.end, interval=euro.interval),
    )
    assert np.array_equal(record.quantiles[:11], changed.quantiles[:11])
    assert np.array_equal(record.scale[:11], changed.scale[:11])
    assert not np.array_equal(record.outcome[:11], changed.outcome[:11])


def test_a_fit_sees_no_more_bars_than_a_live_one():
    long = frame_of_closes(walks.clustered(seed=3, bars=HISTORY_BARS_MAX + 60))
    asked = plan(origins=3, refit_every=1)
    record = evaluated(asked, Variant("ewma_walk", 0), long)
    for i, origin in enumerate(origins_of(asked, len(long)).tolist()):
        seen = long[origin + 1 - HISTORY_BARS_MAX : origin + 1]
        assert np.allclose(record.quantiles[i], get_model("ewma_walk").fit(seen).predict(5).quantiles.values[[0, 4]])
        assert np.isclose(record.scale[i], np.abs(np.diff(seen.close)).mean(), rtol=1e-12)


@dataclass(frozen=True)
class Spied:
    """A recipe that tells what its fits and updates saw, and has no `quantiles`."""

    seen: list

    name = "spied"
    min_bars = 30

    def fit(self, frame):
        self.seen.append(("fit", len(frame)))
        return Handed(self, get_model("naive").fit(frame))


@dataclass(frozen=True)
class Handed:
    spied: Spied
    inner: object

    def update(self, new):
        self.spied.seen.append(("update", len(new)))
        return Handed(self.spied, self.inner.update(new))

    def predict(self, steps):
        return self.inner.predict(steps)


def test_fits_come_every_so_many_origins_and_end_an_embargo_before_them(euro):
    spied = Spied([])
    said = tasks._block(spied, euro, np.array([200, 201, 202]), np.array([1, 5]), 4)
    assert spied.seen == [("fit", 197), ("update", 4), ("update", 1), ("update", 1)]
    assert np.allclose(said, get_model("naive").walk(euro, np.array([200, 201, 202]), np.array([1, 5])), rtol=1e-10)


def test_a_model_that_was_trained_on_what_came_is_refused(euro):
    @dataclass(frozen=True)
    class Trained(Drift):
        def fit(self, frame, x):
            return replace(Drift.fit(self, frame, x), judged_from=len(frame))

    with pytest.raises(OriginsAlreadySeen) as refused:
        tasks._block(Located(Trained()), euro, np.array([200]), np.array([1]), 0)
    assert refused.value.facts["symbol"] == "EUR-USD"


def test_a_history_too_short_is_said_so(euro):
    with pytest.raises(HistoryTooShort):
        evaluated(plan(origins=280), Variant("naive", 0), euro)


def test_a_series_that_never_moved_has_a_scale_that_divides():
    assert scales(np.full(10, 5.0), np.array([4])) == pytest.approx(5e-7)
    assert scales(np.zeros(10), np.array([4])) == 1.0

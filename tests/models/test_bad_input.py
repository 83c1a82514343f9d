"""Bad input, of every model there is: a typed error, or a forecast that is finite, in order, and near the price.

What each case must give is said by its test. The real series that do such things: tests/models/test_real_series.py.
"""

import datetime as dt

import numpy as np
import pytest

from tests.models import walks
from tests.models.location.panels import served
from truecast.domain.horizon import HorizonOutOfRange
from truecast.domain.interval import Interval
from truecast.domain.quantiles import LevelOutOfRange, check_levels
from truecast.features.frame import frame_of, frame_of_closes
from truecast.kit.clock import FixedClock
from truecast.kit.limits import HORIZON_STEPS_MAX
from truecast.market.calendar import calendar
from truecast.models.auto import Auto, members_of
from truecast.models.base import HistoryTooShort
from truecast.models.catalog import MODELS, UNTRAINED
from truecast.models.ensemble import Ensemble
from truecast.models.location.base import HorizonBeyondTraining
from truecast.models.location.boosted import LightGbm
from truecast.providers.sample.adapter import Sample

MEMBERS = members_of(UNTRAINED, "fx", Interval.D1)
NAMES = [*MODELS, "ensemble", "auto", "lightgbm"]
CLEAN = walks.fat_tailed(seed=31, bars=700)


@pytest.fixture(scope="module", params=NAMES)
def model(request):
    if request.param == "lightgbm":
        return served(LightGbm(trees=20))
    return {**MODELS, "ensemble": Ensemble(MEMBERS), "auto": Auto(MEMBERS)}[request.param]


def said(model, close, steps=24, *, signed=False):
    """Quantiles of the one and the many, which must be sound."""
    frame = frame_of_closes(np.asarray(close, np.float64), symbol="EUR-USD", signed=signed)
    prediction = model.fit(frame).predict(steps)
    values = prediction.quantiles.values
    assert np.isfinite(values).all() and (np.diff(values, axis=1) >= 0).all()
    assert np.isfinite(prediction.mase_scale) and prediction.mase_scale > 0
    many = model.predict_many([frame], steps)[0]
    assert np.isfinite(many).all() and (np.diff(many, axis=1) >= 0).all()
    return values


def width(values, step=0):
    """Of the 90 % interval."""
    return values[step, 22] - values[step, 4]


@pytest.mark.parametrize(("price", "signed"), [(1.2, False), (1e-12, False), (1e12, False), (0.0, True), (-5.0, True)])
def test_a_constant_series_gives_an_interval_as_good_as_none_around_it(model, price, signed):
    values = said(model, np.full(300, price), signed=signed)
    assert np.abs(values - price).max() <= 1e-4 * max(abs(price), 1.0 if price <= 0 else 0.0)


@pytest.mark.parametrize("close", [[], [1.2], [np.nan] * 500])
def test_no_bars_one_bar_and_nothing_but_gaps_are_refused(model, close):
    frame = frame_of_closes(np.array(close), symbol="EUR-USD")
    for ask in (model.fit, lambda frame: model.predict_many([frame], 5)):
        with pytest.raises(HistoryTooShort) as refused:
            ask(frame)
        assert refused.value.facts["have"] == len(frame) < refused.value.facts["need"]


def test_the_shortest_history_is_forecast(model):
    said(model, CLEAN[: model.min_bars])


def test_missing_targets_are_as_if_they_had_never_been_bars(model):
    holed = CLEAN.copy()
    holed[np.random.default_rng(1).random(len(holed)) < 0.2] = np.nan
    frame = frame_of_closes(holed, symbol="EUR-USD")
    assert len(frame) == np.isfinite(holed).sum()
    values = said(model, holed)
    assert 0.5 < width(values) / width(said(model, CLEAN)) < 2


@pytest.mark.parametrize("bad", [0.0, -36.98])
@pytest.mark.parametrize("at", [-1, -2, -200])
def test_a_price_that_is_not_positive_turns_logs_to_differences(model, bad, at):
    close = CLEAN.copy()
    close[at] = bad
    values = said(model, close)
    assert width(values) < 20 * close.max()
    if at < -1:
        assert values[0, 0] < close[-1] < values[0, -1]


async def test_oil_below_zero_in_the_bundled_sample(model):
    """WTI on the days around 2020-04-20, from the sample that every installation has."""
    sample = Sample(FixedClock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC)))
    bars = await sample.bars("WTI", Interval.D1, None)
    offer = next(o for o in sample.offers() if o.instrument.symbol == "WTI")
    end = calendar(offer.calendar).ends(bars.start, Interval.D1)
    frame = frame_of(bars, end, signed=offer.instrument.signed, calendar=offer.calendar)
    low = int(np.argmin(frame.close))
    assert frame.close[low] < -30 and frame.signed
    for last in (low, low + 1, low + 30):
        said(model, frame.close[last - 999 : last + 1], signed=True)


@pytest.mark.parametrize("factor", [100.0, 0.01])
@pytest.mark.parametrize("bars", [1, 10])
def test_prices_in_the_wrong_unit_do_not_last(model, factor, bars):
    """Pence for pounds, for a day or two weeks: 60 bars later the forecast is usable, and never is it lost."""
    close = CLEAN.copy()
    close[-60 - bars : -60] *= factor
    clean, values = said(model, CLEAN), said(model, close)
    assert abs(values[0, 13] / close[-1] - 1) < 0.05
    assert width(values) < 12 * width(clean)
    during = said(model, close[:-60])
    assert (during > 0).all()


def test_a_split_inside_the_window_is_no_trend(model):
    """Four for one, unadjusted, 150 bars ago: the market has fallen once, by three quarters, as far as a model can tell.

    One step ahead that is one outcome of hundreds. Over 24 steps it is 24 of them: the 90 % interval knows it may
    happen again, the 80 % interval stays.
    """
    close = CLEAN.copy()
    close[-150:] /= 4
    clean, values = said(model, CLEAN), said(model, close)
    for step, (lower, upper) in ((0, (4, 22)), (23, (5, 21))):
        assert abs(values[step, 13] / close[-1] - 1) < 0.05
        now, usual = (one[step, upper] - one[step, lower] for one in (values, clean))
        assert now / close[-1] < 4 * usual / CLEAN[-1]


def test_a_pegged_currency_stays_at_its_peg(model):
    rng = np.random.default_rng(5)
    close = 7.8 + np.where(rng.random(800) < 0.03, 0.0001 * rng.integers(-3, 4, 800), 0.0)
    values = said(model, close)
    assert np.abs(values - 7.8).max() < 0.02
    released = said(model, np.append(close, [8.2, 8.3, 8.1]))
    assert released[0, 0] < 8.1 < released[0, -1]


@pytest.mark.parametrize("slope", [0.001, -0.001, 1.0])
def test_a_straight_line_is_no_reason_to_divide_by_nothing(model, slope):
    close = 100 + slope * np.arange(400)
    values = said(model, close)
    assert abs(values[23, 13] - close[-1]) < 60 * abs(slope)
    assert np.isfinite(said(model, np.exp(slope * 0.01 * np.arange(400)))).all()


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_intervals_are_in_the_unit_of_the_prices(model, scale):
    expected = said(model, CLEAN)
    assert np.allclose(said(model, CLEAN * scale), expected * scale, rtol=1e-6, atol=0)


def test_jumps_beyond_all_measure_leave_numbers(model):
    close = CLEAN.copy()
    close[300:] *= 1e9
    close[500:] *= 1e-12
    assert (said(model, close) > 0).all()


@pytest.mark.parametrize("steps", [0, -3, HORIZON_STEPS_MAX + 1])
def test_horizons_out_of_range_are_refused(model, steps):
    with pytest.raises((HorizonOutOfRange, HorizonBeyondTraining)):
        model.fit(frame_of_closes(CLEAN, symbol="EUR-USD")).predict(steps)


@pytest.mark.parametrize("level", [0.0, 0.499, 0.9951, 1.0, float("nan"), True])
def test_levels_out_of_range_are_refused(level):
    with pytest.raises(LevelOutOfRange):
        check_levels([level])


def test_every_model_of_the_catalogue_is_here():
    """Trees share one way from artifact to forecast (models/location/trees.py); one of them stands for all."""
    assert set(MODELS) < set(NAMES) and {"auto", "ensemble", "lightgbm"} < set(NAMES)

"""ETS, theta and ARIMA: recursions of ours with parameters of statsforecast."""

import numpy as np
import pytest

from tests.models import walks
from tests.models.contract import ModelContract
from truecast.domain.interval import Interval
from truecast.features.frame import frame_of_closes
from truecast.models.heavy import library
from truecast.models.located import Located
from truecast.models.location import arima, ets, theta
from truecast.models.location.schedule import FIRST, estimations
from truecast.models.location.space import Space

HORIZONS = np.array([1, 2, 3, 12, 24])


class TestEts(ModelContract):
    model = Located(ets.Ets())


class TestTheta(ModelContract):
    model = Located(theta.Theta())


class TestArima(ModelContract):
    model = Located(arima.Arima())


def trending(bars=120, seed=0):
    rng = np.random.default_rng(seed)
    return np.cumsum(0.3 + 0.5 * rng.standard_normal(bars)) + np.tile(np.arange(12.0), bars // 12)


@pytest.mark.parametrize(("kind", "period"), [("ANN", 1), ("AAN", 1), ("ANA", 12), ("AAA", 12)])
def test_smoothing_forecasts_what_statsforecast_does(kind, period):
    """Far ahead with a damped trend, statsforecast 2.1.1 counts phi twice (phi + phi + phi^2 …); its own states do not."""
    y = trending()
    library_ets = library("statsforecast.ets", "ets")
    fit = library_ets.ets_f(y, period, model=kind, damped=True if kind[1] == "A" else None)
    expected = library_ets.forecast_ets(fit, 24)["mean"]
    _, space = ets._fitted(y, kind, period)
    states = space.filtered(y)
    assert np.allclose(states, np.asarray(fit["states"])[1:], atol=1e-3)  # parameters are rounded
    ours = space.ahead(states[-1:], np.arange(1, 25))[0]
    assert np.allclose(ours if kind[1] == "N" else ours[:1], expected if kind[1] == "N" else expected[:1], atol=1e-3)
    if kind == "AAN":
        damped = np.cumsum(float(fit["par"][3]) ** np.arange(1, 25))
        assert np.allclose(ours, states[-1, 0] + damped * states[-1, 1], rtol=1e-4)


def test_theta_forecasts_what_statsforecast_does():
    y, free = trending(), float("nan")
    library_theta = library("statsforecast.theta", "theta")
    fit = library_theta.thetamodel(y, 1, "OTM", initial_smoothed=free, alpha=free, theta=free, nmse=3)
    expected = library_theta.forecast_theta(fit, 24)["mean"]
    model = theta.estimated(y, Interval.D1)
    ours = y[-1] + model.ahead(model.read(y, None)[-1:], y[-1:], np.array([len(y)]), np.arange(1, 25))[0]
    assert np.allclose(ours, expected, atol=1e-2)


def test_arima_forecasts_what_its_equation_says():
    rng = np.random.default_rng(1)
    e = rng.standard_normal(400)
    u = np.zeros(400)
    for t in range(1, 400):
        u[t] = 0.6 * u[t - 1] + e[t] - 0.3 * e[t - 1]
    model = arima.Moves(arima.space_of((0.6,), (-0.3,)), 0.1)
    y = np.cumsum(u + 0.1) - (u[0] + 0.1)
    mu = model.ahead(model.read(y, None)[-1:], y[-1:], np.array([400]), np.array([1, 2]))[0]
    first = 0.6 * u[-1] - 0.3 * e[-1]
    assert np.allclose(mu, [0.1 + first, 0.2 + first + 0.6 * first], atol=1e-6)


def test_arima_finds_the_memory_of_moves_that_have_one():
    rng = np.random.default_rng(2)
    move = np.zeros(500)
    for t in range(1, 500):
        move[t] = 0.5 * move[t - 1] + rng.standard_normal()
    close = 100 * np.exp(np.cumsum(move) * 0.01)
    model = Located(arima.Arima())
    fitted = model.fit(frame_of_closes(close))
    assert fitted.predict(1).skill.verdict == "positive"
    mu = np.log(fitted.predict(1).quantiles.values[0, 13] / close[-1])
    assert mu == pytest.approx(0.5 * move[-1] * 0.01, abs=0.3 * abs(move[-1]) * 0.01 + 0.002)


def test_seasons_of_monthly_statistics_are_found():
    months = np.arange(240)
    season = 0.05 * np.sin(2 * np.pi * months / 12)
    close = 100 * np.exp(season + 0.002 * months + 0.002 * np.random.default_rng(4).standard_normal(240))
    frame = frame_of_closes(close, interval=Interval.MO1)
    naive_error = np.abs(np.diff(np.log(close))).mean()
    x = np.log(close)
    mu = ets.Ets().fit(frame, x).mu(np.arange(150, 239), np.array([1]))[:, 0]
    assert np.abs(x[151:240] - x[150:239] - mu).mean() < 0.35 * naive_error


def test_filtering_in_blocks_equals_the_plain_loop_and_goes_on_from_where_it_is():
    space = ets.space_of(0.4, 0.1, 0.2, 0.95, np.arange(6.0))
    y = walks.gaussian(seed=5, bars=150)
    state, states = space.first, []
    for value in y:
        state = space.transition @ state + space.gain * (value - space.reading @ state)
        states.append(state)
    whole = space.filtered(y)
    assert np.allclose(whole, states, rtol=1e-9, atol=1e-9)
    assert np.allclose(space.filtered(y, whole[:77]), whole, rtol=1e-12, atol=1e-12)
    assert isinstance(space, Space)


def test_estimation_bars_depend_on_the_number_of_bars_only():
    assert estimations(29, Interval.D1) == []
    assert estimations(500, Interval.D1) == [FIRST, 60, 120, 240, 480]
    assert estimations(100, Interval.MO1) == [30, 37, 46, 58, 73, 91]

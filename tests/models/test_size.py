"""How large a bar was."""

import numpy as np
import pytest

from tests.models import walks
from truecast.domain.interval import Interval
from truecast.features.frame import Frame, frame_of_closes
from truecast.features.guard import other_future
from truecast.models.ewma_walk import EwmaWalk
from truecast.models.size import has_ranges, levels, sizes

MODEL = EwmaWalk()
HORIZONS = np.array([1, 5, 24])


def brownian(seed, bars=1500, within=100, volatility=0.01, interval=Interval.D1):
    """Bars of a Gaussian walk seen `within` times a bar."""
    rng = np.random.default_rng(seed)
    path = 100 * np.exp(np.cumsum(rng.standard_normal((bars, within)) * volatility / np.sqrt(within)).reshape(bars, -1))
    opens = np.append(100.0, path[:-1, -1])
    end = np.arange(1, bars + 1) * interval.seconds * 1_000_000
    high, low = np.maximum(path.max(axis=1), opens), np.minimum(path.min(axis=1), opens)
    return Frame("EUR-USD", interval, end, opens, high, low, path[:, -1], np.full(bars, np.nan))


def changed(frame, name, rows, value):
    column = getattr(frame, name).copy()
    column[rows] = value
    columns = {key: getattr(frame, key) for key in ("end", "open", "high", "low", "close", "volume")} | {name: column}
    return Frame(frame.symbol, frame.interval, **columns, signed=frame.signed)


def sized(frame):
    return sizes(np.log(frame.close)[None], *levels([frame], differences=False))[0]


def quantiles(frame, steps=24):
    return MODEL.fit(frame).predict(steps).quantiles.values


def test_is_as_large_as_the_move_on_average_and_varies_far_less():
    frame = brownian(seed=1)
    moved, size = np.abs(np.diff(np.log(frame.close))), sized(frame)[1:]
    assert size.mean() == pytest.approx(moved.mean(), rel=0.05)
    assert size.std() < 0.6 * moved.std()


def test_a_series_without_ranges_counts_by_its_moves():
    close = walks.fat_tailed(seed=2, bars=300)
    frame = frame_of_closes(close)
    assert not has_ranges(frame)
    assert np.array_equal(sized(frame)[1:], np.abs(np.diff(np.log(close))))


def test_a_bar_without_a_range_counts_by_its_move():
    frame = brownian(seed=3)
    fixing = changed(changed(frame, "high", 700, frame.close[700]), "low", 700, frame.close[700])
    assert sized(fixing)[700] == pytest.approx(abs(np.log(frame.close[700] / frame.close[699])), rel=1e-12)


@pytest.mark.parametrize("value", [1e9, np.nan, -1.0])
def test_one_absurd_high_hardly_widens_the_forecast(value):
    frame = brownian(seed=4)
    bad = quantiles(changed(frame, "high", 1490, value))
    assert np.isfinite(bad).all()
    width, usual = (one[0, 22] - one[0, 4] for one in (bad, quantiles(frame)))
    assert abs(width / usual - 1) < 0.45


def test_what_comes_later_changes_nothing():
    frame = brownian(seed=5, bars=600)
    origins = np.arange(200, 400, 17)
    other = other_future(frame, 400, np.random.default_rng(0))
    assert np.array_equal(MODEL.walk(other, origins, HORIZONS), MODEL.walk(frame, origins, HORIZONS))
    for i, t in enumerate(origins[:4]):
        expected = quantiles(frame[: t + 1])[HORIZONS - 1]
        assert np.allclose(MODEL.walk(frame, origins, HORIZONS)[i], expected, rtol=1e-9, atol=0)


@pytest.mark.parametrize("interval", [Interval.D1, Interval.H1])
def test_updating_equals_fitting_again(interval):
    frame = brownian(seed=6, bars=460, interval=interval)
    updated = MODEL.fit(frame[:400])
    for t in range(400, 460):
        updated = updated.update(frame[t : t + 1])
    assert np.allclose(updated.predict(24).quantiles.values, quantiles(frame), rtol=1e-9, atol=0)
    many = MODEL.predict_many([frame, frame_of_closes(frame.close, interval=interval)], 24)
    assert np.allclose(many[0], quantiles(frame), rtol=1e-9, atol=0)
    assert not np.allclose(many[1], many[0], rtol=1e-5)


@pytest.mark.parametrize("signed", [False, True])
def test_prices_times_a_number_give_intervals_times_that_number(signed):
    frame = brownian(seed=7, bars=500)
    prices = [getattr(frame, name) for name in ("open", "high", "low", "close")]
    one, thousand = (
        Frame("X", frame.interval, frame.end, *(price * k for price in prices), frame.volume, signed)
        for k in (1.0, 1000.0)
    )
    assert np.allclose(quantiles(thousand), 1000 * quantiles(one), rtol=1e-9, atol=0)


def test_a_storm_inside_the_bars_widens_the_forecast_though_the_closes_stand_still():
    frame = brownian(seed=8)
    stormy = changed(
        changed(frame, "high", slice(-5, None), frame.high[-5:] * 1.03), "low", slice(-5, None), frame.low[-5:] / 1.03
    )
    wide, usual = (q[0, 22] - q[0, 4] for q in (quantiles(stormy), quantiles(frame)))
    assert wide > 1.3 * usual


def test_ranges_tell_a_changing_volatility_better_than_closes():
    rng = np.random.default_rng(9)
    ratios = []
    for seed in range(6):
        log_volatility = np.zeros(1500)
        for t in range(1, 1500):
            log_volatility[t] = 0.97 * log_volatility[t - 1] + 0.15 * rng.standard_normal()
        moves = rng.standard_normal((1500, 50)) * 0.01 / np.sqrt(50) * np.exp(log_volatility)[:, None]
        path = 100 * np.exp(np.cumsum(moves).reshape(1500, 50))
        opens = np.append(100.0, path[:-1, -1])
        high, low = np.maximum(path.max(axis=1), opens), np.minimum(path.min(axis=1), opens)
        end = np.arange(1, 1501) * 86_400_000_000
        frame = Frame(f"S{seed}", Interval.D1, end, opens, high, low, path[:, -1], np.full(1500, np.nan))
        closes = frame_of_closes(path[:, -1])
        ratios.append([MODEL.fit(one).predict(1).skill.crps_ratio for one in (frame, closes)])
    with_ranges, without = np.mean(ratios, axis=0)
    assert with_ranges < without - 0.001

"""Facts about predicting many series at once: a forecast depends on its own bars and nothing else."""

import numpy as np
import pytest

from truecast.domain.interval import Interval
from truecast.features.frame import frame_of_closes
from truecast.forecasts.issue import AUTO_MODEL, NAIVE
from truecast.forecasts.predict import Records, boundary, quantiles_of, until_boundary
from truecast.kit.clock import from_us, to_us
from truecast.models.base import HistoryTooShort
from truecast.models.catalog import MODELS, get_model

ISSUED = (NAIVE, AUTO_MODEL, "vol_walk")  # what rounds issue, many series at a time


def frames(count: int, bars: int = 700, seed: int = 7):
    rng = np.random.default_rng(seed)
    closes = np.exp(np.cumsum(rng.normal(0, 0.01, (count, bars)), axis=1)) * 100
    return [frame_of_closes(c, interval=Interval.H1) for c in closes]


@pytest.mark.parametrize("name", ISSUED)
@pytest.mark.parametrize("count", [1, 2, 7, 23, 150])
def test_company_changes_no_bit_of_a_forecast(name, count):
    model, panel = get_model(name), frames(count)
    together = quantiles_of(model, panel, 24)
    for frame, said in list(zip(panel, together, strict=True))[-9:]:
        (alone,) = quantiles_of(model, [frame], 24)
        assert (said == alone).all()
        assert (said == model.fit(frame).predict(24).quantiles.values).all()


@pytest.mark.parametrize("name", ISSUED)
def test_order_and_unequal_lengths_change_no_bit(name):
    model = get_model(name)
    panel = (
        frames(5)
        + frames(4, bars=300)
        + [frame_of_closes(np.cumsum(np.random.default_rng(3).normal(size=400)), signed=True)]
    )
    said = quantiles_of(model, panel, 10)
    turned = quantiles_of(model, panel[::-1], 10)[::-1]
    assert all((one == other).all() for one, other in zip(said, turned, strict=True))


@pytest.mark.parametrize("name", ISSUED)
def test_fewer_steps_are_the_first_of_more_steps(name):
    panel = frames(2)
    for few, many in zip(
        quantiles_of(get_model(name), panel, 5), quantiles_of(get_model(name), panel, 24), strict=True
    ):
        assert (few == many[:5]).all()


@pytest.mark.parametrize("name", MODELS)
def test_no_model_minds_company(name):
    model, panel = get_model(name), frames(2, bars=max(260, get_model(name).min_bars))
    together = quantiles_of(model, panel, 5)
    for frame, said in zip(panel, together, strict=True):
        assert (said == quantiles_of(model, [frame], 5)[0]).all()


def test_a_short_history_is_an_error():
    with pytest.raises(HistoryTooShort):
        quantiles_of(get_model("ewma_walk"), frames(1, bars=5), 5)


@pytest.mark.parametrize(
    ("interval", "last"),
    [
        (Interval.M1, "2021-03-17T00:00:00+00:00"),
        (Interval.H1, "2021-03-15T00:00:00+00:00"),
        (Interval.D1, "2021-02-22T00:00:00+00:00"),
        (Interval.MO1, "2021-03-17T13:45:00+00:00"),
    ],
)
def test_the_boundary_is_the_day_the_week_four_weeks_or_none(interval, last):
    import datetime as dt

    now = dt.datetime(2021, 3, 17, 13, 45, tzinfo=dt.UTC)  # a Wednesday
    assert from_us(boundary(to_us(now), interval)).isoformat() == last


def test_the_record_is_measured_once_between_two_boundaries():
    (frame,) = frames(1)
    records, model = Records(), Counting()
    hours = (frame.end // 3_600_000_000 - 4 * 24) % (7 * 24)
    monday = int(np.flatnonzero(hours == 0)[-1])
    for last in (monday + 1, monday + 2, monday + 5):
        records.of(model, frame[:last])
    assert model.fitted == 1
    records.of(model, frame[:monday])
    assert model.fitted == 2


def test_the_record_sees_nothing_after_the_boundary():
    (frame,) = frames(1)
    past = until_boundary(frame)
    assert past.end[-1] <= boundary(int(frame.end[-1]), frame.interval)


class Counting:
    """The random walk, counting how often it is fitted."""

    def __init__(self) -> None:
        self._inner = get_model("naive")
        self.name, self.version, self.min_bars = "counting", "1", self._inner.min_bars
        self.fitted = 0

    def fit(self, frame):
        self.fitted += 1
        return self._inner.fit(frame)

"""An explanation adds up: its drivers to the median's move, its components to the spread, whatever the market does."""

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.models import walks
from truecast.domain.explanation import REST
from truecast.domain.interval import Interval
from truecast.domain.quantiles import GRID
from truecast.features.build import FEATURE_SETS
from truecast.features.frame import frame_of_closes
from truecast.features.returns import level
from truecast.models import walk
from truecast.models.catalog import get_model
from truecast.models.drivers import location_parts
from truecast.models.explain import LISTED_MAX, Member, explain, explain_average, sigma_of
from truecast.models.kept import Scales
from truecast.models.located import Located
from truecast.models.location.arima import Arima
from truecast.models.location.artifact import Artifact
from truecast.models.location.boosted import LightGbm, RandomForest, XgBoost
from truecast.models.location.ets import Ets
from truecast.models.location.theta import Theta
from truecast.models.location.trees import Trees

MEDIAN = GRID.index(0.5)
CHEAP = ("naive", "ewma_walk", "vol_walk", "drift")
EXACT = 1e-10  # of the price: what rounding may cost


def adds_up(said, values, price) -> None:
    """The promise of every explanation."""
    moved = math.fsum(driver.contribution for driver in said.location)
    assert said.base + moved == pytest.approx(values[-1, MEDIAN], rel=EXACT, abs=EXACT * abs(price))
    sigma = sigma_of(values[-1])
    assert math.fsum(c.sigma for c in said.width) == pytest.approx(sigma, rel=1e-9)
    if sigma > 0:
        assert math.fsum(c.share for c in said.width) == pytest.approx(1.0, rel=1e-9)
    assert (said.step, said.base) == (len(values), price)
    assert len(said.location) <= LISTED_MAX + 1
    sizes = [abs(d.contribution) for d in said.location if d.feature != REST]
    assert sizes == sorted(sizes, reverse=True)
    assert all(math.isfinite(d.contribution) for d in said.location)


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(CHEAP), seed=st.integers(0, 10_000), bars=st.integers(30, 400), steps=st.integers(1, 168),
    drift=st.floats(-0.02, 0.02), size=st.sampled_from([1e-6, 1.0, 1e6]), signed=st.booleans(),
    interval=st.sampled_from([Interval.H1, Interval.D1, Interval.MO1]),
)  # fmt: skip
def test_adds_up_for_any_walk(name, seed, bars, steps, drift, size, signed, interval):
    rng = np.random.default_rng(seed)
    move = rng.standard_t(5, bars) * 0.01 + drift
    close = size * (np.cumsum(move) if signed else np.exp(np.cumsum(move)))
    frame = frame_of_closes(close, interval=interval, signed=signed)
    model = get_model(name)
    values = model.predict_many([frame], steps)[0]
    adds_up(explain(model, frame, steps, values), values, close[-1])


@pytest.mark.parametrize("name", [*CHEAP, "ets", "theta", "arima"])
@pytest.mark.parametrize("steps", [1, 7, 24])
def test_adds_up_for_every_model(name, steps):
    model = get_model(name)
    for interval in (Interval.D1, Interval.MO1):
        season = 0.05 * np.sin(np.arange(200) * 2 * np.pi / 12)
        frame = frame_of_closes(
            walks.gaussian(seed=7, bars=200) * np.exp(season + np.arange(200) * 0.002), interval=interval
        )
        values = model.predict_many([frame], steps)[0]
        adds_up(explain(model, frame, steps, values), values, frame.close[-1])


@pytest.mark.parametrize("name", CHEAP)
@pytest.mark.parametrize(
    "close", [np.full(100, 5.0), np.zeros(100), np.r_[np.full(60, 80.0), -37.0, np.full(40, 20.0)]]
)
def test_adds_up_where_the_market_is_odd(name, close):
    model, frame = get_model(name), frame_of_closes(close)
    values = model.predict_many([frame], 5)[0]
    adds_up(explain(model, frame, 5, values), values, close[-1])


def test_a_walk_has_one_driver_and_that_is_its_proven_drift():
    close = np.exp(np.cumsum(np.random.default_rng(3).standard_normal(1500) * 0.005 + 0.002))
    frame, model = frame_of_closes(close), get_model("ewma_walk")
    values = model.predict_many([frame], 10)[0]
    (driver,) = explain(model, frame, 10, values).location
    assert driver.feature == "drift"
    assert driver.contribution == pytest.approx(values[-1, MEDIAN] - close[-1])
    assert driver.value == pytest.approx(driver.contribution / 10)


def test_the_width_follows_what_the_market_does():
    calm = walks.gaussian(seed=5, bars=800)
    storm = np.concatenate([calm, calm[-1] * np.exp(np.cumsum(np.random.default_rng(1).standard_normal(12) * 0.08))])
    model = get_model("ewma_walk")
    fast = [
        {c.component: c.sigma / c.share for c in explain(model, frame_of_closes(x), 1).width}
        | {c.component: c.share for c in explain(model, frame_of_closes(x), 1).width}
        for x in (calm, storm)
    ]
    assert fast[1]["ewma_12"] / fast[1]["ewma_600"] > 1.5 * fast[0]["ewma_12"] / fast[0]["ewma_600"]


@pytest.mark.parametrize("location", [Ets(), Theta(), Arima()], ids=lambda one: one.name)
def test_the_states_of_a_statistical_model_add_up_to_what_it_expects(location):
    rng = np.random.default_rng(4)
    close = np.exp(np.cumsum(rng.standard_normal(300) * 0.01 + 0.004) + 0.05 * np.sin(np.arange(300) * np.pi / 6))
    frame = frame_of_closes(close, interval=Interval.MO1)
    fitted = location.fit(frame, level(frame))
    for step in (1, 5, 30):
        mu = float(fitted.mu(np.array([299]), np.array([step]))[0, 0])
        parts = location_parts(Located(location), frame, step)
        assert math.fsum(part for _, _, part in parts) == pytest.approx(mu, abs=1e-12)


def trained(grower) -> Trees:
    columns = FEATURE_SETS["tree/1"]
    rng = np.random.default_rng(8)
    x = rng.standard_normal((1500, len(columns)))
    y = 0.3 * x[:, 0] + 0.2 * x[:, 5] * (x[:, 1] > 0) + rng.standard_normal(1500)
    bodies = tuple(grower.learned(x, y * s, 0) for s in (1.0, 2.0, 8.0))
    artifact = Artifact(
        model=grower.name, version=grower.version, asset_class="fx", interval="1d", feature_set="tree/1",
        columns=columns, anchors=(1, 5, 24), shrink=(0.5, 0.0, 0.9), rows=(1500,) * 3, symbols=("EUR-USD",),
        trained_from=0, trained_until=0, seed=0, parameters={}, bodies=bodies,
    )  # fmt: skip
    return Trees(grower, {("fx", "1d"): artifact}, {"EUR-USD": "fx"})


@pytest.mark.parametrize("grower", [LightGbm(), XgBoost(), RandomForest()], ids=lambda g: g.name)
def test_trees_are_explained_by_their_columns(grower):
    model = Located(trained(grower))
    close = np.exp(np.cumsum(np.random.default_rng(2).standard_normal(300) * 0.01))
    frame = frame_of_closes(close, symbol="EUR-USD")
    for steps in (1, 3, 5, 12, 24):
        values = model.predict_many([frame], steps)[0]
        said = explain(model, frame, steps, values)
        adds_up(said, values, close[-1])
        names = {d.feature for d in said.location}
        assert names <= {*FEATURE_SETS["tree/1"], "average", "drift", REST}
        drift = sum(d.contribution for d in said.location if d.feature == "drift")
        assert abs(drift) < 1e-6 * close[-1]  # the trees explain all of it: the library is in single precision
        assert bool(said.notes) == isinstance(grower, RandomForest)
    listed = [d for d in said.location if d.feature in FEATURE_SETS["tree/1"]]
    assert listed and all(d.value is None or math.isfinite(d.value) for d in listed)


def test_an_average_is_explained_by_its_members():
    close = np.exp(np.cumsum(np.random.default_rng(6).standard_normal(500) * 0.01 + 0.003))
    frame = frame_of_closes(close)
    models = [get_model(name) for name in ("naive", "drift", "vol_walk")]
    said = [model.predict_many([frame], 6)[0][-1] for model in models]
    weights = (0.2, 0.5, 0.3)
    values = sum(w * q for w, q in zip(weights, said, strict=True))
    members = [Member(model, w, q) for model, w, q in zip(models, weights, said, strict=True)]
    found = explain_average(frame, 6, values, members)
    moved = math.fsum(d.contribution for d in found.location)
    assert found.base + moved == pytest.approx(values[MEDIAN], rel=EXACT)
    assert [c.component for c in found.width] == ["naive", "drift", "vol_walk"]
    assert math.fsum(c.sigma for c in found.width) == pytest.approx(sigma_of(values))
    assert "drift: trend" in {d.feature for d in found.location}


@pytest.mark.parametrize("name", ["naive", "ewma_walk", "vol_walk", "drift"])
@pytest.mark.parametrize("interval", [Interval.H1, Interval.D1])
def test_says_the_same_long_after_the_forecast(name, interval, monkeypatch):
    frame, model = frame_of_closes(walks.gaussian(seed=11, bars=1500), interval=interval), get_model(name)
    values = model.predict_many([frame], 24)[0]
    at_once = explain(model, frame, 24, values)
    monkeypatch.setattr(walk, "SCALES", Scales(1))  # nothing is kept of the forecast
    assert explain(model, frame, 24, values) == at_once


@pytest.mark.parametrize("name", ["naive", "ewma_walk", "vol_walk"])
def test_explaining_a_walk_costs_less_than_forecasting_it(name):
    frame, model = frame_of_closes(walks.gaussian(seed=9, bars=2000)), get_model(name)
    values = model.predict_many([frame] * 4, 24)

    def best(function) -> float:
        took = []
        for _ in range(12):
            began = time.process_time()
            function()
            took.append(time.process_time() - began)
        return min(took)

    assert best(lambda: explain(model, frame, 24, values[0])) < best(lambda: model.predict_many([frame] * 4, 24)) + 1e-3

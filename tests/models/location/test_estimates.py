"""Facts about estimates: none is made twice, those of the sample come with the product, and servers have them made."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scripts.build_estimates import STATISTICAL, slow_series

from tests.models import walks
from truecast.domain.interval import Interval
from truecast.features.frame import frame_of_closes
from truecast.models.catalog import MODELS
from truecast.models.heavy import ModelUnavailable
from truecast.models.location import arima, estimates, ets, theta
from truecast.models.location.estimates import BUNDLED, Estimates
from truecast.models.location.estimator import Estimator, answered

REMEMBERED = (ets.ESTIMATE, theta.ESTIMATE, arima.ESTIMATE)
PATH = np.cumsum(np.random.default_rng(2).standard_normal(150) + 0.3)


@pytest.fixture
def remembered(monkeypatch):
    """Nothing remembered yet."""
    fresh = Estimates()
    monkeypatch.setattr(estimates, "ESTIMATES", fresh)
    return fresh


def refuses(model, y, interval):
    raise ModelUnavailable(model=model, reason="nobody estimates here")


@pytest.mark.parametrize("one", REMEMBERED, ids=lambda one: one.model)
def test_what_is_read_from_a_file_is_what_was_estimated(one, remembered, tmp_path):
    file = tmp_path / "there" / "estimates.jsonl"
    remembered.open(file)
    first = one(PATH, Interval.MO1)
    again = Estimates()
    again.open(file)
    again.elsewhere = refuses
    said = again.of(one.model, one.version, lambda: None, PATH, Interval.MO1)
    assert said == one.plain(first)
    with pytest.raises(ModelUnavailable):
        again.of(one.model, "another version", lambda: None, PATH, Interval.MO1)
    with pytest.raises(ModelUnavailable):
        again.of(one.model, one.version, lambda: None, PATH + 1e-3, Interval.MO1)


def test_what_another_process_estimates_meanwhile_is_found(remembered, tmp_path):
    beside = Estimates()
    for one in (remembered, beside):
        one.open(tmp_path / "estimates.jsonl")
    beside.elsewhere = refuses
    for path in (PATH, PATH + 1.0):
        first = theta.ESTIMATE(path, Interval.MO1)
        one = theta.ESTIMATE
        assert beside.of(one.model, one.version, lambda: None, path, Interval.MO1) == one.plain(first)


def test_a_damaged_file_is_passed_over(remembered, tmp_path):
    file = tmp_path / "estimates.jsonl"
    remembered.open(file)
    theta.ESTIMATE(PATH, Interval.MO1)
    whole = file.read_bytes()
    file.write_bytes(b"{not json\n[1]\n\xff\xfe\n" + whole + whole[: len(whole) // 2])
    again = Estimates()
    again.open(file)
    again.elsewhere = refuses
    assert again.of("theta", theta.Theta().version, lambda: None, PATH, Interval.MO1)["gain"] > 0


def test_parameters_of_another_form_are_estimated_anew(remembered, tmp_path):
    file = tmp_path / "estimates.jsonl"
    remembered.open(file)
    expected = theta.ESTIMATE(PATH, Interval.MO1)
    file.write_bytes(file.read_bytes().replace(b"gain", b"pain"))
    remembered.open(file)
    assert theta.ESTIMATE.plain(theta.ESTIMATE(PATH, Interval.MO1)) == theta.ESTIMATE.plain(expected)


async def test_those_of_the_bundled_sample_come_with_the_product(monkeypatch):
    """Else: python scripts/build_estimates.py"""
    bundled = Estimates(BUNDLED)
    bundled.elsewhere = refuses
    monkeypatch.setattr(estimates, "ESTIMATES", bundled)
    for frame in await slow_series():
        for name in STATISTICAL:
            MODELS[name].fit(frame)


def test_another_process_estimates_the_same_and_is_started_again_when_it_dies(remembered):
    estimator = Estimator()
    remembered.elsewhere = estimator.estimated
    try:
        for one in REMEMBERED:
            apart = estimator.estimated(one.model, PATH, Interval.MO1)
            assert apart == answered({"model": one.model, "interval": "1mo", "y": PATH.tolist()})["found"]
        first = estimator.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        assert estimator.estimated("theta", PATH + 1.0, Interval.MO1) is not None
        assert estimator.pid not in (None, first)
    finally:
        estimator.close()
    assert estimator.pid is None
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


def test_a_server_that_has_them_made_elsewhere_never_loads_the_library(tmp_path):
    """In a fresh interpreter: a forecast of a series never seen, by all three models, and no statsforecast in it."""
    close = walks.gaussian(seed=5, bars=90).tolist()
    program = f"""
import sys, numpy as np
from truecast.domain.interval import Interval
from truecast.features.frame import frame_of_closes
from truecast.models.catalog import MODELS
from truecast.models.location.estimates import ESTIMATES
from truecast.models.location.estimator import Estimator
estimator = Estimator()
ESTIMATES.elsewhere = estimator.estimated
frame = frame_of_closes(np.array({close}), interval=Interval.MO1)
for name in ("ets", "theta", "arima"):
    MODELS[name].fit(frame).predict(12)
estimator.close()
print(sorted(name for name in ("statsforecast", "pandas", "scipy", "numba") if name in sys.modules))
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path.cwd())
    assert said.stdout.strip() == "[]"
    frame = frame_of_closes(np.array(close), interval=Interval.MO1)
    assert np.isfinite(MODELS["ets"].fit(frame).predict(12).quantiles.values).all()

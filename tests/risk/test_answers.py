"""Risk against pandas, scipy and `arch`, whose answers were computed outside the product (tests/answers/risk)."""

import json
from pathlib import Path

import numpy as np
import pytest

from truecast.risk import bootstrap, drawdown, exposure, ratios, var
from truecast.risk.var import Method

ANSWERS = json.loads((Path(__file__).parents[1] / "answers" / "risk" / "answers.json").read_text())
RETURNS, MARKET = np.array(ANSWERS["returns"]), np.array(ANSWERS["benchmark"])
LOGS = np.log1p(RETURNS)
YEAR, RISKLESS = ANSWERS["year"], ANSWERS["riskless"]


def test_ratios_are_those_of_pandas():
    depth = drawdown.deepest(LOGS).depth
    growth = ratios.growth(LOGS, YEAR)
    found = {
        "volatility": ratios.volatility(RETURNS, YEAR),
        "sharpe": ratios.sharpe(RETURNS, ratios.volatility(RETURNS, YEAR), YEAR, RISKLESS),
        "sortino": ratios.sortino(RETURNS, YEAR, RISKLESS),
        "growth": growth,
        "calmar": ratios.calmar(growth, np.array(depth)),
    }
    assert {name: float(value) for name, value in found.items()} == pytest.approx({n: ANSWERS[n] for n in found})


def test_drawdowns_are_those_of_pandas():
    deepest, present = drawdown.deepest(LOGS), drawdown.present(LOGS)
    assert deepest.depth == pytest.approx(ANSWERS["max_drawdown"])
    assert (deepest.peak, deepest.trough) == (ANSWERS["peak"], ANSWERS["trough"])
    assert present.depth == pytest.approx(ANSWERS["current_drawdown"])


def test_exposure_is_that_of_a_regression():
    found = exposure.exposure(RETURNS, MARKET, YEAR, RISKLESS)
    for name in ("beta", "alpha", "correlation", "tracking_error"):
        assert float(getattr(found, name)) == pytest.approx(ANSWERS[name]), name


def test_student_t_is_fitted_as_by_scipy():
    location, scale, dof = ANSWERS["student_t"]
    fit = var.fit_student_t(LOGS)
    assert fit.dof == pytest.approx(dof, rel=2e-3) and fit.scale == pytest.approx(scale, rel=1e-3)
    assert fit.location == pytest.approx(location, abs=1e-6)


@pytest.mark.parametrize("answer", ANSWERS["tails"], ids=lambda a: f"{a['method']}-{a['level']}-{a['horizon']}")
def test_tails_are_those_of_scipy_and_pandas(answer):
    level, horizon = answer["level"], answer["horizon"]
    match Method(answer["method"]):
        case Method.HISTORICAL:
            found, near = var.historical(LOGS, level, horizon), 1e-9
        case Method.FILTERED:
            found, near = var.filtered(LOGS, level, horizon, np.random.default_rng(0)), 1e-9
        case _:
            found, near = var.parametric(var.fit_student_t(LOGS), level, horizon, LOGS), 2e-3
    assert found.value_at_risk == pytest.approx(answer["value_at_risk"], rel=near)
    assert found.expected_shortfall == pytest.approx(answer["expected_shortfall"], rel=near)
    assert found.expected_shortfall > found.value_at_risk > 0


def test_intervals_are_those_of_arch():
    """Of 500 resamples against 4,000: their ends are known to about a tenth of the interval's width."""
    assert bootstrap.block_of(len(RETURNS), 1) == ANSWERS["block"]
    drawn = bootstrap.drawn(len(RETURNS), ANSWERS["block"], np.random.default_rng(3)).of(RETURNS)
    found = {
        "volatility": ratios.volatility(drawn, YEAR),
        "sharpe": ratios.sharpe(drawn, ratios.volatility(drawn, YEAR), YEAR, RISKLESS),
        "value_at_risk_95": -np.quantile(drawn, 0.05, axis=-1),
    }
    for name, values in found.items():
        low, high = ANSWERS["bootstrap"][name]
        assert bootstrap.interval_of(values) == pytest.approx((low, high), abs=0.12 * (high - low)), name

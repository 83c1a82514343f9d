"""GARCH by maximum likelihood, against the package `arch`."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import digamma

from tests.models.scale.simulated import garch_returns
from truecast.models.scale import likelihood
from truecast.models.scale.likelihood import backcast, fit_rows, variances

ANSWERS = json.loads((Path(__file__).parents[2] / "answers" / "scale" / "garch.json").read_text())["cases"]


def fitted(case, scale=1.0):
    r = scale * garch_returns(**case["simulated"])[None]
    n = np.array([r.shape[1]])
    return r, n, fit_rows(r, n, student=case["simulated"]["nu"] is not None)


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: f"{case['simulated']}")
def test_finds_the_parameters_that_arch_finds(case):
    _, _, found = fitted(case)
    for name, value in case["params"].items():
        assert getattr(found, name)[0] == pytest.approx(value, rel=2e-3, abs=2e-4), name
    assert found.log_likelihood[0] == pytest.approx(case["log_likelihood"], abs=2e-5)
    assert found.log_likelihood[0] > case["log_likelihood"] - 2e-6


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: f"{case['simulated']}")
def test_the_recursion_gives_the_variances_that_arch_gives(case):
    r, n, _ = fitted(case)
    params = [np.array([case["params"][name]]) for name in ("omega", "alpha", "beta")]
    h = variances(r**2, backcast(r**2, n), *params)[0]
    assert h[-6:-1] == pytest.approx(case["variance_last"], rel=1e-9)
    assert h[-1] == pytest.approx(case["ahead"][0], rel=1e-9)


def test_the_gradient_is_that_of_the_loss():
    r2 = np.stack([garch_returns(i, 300, 0.1, 0.8, 5.0) for i in range(3)]) ** 2
    seen = np.arange(300) < np.array([[300], [250], [40]])
    rows = likelihood._Rows(r2, seen, backcast(r2, np.array([300, 250, 40])))
    for student in (False, True):
        theta = np.array([[0.2, 2.5, -2.0, 1.0], [-0.3, 3.5, -1.0, 2.0], [0.1, 0.5, 0.3, 0.2]])[:, : 3 + student]
        gradient = likelihood._evaluated(rows, theta)[1]
        for k in range(theta.shape[1]):
            moved = 1e-6 * np.eye(theta.shape[1])[k]
            up, down = (likelihood._evaluated(rows, theta + sign * moved)[0] for sign in (1, -1))
            assert gradient[:, k] == pytest.approx((up - down) / 2e-6, abs=1e-7), k


@pytest.mark.parametrize("student", [False, True])
def test_a_row_has_the_same_answer_whatever_stands_beside_it(student):
    rows = np.stack([garch_returns(i, 400, 0.1, 0.8, 4.0) for i in range(6)])
    n = np.array([400, 300, 250, 400, 120, 399])
    together = fit_rows(rows, n, student=student)
    for i in range(6):
        alone = fit_rows(rows[i : i + 1], n[i : i + 1], student=student)
        assert alone.omega[0] == together.omega[i] and alone.beta[0] == together.beta[i]


def test_what_lies_beyond_the_window_changes_nothing():
    r = garch_returns(7, 400, 0.1, 0.8, 4.0)
    other = r.copy()
    other[300:] *= 50
    n = np.array([300])
    assert fit_rows(r[None], n, student=True).alpha == fit_rows(other[None], n, student=True).alpha


def test_is_equivariant_to_the_unit_of_returns():
    case = ANSWERS[2]
    one, thousandth = fitted(case)[2], fitted(case, 1e-3)[2]
    assert thousandth.omega[0] == pytest.approx(one.omega[0] * 1e-6, rel=1e-6)
    assert thousandth.alpha[0] == pytest.approx(one.alpha[0], rel=1e-6)


@pytest.mark.parametrize("student", [False, True])
@pytest.mark.parametrize("kind", ["still", "one move", "rare moves", "one outlier", "noise", "two bars"])
def test_any_returns_give_finite_parameters_of_a_stationary_model(kind, student):
    rng = np.random.default_rng(0)
    r, n = np.zeros(300), 300
    if kind == "one move":
        r[200] = 0.1
    elif kind == "rare moves":
        r = rng.standard_normal(300) * (rng.random(300) < 0.02)
    elif kind == "one outlier":
        r = 0.01 * rng.standard_normal(300)
        r[150] = 5.0
    elif kind == "noise":
        r = rng.standard_normal(300)
    elif kind == "two bars":
        r, n = rng.standard_normal(300), 2
    found = fit_rows(r[None], np.array([n]), student=student)
    for name in ("omega", "alpha", "beta", "log_likelihood"):
        assert np.isfinite(getattr(found, name)).all(), name
    assert 0 <= found.persistence()[0] < 1 and found.omega[0] >= 0
    assert (found.omega[0] > 0) == (kind != "still")
    h = variances(r[None] ** 2, backcast(r[None] ** 2, np.array([n])), found.omega, found.alpha, found.beta)
    assert np.isfinite(h).all() and (h >= 0).all()


def test_digamma_is_that_of_scipy():
    z = np.geomspace(0.5, 500, 50)
    assert likelihood._digamma(z) == pytest.approx(digamma(z), rel=1e-11, abs=1e-11)


def test_the_recursion_starts_from_the_backcast_and_is_the_plain_one():
    squared = garch_returns(11, 40, 0.1, 0.8, None)[None] ** 2
    weight = 0.94 ** np.arange(40)
    before = float((squared[0] * weight).sum() / weight.sum())
    assert backcast(squared, np.array([40]))[0] == pytest.approx(before)
    expected = [0.1 + 0.1 * before + 0.8 * before]
    for r2 in squared[0]:
        expected.append(0.1 + 0.1 * r2 + 0.8 * expected[-1])
    h = variances(squared, np.array([before]), *(np.array([one]) for one in (0.1, 0.1, 0.8)))[0]
    assert h == pytest.approx(expected, rel=1e-12)

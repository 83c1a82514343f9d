"""Risk over HTTP, on real series."""

import json

import httpx
import numpy as np
import pytest

from tests.api.test_errors import problem_of

URL = "/api/v1/risk"


async def ask(client: httpx.AsyncClient, **asked) -> dict:
    answer = await client.post(URL, json=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_risk_of_a_symbol(client: httpx.AsyncClient, services):
    got = await ask(client, symbol="spy", period_days=1500)
    assert (got["symbol"], got["interval"], got["horizon"]) == ("SPY", "1d", 1)
    (held,) = got["positions"]
    assert held["weight"] == 1.0 and held["provenance"]["source"] == "sample" and held["left_out"] == 0
    assert 950 < got["n"] < 1050 and 240 < got["bars_per_year"] < 260
    assert 0.1 < got["volatility"]["low"] < got["volatility"]["value"] < got["volatility"]["high"] < 0.5
    by = {(t["method"], t["level"]): t for t in got["tails"]}
    assert (
        len(by) == 6
        and by["historical", 0.95]["value_at_risk"]["value"] < by["historical", 0.99]["value_at_risk"]["value"]
    )
    assert by["historical", 0.99]["beyond"] >= 5
    assert got["max_drawdown"]["peak"].startswith("2020-02-19") and got["max_drawdown"]["trough"].startswith(
        "2020-03-23"
    )
    stress = {s["window"]: s for s in got["stress"]}
    assert -0.35 < stress["2020-03"]["change"] < -0.32 and stress["2022"]["reason"] is not None
    assert got["benchmark"]["symbol"] == "SPY" and got["benchmark"]["beta"]["value"] == pytest.approx(1.0)
    assert got == await ask(client, symbol="SPY", period_days=1500), "the same bars, the same answer"


async def test_the_risk_of_a_portfolio_over_common_sessions(client: httpx.AsyncClient):
    positions = [{"symbol": "SPY", "weight": 3}, {"symbol": "EUR-USD", "weight": 1}]
    got = await ask(client, positions=positions, bootstrap=False, levels=[0.9], method="historical")
    assert got["symbol"] is None and [p["weight"] for p in got["positions"]] == [0.75, 0.25]
    assert got["positions"][1]["left_out"] > 0 and got["bootstrap"] is None
    assert got["benchmark"]["symbol"] == "SPY" and 0.6 < got["benchmark"]["beta"]["value"] < 0.9
    assert got["volatility"]["low"] is None
    alone = await ask(client, symbol="SPY", bootstrap=False, levels=[0.9], method="historical")
    assert got["volatility"]["value"] < alone["volatility"]["value"]


async def test_a_currency_pair_is_measured_against_the_majors_unless_another_is_named(client: httpx.AsyncClient):
    got = await ask(client, symbol="EUR-USD", bootstrap=False, levels=[0.95])
    assert got["benchmark"]["symbol"] == "majors in USD" and "EUR-USD (" in got["notes"][0]
    got = await ask(client, symbol="EUR-USD", bootstrap=False, levels=[0.95], benchmark="GBP-USD")
    assert got["benchmark"]["symbol"] == "GBP-USD" and got["benchmark"]["correlation"]["value"] > 0.3
    got = await ask(client, symbol="EUR-USD", bootstrap=False, levels=[0.95], include_benchmark=False)
    assert got["benchmark"] is None and got["notes"] == []


async def test_as_of_gives_what_was_known_then(client: httpx.AsyncClient):
    got = await ask(client, symbol="EUR-USD", as_of="2020-03-20T00:00:00Z", bootstrap=False, levels=[0.95])
    assert got["last"] < "2020-03-20" and got["as_of"] == "2020-03-20T00:00:00Z"
    assert {s["window"]: s["change"] for s in got["stress"]}["2020-03"] is None


async def test_every_number_is_finite(client: httpx.AsyncClient):
    for symbol in ("AAPL", "BTC-USD", "XAU-USD"):
        got = await client.post(URL, json={"symbol": symbol, "horizon": 2, "levels": [0.95]})
        numbers = json.loads(got.text, parse_constant=pytest.fail)
        assert np.isfinite(numbers["volatility"]["value"])


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({}, 422, "contradictory_request"),
        ({"symbol": "SPY", "positions": [{"symbol": "SPY", "weight": 1}]}, 422, "contradictory_request"),
        ({"symbol": "NOPE"}, 404, "unknown_symbol"),
        ({"symbol": "SPY", "period_days": 45}, 409, "sample_too_small"),
        ({"symbol": "SPY", "levels": [0.9999]}, 409, "sample_too_small"),
        ({"symbol": "SPY", "levels": [1.0]}, 422, "malformed_request"),
        ({"symbol": "SPY", "levels": ["0.95"]}, 422, "malformed_request"),
        ({"symbol": "SPY", "levels": []}, 422, "malformed_request"),
        ({"symbol": "SPY", "method": "guess"}, 422, "malformed_request"),
        ({"symbol": "SPY", "horizon": 0}, 422, "malformed_request"),
        ({"symbol": "SPY", "interval": "1m"}, 409, "interval_not_available"),
        ({"symbol": "SPY", "as_of": "2031-01-01"}, 422, "as_of_in_future"),
        ({"symbol": "SPY", "as_of": "1901-01-01"}, 409, "sample_too_small"),
        ({"symbol": "WTI"}, 409, "returns_undefined"),
        ({"symbol": "SPY", "color": "red"}, 422, "malformed_request"),
        ({"positions": []}, 422, "malformed_request"),
        ({"positions": [{"symbol": "SPY", "weight": 0}]}, 422, "contradictory_request"),
        ({"positions": [{"symbol": "SPY", "weight": 1}, {"symbol": "spy", "weight": 1}]}, 422, "contradictory_request"),
        ({"positions": [{"symbol": "SPY", "weight": 1e999}]}, 422, "malformed_request"),
        (
            {"positions": [{"symbol": "SPY", "weight": 1e308}, {"symbol": "QQQ", "weight": 1e308}]},
            422,
            "contradictory_request",
        ),
        ({"symbol": "SPY", "benchmark": "NOPE"}, 404, "unknown_symbol"),
    ],
)
async def test_refuses_what_it_cannot_say(client: httpx.AsyncClient, asked, status, code):
    content = json.dumps(asked).encode()
    answer = await client.post(URL, content=content, headers={"content-type": "application/json"})
    problem_of(answer, status, code)


async def test_a_refusal_says_what_it_takes(client: httpx.AsyncClient):
    refused = (await client.post(URL, json={"symbol": "SPY", "period_days": 45})).json()
    assert refused["need"] == 100 and 25 < refused["have"] < 35

"""Forecasts: asked, sealed, read back, and shown with what became of them."""

import httpx
import pytest

from tests import installation
from tests.api.test_errors import problem_of
from truecast.api.forecast_body import ForecastBody
from truecast.kit.clock import iso

URL = "/api/v1/forecasts"
ASKED = {"symbol": "EUR-USD", "interval": "1d", "horizon": 3}


async def test_a_forecast_is_answered_and_sealed(client: httpx.AsyncClient):
    answer = await client.post(URL, json=ASKED | {"symbol": "eur/usd", "levels": [0.95, 0.5]})
    body = ForecastBody.model_validate_json(answer.text)
    assert (body.symbol, body.interval, body.horizon, body.recorded) == ("EUR-USD", "1d", 3, True)
    assert body.requested_model == "auto"
    assert body.auto is not None
    assert body.auto.reason
    assert body.anchor.provenance.source == "sample"
    assert not body.anchor.provenance.stale
    assert [step.step for step in body.steps] == [1, 2, 3]
    for step in body.steps:
        inner, outer = step.intervals
        assert (inner.level, outer.level) == (0.5, 0.95)
        assert outer.lower <= inner.lower <= step.median <= inner.upper <= outer.upper
        assert list(step.quantiles.values()) == sorted(step.quantiles.values())
        assert step.quantiles["0.5"] == step.median
    assert (await client.get(f"{URL}/by-id/{body.id}")).json()["id"] == body.id


async def test_asking_again_on_the_same_data_gives_the_sealed_one(client: httpx.AsyncClient):
    first, again = [(await client.post(URL, json=ASKED)).json() for _ in range(2)]
    assert first["id"] == again["id"]


async def test_the_past_is_computed_and_not_recorded(client: httpx.AsyncClient):
    body = (await client.post(URL, json=ASKED | {"as_of": "2020-06-01T16:00:00Z"})).json()
    assert (body["id"], body["recorded"], body["as_of"]) == (None, False, "2020-06-01T16:00:00Z")
    assert body["anchor"]["bar_start"] == "2020-06-01T00:00:00Z"
    assert body["anchor"]["provenance"]["stale"] is False
    assert body["anchor"]["provenance"]["age_s"] < 86_400


async def test_as_of_gives_what_was_issued_then(client: httpx.AsyncClient):
    """The replay proof, over HTTP: the oldest scheduled forecast, asked again as of its moment."""
    history = (await client.get(f"{URL}/EUR-USD/history", params={"model": "naive", "limit": 200})).json()
    issued = (await client.get(f"{URL}/by-id/{history['items'][-1]['id']}")).json()
    asked = {"symbol": "EUR-USD", "interval": issued["interval"], "horizon": issued["horizon"], "model": "naive"}
    again = (await client.post(URL, json=asked | {"as_of": issued["issued_at"]})).json()
    assert again["steps"] == issued["steps"]
    assert again["explanation"] == issued["explanation"]
    assert again["data_fingerprint"] == issued["data_fingerprint"]


async def test_latest_forecasts_of_the_named_symbols(client: httpx.AsyncClient):
    items = (await client.get(URL, params={"symbols": "spy,EURUSD", "interval": "1d", "model": "naive"})).json()[
        "items"
    ]
    assert [(item["symbol"], item["model"]) for item in items] == [("EUR-USD", "naive"), ("SPY", "naive")]
    every = (await client.get(URL)).json()["items"]
    assert len({item["symbol"] for item in every}) > 20
    third = (await client.get(URL, params={"symbols": "SPY", "interval": "1d", "model": "naive", "horizon": 3})).json()[
        "items"
    ]
    assert [item["steps"] for item in third] == [[item["steps"][2]] for item in items if item["symbol"] == "SPY"]
    assert not (await client.get(URL, params={"symbols": "SPY", "horizon": 168})).json()["items"]


async def test_history_shows_outcomes_newest_first_in_pages(client: httpx.AsyncClient):
    seen, cursor = [], None
    while True:
        params = {"interval": "1h", "limit": 5} | ({"cursor": cursor} if cursor else {})
        page = (await client.get(f"{URL}/SOL-USDT/history", params=params)).json()
        seen += page["items"]
        if (cursor := page["next"]) is None:
            break
    assert len(seen) == len({item["id"] for item in seen}) > 20
    assert [item["issued_at"] for item in seen] == sorted((item["issued_at"] for item in seen), reverse=True)
    resolved = [item for item in seen if item["outcome"] is not None]
    assert len(resolved) > 20
    for item in resolved:
        assert item["inside"].keys() == {"0.5", "0.8", "0.9", "0.95"}
        assert item["inside"]["0.8"] == (item["lower"] <= item["outcome"] <= item["upper"])
        assert item["crps"] > 0
        assert item["crps_naive"] > 0
    assert any(item["sealed"] for item in resolved)
    assert all(item["crps"] is None and item["inside"] is None for item in seen if item["outcome"] is None)


async def test_history_as_of_knows_nothing_that_came_later(client: httpx.AsyncClient):
    params = {"interval": "1h", "model": "naive", "limit": 200}
    now = (await client.get(f"{URL}/SOL-USDT/history", params=params)).json()["items"]
    then = "2021-01-06T09:30:00Z"
    items = (await client.get(f"{URL}/SOL-USDT/history", params=params | {"as_of": then})).json()["items"]
    assert [item["id"] for item in items] == [item["id"] for item in now if item["issued_at"] <= then]
    assert 5 < len(items) < len(now)
    assert items[0]["outcome"] is None
    later = {item["id"]: item for item in now}
    resolved = [item for item in items if item["outcome"] is not None]
    assert len(resolved) > 5
    assert all(item == later[item["id"]] and item["target"] < then for item in resolved)
    said = ("median", "lower", "upper", "issued_at", "target")
    assert all(item[name] == later[item["id"]][name] for item in items for name in said)


async def test_the_latest_as_of_are_those_that_stood_in_the_ledger(client: httpx.AsyncClient):
    asked = {"symbols": "SOL-USDT", "interval": "1h", "model": "naive"}
    then = "2021-01-06T09:30:00Z"
    (item,) = (await client.get(URL, params=asked | {"as_of": then})).json()["items"]
    assert item["recorded"]
    assert item["issued_at"] <= then
    assert item["anchor"]["provenance"]["received_at"] <= then
    assert item["anchor"]["provenance"]["age_s"] < 3600
    history = (
        await client.get(f"{URL}/SOL-USDT/history", params={"interval": "1h", "model": "naive", "as_of": then})
    ).json()
    assert item["id"] == history["items"][0]["id"]
    assert (await client.get(URL, params=asked | {"as_of": "2019-01-01"})).json()["items"] == []


async def test_auto_in_the_ledger_is_what_it_served(client: httpx.AsyncClient):
    asked = {"symbols": "EUR-USD,SPY", "interval": "1d", "model": "auto"}
    now = {item["symbol"]: item for item in (await client.get(URL, params=asked)).json()["items"]}
    for symbol, item in now.items():
        served = (await client.post(URL, json=ASKED | {"symbol": symbol})).json()
        assert (item["model"], item["anchor"]["bar_start"]) == (served["model"], served["anchor"]["bar_start"])
    then = "2021-01-06T09:00:00Z"
    for item in (await client.get(URL, params=asked | {"as_of": then})).json()["items"]:
        history = {"interval": "1d", "model": "auto", "as_of": then}
        past = (await client.get(f"{URL}/{item['symbol']}/history", params=history)).json()["items"]
        assert item["issued_at"] <= then
        assert past[0]["issued_at"] == item["issued_at"]


async def test_history_bounds_the_asked_level(client: httpx.AsyncClient):
    params = {"interval": "1h", "model": "naive", "limit": 1}
    narrow, usual, wide = [
        (await client.get(f"{URL}/SOL-USDT/history", params=params | asked)).json()["items"][0]
        for asked in ({"level": "0.5"}, {}, {"level": "0.95"})
    ]
    assert wide["lower"] < usual["lower"] < narrow["lower"] < narrow["upper"] < usual["upper"] < wide["upper"]


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("", {"as_of": "2031-01-01"}, "as_of_in_future"),
        ("/EUR-USD/history", {"as_of": "2031-01-01"}, "as_of_in_future"),
        ("/EUR-USD/history", {"level": "0.2"}, "level_out_of_range"),
        ("/EUR-USD/history", {"level": "x"}, "malformed_request"),
    ],
)
async def test_refuses_what_the_ledger_cannot_tell(client: httpx.AsyncClient, path, params, code):
    problem_of(await client.get(URL + path, params=params), 422, code)


async def test_history_of_a_further_step(client: httpx.AsyncClient):
    page = (await client.get(f"{URL}/SOL-USDT/history", params={"interval": "1h", "horizon": 3})).json()
    assert {item["step"] for item in page["items"]} == {3}


async def test_a_cursor_belongs_to_its_question(client: httpx.AsyncClient):
    params = {"interval": "1h", "limit": 1}
    cursor = (await client.get(f"{URL}/SOL-USDT/history", params=params)).json()["next"]
    answer = await client.get(f"{URL}/SOL-USDT/history", params=params | {"cursor": cursor, "horizon": 2})
    problem_of(answer, 422, "cursor_invalid")


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"symbol": "NOPE"}, 404, "unknown_symbol"),
        ({"symbol": "BTC"}, 409, "ambiguous_symbol"),
        ({"horizon": 0}, 422, "horizon_out_of_range"),
        ({"horizon": 169}, 422, "horizon_out_of_range"),
        ({"horizon": 1.5}, 422, "horizon_out_of_range"),
        ({"horizon": "x"}, 422, "horizon_out_of_range"),
        ({"horizon": "10"}, 422, "horizon_out_of_range"),
        ({"horizon": True}, 422, "horizon_out_of_range"),
        ({"horizon": None}, 422, "horizon_out_of_range"),
        ({"levels": [0]}, 422, "level_out_of_range"),
        ({"levels": [1]}, 422, "level_out_of_range"),
        ({"levels": [0.4999]}, 422, "level_out_of_range"),
        ({"levels": [0.996]}, 422, "level_out_of_range"),
        ({"horizon": 10**9}, 422, "horizon_out_of_range"),
        ({"levels": [0.5, 1.2]}, 422, "level_out_of_range"),
        ({"levels": ["0.9"]}, 422, "level_out_of_range"),
        ({"levels": []}, 422, "malformed_request"),
        ({"levels": [0.5] * 11}, 422, "malformed_request"),
        ({"levels": 0.9}, 422, "malformed_request"),
        ({"interval": "7m"}, 422, "unknown_interval"),
        ({"interval": 1}, 422, "unknown_interval"),
        ({"interval": "1m"}, 409, "interval_not_available"),
        ({"model": "oracle"}, 404, "unknown_model"),
        ({"model": 1}, 422, "malformed_request"),
        ({"as_of": iso(installation.NOW.replace(hour=23))}, 422, "as_of_in_future"),
        ({"as_of": "2020-01-01T00:00:00"}, 422, "malformed_request"),
        ({"as_of": 1609459200}, 422, "malformed_request"),
        ({"as_of": "1999-01-05"}, 409, "history_too_short"),
        ({"fallback": "anything"}, 422, "malformed_request"),
        ({"horizont": 3}, 422, "malformed_request"),
    ],
)
async def test_refuses_what_it_cannot_forecast(client: httpx.AsyncClient, services, changed, status, code):
    before = (await services.ledger.verify()).rows
    problem_of(await client.post(URL, json=ASKED | changed), status, code)
    assert (await services.ledger.verify()).rows == before


@pytest.mark.parametrize("missing", ["symbol", "interval", "horizon"])
async def test_names_the_field_that_is_missing(client: httpx.AsyncClient, missing: str):
    asked = {name: value for name, value in ASKED.items() if name != missing}
    problem = problem_of(await client.post(URL, json=asked), 422, "malformed_request")
    assert problem["errors"] == [{"field": f"body.{missing}", "reason": "Field required"}]


async def test_an_unknown_id_is_not_found(client: httpx.AsyncClient):
    problem_of(await client.get(f"{URL}/by-id/nope"), 404, "unknown_forecast")


@pytest.mark.parametrize("horizon", ["0", "169", "1.5", "x", "-1"])
async def test_a_horizon_in_a_query_is_checked_too(client: httpx.AsyncClient, horizon: str):
    for path in (f"{URL}/EUR-USD/history", "/api/v1/performance"):
        answer = await client.get(path, params={"horizon": horizon})
        problem_of(answer, 422, "horizon_out_of_range")

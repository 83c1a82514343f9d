"""Why a forecast says what it says, sealed with it."""

import math

import httpx
import pytest

from tests.api.test_errors import problem_of

URL = "/api/v1/forecasts"
ASKED = {"symbol": "EUR-USD", "interval": "1d", "horizon": 3}


async def test_every_forecast_is_explained_at_its_last_step(client: httpx.AsyncClient):
    body = (await client.post(URL, json=ASKED | {"model": "drift", "horizon": 10})).json()
    said = body["explanation"]
    assert said["step"] == 10
    assert said["base"] == body["anchor"]["price"]
    moved = math.fsum(driver["contribution"] for driver in said["location"])
    assert said["base"] + moved == pytest.approx(body["steps"][-1]["median"], rel=1e-9)
    assert [driver["feature"] for driver in said["location"]][:1] == ["trend"]
    assert {"ewma_12", "ewma_600", "calibration"} <= {c["component"] for c in said["width"]}
    assert math.fsum(c["share"] for c in said["width"]) == pytest.approx(1)
    assert (body["weights"], body["auto"]) == (None, None)


async def test_the_explanation_is_sealed_with_the_forecast(client: httpx.AsyncClient, services):
    body = (await client.post(URL, json=ASKED)).json()
    got = (await client.get(f"{URL}/EUR-USD/explanation", params={"id": body["id"]})).json()
    assert got["explanation"] == body["explanation"]
    assert (got["forecast_id"], got["symbol"], got["interval"]) == (body["id"], "EUR-USD", "1d")
    assert (got["model"], got["horizon"]) == (body["model"], body["explanation"]["step"])
    again = (await client.get(f"{URL}/by-id/{body['id']}")).json()
    assert again["explanation"] == body["explanation"]
    assert (await services.ledger.verify()).ok


async def test_fewer_steps_of_a_sealed_forecast_keep_its_explanation(client: httpx.AsyncClient):
    whole = (await client.post(URL, json=ASKED | {"model": "vol_walk", "horizon": 9})).json()
    part = (await client.post(URL, json=ASKED | {"model": "vol_walk", "horizon": 2})).json()
    assert part["id"] == whole["id"]
    assert part["explanation"] == whole["explanation"]
    assert part["explanation"]["step"] == 9


async def test_without_an_id_the_forecast_issued_last_is_explained(client: httpx.AsyncClient):
    got = (await client.get(f"{URL}/eur_usd/explanation")).json()
    issued = (await client.get(f"{URL}/by-id/{got['forecast_id']}")).json()
    assert issued["explanation"] == got["explanation"]
    assert got["model"] != "naive"
    naive = (await client.get(f"{URL}/EUR-USD/explanation", params={"interval": "1d", "model": "naive"})).json()
    assert (naive["model"], naive["interval"]) == ("naive", "1d")
    assert [c["component"] for c in naive["explanation"]["width"]] == ["moves_500", "calibration"]


@pytest.mark.parametrize(
    ("path", "params", "status", "code"),
    [
        ("NOPE", {}, 404, "unknown_symbol"),
        ("EUR-USD", {"id": "nope"}, 404, "unknown_forecast"),
        ("EUR-USD", {"model": "oracle"}, 404, "unknown_model"),
        ("EUR-USD", {"interval": "2d"}, 422, "unknown_interval"),
        ("EUR-USD", {"model": "theta"}, 404, "not_forecast_yet"),
        ("EUR-USD", {"step": 3}, 422, "unknown_query_parameter"),
    ],
)
async def test_refuses_what_was_never_said(client: httpx.AsyncClient, path, params, status, code):
    problem_of(await client.get(f"{URL}/{path}/explanation", params=params), status, code)


async def test_a_forecast_belongs_to_its_symbol(client: httpx.AsyncClient):
    body = (await client.post(URL, json=ASKED)).json()
    answer = await client.get(f"{URL}/SPY/explanation", params={"id": body["id"]})
    problem_of(answer, 404, "unknown_forecast")

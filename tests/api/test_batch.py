"""Many forecasts in one request: each answered as if asked alone, each wrong one told why."""

import httpx
import pytest

from tests.api.test_errors import problem_of
from truecast.api.forecast_body import ForecastBody
from truecast.kit.limits import BATCH_ITEMS_MAX, REQUEST_BODY_BYTES_MAX

URL = "/api/v1/forecasts/batch"
ONE = {"symbol": "EUR-USD", "interval": "1d", "horizon": 3}


async def items_of(client: httpx.AsyncClient, *items: object) -> list[dict]:
    answer = await client.post(URL, json={"items": list(items)})
    assert answer.status_code == 200, answer.text
    found = answer.json()["items"]
    assert [item["index"] for item in found] == list(range(len(items)))
    return found


async def test_every_item_is_answered_as_if_asked_alone(client: httpx.AsyncClient):
    asked = [ONE, ONE | {"symbol": "SPY", "levels": [0.9]}, ONE | {"symbol": "SOL-USDT", "interval": "1h"}]
    alone = [(await client.post("/api/v1/forecasts", json=one)).json() for one in asked]
    found = await items_of(client, *asked)
    for item, body in zip(found, alone, strict=True):
        assert (item["status"], item["error"]) == ("ok", None)
        ForecastBody.model_validate(item["forecast"])
        for name in ("id", "steps", "explanation", "coverage", "model", "data_fingerprint"):
            assert item["forecast"][name] == body[name], name


async def test_what_is_wrong_with_one_item_harms_no_other(client: httpx.AsyncClient):
    wrong = [
        (ONE | {"model": "oracle"}, 404, "unknown_model"),
        (ONE | {"symbol": "NOPE"}, 404, "unknown_symbol"),
        (ONE | {"symbol": "BTC"}, 409, "ambiguous_symbol"),
        (ONE | {"interval": "1m"}, 409, "interval_not_available"),
        (ONE | {"horizon": 10**9}, 422, "horizon_out_of_range"),
        (ONE | {"horizon": "3"}, 422, "horizon_out_of_range"),
        (ONE | {"levels": [0.4999]}, 422, "level_out_of_range"),
        (ONE | {"levels": [0.996]}, 422, "level_out_of_range"),
        (ONE | {"levels": []}, 422, "malformed_request"),
        (ONE | {"horizont": 3}, 422, "malformed_request"),
        ({"symbol": "EUR-USD"}, 422, "malformed_request"),
        (ONE | {"as_of": "2999-01-01"}, 422, "as_of_in_future"),
        (ONE | {"as_of": "1999-01-05"}, 409, "history_too_short"),
        (7, 422, "malformed_request"),
        (None, 422, "malformed_request"),
        ([ONE], 422, "malformed_request"),
    ]
    found = await items_of(client, ONE, *(item for item, _, _ in wrong), ONE)
    assert (found[0]["status"], found[-1]["status"]) == ("ok", "ok")
    for item, (asked, status, code) in zip(found[1:-1], wrong, strict=True):
        assert (item["status"], item["forecast"]) == ("error", None), asked
        problem = item["error"]
        assert (problem["status"], problem["code"]) == (status, code), asked
        assert problem["detail"] and problem["title"] and problem["type"].endswith(code)
        assert problem["instance"] == f"{URL}#{item['index']}"
        assert problem["request_id"]


async def test_a_body_with_a_number_that_json_does_not_have_is_refused_whole(client: httpx.AsyncClient):
    alone = '{"symbol": "EUR-USD", "interval": "1d", "horizon": 3, "levels": [NaN]}'
    for url, text in ((URL, f'{{"items": [{alone}]}}'), ("/api/v1/forecasts", alone)):
        answer = await client.post(url, content=text, headers={"content-type": "application/json"})
        problem_of(answer, 422, "malformed_request")


async def test_items_that_ask_the_same_share_one_computation(client: httpx.AsyncClient, services):
    before = (await services.ledger.head()).seq
    model = {"model": "drift"}  # nobody has asked for it before
    same = [ONE | model, ONE | model | {"symbol": "eur/usd"}, ONE | model | {"levels": [0.6, 0.99]}, ONE | model]
    found = await items_of(client, *same, ONE | model | {"horizon": 2})
    assert len({item["forecast"]["id"] for item in found}) == 1
    assert (await services.ledger.head()).seq - before <= 2  # the drift, and the random walk beside it
    assert [i["level"] for i in found[2]["forecast"]["steps"][0]["intervals"]] == [0.6, 0.99]
    assert [i["level"] for i in found[0]["forecast"]["steps"][0]["intervals"]] == [0.5, 0.8, 0.95]
    assert [len(item["forecast"]["steps"]) for item in found] == [3, 3, 3, 3, 2]


async def test_a_full_batch_is_answered(client: httpx.AsyncClient):
    symbols = ("EUR-USD", "SPY", "USD-JPY", "NOPE")
    found = await items_of(client, *(ONE | {"symbol": symbols[i % 4]} for i in range(BATCH_ITEMS_MAX)))
    assert [item["status"] for item in found] == ["ok", "ok", "ok", "error"] * (BATCH_ITEMS_MAX // 4)


async def test_the_past_is_not_recorded(client: httpx.AsyncClient, services):
    before = (await services.ledger.head()).seq
    (item,) = await items_of(client, ONE | {"as_of": "2020-06-01T16:00:00Z"})
    assert (item["forecast"]["id"], item["forecast"]["recorded"]) == (None, False)
    assert (await services.ledger.head()).seq == before


@pytest.mark.parametrize(
    "body",
    [
        {"items": []},
        {"items": [ONE] * (BATCH_ITEMS_MAX + 1)},
        {"items": ONE},
        {"items": None},
        {},
        {"items": [ONE], "more": 1},
        [ONE],
    ],
)
async def test_refuses_a_batch_that_is_none(client: httpx.AsyncClient, body):
    problem_of(await client.post(URL, json=body), 422, "malformed_request")


async def test_a_giant_batch_is_refused_by_its_size(client: httpx.AsyncClient):
    item = ONE | {"symbol": "x" * REQUEST_BODY_BYTES_MAX}
    problem_of(await client.post(URL, json={"items": [item]}), 413, "body_too_large")

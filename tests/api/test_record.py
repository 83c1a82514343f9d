"""The record: performance, the check of the ledger, models, gaps."""

import httpx
import pytest

from tests import installation
from tests.api.test_errors import problem_of


async def test_performance_tells_the_ledger_from_walk_forward(client: httpx.AsyncClient):
    params = {"symbol": "SOL-USDT", "interval": "1h", "horizon": 1, "model": "naive"}
    got = (await client.get("/api/v1/performance", params=params)).json()
    (live,) = got["ledger"]
    (walked,) = got["walk_forward"]
    assert live["n"] > 10
    assert (live["period"], walked["period"]) == ("30d", "walk_forward")
    assert [c["level"] for c in live["coverage"]] == [0.5, 0.8, 0.9, 0.95]
    assert walked["n"] >= 400
    assert walked["crps_ratio"] == pytest.approx(walked["crps"] / walked["crps_naive"])
    assert 0.8 < next(c["measured"] for c in walked["coverage"] if c["level"] == 0.9) < 0.97


async def test_without_a_symbol_only_the_ledger_speaks(client: httpx.AsyncClient):
    got = (await client.get("/api/v1/performance", params={"horizon": 1, "model": "naive"})).json()
    assert len({row["symbol"] for row in got["ledger"]}) > 5
    assert got["walk_forward"] == []


async def test_what_has_not_matured_says_when_it_will(client: httpx.AsyncClient):
    params = {"symbol": "US.CPI", "interval": "1mo", "horizon": 1}
    (row, *_) = (await client.get("/api/v1/performance", params=params)).json()["ledger"]
    assert (row["n"], row["crps"], row["direction"]) == (0, None, None)
    assert row["note"]


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({"symbol": "NOPE"}, 404, "unknown_symbol"),
        ({"model": "oracle"}, 404, "unknown_model"),
        ({"period": "3 weeks"}, 422, "unknown_period"),
        ({"interval": "2d"}, 422, "unknown_interval"),
        ({"symbol": "SPY", "interval": "1m"}, 409, "interval_not_available"),
    ],
)
async def test_performance_refuses_what_it_does_not_know(client: httpx.AsyncClient, params, status, code):
    problem_of(await client.get("/api/v1/performance", params=params), status, code)


async def test_an_intact_ledger_is_said_to_be(client: httpx.AsyncClient):
    got = (await client.get("/api/v1/ledger/verify")).json()
    assert (got["ok"], got["first_broken"], got["reason"]) == (True, None, None)
    assert got["rows"] > 100
    assert len(got["head"]) == 64


async def test_a_changed_row_is_named(client: httpx.AsyncClient, services):
    installation.forge(services.db.path, row=17)
    got = (await client.get("/api/v1/ledger/verify")).json()
    assert (got["ok"], got["first_broken"]) == (False, 17)
    assert got["reason"]


async def test_models_are_described(client: httpx.AsyncClient):
    items = {item["name"]: item for item in (await client.get("/api/v1/models")).json()["items"]}
    assert items.keys() >= {"naive", "ewma_walk"}
    assert items["ewma_walk"]["status"] == "ready"
    assert items["ewma_walk"]["min_bars"] > 0


async def test_gaps_are_listed_in_pages(client: httpx.AsyncClient):
    every = (await client.get("/api/v1/market/gaps", params={"limit": 200})).json()["items"]
    assert every
    series, what = (
        {"symbol", "interval", "source", "from", "to"},
        {"cause", "state", "missing", "opened_at", "closed_at"},
    )
    tried = {"attempts", "empties", "reason", "tried_at", "retry_at", "filled_by"}
    assert every[0].keys() == series | what | tried
    first = (await client.get("/api/v1/market/gaps", params={"limit": 1})).json()
    second = (await client.get("/api/v1/market/gaps", params={"limit": 1, "cursor": first["next"]})).json()
    assert [first["items"][0], second["items"][0]] == every[:2]


async def test_gaps_of_one_symbol(client: httpx.AsyncClient):
    got = (await client.get("/api/v1/market/gaps", params={"symbol": "brent"})).json()["items"]
    assert {item["symbol"] for item in got} <= {"BRENT"}
    problem_of(await client.get("/api/v1/market/gaps", params={"symbol": "NOPE"}), 404, "unknown_symbol")

"""Symbols: found by any spelling, described with their sources."""

import httpx
import pytest

from tests.api.test_errors import problem_of


async def test_lists_every_instrument_in_pages(client: httpx.AsyncClient):
    seen, cursor = [], None
    while True:
        params = {"limit": 7} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/api/v1/symbols", params=params)).json()
        seen += [item["symbol"] for item in page["items"]]
        assert len(page["items"]) <= 7
        if (cursor := page["next"]) is None:
            break
    assert seen == sorted(set(seen))
    assert {"EUR-USD", "USD-JPY", "SPY", "AAPL", "SOL-USDT", "WTI", "^VIX", "US.CPI"} <= set(seen)


@pytest.mark.parametrize("query", ["eurusd", "EUR/USD", "eur_usd", "fiber"])
async def test_finds_by_any_spelling(client: httpx.AsyncClient, query: str):
    page = (await client.get("/api/v1/symbols", params={"query": query})).json()
    assert page["items"][0]["symbol"] == "EUR-USD"


async def test_filters_by_class(client: httpx.AsyncClient):
    page = (await client.get("/api/v1/symbols", params={"asset_class": "macro"})).json()
    assert {item["asset_class"] for item in page["items"]} == {"macro"}


@pytest.mark.parametrize("spelling", ["EUR-USD", "eurusd", "EUR_USD", "EUR%2FUSD", "EUR/USD", "eur%20usd"])
async def test_one_instrument_by_any_spelling(client: httpx.AsyncClient, spelling: str):
    answer = await client.get(f"/api/v1/symbols/{spelling}")
    assert answer.json()["symbol"] == "EUR-USD"


async def test_describes_an_instrument_in_full(client: httpx.AsyncClient):
    aapl = (await client.get("/api/v1/symbols/AAPL")).json()
    assert aapl["calendar"] == "XNYS"
    assert aapl["session_open"] is False  # half past four in the afternoon in New York
    assert aapl["intervals"] == ["1h", "4h", "1d", "1w", "1mo", "1q"]
    assert aapl["default_interval"] == "1d"
    assert set(aapl["models"]) >= {"naive", "ewma_walk"}
    daily = next(source for source in aapl["sources"] if source["interval"] == "1d")
    assert daily["source"] == "sample"
    assert daily["origin"]
    assert daily["last"] == "2021-01-06T00:00:00Z"
    assert daily["bars"] > 5000


async def test_a_series_without_days_starts_with_its_own_interval(client: httpx.AsyncClient):
    assert (await client.get("/api/v1/symbols/SOL-USDT")).json()["default_interval"] == "1h"
    assert (await client.get("/api/v1/symbols/US.CPI")).json()["default_interval"] == "1mo"


@pytest.mark.parametrize(
    "params", [{"limit": 0}, {"limit": 201}, {"limit": "x"}, {"asset_class": "bonds"}, {"query": "x" * 65}]
)
async def test_refuses_what_it_cannot_mean(client: httpx.AsyncClient, params: dict[str, object]):
    problem_of(await client.get("/api/v1/symbols", params=params), 422, "malformed_request")


async def test_refuses_a_cursor_of_another_list(client: httpx.AsyncClient):
    problem_of(await client.get("/api/v1/symbols", params={"cursor": "bm9uc2Vuc2U"}), 422, "cursor_invalid")

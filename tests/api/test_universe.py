"""Symbols are added and removed over HTTP: the sources are asked, the past comes, and nothing is ever deleted."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import pytest

from tests import installation
from tests.api.test_errors import problem_of
from tests.wire import WireServer, wire_server
from tests.wire.market import binance
from tests.wire.server import Made
from truecast.api.symbols import SymbolAdded, SymbolRemoved
from truecast.kit.settings import Settings
from truecast.services import Services

URL = "/api/v1/symbols"
NEW = "ETH-BTC"  # on the exchange's list, not among what is followed by itself


LISTED = Path(__file__).parents[1] / "recorded" / "wire" / "binance" / "exchangeInfo.json"


def exchange(path: str, query: Mapping[str, str]) -> Made | None:
    """A market that never stops, with two more pairs on its recorded list."""
    if path != "/api/v3/exchangeInfo":
        return binance(installation.NOW.timestamp)(path, query)
    listing = json.loads(LISTED.read_text())
    for base, quote in (("ETH", "BTC"), ("SOL", "USDT")):
        pair = {"symbol": base + quote, "baseAsset": base, "quoteAsset": quote}
        listing["symbols"].append(listing["symbols"][0] | pair)
    return Made(json.dumps(listing).encode())


@pytest.fixture
async def wire() -> AsyncIterator[WireServer]:
    async with wire_server() as running:
        running.make("binance", exchange)
        yield running


@pytest.fixture
def settings(settings: Settings, wire: WireServer) -> Settings:
    """With an exchange on this machine, and a source that has no key."""
    live = {
        "sources": ("sample", "binance", "tiingo"),
        "source_urls": {"binance": wire.base_url("binance")},
        "http_timeout_s": 5.0,
    }
    return settings.model_copy(update=live)


async def loaded(services: Services, symbol: str) -> None:
    async with asyncio.timeout(60):
        while services.followed.is_loading(symbol):
            await asyncio.sleep(0.05)


async def test_an_unknown_symbol_is_asked_for_described_and_its_past_comes(
    client: httpx.AsyncClient, services: Services
):
    answer = await client.post(URL, json={"symbol": "ethbtc"})  # the exchange's list knows where to cut it
    assert answer.status_code == 201, answer.text
    added = SymbolAdded.model_validate_json(answer.text)
    assert (added.symbol.symbol, added.symbol.currency, added.is_new) == (NEW, "BTC", True)
    assert added.symbol.tick == pytest.approx(0.01)  # by the source, not by rule
    assert (added.sources, added.intervals) == (["binance"], ["1m", "1h", "1d"])
    assert added.loading
    await loaded(services, NEW)
    got = (await client.get(f"/api/v1/prices/{NEW}/candles", params={"interval": "1h", "limit": 10})).json()
    assert len(got["candles"]) == 10
    assert got["candles"][-1]["end"] == "2021-01-06T21:00:00Z"
    assert got["blocks"][0]["provenance"]["source"] == "binance"
    again = await client.post(URL, json={"symbol": NEW}, headers={"Idempotency-Key": "once"})
    assert again.status_code == 200
    assert SymbolAdded.model_validate_json(again.text).is_new is False


async def test_where_nobody_has_it_every_source_says_why(client: httpx.AsyncClient):
    problem = problem_of(await client.post(URL, json={"symbol": "ZZZ-QQQ"}), 404, "not_at_any_source")
    reasons = {one["source"]: one["reason"] for one in problem["reasons"]}
    assert "not on its list" in reasons["binance"]
    assert "needs a key" in reasons["tiingo"]
    assert "ZZZ-QQQ" not in [one["symbol"] for one in (await client.get(URL, params={"query": "ZZZ"})).json()["items"]]


async def test_a_removed_symbol_is_no_longer_asked_for_and_its_data_stay(client: httpx.AsyncClient):
    before = (await client.get("/api/v1/symbols/BTC-USDT-PERP")).json()
    assert before["followed"] is True
    removed = SymbolRemoved.model_validate_json((await client.delete(f"{URL}/SOL-USDT")).text)
    assert removed.was_followed and removed.bars > 1_000
    assert (await client.get(f"{URL}/SOL-USDT")).json()["followed"] is False
    candles = await client.get("/api/v1/prices/SOL-USDT/candles", params={"interval": "1h", "limit": 5})
    assert len(candles.json()["candles"]) == 5
    asked = {"symbols": "SOL-USDT", "max_age_s": "0"}
    assert problem_of(await client.get("/api/v1/prices", params=asked), 503, "no_live_source")["reasons"] == []
    assert (await client.delete(f"{URL}/SOL-USDT")).json()["was_followed"] is False
    assert (await client.post(URL, json={"symbol": "SOL-USDT"})).status_code == 201
    assert (await client.get(f"{URL}/SOL-USDT")).json()["followed"] is True
    (consensus,) = (await client.get("/api/v1/prices/SOL-USDT/consensus")).json()["sources"]
    assert consensus["source"] == "binance"  # it is asked again


@pytest.mark.parametrize("body", [{}, {"symbol": ""}, {"symbol": "X" * 65}, {"symbol": 7}, {"symbol": "A", "b": 1}])
async def test_what_is_no_request(client: httpx.AsyncClient, body: dict[str, object]):
    problem_of(await client.post(URL, json=body), 422, "malformed_request")


async def test_an_unknown_symbol_cannot_be_removed(client: httpx.AsyncClient):
    problem_of(await client.delete(f"{URL}/NOPE"), 404, "unknown_symbol")

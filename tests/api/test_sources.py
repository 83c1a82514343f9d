"""What the API tells of the sources, and prices that may not be older than asked for."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests import installation
from tests.api.test_errors import problem_of
from tests.http_source import Answer, HttpSource, http_source
from truecast.api.source_shapes import Recommendations, Sources, SourceShape
from truecast.kit.settings import Settings

SOURCES = "/api/v1/sources"
PRICES = "/api/v1/prices"
DAILY = b"""<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01"
 xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref"><Cube><Cube time='%s'>
<Cube currency='USD' rate='%s'/><Cube currency='JPY' rate='126.62'/></Cube></Cube></gesmes:Envelope>"""


@pytest.fixture
async def ecb() -> AsyncIterator[HttpSource]:
    async with http_source() as running:
        yield running


@pytest.fixture
def settings(settings: Settings, ecb: HttpSource) -> Settings:
    """With a live source on this machine and one that has no key."""
    live = {
        "sources": ("sample", "ecb", "tiingo"),
        "source_urls": {"ecb": ecb.base_url},
        "http_timeout_s": 2.0,
    }
    return settings.model_copy(update=live)


def serve(ecb: HttpSource, rate: str) -> None:
    day = installation.NOW.date().isoformat().encode()
    for path in ("/eurofxref-daily.xml", "/eurofxref-hist-90d.xml", "/eurofxref-hist.zip"):
        ecb.serve(path, Answer(DAILY % (day, rate.encode())))


async def test_lists_every_known_source_the_configured_ones_first(client: httpx.AsyncClient):
    got = Sources.model_validate_json((await client.get(SOURCES)).content)
    states = {item.key: item.state for item in got.items}
    assert list(states)[:3] == ["sample", "ecb", "tiingo"]
    assert (states["sample"], states["ecb"], states["tiingo"], states["binance"]) == (
        "local", "idle", "needs_key", "off",
    )  # fmt: skip
    binance = next(item for item in got.items if item.key == "binance")
    weight = next(limit for limit in binance.limits if limit.amount == 6_000)
    assert (weight.left, weight.reserved, weight.window_s) == (6_000, 1_200, 60)


async def test_one_source_tells_what_was_asked_and_what_went_wrong(client: httpx.AsyncClient, ecb: HttpSource):
    for _ in range(2):
        await client.get(PRICES, params={"symbols": "EUR-USD", "max_age_s": "0"})
    got = SourceShape.model_validate_json((await client.get(f"{SOURCES}/ecb")).content)
    assert got.usage is not None
    assert got.usage.calls == len(ecb.asked) == 2
    assert got.last_success_age_s == 0  # it answered, if only that it has no such file
    problem_of(await client.get(f"{SOURCES}/nope"), 404, "unknown_source")


async def test_a_source_that_fails_rests_and_advice_says_so(client: httpx.AsyncClient, ecb: HttpSource):
    ecb.serve("/eurofxref-daily.xml", Answer(status=500))
    for _ in range(5):
        await client.get(PRICES, params={"symbols": "EUR-USD", "max_age_s": "0"})
    got = SourceShape.model_validate_json((await client.get(f"{SOURCES}/ecb")).content)
    assert (got.state, got.breaker and got.breaker.state) == ("resting", "open")
    assert got.last_error is not None
    assert len(ecb.asked) == 5
    advice = Recommendations.model_validate_json((await client.get(f"{SOURCES}/recommendations")).content)
    assert {("resting", "ecb"), ("key_missing", "tiingo")} <= {(one.kind, one.source) for one in advice.items}
    assert any(one.kind == "single_source" and one.asset_class == "crypto" for one in advice.items)


async def test_a_price_that_is_young_enough_costs_no_request(client: httpx.AsyncClient, ecb: HttpSource):
    for params in ({}, {"max_age_s": "31536000"}, {"cached_only": "true"}):
        got = (await client.get(PRICES, params={"symbols": "EUR-USD", **params})).json()
        assert got["items"][0]["provenance"]["source"] == "sample"
    assert ecb.asked == []


async def test_an_old_price_is_asked_for_anew_and_names_its_source(client: httpx.AsyncClient, ecb: HttpSource):
    held = (await client.get(PRICES, params={"symbols": "EUR-USD"})).json()["items"][0]
    serve(ecb, "1.2345")
    got = (await client.get(PRICES, params={"symbols": "EUR-USD", "max_age_s": "0"})).json()
    (item,) = got["items"]
    assert (item["price"], item["provenance"]["source"]) == (1.2345, "ecb")
    assert item["change"] == pytest.approx(1.2345 - (held["price"] - held["change"]))


async def test_where_no_source_answers_the_error_names_each_with_its_reason(client: httpx.AsyncClient, ecb: HttpSource):
    problem = problem_of(
        await client.get(PRICES, params={"symbols": "EUR-USD", "max_age_s": "0"}), 503, "no_live_source"
    )
    assert [reason["source"] for reason in problem["reasons"]] == ["ecb"]
    got = (await client.get(PRICES, params={"symbols": "EUR-USD,SPY", "max_age_s": "0"})).json()
    assert "errors" in got or got["code"] == "no_live_source"


async def test_nonsense_is_not_passed_on(client: httpx.AsyncClient, ecb: HttpSource):
    serve(ecb, "123.45")
    problem = problem_of(
        await client.get(PRICES, params={"symbols": "EUR-USD", "max_age_s": "0"}), 503, "no_live_source"
    )
    assert problem["reasons"][0]["code"] == "source_data_unusable"


async def test_only_what_is_kept_and_not_too_old_or_an_error(client: httpx.AsyncClient, ecb: HttpSource):
    params = {"symbols": "EUR-USD", "max_age_s": "0", "cached_only": "true"}
    problem_of(await client.get(PRICES, params=params), 409, "price_too_old")
    assert ecb.asked == []


async def test_a_consensus_names_every_source_and_who_was_silent(client: httpx.AsyncClient, ecb: HttpSource):
    problem_of(await client.get(f"{PRICES}/EUR-USD/consensus"), 503, "no_live_source")
    serve(ecb, "1.2345")
    got = (await client.get(f"{PRICES}/EUR-USD/consensus")).json()
    assert (got["median"], got["disagreement"]) == (1.2345, False)
    assert [(one["source"], one["outlier"]) for one in got["sources"]] == [("ecb", False)]

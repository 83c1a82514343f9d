"""Prices and candles: with their source and age, as known at any moment."""

import json
from datetime import datetime

import httpx
import orjson
import pytest

from tests import installation
from tests.api.test_errors import problem_of
from truecast.api.candles import Candles
from truecast.domain.interval import Interval
from truecast.kit.clock import from_us, iso
from truecast.market.calendar import calendar
from truecast.services import Services

URL = "/api/v1/prices/{}/candles"


async def test_latest_prices_say_where_they_are_from(client: httpx.AsyncClient):
    got = (await client.get("/api/v1/prices", params={"symbols": "eurusd, SPY,^VIX"})).json()
    assert [item["symbol"] for item in got["items"]] == ["EUR-USD", "SPY", "^VIX"]
    assert got["errors"] == []
    for item in got["items"]:
        provenance = item["provenance"]
        assert provenance["source"] == "sample"
        assert provenance["origin"]
        assert provenance["stale"] is False
        age_s = (installation.NOW - datetime.fromisoformat(provenance["as_of"])).total_seconds()
        assert provenance["age_s"] == pytest.approx(age_s)
    spy = got["items"][1]
    assert spy["change_pct"] == pytest.approx(100 * spy["change"] / (spy["price"] - spy["change"]))


async def test_a_symbol_without_a_price_stands_beside_the_others(client: httpx.AsyncClient):
    got = (await client.get("/api/v1/prices", params={"symbols": "SPY,NOPE"})).json()
    assert [item["symbol"] for item in got["items"]] == ["SPY"]
    assert [(error["symbol"], error["code"]) for error in got["errors"]] == [("NOPE", "unknown_symbol")]


async def test_no_price_at_all_is_an_error(client: httpx.AsyncClient):
    problem_of(await client.get("/api/v1/prices", params={"symbols": "NOPE"}), 404, "unknown_symbol")


@pytest.mark.parametrize("symbols", ["", " , ", ",".join(f"S{i}" for i in range(101))])
async def test_names_too_few_or_too_many(client: httpx.AsyncClient, symbols: str):
    problem_of(await client.get("/api/v1/prices", params={"symbols": symbols}), 422, "malformed_request")


async def test_candles_are_the_last_ones_oldest_first(client: httpx.AsyncClient):
    got = (await client.get(URL.format("SPY"), params={"limit": 3})).json()
    assert [candle["start"][:10] for candle in got["candles"]] == ["2021-01-04", "2021-01-05", "2021-01-06"]
    assert got["candles"][-1]["end"] == "2021-01-06T21:00:00Z"
    assert (got["symbol"], got["interval"], got["adjust"], got["resampled_from"]) == ("SPY", "1d", "raw", None)


@pytest.mark.parametrize(
    ("symbol", "interval"), [("AAPL", Interval.D1), ("SOL-USDT", Interval.H1), ("US.CPI", Interval.MO1)]
)
async def test_every_candle_is_the_json_of_the_bar_that_is_kept(
    client: httpx.AsyncClient, services: Services, symbol: str, interval: Interval
):
    kept = await services.store.read(symbol, interval, limit=500)
    ends = calendar(next(s.calendar for s in await services.store.series(symbol))).ends(kept.start, interval)
    bars = [kept.row(t) for t in range(len(kept))]
    said = [
        {
            "start": iso(bar.start),
            "end": iso(from_us(end)),
            **{name: getattr(bar, name) for name in ("open", "high", "low", "close", "volume", "final")},
        }
        for bar, end in zip(bars, ends, strict=True)
    ]
    answer = await client.get(URL.format(symbol), params={"interval": interval.value, "limit": 500})
    assert orjson.dumps(said) in answer.content


async def test_the_answer_has_the_documented_shape(client: httpx.AsyncClient):
    for symbol, interval in (("SPY", "1d"), ("EUR-USD", "1w"), ("SOL-USDT", "1h"), ("US.CPI", "1mo"), ("^VIX", "1q")):
        answer = await client.get(URL.format(symbol), params={"interval": interval, "limit": 40})
        assert answer.status_code == 200, answer.text
        said = json.loads(answer.text)
        for span in (*said["blocks"], *said["gaps"]):
            span["from_"] = span.pop("from")
        Candles.model_validate_json(json.dumps(said))


async def test_blocks_cover_every_candle_once(client: httpx.AsyncClient):
    got = (await client.get(URL.format("EUR-USD"), params={"limit": 500})).json()
    assert sum(block["rows"] for block in got["blocks"]) == len(got["candles"]) == 500
    assert got["blocks"][0]["from"] == got["candles"][0]["start"]
    assert got["blocks"][-1]["to"] == got["candles"][-1]["start"]
    assert got["blocks"][0]["provenance"]["origin"]


async def test_an_unknown_volume_is_null(client: httpx.AsyncClient):
    (candle,) = (await client.get(URL.format("EUR-USD"), params={"limit": 1})).json()["candles"]
    assert candle["volume"] is None


async def test_start_is_included_and_end_is_not(client: httpx.AsyncClient):
    params = {"start": "2020-12-28", "end": "2020-12-31T00:00:00Z"}
    got = (await client.get(URL.format("SPY"), params=params)).json()
    assert [candle["start"][:10] for candle in got["candles"]] == ["2020-12-28", "2020-12-29", "2020-12-30"]


async def test_as_of_shows_what_was_known_then(client: httpx.AsyncClient):
    params = {"as_of": "2020-12-30T12:00:00Z", "limit": 1}
    (candle,) = (await client.get(URL.format("SPY"), params=params)).json()["candles"]
    assert candle["start"] == "2020-12-29T00:00:00Z"


async def test_as_of_tells_of_no_gap_and_no_delivery_that_came_later(client: httpx.AsyncClient):
    """SOL-USDT lacks hours on 30 November and on 21 December; the sample was loaded in January."""
    params = {"interval": "1h", "limit": 1000, "as_of": "2020-12-21T16:30:00Z"}
    got = (await client.get(URL.format("SOL-USDT"), params=params)).json()
    assert [gap["from"] for gap in got["gaps"]] == ["2020-11-30T06:00:00Z", "2020-12-21T14:00:00Z"]
    assert got["gaps"][-1]["to"] == params["as_of"]
    assert all(block["provenance"]["received_at"] <= params["as_of"] for block in got["blocks"])
    earlier = (await client.get(URL.format("SOL-USDT"), params=params | {"as_of": "2020-12-01T00:00:00Z"})).json()
    assert [gap["from"] for gap in earlier["gaps"]] == ["2020-11-30T06:00:00Z"]


async def test_a_bar_still_forming_is_flagged(client: httpx.AsyncClient):
    got = (await client.get(URL.format("SPY"), params={"interval": "1w", "limit": 2})).json()
    assert [candle["final"] for candle in got["candles"]] == [True, False]
    assert got["resampled_from"] == "1d"


async def test_adjusted_prices_differ_before_a_split(client: httpx.AsyncClient):
    window = {"start": "2020-08-27", "end": "2020-08-29"}
    raw, split = [
        (await client.get(URL.format("AAPL"), params=window | {"adjust": how})).json()["candles"][0]["close"]
        for how in ("raw", "split")
    ]
    assert raw / split == pytest.approx(4)


async def test_nothing_in_the_window_is_an_empty_list(client: httpx.AsyncClient):
    got = (await client.get(URL.format("SPY"), params={"start": "2021-01-02", "end": "2021-01-04"})).json()
    assert (got["candles"], got["blocks"]) == ([], [])


async def test_an_unchanged_answer_is_not_sent_again(client: httpx.AsyncClient):
    params = {"start": "2020-12-01", "end": "2020-12-31"}
    first = await client.get(URL.format("SPY"), params=params)
    assert first.headers["cache-control"] == "private, max-age=60"
    again = await client.get(URL.format("SPY"), params=params, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = await client.get(URL.format("IWM"), params=params, headers={"if-none-match": first.headers["etag"]})
    assert other.status_code == 200


async def test_an_open_end_must_be_asked_again(client: httpx.AsyncClient):
    answer = await client.get(URL.format("SPY"), params={"limit": 3})
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({"interval": "7m"}, 422, "unknown_interval"),
        ({"interval": "1m"}, 409, "interval_not_available"),
        ({"as_of": "2021-01-07T00:00:00Z"}, 422, "as_of_in_future"),
        ({"as_of": "2021-01-05T00:00:00"}, 422, "malformed_request"),
        ({"as_of": "yesterday"}, 422, "malformed_request"),
        ({"start": "1609459200"}, 422, "malformed_request"),
        ({"end": "2021-13-01"}, 422, "malformed_request"),
        ({"limit": "0"}, 422, "malformed_request"),
        ({"limit": "5001"}, 422, "malformed_request"),
        ({"limit": "1.5"}, 422, "malformed_request"),
        ({"adjust": "dividends"}, 422, "malformed_request"),
    ],
)
async def test_refuses_what_it_cannot_answer(client: httpx.AsyncClient, params, status, code):
    problem_of(await client.get(URL.format("SPY"), params=params), status, code)

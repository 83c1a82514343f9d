"""Columns over HTTP: what they are, what they were at a moment, and why a value is missing."""

import httpx
import numpy as np
import pytest

from tests.api.test_errors import problem_of
from truecast.domain.interval import Interval
from truecast.features.build import FEATURE_SETS, build
from truecast.features.frame import frame_of
from truecast.kit.clock import from_us
from truecast.market.calendar import calendar

URL = "/api/v1/features"


async def test_every_set_is_listed_with_its_columns(client: httpx.AsyncClient):
    items = {item["name"]: item for item in (await client.get(f"{URL}/sets")).json()["items"]}
    assert {name: [c["name"] for c in item["columns"]] for name, item in items.items()} == {
        name: list(columns) for name, columns in FEATURE_SETS.items()
    }
    assert items["tree/1"]["version"] == "1" and items["tree/1"]["needs"] == []
    assert items["tree-world/1"]["needs"] == ["macro", "peers", "sentiment"]
    assert all(c["description"] and c["bars"] >= 1 for item in items.values() for c in item["columns"])


@pytest.mark.parametrize("name", ["indicators/1", "tree/1"])
async def test_values_are_those_that_models_read(client: httpx.AsyncClient, services, name):
    got = (await client.get(f"{URL}/eur_usd", params={"set": name, "interval": "1d", "limit": 5})).json()
    assert (got["symbol"], got["feature_set"], got["version"], got["adjust"]) == ("EUR-USD", name, "1", "raw")
    assert got["provenance"]["source"] == "sample" and "never from later ones" in got["rule"]
    instrument = (await services.store.universe()).get("EUR-USD")
    slice_ = await services.history.bars(instrument, Interval.D1, limit=2000)
    ends = calendar(slice_.calendar).ends(slice_.bars.start, Interval.D1)
    expected = build([frame_of(slice_.bars, ends, calendar=slice_.calendar)], name).of(0)[-5:]
    values = np.array([row["values"] for row in got["rows"]], np.float64)
    assert np.allclose(values, expected, rtol=1e-9, equal_nan=True)
    assert got["rows"][-1]["end"] == f"{from_us(ends[-1]):%Y-%m-%dT%H:%M:%SZ}"
    units = {c["name"]: c["unit"] for c in got["columns"]}
    assert units["rsi_14"] == "1" if name == "tree/1" else units["sma_5"] == "USD"


async def test_a_missing_value_is_null_and_says_why(client: httpx.AsyncClient):
    got = (await client.get(f"{URL}/US.GDP", params={"set": "tree-world/1", "limit": 1000})).json()
    columns = {c["name"]: (f, c) for f, c in enumerate(got["columns"])}
    f, slow = columns["momentum_250_scaled"]
    assert slow["missing"][0]["reason"] == "warming_up" and slow["missing"][0]["from"] == got["rows"][0]["start"]
    assert got["rows"][0]["values"][f] is None
    f, other = columns["macro_inflation_surprise"]
    assert other["missing"] == [
        {"from": got["rows"][0]["start"], "to": got["rows"][-1]["start"], "reason": "not_given"}
    ]
    starts = [row["start"] for row in got["rows"]]
    for f, column in columns.values():
        said = set()
        for gap in column["missing"]:
            said |= {s for s in starts if gap["from"] <= s <= gap["to"]}
        assert said == {row["start"] for row in got["rows"] if row["values"][f] is None}, "every null has its reason"


async def test_as_of_gives_what_was_known_then(client: httpx.AsyncClient):
    params = {"set": "tree/1", "interval": "1d", "limit": 3}
    now = (await client.get(f"{URL}/EUR-USD", params=params)).json()
    moment = now["rows"][-2]["end"].replace("Z", ".000001Z")
    then = (await client.get(f"{URL}/EUR-USD", params=params | {"as_of": "2021-01-05T23:00:00Z"})).json()
    assert then["as_of"] == "2021-01-05T23:00:00Z" and then["rows"][-1]["end"] <= "2021-01-05T23:00:00Z"
    same = {row["start"]: row["values"] for row in now["rows"]}
    for row in then["rows"]:
        if row["start"] in same:
            assert np.allclose(np.array(row["values"], float), np.array(same[row["start"]], float), equal_nan=True)
    assert moment


async def test_chosen_columns_before_a_moment_are_those_of_the_whole_set(client: httpx.AsyncClient):
    params = {"set": "indicators/1", "interval": "1d", "limit": 20}
    every = (await client.get(f"{URL}/EUR-USD", params=params)).json()
    names = [column["name"] for column in every["columns"]]
    chosen = (await client.get(f"{URL}/EUR-USD", params=params | {"columns": "rsi_14, sma_20"})).json()
    assert [column["name"] for column in chosen["columns"]] == ["sma_20", "rsi_14"]
    picked = [names.index("sma_20"), names.index("rsi_14")]
    assert [row["values"] for row in chosen["rows"]] == [[row["values"][f] for f in picked] for row in every["rows"]]
    before = (await client.get(f"{URL}/EUR-USD", params=params | {"end": every["rows"][10]["start"]})).json()
    assert before["rows"][-10:] == every["rows"][:10]


@pytest.mark.parametrize(
    ("path", "params", "status", "code"),
    [
        ("NOPE", {}, 404, "unknown_symbol"),
        ("EUR-USD", {"set": "tree/9"}, 404, "unknown_feature_set"),
        ("EUR-USD", {"columns": "rsi_15"}, 422, "unknown_columns"),
        ("EUR-USD", {"columns": ","}, 422, "unknown_columns"),
        ("EUR-USD", {"interval": "1m"}, 409, "interval_not_available"),
        ("EUR-USD", {"limit": "0"}, 422, "malformed_request"),
        ("EUR-USD", {"limit": "1001"}, 422, "malformed_request"),
        ("EUR-USD", {"as_of": "2031-01-01"}, 422, "as_of_in_future"),
        ("EUR-USD", {"as_of": "1901-01-01"}, 409, "no_bars"),
        ("EUR-USD", {"sets": "tree/1"}, 422, "unknown_query_parameter"),
        ("sets", {"x": "1"}, 422, "unknown_query_parameter"),
    ],
)
async def test_refuses_what_it_does_not_know(client: httpx.AsyncClient, path, params, status, code):
    problem_of(await client.get(f"{URL}/{path}", params=params), status, code)

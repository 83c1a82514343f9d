"""Resolved forecasts of many series: coverage over time agrees with the record, and single ones are what was sealed."""

import httpx
import pytest

from tests.api.test_errors import problem_of

URL = "/api/v1/performance"


async def test_coverage_over_time_adds_up_to_the_record(client: httpx.AsyncClient):
    asked = {"symbol": "sol-usdt", "interval": "1h", "model": "naive"}
    got = (await client.get(f"{URL}/coverage", params=asked)).json()
    (row,) = (await client.get(URL, params={**asked, "horizon": 1, "period": "all"})).json()["ledger"]
    assert (got["symbol"], got["model"], got["interval"], got["horizon"]) == ("SOL-USDT", "naive", "1h", 1)
    assert sum(span["n"] for span in got["items"]) == row["n"]
    for k, whole in enumerate(row["coverage"]):
        hits = sum(span["coverage"][k]["measured"] * span["n"] for span in got["items"])
        assert hits / row["n"] == pytest.approx(whole["measured"])
    starts = [span["start"] for span in got["items"]]
    assert starts == sorted(set(starts))
    assert all(span["start"] < span["end"] and 1 <= span["moments"] <= span["n"] for span in got["items"])


async def test_coverage_over_time_pools_a_class_and_takes_a_unit(client: httpx.AsyncClient):
    asked = {"model": "naive", "interval": "1h", "stretch": "day"}
    all_of_it = (await client.get(f"{URL}/coverage", params=asked)).json()
    crypto = (await client.get(f"{URL}/coverage", params={**asked, "asset_class": "crypto"})).json()
    assert (crypto["asset_class"], crypto["stretch"]) == ("crypto", "day")
    assert 0 < sum(s["n"] for s in crypto["items"]) < sum(s["n"] for s in all_of_it["items"])
    assert all(span["start"].endswith("T00:00:00Z") for span in crypto["items"])


async def test_calibration_can_be_of_one_class(client: httpx.AsyncClient):
    asked = {"model": "naive", "interval": "1h"}
    both = (await client.get(f"{URL}/calibration", params=asked)).json()
    crypto = (await client.get(f"{URL}/calibration", params={**asked, "asset_class": "crypto"})).json()
    assert 0 < crypto["items"][0]["n"] < both["items"][0]["n"]
    leader = (
        await client.get(f"{URL}/leaderboard", params={"asset_class": "crypto", "interval": "1h", "kind": "ledger"})
    ).json()["items"]
    assert crypto["items"][0]["n"] == next(item["n"] for item in leader if item["model"] == "naive")


async def test_the_best_are_nearer_than_the_worst_and_the_newest_come_last(client: httpx.AsyncClient):
    asked = {"model": "naive", "interval": "1h", "limit": 5}
    best, worst, newest = [
        (await client.get(f"{URL}/resolved", params={**asked, "order": order})).json()["items"]
        for order in ("best", "worst", "newest")
    ]
    assert [one["loss"] for one in best] == sorted(one["loss"] for one in best)
    assert [one["loss"] for one in worst] == sorted((one["loss"] for one in worst), reverse=True)
    assert best[0]["loss"] < worst[0]["loss"]
    assert {len(best), len(worst), len(newest)} == {5}
    assert newest[0]["target"] >= best[0]["target"]
    assert [one["inside"]["0.95"] for one in best] == [True] * 5


async def test_what_is_listed_is_what_was_sealed(client: httpx.AsyncClient):
    asked = {"model": "naive", "interval": "1h", "symbol": "SOL-USDT", "order": "worst", "limit": 1}
    (worst,) = (await client.get(f"{URL}/resolved", params=asked)).json()["items"]
    past = (
        await client.get(
            "/api/v1/forecasts/SOL-USDT/history", params={"interval": "1h", "model": "naive", "limit": 200}
        )
    ).json()["items"]
    sealed = next(one for one in past if one["id"] == worst["id"])
    assert sealed["sealed"]
    assert {name: worst[name] for name in ("target", "median", "lower", "upper", "outcome", "crps")} == {
        name: sealed[name] for name in ("target", "median", "lower", "upper", "outcome", "crps")
    }
    assert (worst["symbol"], worst["asset_class"]) == ("SOL-USDT", "crypto")
    assert sealed["crps"] == max(one["crps"] for one in past if one["crps"] is not None and one["sealed"])


@pytest.mark.parametrize(
    ("path", "params", "status", "code"),
    [
        ("coverage", {"stretch": "fortnight"}, 422, "malformed_request"),
        ("coverage", {"symbol": "NOPE"}, 404, "unknown_symbol"),
        ("coverage", {"model": "oracle"}, 404, "unknown_model"),
        ("coverage", {"period": "3 weeks"}, 422, "unknown_period"),
        ("resolved", {"order": "prettiest"}, 422, "malformed_request"),
        ("resolved", {"limit": "51"}, 422, "malformed_request"),
        ("resolved", {"period": "3 weeks"}, 422, "unknown_period"),
        ("resolved", {"symbol": "NOPE"}, 404, "unknown_symbol"),
    ],
)
async def test_refuses_what_it_does_not_know(client: httpx.AsyncClient, path, params, status, code):
    problem_of(await client.get(f"{URL}/{path}", params=params), status, code)

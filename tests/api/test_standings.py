"""Leaderboard, calibration and trends: the ledger and walk-forward, side by side and told apart."""

import httpx
import pytest

from tests.api.test_errors import problem_of

URL = "/api/v1/performance"


async def test_the_leaderboard_pools_series_of_a_class(client: httpx.AsyncClient):
    items = (await client.get(f"{URL}/leaderboard", params={"kind": "ledger"})).json()["items"]
    assert {item["kind"] for item in items} == {"ledger"}
    naive = {(i["asset_class"], i["interval"]): i for i in items if i["model"] == "naive"}
    for item in items:
        beside = naive[item["asset_class"], item["interval"]]
        assert item["horizon"] == 1
        assert item["n"] <= beside["n"]  # the random walk stands beside every forecast
        assert item["series"] <= beside["series"]
        assert item["positive"] + item["none"] + item["negative"] == item["series"]
        assert 0 <= item["coverage_90"]["measured"] <= 1
    crypto = naive["crypto", "1h"]
    assert (crypto["crps_ratio"], crypto["verdict"]) == (1.0, "none")
    assert crypto["n"] > 10


async def test_the_leaderboard_can_be_narrowed(client: httpx.AsyncClient):
    params = {"asset_class": "crypto", "interval": "1h", "horizon": 3, "period": "7d", "kind": "ledger"}
    items = (await client.get(f"{URL}/leaderboard", params=params)).json()["items"]
    assert {(i["asset_class"], i["interval"], i["horizon"]) for i in items} == {("crypto", "1h", 3)}
    assert {i["model"] for i in items} >= {"naive"}
    whole = await client.get(f"{URL}/leaderboard", params=params | {"horizon": "3.0"})  # as a body may say it
    assert whole.json()["items"] == items


async def test_calibration_of_one_symbol_shows_both_kinds(client: httpx.AsyncClient):
    params = {"symbol": "sol-usdt", "interval": "1h", "model": "naive"}
    got = (await client.get(f"{URL}/calibration", params=params)).json()
    assert (got["symbol"], got["model"], got["interval"], got["horizon"]) == ("SOL-USDT", "naive", "1h", 1)
    by_kind = {kind: [i for i in got["items"] if i["kind"] == kind] for kind in ("ledger", "walk_forward")}
    for items in by_kind.values():
        levels = [item["level"] for item in items]
        assert levels == sorted(levels)
        assert {0.5, 0.8, 0.9, 0.95, 0.995} <= set(levels)
        measured = [item["measured"] for item in items]
        assert measured == sorted(measured)
        assert all(item["se"] > 0 for item in items)
    assert {pit["kind"] for pit in got["pit"]} == {"ledger", "walk_forward"}
    for pit in got["pit"]:
        assert (len(pit["counts"]), sum(pit["counts"])) == (20, by_kind[pit["kind"]][0]["n"])


async def test_calibration_agrees_with_the_record(client: httpx.AsyncClient):
    params = {"symbol": "SOL-USDT", "interval": "1h", "model": "naive", "horizon": 1, "period": "all"}
    (row,) = (await client.get(URL, params=params)).json()["ledger"]
    items = (await client.get(f"{URL}/calibration", params=params)).json()["items"]
    got = {item["level"]: item["measured"] for item in items if item["kind"] == "ledger"}
    assert {c["level"]: c["measured"] for c in row["coverage"]} == {
        c["level"]: got[c["level"]] for c in row["coverage"]
    }


async def test_calibration_of_everything_is_of_the_ledger(client: httpx.AsyncClient):
    got = (await client.get(f"{URL}/calibration", params={"model": "naive"})).json()
    assert (got["symbol"], got["interval"]) == (None, None)
    assert {item["kind"] for item in got["items"]} == {"ledger"}


async def test_trends_roll_over_resolved_origins(client: httpx.AsyncClient):
    got = (await client.get(f"{URL}/trends/SOL-USDT", params={"interval": "1h", "model": "naive"})).json()
    assert (got["symbol"], got["interval"], got["model"], got["horizon"]) == ("SOL-USDT", "1h", "naive", 1)
    for kind in ("ledger", "walk_forward"):
        points = [point for point in got["points"] if point["kind"] == kind]
        assert points
        assert [p["at"] for p in points] == sorted(p["at"] for p in points)
        assert all(10 <= p["n"] <= 60 and p["coverage_80"] <= p["coverage_90"] for p in points)
        assert len(points) <= 200
    assert got["points"][-1]["n"] == 60


@pytest.mark.parametrize(
    ("path", "params", "status", "code"),
    [
        ("leaderboard", {"asset_class": "stamps"}, 422, "malformed_request"),
        ("leaderboard", {"kind": "guess"}, 422, "malformed_request"),
        ("leaderboard", {"interval": "2d"}, 422, "unknown_interval"),
        ("leaderboard", {"period": "3 weeks"}, 422, "unknown_period"),
        ("leaderboard", {"horizon": "1000000000"}, 422, "horizon_out_of_range"),
        ("leaderboard", {"symbol": "SPY"}, 422, "unknown_query_parameter"),
        ("calibration", {"symbol": "NOPE"}, 404, "unknown_symbol"),
        ("calibration", {"model": "oracle"}, 404, "unknown_model"),
        ("calibration", {"horizon": "0"}, 422, "horizon_out_of_range"),
        ("calibration", {"period": ""}, 422, "unknown_period"),
        ("calibration", {"symbol": "SPY", "interval": "1m"}, 409, "interval_not_available"),
        ("trends/NOPE", {}, 404, "unknown_symbol"),
        ("trends/SPY", {"model": "oracle"}, 404, "unknown_model"),
        ("trends/SPY", {"interval": "1m"}, 409, "interval_not_available"),
    ],
)
async def test_refuses_what_it_does_not_know(client: httpx.AsyncClient, path, params, status, code):
    problem_of(await client.get(f"{URL}/{path}", params=params), status, code)


async def test_walk_forward_stands_beside_the_ledger_at_the_horizons_of_the_evidence(client: httpx.AsyncClient):
    both = (await client.get(f"{URL}/leaderboard", params={"interval": "1d"})).json()["items"]
    assert {item["kind"] for item in both} == {"ledger", "walk_forward"}
    for horizon, known in (("1", True), ("5", True), ("24", True), ("2", False)):
        params = {"kind": "walk_forward", "horizon": horizon}
        items = (await client.get(f"{URL}/leaderboard", params=params)).json()["items"]
        assert bool(items) == known
        assert {item["kind"] for item in items} <= {"walk_forward"}
        for item in items:
            assert item["positive"] + item["none"] + item["negative"] == item["series"]
            covered = item["coverage_90"]
            assert 0.5 < covered["measured"] <= 1 and 0 < covered["se"] < 0.2, "with its error, at every horizon"
            assert covered["n"] >= item["n"]
            assert item["se"] is None or item["se"] > 0
        if known:
            naive = {(i["asset_class"], i["interval"]) for i in items if i["model"] == "naive"}
            assert naive == {(i["asset_class"], i["interval"]) for i in items}, "the reference stands beside all"
            assert all(i["crps_ratio"] == 1.0 and i["n"] > 0 for i in items if i["model"] == "naive")
    fx = {i["model"]: i for i in both if (i["asset_class"], i["kind"]) == ("fx", "walk_forward")}
    assert fx.keys() >= {"ewma_walk", "vol_walk", "ensemble"}
    assert fx["ewma_walk"]["n"] > 400 * fx["ewma_walk"]["series"] > 400


async def test_the_leaderboard_says_what_was_not_walked_through_yet(client: httpx.AsyncClient, services):
    whole = (await client.get(f"{URL}/leaderboard")).json()
    assert whole["note"] is None
    async with services.db.write() as conn:
        await conn.exec_driver_sql("DROP TRIGGER evidence_refuses_delete")
        await conn.exec_driver_sql("DELETE FROM evidence WHERE kind = 'series' AND name = 'SOL-USDT'")
    await services.bus.publish("changed:evidence", {})  # as who changes it says
    part = (await client.get(f"{URL}/leaderboard")).json()
    assert "1 series has not been walked through yet" in part["note"] and "`evidence`" in part["note"]
    assert (await client.get(f"{URL}/leaderboard", params={"kind": "ledger"})).json()["note"] is None
    assert (await client.get(f"{URL}/leaderboard", params={"asset_class": "fx"})).json()["note"] is None

"""The models over HTTP: from training to rollback, and what is refused."""

import asyncio
import functools
from dataclasses import replace

import httpx
import pytest

from tests.api.test_errors import problem_of
from tests.models.registry.house import SMALL
from truecast.api.app import describe
from truecast.models.location.trees import OutOfScope
from truecast.models.registry.training import TrainingOutcome, TrainingRequest, learn
from truecast.services import Services

URL = "/api/v1/models"


@pytest.fixture
async def trained(services: Services) -> Services:
    """The services, whose trainings are small and in this process."""

    async def quick(request: TrainingRequest) -> TrainingOutcome:
        frames = [frame[-1500:] for frame in request.frames if frame.symbol == "EUR-USD"]
        small = TrainingRequest(
            model=request.model, asset_class=request.asset_class, interval=request.interval, frames=frames,
            champion=request.champion, anchors=(1, 5),
        )  # fmt: skip
        return await asyncio.to_thread(functools.partial(learn, small, SMALL))

    services.models._trainer = quick
    await services.models.load()
    return services


async def finished(client: httpx.AsyncClient) -> dict:
    while (status := (await client.get(f"{URL}/status")).json())["training"]["state"] == "running":
        await asyncio.sleep(0.05)
    return status


async def test_from_training_to_rollback(client: httpx.AsyncClient, trained: Services):
    answer = await client.post(f"{URL}/lightgbm/train", json={"asset_class": "fx", "interval": "1d"})
    assert answer.status_code == 202 and answer.json()["run"]["state"] == "running"
    again = await client.post(f"{URL}/lightgbm/train")
    assert again.status_code == 409 and again.json()["code"] == "training_under_way"
    status = await finished(client)
    (new,) = status["training"]["trained"]
    assert status["training"]["state"] == "done" and new["version"] and new["refused"] is None
    detail = (await client.get(f"{URL}/lightgbm")).json()
    assert [v["status"] for v in detail["versions"]] == ["challenger"]
    assert detail["versions"][0]["card"]["evaluation"]["walk"][0]["horizon"] == 1
    assert detail["events"][0]["kind"] == "trained" and detail["status"] == "unavailable"
    body = {"symbol": "EUR-USD", "interval": "1d", "horizon": 3, "model": "lightgbm"}
    refused = await client.post("/api/v1/forecasts", json=body)
    assert refused.status_code == 409 and "not promoted yet" in refused.json()["detail"]
    (changed,) = (await client.post(f"{URL}/lightgbm/promote")).json()["items"]
    assert changed == {
        "model": "lightgbm", "asset_class": "fx", "interval": "1d", "version": new["version"], "before": None,
    }  # fmt: skip
    item = next(i for i in (await client.get(URL)).json()["items"] if i["name"] == "lightgbm")
    assert item["status"] == "ready" and item["scopes"][0]["version"] == new["version"]
    said = await client.post("/api/v1/forecasts", json=body)
    assert said.status_code == 200, said.text
    assert said.json()["model_version"].startswith(new["version"])
    loaded = (await client.post(f"{URL}/reload")).json()["loaded"]
    assert [(one["version"], one["status"]) for one in loaded] == [(new["version"], "ready")]
    for symbol, code in (("AAPL", OutOfScope.code), ("EUR-USX", "unknown_symbol")):
        answer = await client.post("/api/v1/forecasts", json=body | {"symbol": symbol})
        assert answer.json()["code"] == code
    beyond = await client.post("/api/v1/forecasts", json=body | {"horizon": 6})
    assert beyond.json()["code"] == "horizon_beyond_training"
    (back,) = (await client.post(f"{URL}/lightgbm/rollback", json={"asset_class": "fx"})).json()["items"]
    assert (back["version"], back["before"]) == (None, new["version"])
    gone = await client.post(f"{URL}/lightgbm/rollback")
    assert gone.status_code == 409 and gone.json()["code"] == "nothing_to_roll_back"


async def test_what_is_refused_says_why(client: httpx.AsyncClient, trained: Services):
    for method, path, status, code in (
        ("GET", "/tcn", 404, "unknown_model"),
        ("POST", "/tcn/train", 404, "unknown_model"),
        ("POST", "/naive/train", 409, "not_trainable"),
        ("POST", "/lightgbm/promote", 409, "nothing_to_promote"),
    ):
        answer = await client.request(method, f"{URL}{path}")
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    for body in ({"asset_class": "stamps"}, {"interval": "7d"}, {"seed": 1}):
        assert (await client.post(f"{URL}/lightgbm/train", json=body)).status_code == 422
    answer = await client.post(f"{URL}/lightgbm/promote", json={"version": "../../x"})
    assert answer.status_code == 404 and answer.json()["code"] == "unknown_version"
    await client.post(f"{URL}/lightgbm/train", json={"asset_class": "fx", "interval": "1q"})
    status = await finished(client)
    assert status["training"]["state"] == "failed" and "0 rows" in status["training"]["error"]
    assert (await client.get(f"{URL}/naive")).json()["versions"] == []


async def test_a_refused_promotion_carries_its_evidence(client: httpx.AsyncClient, trained: Services, monkeypatch):
    await client.post(f"{URL}/lightgbm/train", json={"asset_class": "fx", "interval": "1d"})
    await finished(client)
    monkeypatch.setattr("truecast.models.registry.promotion.found", lambda *_, **__: "too little")
    answer = await client.post(f"{URL}/lightgbm/promote")
    assert answer.status_code == 409 and answer.json()["code"] == "promotion_refused"
    assert answer.json()["evidence"]["walk"][0]["crps_ratio"] > 0


async def test_only_what_is_learned_can_be_trained(client: httpx.AsyncClient, trained: Services):
    items = (await client.get(URL)).json()["items"]
    assert {i["name"] for i in items if i["trainable"]} == {"random_forest", "xgboost", "lightgbm"}
    assert {i["status"] for i in items if i["trainable"]} == {"unavailable"}, "before the first training too"


async def test_status_of_all_is_told_before_anything_was_trained(client: httpx.AsyncClient, trained: Services):
    status = (await client.get(f"{URL}/status")).json()
    words = {item["name"]: item["status"] for item in status["items"]}
    assert words["naive"] == "ready" and words["lightgbm"] == "unavailable" and status["training"] is None
    assert status["retrain"]["drift"] == []


async def test_the_choice_and_the_average_are_listed_with_what_they_are_made_of(client: httpx.AsyncClient, trained):
    items = {item["name"]: item for item in (await client.get(URL)).json()["items"]}
    for name, title in (("auto", "Auto"), ("ensemble", "Ensemble")):
        one = (await client.get(f"{URL}/{name}")).json()
        assert (one["title"], one["status"], one["versions"]) == (title, "ready", [])
        assert {key: one[key] for key in items[name]} == items[name]
        prices, slow = one["members"]
        assert "1d" in prices["intervals"] and prices["models"][0] == slow["models"][0] == "naive"
        assert [gone["model"] for gone in prices["absent"]] == ["lightgbm"]
        answer = await client.post(f"{URL}/{name}/train")
        assert answer.status_code == 409 and answer.json()["code"] == "not_trainable"
    assert items["naive"]["members"] == [] and items["naive"]["title"] == "Random walk"
    assert {i["name"] for i in (await client.get(f"{URL}/status")).json()["items"]} == set(items)


async def test_every_listed_name_can_be_asked_for_and_is_called_something(client: httpx.AsyncClient, trained):
    for item in (await client.get(URL)).json()["items"]:
        body = {"symbol": "EUR-USD", "interval": "1d", "horizon": 2, "model": item["name"], "fallback": "naive"}
        assert (await client.post("/api/v1/forecasts", json=body)).status_code == 200
        assert item["title"] and item["title"][0].isupper()
    auto = (await client.post("/api/v1/forecasts", json=body | {"model": "auto"})).json()["auto"]
    assert [at["horizon"] for at in auto["by_horizon"]] == [1, 5, 24] and auto["reason"].endswith(".")


async def test_auto_takes_a_version_just_promoted_by_its_trial_and_says_so(
    client: httpx.AsyncClient, trained, monkeypatch
):
    """The trial is made up, because on exchange rates trees find nothing; everything after it is real."""
    quick = trained.models._trainer

    async def lucky(request: TrainingRequest) -> TrainingOutcome:
        outcome = await quick(request)

        def won(found, ratio):
            return tuple(replace(one, crps_ratio=ratio, p_value=1e-6, moments=140, worse=False) for one in found)

        judged = outcome.evaluation
        judged = replace(judged, walk=won(judged.walk, 0.9), naive=won(judged.naive, 0.88))
        return replace(outcome, evaluation=judged)

    monkeypatch.setattr(trained.models, "_trainer", lucky)
    body = {"symbol": "EUR-USD", "interval": "1d", "horizon": 3}
    before = (await client.post("/api/v1/forecasts", json=body)).json()
    moment = before["issued_at"]
    await client.post(f"{URL}/lightgbm/train", json={"asset_class": "fx", "interval": "1d"})
    await finished(client)
    (changed,) = (await client.post(f"{URL}/lightgbm/promote")).json()["items"]
    said = (await client.post("/api/v1/forecasts", json=body)).json()
    assert said["model"] in ("lightgbm", "auto") and "in the trial before it was promoted" in said["auto"]["reason"]
    assert {"horizon": 5, "model": "lightgbm"} in said["auto"]["by_horizon"]
    told = [c for c in said["auto"]["candidates"] if c["evidence"] == "promotion"]
    assert {(c["model"], c["horizon"]) for c in told} == {("lightgbm", 1), ("lightgbm", 5)}
    await client.post(f"{URL}/lightgbm/rollback")
    back = (await client.post("/api/v1/forecasts", json=body | {"as_of": moment})).json()
    assert back["steps"] == before["steps"] and "promotion" not in {c["evidence"] for c in back["auto"]["candidates"]}
    assert changed["version"]


async def test_a_model_that_nobody_trained_is_a_state_that_the_document_names(client: httpx.AsyncClient):
    paths = describe()["paths"]
    body = {"symbol": "EUR-USD", "interval": "1d", "horizon": 1, "model": "random_forest"}
    asked = {
        ("/api/v1/forecasts", "post"): await client.post("/api/v1/forecasts", json=body),
        ("/api/v1/performance", "get"): await client.get("/api/v1/performance?symbol=SPY&model=random_forest"),
    }
    for (path, verb), answer in asked.items():
        problem_of(answer, 409, "model_unavailable")
        assert "`model_unavailable`, `out_of_scope`" in paths[path][verb]["responses"]["409"]["description"]
